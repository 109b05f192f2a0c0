"""The row writer in memory and the one on ClickHouse keep the same promises."""

import pytest

from runtime.clickhouse import ClickHouse
from runtime.errors import RetryableError
from sinks.consumer.tables import StoreTable
from sinks.consumer.writer import ClickHouseRowWriter, MemoryRowWriter, RowWriter
from tests.support.writer_contract import WriterContract, events_at

__test__ = True


class TestMemoryRowWriter(WriterContract):
    @pytest.fixture
    def writer(self) -> RowWriter:
        return MemoryRowWriter()

    def column(self, writer: RowWriter, table: StoreTable, name: str) -> list[object]:
        assert isinstance(writer, MemoryRowWriter)
        return sorted(row[name] for row in writer.rows(table))


@pytest.mark.clickhouse
class TestClickHouseRowWriter(WriterContract):
    @pytest.fixture
    def writer(self, clickhouse: ClickHouse) -> RowWriter:
        self.clickhouse = clickhouse
        return ClickHouseRowWriter(clickhouse, timeout_s=60)

    def column(self, writer: RowWriter, table: StoreTable, name: str) -> list[object]:
        rows = self.clickhouse.reader().query(f"SELECT {name} FROM {table} FINAL ORDER BY {name}")  # noqa: S608 - ours
        return [row[0] for row in rows.result_rows]

    def test_a_missing_table_may_come_back(self, writer: RowWriter) -> None:
        self.clickhouse.writer().command("DROP TABLE pilot_events")

        with pytest.raises(RetryableError):
            writer.write(events_at(0, "e-1"), token="t-1")

    def test_a_repeated_token_does_not_touch_the_block_twice(self, writer: RowWriter) -> None:
        writer.write(events_at(0, "e-1"), token="t-1")
        writer.write(events_at(0, "e-1"), token="t-1")

        assert self.column(writer, StoreTable.EVENTS, "event_id") == ["e-1"]
        touched = self.clickhouse.reader().query("SELECT sum(rows) FROM touched_blocks")
        assert touched.result_rows[0][0] == 1

    def test_an_error_tells_nothing_of_the_rows(self, writer: RowWriter) -> None:
        rows = events_at(0, "secret-id")
        broken = type(rows)(rows.table, rows.body.replace(b'"sunmi-main"', b"5x"), rows.count)

        with pytest.raises(Exception, match="refuses rows") as caught:
            writer.write(broken, token="t-1")

        assert "secret" not in str(caught.value)
