"""The one place where Kafka clients are made, with the settings that were measured to matter."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import MemberToRemove, OffsetSpec
from kafka.errors import KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError
from kafka.structs import OffsetAndMetadata

from runtime.codecs import refuse_missing_codecs
from runtime.errors import ConfigurationError, RefusedError, UnavailableError
from runtime.kafka_connections import FailureTrackingClient
from runtime.kafka_errors import EMBEDDED_BOOTSTRAP, explain, is_refusal
from runtime.self_healing_producer import SelfHealingProducer
from runtime.settings import KafkaSettings

__all__ = [
    "EMBEDDED_BOOTSTRAP",
    "KafkaError",
    "LogRecord",
    "TopicPartition",
    "commit_offsets",
    "leave_group",
    "make_admin",
    "make_consumer",
    "make_producer",
]


class LogRecord(NamedTuple):
    """A Kafka record as this project reads it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]


def _common(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "bootstrap_servers": (settings.bootstrap or EMBEDDED_BOOTSTRAP).split(","),
        "client_id": client_id,
        "security_protocol": settings.security_protocol,
        "request_timeout_ms": int(settings.request_timeout_s * 1000),
        # The client's own default is 30 s, too long for a person at a command line to be left without a word.
        "bootstrap_timeout_ms": int(2 * settings.request_timeout_s * 1000),
        "reconnect_backoff_ms": 50,
        "reconnect_backoff_max_ms": 1000,
    }
    if settings.sasl_mechanism:
        config["sasl_mechanism"] = settings.sasl_mechanism
        config["sasl_plain_username"] = settings.sasl_username
        config["sasl_plain_password"] = settings.sasl_password.get_secret_value() if settings.sasl_password else None
    if settings.ssl_cafile:
        if not os.access(settings.ssl_cafile, os.R_OK):
            raise ConfigurationError(f"AVENUE_KAFKA__SSL_CAFILE names {settings.ssl_cafile}, which cannot be read")
        config["ssl_cafile"] = str(settings.ssl_cafile)
    return config


def make_producer(settings: KafkaSettings, *, client_id: str, linger_ms: int = 0) -> SelfHealingProducer:
    """Return a producer that acknowledges on all in-sync replicas and repeats nothing within its session.

    Its buffer has no bound: the caller keeps a budget. Raises `UnavailableError` where no broker answers, and its kind
    `RefusedError` where one says no.
    """
    return SelfHealingProducer(lambda: _new_producer(settings, client_id, linger_ms))


def _new_producer(settings: KafkaSettings, client_id: str, linger_ms: int) -> KafkaProducer:
    with _made_whole(settings) as made:
        return KafkaProducer(
            **_common(settings, client_id),
            **made,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=linger_ms,
            batch_size=524_288,
            max_request_size=settings.max_message_bytes,
            delivery_timeout_ms=int(settings.delivery_timeout_s * 1000),
            max_block_ms=2000,
            # Nobody reads the client's own metrics, and they cost a tenth of its time.
            metrics_enabled=False,
            # A topic made by accident would have the broker's defaults instead of its TopicSpec.
            allow_auto_create_topics=False,
        )


def make_consumer(
    settings: KafkaSettings, *, client_id: str, group_id: str | None = None, **config: Any
) -> KafkaConsumer:
    """Return a consumer that commits only when told, from the earliest record where nothing was committed.

    Raises `UnavailableError` where no broker answers (`RefusedError` where one says no), and `ConfigurationError` where
    records in some codec could not be read here.
    """
    refuse_missing_codecs()
    options: dict[str, Any] = {
        "group_id": group_id,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "max_partition_fetch_bytes": settings.max_message_bytes,
        "fetch_max_bytes": 4 * settings.max_message_bytes,
        "fetch_max_wait_ms": 100,
        "max_poll_records": 2000,
        "exclude_internal_topics": True,
        "allow_auto_create_topics": False,
        # As with the producer.
        "metrics_enabled": False,
    }
    with _made_whole(settings) as made:
        return KafkaConsumer(**_common(settings, client_id), **made, **(options | config))


def make_admin(settings: KafkaSettings, *, client_id: str = "avenue-admin") -> KafkaAdminClient:
    """Return an admin client. Raises `UnavailableError` where no broker answers, `RefusedError` where one says no."""
    with _made_whole(settings) as made:
        return KafkaAdminClient(**_common(settings, client_id), **made)


@contextmanager
def _made_whole(settings: KafkaSettings) -> Iterator[dict[str, Any]]:
    """Yield options for one client; where its first connection fails, close what it leaves behind.

    kafka-python's constructors end with a running thread and its sockets then, one for each try.
    """
    parts: list[FailureTrackingClient] = []

    def part(**config: Any) -> FailureTrackingClient:
        parts.append(FailureTrackingClient(**config))
        return parts[-1]

    try:
        yield {"kafka_client": part}
    except KafkaError as error:
        cause = next((made.failure for made in parts if made.failure is not None), error)
        for made in parts:
            made.close()
        raise _kind(cause)(explain(settings, cause)) from error


def refusal_behind(client: Any, error: KafkaError) -> KafkaError:
    """Return the refusal that *error* of a consumer or admin *client* comes from, else *error*.

    What is refused while it runs, a client tries again until its time is over, and tells nothing but that.
    """
    connected: FailureTrackingClient = client._client  # noqa: SLF001 - the one that we gave it
    if names := connected.cluster.unauthorized_topics:
        return TopicAuthorizationFailedError(", ".join(sorted(names)))
    found = connected.failure
    return found if isinstance(found, KafkaError) and is_refusal(found) else error


def unavailable(settings: KafkaSettings, what: str, error: KafkaError) -> UnavailableError:
    """Return the error that says *what* did not work, why, and what to do."""
    return _kind(error)(f"{what}: {explain(settings, error)}")


def _kind(error: BaseException) -> type[UnavailableError]:
    return RefusedError if is_refusal(error) else UnavailableError


def log_record(record: Any) -> LogRecord:
    """Return kafka-python's *record* as ours; headers that repeat keep their last value."""
    return LogRecord(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value or b"",
        dict(record.headers or ()),
    )


def ensure_topics(admin: KafkaAdminClient, topics: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Create the *topics* that are not there; those that are stay as they are."""
    present = set(admin.list_topics())
    missing = {name: spec for name, spec in topics if name not in present}
    if not missing:
        return
    try:
        admin.create_topics(missing, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        # Another role was quicker, which is as good.
        return


def offset_spans(admin: Any, topics: Sequence[str]) -> dict[TopicPartition, tuple[int, int]]:
    """Ask for the first and the next offset of each partition of those of *topics* that exist."""
    parts = [
        TopicPartition(item["name"], part["partition_index"])
        for item in admin.describe_topics(list(topics))
        for part in item["partitions"]
    ]
    if not parts:
        return {}
    first = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.EARLIEST))
    end = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.LATEST))
    return {part: (first[part].offset, end[part].offset) for part in parts}


def group_lags(admin: Any, group: str, topics: Sequence[str]) -> tuple[dict[TopicPartition, int], int]:
    """Return how many records of each partition of *topics* wait for *group*, and the sum of what it has committed.

    By the broker's word alone, so that what nobody can read waits as well. An offset that the partition does not have,
    as of a topic that was made anew, is as good as none.
    """
    marks = admin.list_group_offsets({group: None})[group]
    spans = offset_spans(admin, topics)
    committed = {part: mark.offset for part, mark in marks.items() if part in spans and mark.offset >= 0}
    lags = {}
    for part, (first, end) in spans.items():
        position = committed.get(part, first)
        lags[part] = end - (position if first <= position <= end else first)
    return lags, sum(committed.values())


def commit_offsets(consumer: Any, offsets: Mapping[TopicPartition, int], *, timeout_s: float, said: str = "") -> None:
    """Commit the next offset of each partition for *consumer*'s group, and with it what is *said*.

    Raises `KafkaError` where that fails.
    """
    marks = {partition: OffsetAndMetadata(offset, said, -1) for partition, offset in offsets.items()}
    consumer.commit(marks, timeout_ms=int(timeout_s * 1000))


def leave_group(settings: KafkaSettings, group: str, instance_id: str) -> None:
    """Take the member *instance_id* out of *group*, now that its consumer is closed.

    A member by a fixed name does not leave when its client ends: the broker keeps its place until the session is over,
    which is counted anew each time the broker starts. Raises `UnavailableError` where no broker answers, `KafkaError`.
    """
    admin = make_admin(settings, client_id="avenue-leave")
    try:
        admin.remove_group_members(group, [MemberToRemove(group_instance_id=instance_id)])
    finally:
        admin.close()
