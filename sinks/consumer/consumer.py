"""Topics into the store: poll, batch, insert, commit. One `SinkConsumer` is one consumer's life."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runtime.clock import Clock
from runtime.kafka import KafkaError, LogRecord
from runtime.logging import get_logger
from runtime.metrics import SINK_REJECTS
from runtime.settings import SinkSettings
from schemas.topics import Topic
from sinks.consumer.batch import DEFERRED, IMMEDIATE, RowBatch, WaitingRows
from sinks.consumer.monitors import EndOffsetMonitor, EpochMonitor, LatencyMonitor, position_row, position_rows
from sinks.consumer.positions import PartitionKey, RecordPosition
from sinks.consumer.retrying_writer import RetryingWriter, SinkStatus
from sinks.consumer.rows import rows_of
from sinks.consumer.tables import StoreTable
from sinks.consumer.topic_consumer import TopicConsumer
from sinks.consumer.writer import RowWriter

log = get_logger(__name__)

POLL_S = 0.2
SHORTEST_WAIT_S = 0.03
# A batch waits for so many times what the last insert took: inserts take a fifth of a core under light load, and a
# single event is visible at once.
WAIT_PER_COST = 4.0
# Where other work makes inserts slow, they take no more of a core for it, and four a second are cheap at any time.
LONGEST_FEW_WAIT_S = 0.25
# Where rows pour in it waits longer, up to `batch_wait_s`: parts are merged with others later, small ones again and
# again, and to merge a row costs what its insert does. From some 9,000 events a second on, each wait makes the next
# longer.
ROWS_WORTH_A_WAIT = 500
TICK_S = 1.0
# A commit is also how the group's refusal is noticed; nothing else tells of a membership that was lost in silence.
IDLE_COMMIT_S = 30.0
# A rebalance takes no longer; who is refused for so many session time-outs has fallen out of the group.
REFUSED_SESSIONS = 3


def worth_a_wait_s(cost_s: float, rows: int) -> float:
    """Return how long the next batch should wait after one of *rows* whose insert took *cost_s*, both in seconds."""
    return max(SHORTEST_WAIT_S, min(WAIT_PER_COST * cost_s, LONGEST_FEW_WAIT_S) * (1 + rows / ROWS_WORTH_A_WAIT))


@dataclass(frozen=True, slots=True)
class ConsumerDeps:
    """What a sink consumer works with."""

    settings: SinkSettings
    clock: Clock
    status: SinkStatus
    epoch_of: Callable[[str], int | None]
    """The number of the newest epoch of a topic id."""
    stopping: Callable[[], bool]
    """Whether to end at once, whatever waits."""


class SinkConsumer:
    """Reads *reader* into *writer*."""

    def __init__(self, reader: TopicConsumer, writer: RowWriter, deps: ConsumerDeps) -> None:
        self._reader = reader
        self._deps = deps
        self._settings = deps.settings
        self._store = RetryingWriter(writer, deps.status, deps.clock, pause_for=self._pause_for, stopping=deps.stopping)
        self._epochs = EpochMonitor(reader, deps.status, deps.epoch_of)
        self._ends = EndOffsetMonitor(reader, self._store, deps.clock, note_every_s=deps.settings.settle_every_s)
        self._latency = LatencyMonitor(deps.clock)
        self._batch = RowBatch()
        self._polled_while_paused: deque[tuple[Topic, LogRecord]] = deque()
        """Polled while we were paused, by a rebalance."""
        self._wait_s = SHORTEST_WAIT_S
        self._committed_at = time.monotonic()
        self._refused_since: float | None = None
        self._ticked_at = float("-inf")

    def run(self, enough: Callable[[], bool]) -> None:
        """Read and store until *enough*. What is not committed by then is read again by the next one.

        Raises `KafkaError` where the cluster fails in a way that the client does not mend by itself, `StoppedError`
        where the store takes nothing and we are told to stop.
        """
        while not enough():
            self.poll_once()

    def drain(self, deadline: float) -> bool:
        """Read on to the present end of our partitions, store and commit; tell whether that was done by *deadline*."""
        ends = self._reader.ends()
        while time.monotonic() < deadline and not self._deps.stopping():
            positions = self._reader.positions()
            if not self._polled_while_paused and all(positions.get(key, 0) >= end for key, end in ends.items()):
                self.flush()
                return True
            self.poll_once()
        return False

    def poll_once(self) -> None:
        """Poll once, and insert and commit what is due."""
        self._deps.status.beat()
        if self._batch.empty and time.monotonic() - self._ticked_at >= TICK_S:
            self._tick()
        if self._epochs.epoch is None:
            self._pause_for(POLL_S)
            return
        for topic, record in self._epochs.in_order(self._poll()):
            self._add_record(topic, record, self._epochs.epoch)
        if self._batch.empty:
            return
        now, first_at = time.monotonic(), self._batch.first_at
        due = first_at is not None and now - first_at >= self._wait_s
        # A commit inserts too: where it would be due before the next insert, this one serves both.
        if now - self._committed_at >= self._settings.commit_s - (self._wait_s if due else 0.0):
            self.flush()
        elif due:
            self._insert(IMMEDIATE)

    def flush(self) -> None:
        """Insert all that waits, then commit up to there."""
        self._insert(IMMEDIATE)
        self._insert(DEFERRED)
        progress = self._batch.progress
        if not progress:
            self._committed_at = time.monotonic()
            return
        rows = [
            position_row(key, part.epoch, part.next_offset, watermark_ms=part.watermark_ms)
            for key, part in progress.items()
        ]
        self._store.write(position_rows(rows), "")
        self._batch = RowBatch()
        self._commit({key: part.next_offset for key, part in progress.items()})

    def _commit(self, offsets: Mapping[PartitionKey, int]) -> None:
        """Commit *offsets*; raise `KafkaError` where that has failed for long, so that a new consumer joins."""
        self._committed_at = now = time.monotonic()
        try:
            self._reader.commit(offsets, topic_id=self._epochs.topic_id or "")
            self._refused_since = None
        except KafkaError as error:
            # The rows stand; whoever has these partitions next reads them again, which changes nothing.
            log.warning("offsets were not committed", cause=type(error).__name__)
            self._refused_since = now if self._refused_since is None else self._refused_since
            if now - self._refused_since > REFUSED_SESSIONS * self._settings.session_timeout_s:
                raise

    def _positions(self) -> Mapping[PartitionKey, int]:
        try:
            return self._reader.positions()
        except KafkaError as error:
            log.warning("positions are not known", cause=type(error).__name__)
            return {}

    def _poll(self) -> Sequence[tuple[Topic, LogRecord]]:
        if self._polled_while_paused:
            waiting = list(self._polled_while_paused)
            self._polled_while_paused.clear()
            return waiting
        if self._batch.first_at is None:
            return self._reader.poll(POLL_S)
        waited_s = time.monotonic() - self._batch.first_at
        return self._reader.poll(min(POLL_S, max(0.0, self._wait_s - waited_s)))

    def _add_record(self, topic: Topic, record: LogRecord, epoch: int) -> None:
        self._deps.status.taken += 1
        rows = rows_of(topic, record, epoch)
        if topic is not Topic.REJECTS:
            refused = sum(item.count for item in rows if item.table is StoreTable.REJECTS)
            if refused:
                SINK_REJECTS.labels(topic).inc(refused)
        position = RecordPosition(topic, epoch, record.partition, record.offset, record.timestamp_ms)
        self._batch.add(position, rows, now=time.monotonic())
        if self._batch.rows >= self._settings.batch_rows or self._batch.size >= self._settings.batch_bytes:
            self.flush()

    def _insert(self, kinds: Sequence[WaitingRows]) -> None:
        began = time.monotonic()
        taken = self._batch.take(kinds)
        for rows, token in taken:
            self._store.write(rows, token)
        if kinds is not IMMEDIATE:
            self._latency.observe(self._batch.background_stamps)
            self._batch.background_stamps.clear()
            return
        self._batch.first_at = None
        if taken:
            cost_s = time.monotonic() - began
            worth_s = worth_a_wait_s(cost_s, sum(rows.count for rows, _ in taken))
            self._wait_s = min(worth_s, self._settings.batch_wait_s)
            self._latency.observe(self._batch.stamps)
            self._batch.stamps.clear()

    def _pause_for(self, seconds: float) -> None:
        """Stay in the group without reading: paused, but polling, which is why no retry's sleep stands here."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._deps.stopping():
            self._deps.status.beat()
            # Again at each turn: a rebalance may have given us partitions that are not paused.
            self._reader.pause()
            self._polled_while_paused.extend(self._reader.poll(min(left, POLL_S)))
        self._reader.resume()

    def _tick(self) -> None:
        """Once a second, with nothing waiting: the epoch, idle partitions."""
        self._ticked_at = time.monotonic()
        self._deps.status.leader = (Topic.EVENTS, 0) in self._reader.assignment()
        self._latency.age()
        self._epochs.check()
        if self._epochs.epoch is not None and not self._polled_while_paused:
            self._ends.check(self._epochs.epoch)
            if time.monotonic() - self._committed_at >= IDLE_COMMIT_S:
                # Nothing waits, so all that was read is stored.
                self._commit(self._positions())
