"""Inserts that wait out an outage, and find the lines that the store will not take."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from runtime.clock import Clock
from runtime.errors import PipelineError, RetryableError
from runtime.logging import get_logger
from runtime.metrics import SINK_REJECTS, SINK_RETRIES
from schemas.foreign import position_reject, split_lines
from schemas.lines import RejectLine
from sinks.consumer.error_codes import waits
from sinks.consumer.rows import TableRows, joined
from sinks.consumer.tables import StoreTable
from sinks.consumer.writer import RefusedRowsError, RowWriter

log = get_logger(__name__)

_POSITION = re.compile(rb'^\{"epoch":(\d+),"partition":(\d+),"offset":(\d+),"line":(\d+),')


def _nobody_asks() -> None:
    return


class StoppedError(PipelineError):
    """Told to stop while the store took nothing; what waits is read again at the next start."""


@dataclass(slots=True)
class SinkStatus:
    """How the sink's thread is doing, for others to ask."""

    outage: str | None = None
    """Why the store takes nothing, or None."""
    epoch_known: bool = False
    leader: bool = False
    """Whether partition 0 of the events is ours: its owner settles."""
    taken: int = 0
    """Records read, by however many consumers one after another."""
    beat: Callable[[], None] = _nobody_asks
    """Called whenever the thread comes by; whoever looks on knows by it that it goes on."""


class RetryingWriter:
    """Writes until the rows stand.

    *pause_for* is called with the seconds to wait before each further try: it keeps the group's membership alive.
    *stopping* tells whether to give up instead.
    """

    def __init__(
        self,
        writer: RowWriter,
        status: SinkStatus,
        clock: Clock,
        *,
        pause_for: Callable[[float], None],
        stopping: Callable[[], bool],
    ) -> None:
        self._writer = writer
        self._status = status
        self._clock = clock
        self._pause_for = pause_for
        self._stopping = stopping

    def write(self, rows: TableRows, token: str) -> None:
        """Store *rows*; a line that the store refuses becomes a kept reject. Raises `StoppedError`."""
        for wait_s in waits():
            try:
                self._writer.write(rows, token=token)
            except RefusedRowsError as error:
                self._split(rows, token, error)
            except RetryableError as error:
                self._sit_out(rows, error, wait_s)
                continue
            self._status.outage = None
            return

    def _sit_out(self, rows: TableRows, error: RetryableError, wait_s: float) -> None:
        SINK_RETRIES.labels(rows.table).inc()
        if self._status.outage is None:
            log.warning("insert will be tried again", table=rows.table, rows=rows.count, cause=str(error))
        self._status.outage = str(error)
        if not self._stopping():
            self._pause_for(wait_s)
        if self._stopping():
            raise StoppedError("told to stop while the store takes nothing") from error

    def _split(self, rows: TableRows, token: str, error: RefusedRowsError) -> None:
        lines = [line for _, line in split_lines(rows.body)]
        if len(lines) > 1:
            middle = len(lines) // 2
            for part, half in enumerate((lines[:middle], lines[middle:])):
                self.write(TableRows(rows.table, b"\n".join(half), len(half)), f"{token}.{part}")
            return
        log.error("the store refused a line, which is kept as a reject", table=rows.table, code=error.code)
        SINK_REJECTS.labels(rows.table).inc()
        if rows.table is not StoreTable.REJECTS:
            reject = refused_line(rows.table, rows.body, now_ms=self._clock.now_ms())
            self.write(joined(StoreTable.REJECTS, [reject]), f"{token}.r")


def refused_line(table: StoreTable, line: bytes, *, now_ms: int) -> RejectLine:
    """Return the reject of *line*, which *table* did not take: by its position, else by its hash."""
    match = _POSITION.match(line)
    if match and table is StoreTable.EVENTS:
        epoch, partition, offset, index = map(int, match.groups())
        return position_reject((epoch, partition, offset), index, line, received_ms=now_ms)
    reject = position_reject((0, 0, 0), 0, line, received_ms=now_ms)
    return msgspec.structs.replace(reject, reject_id=f"line-{table}-{hashlib.sha256(line).hexdigest()[:32]}")
