"""What operators ask of the store."""

import pytest

from avenue.serve.operations import QueryRefusedError, run_sql
from runtime.clickhouse import ClickHouse
from runtime.settings import ClickHouseSettings


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "SELECT $$'$$; SELECT 2 -- '",
        "SELECT 1 // '\n; SELECT 2 -- '",
        "SELECT 1 /* /* */ ' */; SELECT 2 -- '",
    ],
)
def test_two_statements_are_refused_before_the_engine_sees_them(sql: str) -> None:
    store = ClickHouse(ClickHouseSettings())  # no address: asked for anything, it would say so instead

    with pytest.raises(QueryRefusedError, match="one statement"):
        list(run_sql(store, sql))
