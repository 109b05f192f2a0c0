"""One member of the sink's consumer group, in this project's words."""

from collections.abc import Mapping
from typing import Any

from runtime.errors import UnavailableError
from runtime.kafka import (
    KafkaError,
    LogRecord,
    TopicPartition,
    commit_offsets,
    leave_group,
    log_record,
    make_admin,
    make_consumer,
)
from runtime.logging import get_logger
from runtime.settings import Settings
from schemas.topics import ConsumerGroup, Topic
from sinks.consumer.positions import PartitionKey

log = get_logger(__name__)

TOPICS = (Topic.EVENTS, Topic.REJECTS, Topic.DELIVERIES, Topic.METRICS, Topic.REGISTRY)
POLL_RECORDS = 200
CLOSE_MS = 3000
TICK_TIMEOUT_MS = 3000
EMBEDDED_MEMBER = "embedded"
"""One sink, by a fixed name: started again after a crash, it takes its partitions back at once."""
METADATA_MAX_AGE_MS = 5000


class TopicConsumer:
    """Reads the sink's topics as a member of its group. *prefix* stands before every topic's and the group's name.

    Raises `UnavailableError` where no broker answers; its methods raise `KafkaError`.
    """

    def __init__(self, settings: Settings, *, prefix: str = "") -> None:
        self._settings = settings
        self._prefix = prefix
        config: dict[str, Any] = {
            "session_timeout_ms": int(settings.sink.session_timeout_s * 1000),
            "heartbeat_interval_ms": int(settings.sink.session_timeout_s * 1000 / 3),
            "max_poll_records": POLL_RECORDS,
            # A topic that was unknown when partitions were shared out is noticed at the next refresh.
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
        }
        if settings.profile == "embedded":
            config["group_instance_id"] = EMBEDDED_MEMBER
        self._consumer = make_consumer(
            settings.kafka, client_id="avenue-sink", group_id=prefix + ConsumerGroup.SINK, **config
        )
        self._know_all()
        self._consumer.subscribe([prefix + topic for topic in TOPICS])
        # Whoever shares out the partitions joins a second time when it learns of topics after its first; kafka-python
        # (3.0.12) never ends such a join if it outlasts one poll: no heartbeats, no commits, and polls that spin.
        self._consumer.topics()
        self._admin: Any = None
        self._asked: set[PartitionKey] = set()

    def _know_all(self) -> None:
        """Raise `UnavailableError` while a topic is unknown: its partitions would be given to nobody."""
        unknown = [topic for topic in TOPICS if not self._consumer.partitions_for_topic(self._prefix + topic)]
        if unknown:
            self._consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
            raise UnavailableError(f"topics are not known yet: {', '.join(unknown)}")

    def poll(self, timeout_s: float) -> list[tuple[Topic, LogRecord]]:
        """Return records, in order within a partition; waits up to *timeout_s* for the first."""
        polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000))
        return [
            (Topic(partition.topic.removeprefix(self._prefix)), log_record(record))
            for partition, records in polled.items()
            for record in records
        ]

    def assignment(self) -> frozenset[PartitionKey]:
        """Return the partitions that are ours now."""
        return frozenset(map(self._key, self._consumer.assignment()))

    def positions(self) -> dict[PartitionKey, int]:
        """Return the next offset to be read of each of our partitions."""
        found = {}
        for partition in self._consumer.assignment():
            position = self._consumer.position(partition, timeout_ms=TICK_TIMEOUT_MS)
            if position is not None:
                found[self._key(partition)] = int(position)
        return found

    def ends(self) -> dict[PartitionKey, int]:
        """Ask the broker for the end of each of our partitions."""
        partitions = list(self._consumer.assignment())
        if not partitions:
            return {}
        ends = self._consumer.end_offsets(partitions, timeout_ms=TICK_TIMEOUT_MS)
        return {self._key(partition): int(end) for partition, end in ends.items()}

    def commit(self, offsets: Mapping[PartitionKey, int], *, topic_id: str) -> None:
        """Commit the next offsets of those partitions that are still ours, *topic_id* of the events with them."""
        ours = self.assignment()
        marks = {self._partition(key): offset for key, offset in offsets.items() if key in ours}
        if marks:
            timeout_s = self._settings.kafka.request_timeout_s
            commit_offsets(self._consumer, marks, timeout_s=timeout_s, said=topic_id)

    def begun_elsewhere(self, topic_id: str) -> bool:
        """Tell whether partitions of the events came to us at an offset that was committed for another topic's id.

        The broker keeps what is committed late, after the topic's deletion, for the topic of the same name. Asks once
        for each partition that comes.
        """
        ours = {key for key in self.assignment() if key[0] is Topic.EVENTS}
        self._asked &= ours
        found = False
        for key in sorted(ours - self._asked):
            mark = self._consumer.committed(self._partition(key), metadata=True, timeout_ms=TICK_TIMEOUT_MS)
            found = found or (mark is not None and mark.metadata not in {"", topic_id})
            self._asked.add(key)
        return found

    def pause(self) -> None:
        """Fetch nothing more until `resume`; `poll` keeps the membership alive."""
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """Fetch again."""
        self._consumer.resume(*self._consumer.paused())

    def rewind(self, topic: Topic) -> None:
        """Read our partitions of *topic* from their beginning."""
        if partitions := [key for key in self._consumer.assignment() if self._key(key)[0] is topic]:
            self._consumer.seek_to_beginning(*partitions)

    def topic_id(self, topic: Topic) -> str | None:
        """Ask the cluster for the id of *topic*, or None where it does not answer or has no such topic."""
        try:
            if self._admin is None:
                self._admin = make_admin(self._settings.kafka, client_id="avenue-sink-admin")
            described = self._admin.describe_topics([self._prefix + topic])
        except (KafkaError, UnavailableError):
            self._close_admin()
            return None
        for item in described:
            if not item["error_code"] and item["topic_id"] is not None:
                return str(item["topic_id"])
        return None

    def close(self, *, leave: bool = True) -> None:
        """Let go of the clients, and leave the group; a member by a fixed name stays where *leave* is False."""
        self._close_admin()
        self._consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
        if leave and self._settings.profile == "embedded":
            try:
                leave_group(self._settings.kafka, self._prefix + ConsumerGroup.SINK, EMBEDDED_MEMBER)
            except (KafkaError, UnavailableError) as error:
                log.warning("the sink stays a member of its group until its session is over", cause=str(error))

    def _close_admin(self) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def _key(self, partition: TopicPartition) -> PartitionKey:
        return Topic(partition.topic.removeprefix(self._prefix)), int(partition.partition)

    def _partition(self, key: PartitionKey) -> TopicPartition:
        return TopicPartition(self._prefix + key[0], key[1])
