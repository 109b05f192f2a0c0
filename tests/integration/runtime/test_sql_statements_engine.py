"""The tokenizer of SQL against the engine's own: what the engine takes for one statement is one, and means the same."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.clickhouse import ClickHouse
from runtime.sql_statements import split_statements

pytestmark = pytest.mark.clickhouse

PIECES = (
    *("SELECT 2", ";", "\n", " ", ", ", "1", "1a", "0x1", "1e5", "1.", "b$", "$$", "$t$", "$", "_", "AS q", "é", "x;y"),
    *("'", "''", "\\'", "\\", '"', "`", "‘", "’", "“", "”", "--", "-", "/", "//", "# ", "#", "#!", "/*", "*/", "*"),
)
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), min_size=200, max_size=200)


def formatted(clickhouse: ClickHouse, texts: list[str]) -> list[str | None]:
    """Return each of *texts* as the engine writes it; None of one that is not one sound statement to it."""
    sql = "SELECT formatQueryOrNull(arrayJoin({texts:Array(String)}))"
    return [row[0] for row in clickhouse.reader().query(sql, parameters={"texts": texts}).result_rows]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS)
def test_what_the_engine_takes_for_one_statement_is_one_and_means_the_same(
    clickhouse: ClickHouse, drawn: list[str]
) -> None:
    texts = ["SELECT 1" + rest for rest in drawn]

    split = [list(split_statements(text)) for text in texts]

    whole = formatted(clickhouse, texts)
    firsts = formatted(clickhouse, [statements[0] for statements in split])
    assert len(whole) == len(texts)
    for text, statements, as_given, as_split in zip(texts, split, whole, firsts, strict=True):
        if as_given is not None:
            assert (len(statements), as_split) == (1, as_given), text
        elif len(statements) == 1:
            assert as_split is None, text


@pytest.mark.parametrize(
    "text", ["SELECT $$'$$; SELECT 2 -- '", "SELECT 1 // '\n; SELECT 2 -- '", "SELECT 1 /* /* */ ' */; SELECT 2 -- '"]
)
def test_what_hides_a_second_statement_from_a_simpler_reading_is_seen(clickhouse: ClickHouse, text: str) -> None:
    assert formatted(clickhouse, [text]) == [None]
    assert len(list(split_statements(text))) == 2
