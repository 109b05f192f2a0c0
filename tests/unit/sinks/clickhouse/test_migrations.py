"""What every migration promises: each of its statements may be run again."""

import re

from runtime.sql_statements import split_statements
from sinks.clickhouse.migrate import FOLDER, read_folder


def test_every_statement_of_ours_may_be_run_again() -> None:
    statements = [item for migration in read_folder(FOLDER) for item in split_statements(migration.text)]

    assert statements
    # A copy may be made twice: the keys of its table replace.
    changes = [item for item in statements if not item.startswith("INSERT INTO ")]
    made = [text for item in changes for text in re.findall(r"\b(?:CREATE|ADD|DROP) [^\n(]+", item)]
    assert len(made) >= len(changes)
    again = (" IF NOT EXISTS ", " IF EXISTS ", "CREATE OR REPLACE ")
    assert [text for text in made if not any(words in text for words in again)] == []
