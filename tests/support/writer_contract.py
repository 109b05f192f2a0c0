"""What every row writer promises; one subclass per backend."""

import itertools
from abc import ABC, abstractmethod

import pytest

from runtime.kafka import LogRecord
from schemas.cells import METRICS_KEY_REPEATS, CellRow, RepeatRow
from schemas.codec import encode
from schemas.lines import RejectLine, encode_record
from schemas.topics import Topic
from sinks.consumer.rows import TableRows, joined, rows_of
from sinks.consumer.tables import StoreTable
from sinks.consumer.writer import RefusedRowsError, RowWriter
from tests.support.settlement_harness import NOON_MS, event


def events_at(offset: int, *event_ids: str, platform: str = "sunmi") -> TableRows:
    """Return the rows of a record of events at *offset*."""
    value = encode_record(encode(event(event_id, platform=platform)) for event_id in event_ids)
    headers = {"schema-version": b"1", "accounts": encode({"sunmi-main": len(event_ids)})}
    rows, _log = rows_of(Topic.EVENTS, LogRecord("", 0, offset, NOON_MS, None, value, headers), 1)
    return rows


def repeat_at(offset: int, event_id: str) -> TableRows:
    """Return what the worker says of the event at *offset*."""
    one = event(event_id)
    row = RepeatRow(
        epoch=1,
        partition=0,
        offset=offset,
        line=0,
        event_id=event_id,
        account_id=one.account_id,
        product_id=one.product_id,
        trial_id=one.trial_id,
        occurred_ms=one.occurred_ms,
        received_ms=one.received_ms,
    )
    record = LogRecord("", 0, 0, NOON_MS, METRICS_KEY_REPEATS + b":1:0", encode(row), {})
    (rows,) = rows_of(Topic.METRICS, record, 1)
    return rows


def cell_at(version: int, events: int) -> TableRows:
    """Return one version of a cell."""
    cell = CellRow(
        product_id="band",
        trial_id="band-q4",
        platform="sunmi",
        placement_id="",
        arm="",
        kind="exposure",
        minute_ms=NOON_MS,
        epoch=1,
        partition=0,
        version=version,
        events=events,
    )
    return joined(StoreTable.CELLS, [cell])


def reject_at(received_ms: int, message: str) -> TableRows:
    """Return a receipt of one and the same reject."""
    reject = RejectLine(
        reject_id="r-1",
        account_id="sunmi-main",
        platform="sunmi",
        flow="events",
        reason="malformed",
        message=message,
        received_ms=received_ms,
    )
    return joined(StoreTable.REJECTS, [reject])


class WriterContract(ABC):
    """Promises of `sinks.consumer.writer.RowWriter`."""

    @pytest.fixture
    @abstractmethod
    def writer(self) -> RowWriter: ...

    @abstractmethod
    def column(self, writer: RowWriter, table: StoreTable, name: str) -> list[object]:
        """Return the values of a column as a reader sees them, sorted."""

    def test_same_batch_twice_leaves_one_copy(self, writer: RowWriter) -> None:
        writer.write(events_at(0, "e-1", "e-2"), token="t-1")
        writer.write(events_at(0, "e-1", "e-2"), token="t-1")

        assert self.column(writer, StoreTable.EVENTS, "event_id") == ["e-1", "e-2"]

    def test_the_same_rows_in_other_batches_leave_one_copy(self, writer: RowWriter) -> None:
        writer.write(events_at(0, "e-1", "e-2"), token="t-1")
        writer.write(events_at(0, "e-1", "e-2"), token="t-2")

        assert self.column(writer, StoreTable.EVENTS, "event_id") == ["e-1", "e-2"]

    @pytest.mark.parametrize("order", [(3, 7), (7, 3)])
    def test_of_two_sights_of_an_event_the_first_position_wins(self, writer: RowWriter, order: tuple[int, int]) -> None:
        for offset in order:
            writer.write(events_at(offset, "e-1", platform=f"at-{offset}"), token=f"t-{offset}")

        assert self.column(writer, StoreTable.EVENTS, "platform") == ["at-3"]

    def test_a_repeat_within_a_batch_leaves_one_copy(self, writer: RowWriter) -> None:
        writer.write(events_at(0, "e-1", "e-1"), token="t-1")

        assert self.column(writer, StoreTable.EVENTS, "event_id") == ["e-1"]

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_a_line_that_is_told_to_be_a_repeat_is_not_shown_however_often_it_comes(
        self, writer: RowWriter, order: tuple[int, ...]
    ) -> None:
        steps = [events_at(3, "e-1"), repeat_at(3, "e-1"), events_at(3, "e-1")]
        for step in order:
            writer.write(steps[step], token=f"t-{step}")

        assert self.column(writer, StoreTable.EVENTS, "event_id") == []

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_a_later_repeat_takes_nothing_from_the_first_of_its_kind(
        self, writer: RowWriter, order: tuple[int, ...]
    ) -> None:
        steps = [events_at(3, "e-1", platform="first"), events_at(7, "e-1", platform="again"), repeat_at(7, "e-1")]
        for step in order:
            writer.write(steps[step], token=f"t-{step}")

        assert self.column(writer, StoreTable.EVENTS, "platform") == ["first"]

    @pytest.mark.parametrize("order", [(1, 2), (2, 1)])
    def test_of_two_versions_of_a_cell_the_higher_wins(self, writer: RowWriter, order: tuple[int, int]) -> None:
        for version in order:
            writer.write(cell_at(version, events=10 * version), token=f"t-{version}")

        assert self.column(writer, StoreTable.CELLS, "events") == [20]

    @pytest.mark.parametrize("order", [(1, 2), (2, 1)])
    def test_of_two_receipts_of_a_reject_the_first_wins(self, writer: RowWriter, order: tuple[int, int]) -> None:
        for number in order:
            writer.write(reject_at(NOON_MS + number, f"receipt {number}"), token=f"t-{number}")

        assert self.column(writer, StoreTable.REJECTS, "message") == ["receipt 1"]

    def test_rows_that_cannot_be_read_are_refused(self, writer: RowWriter) -> None:
        with pytest.raises(RefusedRowsError):
            writer.write(TableRows(StoreTable.EVENTS, b'{"epoch": 1, "partition"', 1), token="t-1")
