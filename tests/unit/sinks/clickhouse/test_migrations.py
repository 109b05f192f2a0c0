"""The migrations' statements."""

import re

from runtime.sql import split_statements
from sinks.clickhouse.migrate import FOLDER, read_folder


def test_every_statement_of_ours_may_be_run_again() -> None:
    statements = [item for migration in read_folder(FOLDER) for item in split_statements(migration.text)]

    assert statements
    made = [text for item in statements for text in re.findall(r"\b(?:CREATE|ADD|DROP) [^\n(]+", item)]
    assert len(made) >= len(statements)
    again = (" IF NOT EXISTS ", " IF EXISTS ", "CREATE OR REPLACE ")
    assert [text for text in made if not any(words in text for words in again)] == []
