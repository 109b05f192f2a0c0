"""How far worker and sink are on the log, since when the oldest record waits, and how fast the log grows: one look."""

import time
from collections.abc import Mapping
from typing import Any

from reports.access.road_sources import BrokerReading, GroupPosition
from runtime.kafka import KafkaError, TopicPartition, make_admin, make_consumer, offset_spans, unavailable
from runtime.settings import Settings
from schemas.topics import ConsumerGroup, Topic, worker_group

SINK = str(ConsumerGroup.SINK)
STORED = (Topic.EVENTS, Topic.REJECTS, Topic.DELIVERIES, Topic.METRICS)
"""What the sink reads of the road; the rest is a record now and then."""
MINUTE_MS = 60_000
CLIENT = "avenue-operator-look"
FETCH_BYTES = 65_536
"""Of each partition; the first record is always among what comes, however large it is."""
OLDEST_S = 1.0
"""For reading the first record that waits in each partition."""
POLL_MS = 200
NEVER = -1


class BrokerLook:
    """Looks at one broker after another question; keeps its client, and makes it anew after a failure."""

    def __init__(self, settings: Settings, *, timeout_s: float) -> None:
        kafka = settings.kafka
        self._kafka = kafka.model_copy(update={"request_timeout_s": min(timeout_s, kafka.request_timeout_s)})
        self._admin: Any = None

    def read(self, epoch: int) -> BrokerReading:
        """Return where things are. Raises `UnavailableError`."""
        try:
            return self._read(worker_group(epoch))
        except KafkaError as error:
            self.close()
            raise unavailable(self._kafka, "the log cannot be looked at", error) from error

    def close(self) -> None:
        """Let go of the broker."""
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()

    def _read(self, worker: str) -> BrokerReading:
        if self._admin is None:
            self._admin = make_admin(self._kafka, client_id=CLIENT)
        # Before the ends: a position that was committed after them would be one that the log does not have.
        marks = {group: self._admin.list_group_offsets({group: None})[group] for group in (worker, SINK)}
        described = self._admin.describe_topics([str(topic) for topic in STORED])
        spans = offset_spans(self._admin, [str(topic) for topic in STORED])
        groups = self._admin.describe_groups([worker, SINK])
        events = {part: span for part, span in spans.items() if part.topic == Topic.EVENTS}
        return BrokerReading(
            records_per_min=float(self._grown(events)),
            faulty_partitions=sum(_is_faulty(part) for topic in described for part in topic["partitions"]),
            worker=self._position(len(groups[worker]["members"]), marks[worker], events),
            sink=self._position(len(groups[SINK]["members"]), marks[SINK], spans),
        )

    def _grown(self, events: Mapping[TopicPartition, tuple[int, int]]) -> int:
        """Return how many records were published within a minute, by the broker's stamps."""
        ago_ms = int(time.time() * 1000) - MINUTE_MS
        then = self._admin.list_partition_offsets(dict.fromkeys(events, ago_ms)) if events else {}
        # -1: no record is as young as that.
        return sum(end - then[part].offset for part, (_, end) in events.items() if then[part].offset != NEVER)

    def _position(
        self, members: int, marks: Mapping[TopicPartition, Any], spans: Mapping[TopicPartition, tuple[int, int]]
    ) -> GroupPosition:
        at = {part: _within(marks.get(part), span) for part, span in spans.items()}
        waiting = {part: offset for part, offset in at.items() if offset < spans[part][1]}
        return GroupPosition(
            members=members,
            committed=sum(at.values()),
            lag_records=sum(spans[part][1] - offset for part, offset in waiting.items()),
            oldest_ms=self._oldest(waiting) if waiting else None,
        )

    def _oldest(self, waiting: Mapping[TopicPartition, int]) -> int | None:
        """Return the least stamp of what waits first in each partition, of those that can be read in time."""
        found: dict[TopicPartition, int] = {}
        # One of its own: an earlier assignment leaves paused partitions and fetches under way behind.
        consumer = make_consumer(self._kafka, client_id=CLIENT, max_partition_fetch_bytes=FETCH_BYTES)
        try:
            consumer.assign(list(waiting))
            for part, offset in waiting.items():
                consumer.seek(part, offset)
            until_s = time.monotonic() + OLDEST_S
            while len(found) < len(waiting) and time.monotonic() < until_s:
                for part, records in consumer.poll(timeout_ms=POLL_MS).items():
                    found.setdefault(part, records[0].timestamp)
                    consumer.pause(part)
        finally:
            consumer.close(autocommit=False)
        return min(found.values(), default=None)


def _within(mark: Any, span: tuple[int, int]) -> int:
    """Return the committed offset; where there is none, or one that the partition does not have, its first."""
    first, end = span
    return mark.offset if mark is not None and first <= mark.offset <= end else first


def _is_faulty(partition: Mapping[str, Any]) -> bool:
    return partition["leader_id"] < 0 or len(partition["isr_nodes"]) < len(partition["replica_nodes"])
