"""What is on the topics now: partitions, records, bytes, epoch, and how far the groups have come."""

from dataclasses import dataclass
from typing import Any

from registry.topic import RegistryWriter
from runtime.kafka import KafkaError, TopicPartition, make_admin, offset_spans, unavailable
from runtime.settings import Settings
from schemas.registry import Epoch
from schemas.topics import SPECS, Topic


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic of ours."""

    topic: Topic
    topic_id: str
    partitions: int
    records: int
    """Between the first and the next offset; a compacted topic has fewer."""
    bytes: int
    """Of all replicas."""
    retention_s: int | None
    """None: compacted."""
    epoch: int | None
    """Of `pilot-events.v1`: the one that is being counted."""

    def as_json(self) -> dict[str, Any]:
        """Return it as a program reads it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class GroupState:
    """A consumer group on one topic."""

    members: int
    lag: int | None
    """Records from its committed offsets to the end; None where it never committed."""


def read_topics(settings: Settings) -> list[TopicState]:
    """Return the topics that exist, in the order of the road. Raises `UnavailableError`."""
    admin = make_admin(settings.kafka)
    try:
        present = set(admin.list_topics())
        names = [str(topic) for topic in SPECS if topic in present]
        described = {item["name"]: item for item in admin.describe_topics(names)} if names else {}
        spans = offset_spans(admin, names)
        sizes = _sizes(admin)
    except KafkaError as error:
        raise unavailable(settings.kafka, "the topics cannot be described", error) from error
    finally:
        admin.close()
    epochs = _epochs(settings) if Topic.REGISTRY in described else ()
    return [_state(Topic(name), described[name], spans, sizes, epochs) for name in names]


def read_group(settings: Settings, group: str, topic: Topic) -> GroupState:
    """Return how far *group* is on *topic*. Raises `UnavailableError`."""
    admin = make_admin(settings.kafka)
    try:
        members = len(admin.describe_groups([group])[group]["members"])
        committed = {
            part: mark.offset
            for part, mark in admin.list_group_offsets({group: None})[group].items()
            if part.topic == topic and mark.offset >= 0
        }
        spans = offset_spans(admin, [topic])
    except KafkaError as error:
        raise unavailable(settings.kafka, f"the group {group} cannot be described", error) from error
    finally:
        admin.close()
    if not committed:
        return GroupState(members, 0 if all(first == end for first, end in spans.values()) else None)
    lag = sum(max(0, end - committed.get(part, first)) for part, (first, end) in spans.items())
    return GroupState(members, lag)


def _sizes(admin: Any) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for broker in admin.describe_log_dirs():
        for folder in broker["log_dirs"]:
            for topic in folder["topics"]:
                total = sum(part["partition_size"] for part in topic["partitions"])
                sizes[topic["name"]] = sizes.get(topic["name"], 0) + total
    return sizes


def _epochs(settings: Settings) -> tuple[Epoch, ...]:
    with RegistryWriter(settings) as writer:
        return writer.read_all().epochs


def _state(
    topic: Topic,
    described: dict[str, Any],
    spans: dict[TopicPartition, tuple[int, int]],
    sizes: dict[str, int],
    epochs: tuple[Epoch, ...],
) -> TopicState:
    topic_id = str(described["topic_id"])
    counted = [epoch.number for epoch in epochs if epoch.topic_id == topic_id] if topic is Topic.EVENTS else []
    spec = SPECS[topic]
    return TopicState(
        topic=topic,
        topic_id=topic_id,
        partitions=len(described["partitions"]),
        records=sum(end - first for part, (first, end) in spans.items() if part.topic == topic),
        bytes=sizes.get(str(topic), 0),
        retention_s=spec.retention_s,
        epoch=max(counted, default=None),
    )
