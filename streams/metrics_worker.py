"""The worker's shell around the steps: takes records in, flushes what they touched, acknowledges when confirmed.

Knows neither Faust nor Kafka: it is handed records, a log to read back from, and a way to send.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.errors import ProtocolError
from runtime.kafka import LogRecord
from runtime.logging import get_logger
from runtime.metrics import (
    WORKER_CELLS_OPEN,
    WORKER_EVENTS,
    WORKER_IDS,
    WORKER_REBUILD_SECONDS,
    WORKER_REBUILDS,
    WORKER_RECORDS,
    WORKER_ROWS,
    WORKER_WATERMARK,
)
from runtime.settings import WorkerSettings
from schemas.registry import Epoch
from schemas.timing import Timing
from streams.outbox import OutboxMessage, reject_messages, row_messages, source_messages
from streams.rebuild import SourceLog, SourceSpec, read_gap, rebuild
from streams.state import SourceFlush, SourceState, forget_closed, take_dirty_rows
from streams.steps import take_record

if TYPE_CHECKING:
    from schemas.lines import RejectLine

log = get_logger(__name__)

Send = Callable[[OutboxMessage], Awaitable[None]]
"""Sends a message; returns when all in-sync replicas have it, raises when they have not."""
Ack = Callable[[], object]

MAX_UNACKED = 1000
"""Records taken in and not acknowledged: their bytes stay in memory. Beyond it, taking in waits for the flush."""
REVOKED_KEEP_S = 60.0
"""The state of a source that went to another worker is kept this long: most rebalances bring it back at once, and
then this bounds the gap that has to be read."""
SHARE_MIN_LINES = 1000
"""A reject share says something from so many lines on; one foreign record on a quiet topic does not stop the worker."""


@dataclass(slots=True)
class RejectShare:
    """The share of undecodable lines among recent ones; older lines fade by halves."""

    limit: float
    lines: int = 0
    rejected: int = 0

    def note(self, lines: int, rejected: int) -> None:
        """Count a record in. Raises `ProtocolError` where the share is above the limit."""
        self.lines += lines
        self.rejected += rejected
        if self.lines < SHARE_MIN_LINES:
            return
        if self.rejected > self.limit * self.lines:
            raise ProtocolError(
                f"{self.rejected} of the last {self.lines} lines are no events, above the share of {self.limit:g}: "
                "something else writes to the topic; stop it, or raise AVENUE_WORKER__REJECT_SHARE to go on"
            )
        if self.lines >= 2 * SHARE_MIN_LINES:
            self.lines //= 2
            self.rejected //= 2


@dataclass(frozen=True, slots=True)
class WorkerDeps:
    """What the worker works with: the past of the log, a thread to read it in, a way to send."""

    log: SourceLog
    reader: Executor
    send: Send


class MetricsWorker:
    """Counts every event of its sources once; its rows depend on the log alone.

    `take` and `flush` raise where going on would make a number wrong; the process is to end then, and the next one
    comes to the same rows.
    """

    def __init__(self, epoch: Epoch, timing: Timing, settings: WorkerSettings, deps: WorkerDeps) -> None:
        self._epoch = epoch
        self._timing = timing
        self._settings = settings
        self._deps = deps
        self._lock = asyncio.Lock()
        self._states: dict[int, SourceState] = {}
        self._unacked: list[Ack] = []
        self._rejects: list[RejectLine] = []
        self._share = RejectShare(settings.reject_share)
        self._assigned: frozenset[int] = frozenset()
        self._revoked_since: dict[int, float] = {}
        self._stopping = False
        self.records_read = 0
        """Grows with every record read, a rebuild's too: what the watchdog goes by."""

    async def take(self, record: LogRecord, ack: Ack) -> None:
        """Take *record* in; *ack* is called once every row that it touches is confirmed."""
        state = self._states.get(record.partition)
        if state is None or record.offset > state.next_offset:
            async with self._lock:
                state = await self._restore_state(record)
        if record.offset == state.next_offset:
            before = dict(state.outcomes)
            rejects = take_record(state, record)
            self._rejects += rejects
            self._check_limits(state)
            lines = sum(state.outcomes.values()) - sum(before.values())
            self._share.note(lines, len(rejects))
            WORKER_RECORDS.inc()
        # An offset below is in already, but the broker does not know that: it is acknowledged all the same.
        self.records_read += 1
        self._unacked.append(ack)
        if len(self._unacked) >= MAX_UNACKED:
            await self.flush()

    async def flush(self) -> None:
        """Send what was touched since the last flush, wait for the confirmation, then acknowledge and forget."""
        async with self._lock:
            await self._flush()

    def assigned(self, partitions: Iterable[int]) -> None:
        """Note which partitions are this worker's now."""
        self._assigned = frozenset(partitions)
        now = time.monotonic()
        self._revoked_since = {
            partition: self._revoked_since.get(partition, now)
            for partition in self._states
            if partition not in self._assigned
        }

    def positions(self) -> dict[int, int | None]:
        """Return the next offset of each assigned partition; None where nothing has been taken in yet."""
        states = dict(self._states)
        return {
            partition: states[partition].next_offset if partition in states else None for partition in self._assigned
        }

    def stop(self) -> None:
        """Break off a rebuild that runs."""
        self._stopping = True

    async def _flush(self) -> None:
        acks, rejects = self._unacked, self._rejects
        self._unacked, self._rejects = [], []
        flushes = [flush for state in self._states.values() if (flush := take_dirty_rows(state)) is not None]
        send = self._deps.send
        await asyncio.gather(*(send(message) for message in row_messages(flushes)))
        # A reader may take a source row to mean that every row before it stands.
        await asyncio.gather(
            *(send(message) for message in source_messages(flushes)),
            *(send(message) for message in reject_messages(rejects)),
        )
        for ack in acks:
            ack()
        for flush in flushes:
            forget_closed(self._states[flush.partition], flush)
        self._forget_revoked()
        self._count_flushed(flushes)

    async def _restore_state(self, record: LogRecord) -> SourceState:
        """Return the state of *record*'s source just before it, read from the log. Flushing waits meanwhile."""
        state = self._states.get(record.partition)
        cause, began = ("gap" if state else "start"), time.monotonic()
        loop = asyncio.get_running_loop()
        state = await loop.run_in_executor(self._deps.reader, self._read_back, state, record)
        self._states[record.partition] = state
        took_s = time.monotonic() - began
        WORKER_REBUILDS.labels(cause).inc()
        WORKER_REBUILD_SECONDS.observe(took_s)
        log.info(
            "source read from the log",
            cause=cause,
            partition=record.partition,
            offset=record.offset,
            seconds=round(took_s, 3),
            cells=state.held,
            ids=state.ids_held,
        )
        return state

    def _read_back(self, state: SourceState | None, record: LogRecord) -> SourceState:
        if state is not None:
            read_gap(state, record, self._deps.log, on_record=self._on_record)
            return state
        source = SourceSpec(self._epoch.number, record.partition, self._timing)
        return rebuild(source, record, self._deps.log, on_record=self._on_record)

    def _on_record(self, state: SourceState) -> None:
        self.records_read += 1
        if self._stopping:
            raise ProtocolError("the worker is being stopped; the rebuild is left unfinished")
        self._check_limits(state)

    def _check_limits(self, state: SourceState) -> None:
        others = [other for other in self._states.values() if other is not state]
        ids = state.ids_held + sum(other.ids_held for other in others)
        if ids > self._settings.max_ids:
            raise ProtocolError(
                f"{ids} ids to be remembered, more than AVENUE_WORKER__MAX_IDS: "
                "give the worker more memory and raise it, or start another worker"
            )
        cells = state.held + sum(other.held for other in others)
        if cells > self._settings.max_cells:
            raise ProtocolError(
                f"{cells} open cells, more than AVENUE_WORKER__MAX_CELLS: "
                "give the worker more memory and raise it, or start another worker"
            )

    def _forget_revoked(self) -> None:
        now = time.monotonic()
        for partition, since in list(self._revoked_since.items()):
            if now - since > REVOKED_KEEP_S and partition not in self._assigned:
                self._states.pop(partition, None)
                del self._revoked_since[partition]

    def _count_flushed(self, flushes: list[SourceFlush]) -> None:
        for flush in flushes:
            WORKER_ROWS.labels("cell").inc(len(flush.cells))
            WORKER_ROWS.labels("progress").inc(len(flush.progress))
            WORKER_ROWS.labels("repeat").inc(len(flush.repeats))
            WORKER_ROWS.labels("source").inc()
            WORKER_WATERMARK.labels(str(flush.partition)).set(flush.source.watermark_ms / 1000)
        for state in self._states.values():
            for outcome, lines in state.outcomes.items():
                if lines:
                    WORKER_EVENTS.labels(outcome).inc(lines)
                    state.outcomes[outcome] = 0
        WORKER_IDS.set(sum(state.ids_held for state in self._states.values()))
        WORKER_CELLS_OPEN.set(sum(state.held for state in self._states.values()))
