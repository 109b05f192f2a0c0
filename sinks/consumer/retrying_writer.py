"""Inserts that wait out an outage, and find the lines that the store will not take."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from runtime.clock import Clock
from runtime.errors import PipelineError, RetryableError
from runtime.logging import get_logger
from runtime.metrics import SINK_REJECTS, SINK_RETRIES
from runtime.retries import doubling
from schemas.foreign import position_reject, split_lines
from schemas.lines import RejectLine
from sinks.consumer.rows import TableRows, joined
from sinks.consumer.tables import StoreTable
from sinks.consumer.writer import RefusedRowsError, RowWriter

log = get_logger(__name__)

# An outage lasts as long as it lasts: the tries have no end but a stop, their pauses a bound.
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0

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
        retrying = Retrying(
            retry=retry_if_exception_type(RetryableError),
            wait=doubling(FIRST_WAIT_S, LONGEST_WAIT_S),
            before_sleep=lambda state: self._note_outage(rows, state),
            sleep=self._pause,
        )
        retrying(self._write_once, rows, token)
        self._status.outage = None

    def _write_once(self, rows: TableRows, token: str) -> None:
        try:
            self._writer.write(rows, token=token)
        except RefusedRowsError as error:
            self._split(rows, token, error)

    def _note_outage(self, rows: TableRows, state: RetryCallState) -> None:
        cause = str(state.outcome.exception()) if state.outcome is not None else ""
        SINK_RETRIES.labels(rows.table).inc()
        if self._status.outage is None:
            log.warning("insert will be tried again", table=rows.table, rows=rows.count, cause=cause)
        self._status.outage = cause

    def _pause(self, seconds: float) -> None:
        if not self._stopping():
            self._pause_for(seconds)
        if self._stopping():
            raise StoppedError("told to stop while the store takes nothing")

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
