"""An insert that the store does not take is tried again, after pauses that grow and have a bound."""

import pytest

from runtime.clock import ManualClock
from runtime.errors import RetryableError
from sinks.consumer.retrying_writer import RetryingWriter, SinkStatus, StoppedError
from sinks.consumer.rows import TableRows
from sinks.consumer.tables import StoreTable
from sinks.consumer.writer import MemoryRowWriter

ROWS = TableRows(StoreTable.REJECTS, b'{"reject_id":"r-1"}', 1)


class Outage:
    """A writer whose store is away for *tries* inserts, and the pauses between them."""

    def __init__(self, tries: int, *, stop_in_pause: int = 0) -> None:
        self.left = tries
        self.pauses: list[float] = []
        self.status = SinkStatus()
        self.outages: list[str | None] = []
        self._stop_in_pause = stop_in_pause
        memory = MemoryRowWriter()
        memory.failing = self._fail
        self.memory = memory
        self.writer = RetryingWriter(
            memory, self.status, ManualClock(0), pause_for=self._pause, stopping=self._is_stopped
        )

    def _fail(self, _rows: TableRows) -> Exception | None:
        self.left -= 1
        return RetryableError("away") if self.left >= 0 else None

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.outages.append(self.status.outage)

    def _is_stopped(self) -> bool:
        return 0 < self._stop_in_pause <= len(self.pauses)


def test_pauses_grow_and_are_bounded() -> None:
    outage = Outage(8)

    outage.writer.write(ROWS, "t")

    assert outage.pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert outage.outages == ["away"] * 8
    assert outage.status.outage is None
    assert [row["reject_id"] for row in outage.memory.rows(StoreTable.REJECTS)] == ["r-1"]


def test_a_stop_in_a_pause_ends_it_without_another_try() -> None:
    outage = Outage(8, stop_in_pause=2)

    with pytest.raises(StoppedError):
        outage.writer.write(ROWS, "t")

    assert outage.left == 6
    assert outage.pauses == [0.2, 0.4]
    assert outage.status.outage == "away"
