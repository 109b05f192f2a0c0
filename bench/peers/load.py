"""The events that all read, and the two topics that hold them: 500 lines a record, and one event a message."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from bench.peers.cells import FAILED, KEY_FIELDS
from bench.worker import events_of
from registry.epochs import ensure_topics_and_epoch
from runtime.kafka import ensure_topics, make_admin, make_producer
from runtime.settings import KafkaSettings, Settings
from schemas.codec import encode
from schemas.lines import HEADER_ACCOUNTS, HEADER_SCHEMA, SCHEMA_VERSION, StoredEvent, encode_record
from schemas.topics import Topic, partition_of

Shape = Literal["500", "1"]
PARTITIONS = 4
PER_RECORD = 500
FAILED_EVERY = 33
PENDING = 20_000
HOUR_MS = 3_600_000
CLOSER = "closer"
"""Product of the one event a partition that comes an hour after the others: it closes Quix's last windows."""


def shared_events(count: int, start_ms: int) -> list[StoredEvent]:
    """Return bench/worker.py's events, with some failed, and each repeat the copy that a retry would be."""
    first: dict[str, StoredEvent] = {}
    found = []
    for number, made in enumerate(events_of(count, start_ms)):
        event = first.get(made.event_id)
        if event is None:
            outcome = FAILED if number % FAILED_EVERY == 0 else made.outcome
            event = first[made.event_id] = msgspec.structs.replace(made, outcome=outcome)
        found.append(msgspec.structs.replace(event, received_ms=made.received_ms))
    return found


@dataclass(frozen=True, slots=True)
class Input:
    """A published topic: what a peer is pointed to."""

    prefix: str
    shape: Shape
    messages: int

    @property
    def topic(self) -> str:
        """The topic with the events."""
        return self.prefix + Topic.EVENTS

    @property
    def out(self) -> str:
        """An empty topic for results."""
        return f"{self.prefix}out"


@contextmanager
def published(kafka: KafkaSettings, events: list[StoredEvent], shape: Shape) -> Iterator[Input]:
    """Publish *events* in *shape* to topics of their own; delete these, and what a peer added to them, at the end."""
    prefix = f"bench-{uuid.uuid4().hex[:8]}-"
    ensure_topics_and_epoch(Settings(kafka=kafka), prefix=prefix)
    admin = make_admin(kafka)
    try:
        ensure_topics(admin, [(f"{prefix}out", {"num_partitions": PARTITIONS, "replication_factor": 1})])
        messages = list(records(events) if shape == "500" else singles(events))
        _send(kafka, prefix + Topic.EVENTS, messages)
        yield Input(prefix, shape, len(messages))
    finally:
        admin.delete_topics([name for name in admin.list_topics() if prefix in name])
        admin.close()


def records(events: Iterable[StoredEvent], size: int = PER_RECORD) -> Iterator[dict[str, Any]]:
    """Yield records as the gateway makes them: one partition, in order of receipt."""
    open_records: dict[int, list[StoredEvent]] = {}
    for event in events:
        partition = partition_of(event.product_id, PARTITIONS)
        part = open_records.setdefault(partition, [])
        part.append(event)
        if len(part) == size:
            yield _record(partition, open_records.pop(partition))
    for partition, part in open_records.items():
        yield _record(partition, part)


def _record(partition: int, events: list[StoredEvent]) -> dict[str, Any]:
    return {
        "partition": partition,
        "value": encode_record(map(encode, events)),
        "timestamp_ms": max(event.received_ms for event in events),
        "headers": [(HEADER_SCHEMA, SCHEMA_VERSION), (HEADER_ACCOUNTS, b'{"bench":%d}' % len(events))],
    }


def singles(events: list[StoredEvent]) -> Iterator[dict[str, Any]]:
    """Yield a message for each event, keyed by its cell, in the partition of its product."""
    for event in events:
        yield _single(event, partition_of(event.product_id, PARTITIONS))
    for partition in range(PARTITIONS if events else 0):
        later = events[-1].received_ms + HOUR_MS
        closer = msgspec.structs.replace(
            events[-1], product_id=CLOSER, event_id=f"{CLOSER}-{partition}", occurred_ms=later
        )
        yield _single(closer, partition)


def _single(event: StoredEvent, partition: int) -> dict[str, Any]:
    return {
        "partition": partition,
        "key": "|".join(getattr(event, name) for name in KEY_FIELDS).encode(),
        "value": encode_record([encode(event)]),
        "timestamp_ms": event.received_ms,
        "headers": [(HEADER_SCHEMA, SCHEMA_VERSION), (HEADER_ACCOUNTS, b'{"bench":1}')],
    }


def _send(kafka: KafkaSettings, topic: str, messages: Iterable[dict[str, Any]]) -> None:
    producer = make_producer(kafka, client_id="bench", linger_ms=20)
    for number, message in enumerate(messages):
        producer.send(topic, **message)
        if number % PENDING == PENDING - 1:
            # The client's buffer has no bound.
            producer.flush(timeout=120)
    producer.flush(timeout=120)
    producer.close(timeout=5)
