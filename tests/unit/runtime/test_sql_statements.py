"""Where a statement ends; `tests/integration/runtime/test_sql_statements_engine.py` holds it to the engine."""

from pathlib import Path

import pytest

from runtime.sql_statements import split_statements

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';'; SELECT 2", ["SELECT ';'", "SELECT 2"]),
        ("SELECT 'it''s;' , '\\';'", ["SELECT 'it''s;' , '\\';'"]),
        ('SELECT "a"";b", `c``;d`', ['SELECT "a"";b", `c``;d`']),
        ("SELECT ‘a;b’ AS “c;d”", ["SELECT ‘a;b’ AS “c;d”"]),
        ("SELECT $$'$$; SELECT 2 -- '", ["SELECT $$'$$", "SELECT 2"]),
        ("SELECT $t$a;$$b$t$; SELECT a$t$; SELECT b$t$", ["SELECT $t$a;$$b$t$", "SELECT a$t$", "SELECT b$t$"]),
        ("-- a; b\nSELECT 1 -- c;\n;", ["SELECT 1"]),
        ("// a; b\n# c;\n#!d;\nSELECT 1", ["SELECT 1"]),
        ("/* a;\nb */ SELECT `x;y`;;\n", ["SELECT `x;y`"]),
        ("SELECT/* a /* b */ ; */1; SELECT 2", ["SELECT\n1", "SELECT 2"]),
        ("", []),
        (" ; -- nothing\n;", []),
    ],
)
def test_a_semicolon_ends_a_statement_only_outside_quotes_and_comments(text: str, statements: list[str]) -> None:
    assert list(split_statements(text)) == statements


@pytest.mark.parametrize("text", ["SELECT 'a;", 'SELECT "a;', "SELECT `a;", "SELECT “a;", "SELECT 1 /* a; /* b */"])
def test_what_is_never_closed_belongs_to_the_last_statement(text: str) -> None:
    assert list(split_statements(f"SELECT 0; {text}")) == ["SELECT 0", text]


def test_every_query_file_of_ours_is_one_statement() -> None:
    files = [
        path
        for folder in ("sinks", "reports", "schemas")
        for path in (ROOT / folder).rglob("*.sql")
        if path.parent.name != "migrations"
    ]

    assert files
    assert [path.name for path in files if len(list(split_statements(path.read_text(encoding="utf-8")))) != 1] == []
