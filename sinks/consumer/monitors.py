"""What the sink notes beside the rows: the epoch in force, idle partitions, latency."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from runtime.clock import Clock
from runtime.kafka import KafkaError, LogRecord
from runtime.logging import get_logger
from runtime.metrics import END_TO_END, END_TO_END_MAX
from schemas.topics import Topic
from sinks.consumer.positions import PartitionKey
from sinks.consumer.retrying_writer import RetryingWriter, SinkStatus
from sinks.consumer.rows import TableRows, joined
from sinks.consumer.tables import StoreTable
from sinks.consumer.topic_consumer import TopicConsumer

log = get_logger(__name__)

LONGEST_OF_S = 60.0


def position_row(
    key: PartitionKey, epoch: int, next_offset: int, *, watermark_ms: int = 0, read_to_end_ms: int = 0
) -> dict[str, int | str]:
    """Return a row of `sink_sources`; its columns keep the highest value."""
    return {
        "topic": key[0].value,
        "epoch": epoch,
        "partition": key[1],
        "next_offset": next_offset,
        "watermark_ms": watermark_ms,
        "read_to_end_ms": read_to_end_ms,
    }


class EpochMonitor:
    """Knows which epoch the records being read belong to, by Kafka's id of the topic.

    *epoch_of* returns the number of the newest epoch of a topic id, or None where the registry has none yet.
    """

    def __init__(self, reader: TopicConsumer, status: SinkStatus, epoch_of: Callable[[str], int | None]) -> None:
        self.epoch: int | None = None
        self.topic_id: str | None = None
        self._reader = reader
        self._status = status
        self._epoch_of = epoch_of

    def check(self) -> None:
        """Look again. Must be called with nothing read that is not stored: the epoch of what follows may be another."""
        topic_id = self._reader.topic_id(Topic.EVENTS)
        if topic_id is None:
            return
        if self.topic_id is not None and topic_id != self.topic_id:
            log.warning("the events' topic was made anew and is read from its beginning", topic_id=topic_id)
            self._reader.rewind(Topic.EVENTS)
        self.topic_id, self.epoch = topic_id, self._epoch_of(topic_id)
        self._status.epoch_known = self.epoch is not None

    def in_order(self, polled: Sequence[tuple[Topic, LogRecord]]) -> Sequence[tuple[Topic, LogRecord]]:
        """Return *polled*, without events where they began in the middle of the topic: then it is read anew."""
        if self.topic_id is None or not self._reader.begun_elsewhere(self.topic_id):
            return polled
        log.warning("offsets were committed for another topic of this name; it is read from its beginning")
        self._reader.rewind(Topic.EVENTS)
        return [(topic, record) for topic, record in polled if topic is not Topic.EVENTS]


class EndOffsetMonitor:
    """Stores which partitions had nothing more: settlement goes on by it where nothing comes."""

    def __init__(self, reader: TopicConsumer, store: RetryingWriter, clock: Clock, *, note_every_s: float) -> None:
        self._reader = reader
        self._store = store
        self._clock = clock
        self._note_every_s = note_every_s
        self._noted_at = float("-inf")

    def check(self, epoch: int) -> None:
        """Look again. Must be called with nothing read that is not stored."""
        if time.monotonic() - self._noted_at < self._note_every_s:
            return
        asked_ms = self._clock.now_ms()
        try:
            ends, positions = self._reader.ends(), self._reader.positions()
        except KafkaError as error:
            log.warning("the ends of the topics are not known", cause=type(error).__name__)
            return
        self._note_idle(epoch, asked_ms, ends, positions)
        self._noted_at = time.monotonic()

    def _note_idle(
        self, epoch: int, asked_ms: int, ends: Mapping[PartitionKey, int], positions: Mapping[PartitionKey, int]
    ) -> None:
        rows = [
            position_row(key, epoch, end, read_to_end_ms=asked_ms)
            for key, end in ends.items()
            if positions.get(key, -1) >= end and key[0] is not Topic.REGISTRY
        ]
        if rows:
            self._store.write(position_rows(rows), "")


class LatencyMonitor:
    """Received by the gateway to visible in the store, once per record: its newest event."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._longest: deque[tuple[float, float]] = deque()

    def observe(self, stamps_ms: Iterable[int]) -> None:
        """Note records received at *stamps_ms* that became visible just now."""
        now_ms = self._clock.now_ms()
        waited = [max(0.0, (now_ms - stamped_ms) / 1000) for stamped_ms in stamps_ms]
        for seconds in waited:
            END_TO_END.observe(seconds)
        if waited:
            self._longest.append((time.monotonic(), max(waited)))
        self.age()

    def age(self) -> None:
        """Forget what is older than a minute."""
        while self._longest and time.monotonic() - self._longest[0][0] > LONGEST_OF_S:
            self._longest.popleft()
        END_TO_END_MAX.set(max((seconds for _, seconds in self._longest), default=0.0))


def position_rows(rows: Iterable[dict[str, int | str]]) -> TableRows:
    """Return *rows* of `sink_sources`; repeats do no harm, so they need no token."""
    return joined(StoreTable.POSITIONS, rows)
