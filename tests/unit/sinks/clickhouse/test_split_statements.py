"""How a migration's text becomes statements."""

import re

import pytest

from sinks.clickhouse.migrate import FOLDER, read_folder, split_statements


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';'; SELECT 2", ["SELECT ';'", "SELECT 2"]),
        ("SELECT 'it''s;' , '\\';'", ["SELECT 'it''s;' , '\\';'"]),
        ("-- a; b\nSELECT 1 -- c;\n;", ["SELECT 1"]),
        ("/* a;\nb */ SELECT `x;y`;;\n", ["SELECT `x;y`"]),
        ("", []),
    ],
)
def test_a_semicolon_ends_a_statement_only_outside_quotes_and_comments(text: str, statements: list[str]) -> None:
    assert list(split_statements(text)) == statements


def test_every_statement_of_ours_may_be_run_again() -> None:
    statements = [item for migration in read_folder(FOLDER) for item in split_statements(migration.text)]

    assert statements
    made = [text for item in statements for text in re.findall(r"\b(?:CREATE|ADD|DROP) [^\n(]+", item)]
    assert len(made) >= len(statements)
    again = (" IF NOT EXISTS ", " IF EXISTS ", "CREATE OR REPLACE ")
    assert [text for text in made if not any(words in text for words in again)] == []
