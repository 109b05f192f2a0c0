"""Rows that are no UTF-8: refused as content, though the engine's own words about them cannot be read."""

import pytest

from runtime.clickhouse import ClickHouse
from sinks.clickhouse.migrate import migrate
from sinks.consumer.rows import TableRows
from sinks.consumer.tables import StoreTable
from sinks.consumer.writer import ClickHouseRowWriter, RefusedRowsError

pytestmark = pytest.mark.clickhouse


@pytest.mark.parametrize("body", [b"\xc3\x28\xff\xfe garbage", b'{"epoch":1,"line":0,\xff\xfe', b"\xf0\x9f" * 150])
def test_a_row_that_is_no_text_is_refused_and_not_tried_for_ever(clickhouse: ClickHouse, body: bytes) -> None:
    migrate(clickhouse)

    with pytest.raises(RefusedRowsError):
        ClickHouseRowWriter(clickhouse, timeout_s=60).write(TableRows(StoreTable.EVENTS, body, 1), token="t")
