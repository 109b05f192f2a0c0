"""The topics, and the epoch of `pilot-events.v1`: one life of that topic, with the tolerances it is counted by."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from registry.topic import RegistryWriter
from runtime.errors import ConfigurationError, UnavailableError
from runtime.kafka import KafkaError, ensure_topics, make_admin, unavailable
from runtime.logging import get_logger
from runtime.settings import Settings
from schemas.registry import Epoch
from schemas.timing import Timing
from schemas.topics import DAY_S, SPECS, Topic

log = get_logger(__name__)

ALL_TOPICS = frozenset(Topic)


def timing_of(epoch: Epoch) -> Timing:
    """Return the tolerances that *epoch* is counted by."""
    return Timing(grace_ms=epoch.grace_ms, lead_ms=epoch.lead_ms, slack_ms=epoch.slack_ms)


def timing_from(settings: Settings) -> Timing:
    """Return the tolerances that *settings* ask for.

    Raises `ConfigurationError` where they contradict what the gateway lets in: an event further ahead than the lead,
    or more disorder than the slack, would make a live cell wrong.
    """
    worker = settings.worker
    if settings.gateway.max_ahead_s > worker.lead_s:
        raise ConfigurationError(
            f"AVENUE_GATEWAY__MAX_AHEAD_S is {settings.gateway.max_ahead_s:g}, more than AVENUE_WORKER__LEAD_S, "
            f"{worker.lead_s}: events further ahead than the lead cannot be counted; lower the one or raise the other"
        )
    if settings.kafka.delivery_timeout_s >= worker.slack_s:
        raise ConfigurationError(
            f"AVENUE_KAFKA__DELIVERY_TIMEOUT_S is {settings.kafka.delivery_timeout_s:g}, not less than "
            f"AVENUE_WORKER__SLACK_S, {worker.slack_s}: the slack has to cover it and the clocks' difference"
        )
    return Timing(grace_ms=worker.grace_s * 1000, lead_ms=worker.lead_s * 1000, slack_ms=worker.slack_s * 1000)


def create_missing_topics(settings: Settings, topics: Collection[Topic] = ALL_TOPICS, *, prefix: str = "") -> None:
    """Create those of *topics* that are not there, as `schemas/topics.py` and *settings* say.

    Topics that are there stay as they are. Raises `UnavailableError` where no broker answers.
    """
    kafka = settings.kafka
    wanted = [
        (
            prefix + spec.topic,
            {
                "num_partitions": kafka.partitions if spec.scales else 1,
                "replication_factor": kafka.replication,
                "configs": {
                    **spec.broker_config(
                        max_message_bytes=kafka.max_message_bytes,
                        slack_ms=settings.worker.slack_s * 1000,
                        retention_s=settings.gateway.order_days * DAY_S if spec.topic is Topic.ORDERS else None,
                    ),
                    "min.insync.replicas": str(kafka.min_insync),
                },
            },
        )
        for spec in SPECS.values()
        if spec.topic in topics
    ]
    admin = make_admin(kafka)
    try:
        ensure_topics(admin, wanted)
    except KafkaError as error:
        raise unavailable(kafka, "the topics could not be created", error) from error
    finally:
        admin.close()


def topic_exists(settings: Settings, topic: Topic, *, prefix: str = "") -> bool:
    """Tell whether the cluster has *topic*. Raises `UnavailableError` where no broker answers."""
    admin = make_admin(settings.kafka)
    try:
        return prefix + topic in admin.list_topics()
    except KafkaError as error:
        raise unavailable(settings.kafka, "the topics cannot be listed", error) from error
    finally:
        admin.close()


def ensure_topics_and_epoch(settings: Settings, *, prefix: str = "") -> Epoch:
    """Create the topics that are missing; return the epoch of the present `pilot-events.v1`, beginning it if need be.

    Idempotent, and safe where two processes do it at once: the first record of an epoch's number stands for both.
    Raises `ConfigurationError` where the epoch is counted by other tolerances than *settings* say, or the partitions
    were changed within it; `UnavailableError` where no broker answers.
    """
    timing = timing_from(settings)
    create_missing_topics(settings, prefix=prefix)
    topic_id, partitions = _identity(settings, prefix)
    with RegistryWriter(settings, prefix=prefix) as writer:
        epochs = writer.read_all().epochs
        while (epoch := _newest_of(epochs, topic_id)) is None:
            # Where another process took the number for another topic id, the next round takes the next number.
            epochs = (*epochs, writer.claim_epoch(_next_after(epochs, topic_id, partitions, timing)))
    _refuse_other(epoch, timing, partitions)
    return epoch


def begin_next_epoch(settings: Settings, *, prefix: str = "") -> Epoch:
    """Begin an epoch after the newest one, with the topic as it is and the tolerances of *settings*; return it.

    For a changed number of partitions or changed tolerances, once nothing publishes and all is drained: the worker
    must have counted what the old epoch holds. Raises as `ensure_topics_and_epoch` does.
    """
    timing = timing_from(settings)
    topic_id, partitions = _identity(settings, prefix)
    with RegistryWriter(settings, prefix=prefix) as writer:
        return writer.claim_epoch(_next_after(writer.read_all().epochs, topic_id, partitions, timing))


def _newest_of(epochs: Iterable[Epoch], topic_id: str) -> Epoch | None:
    return max((e for e in epochs if e.topic_id == topic_id), key=lambda e: e.number, default=None)


def _next_after(epochs: Iterable[Epoch], topic_id: str, partitions: int, timing: Timing) -> Epoch:
    number = max((e.number for e in epochs), default=0) + 1
    log.info("an epoch begins", epoch=number, topic_id=topic_id, partitions=partitions)
    return Epoch(
        number=number,
        topic_id=topic_id,
        partitions=partitions,
        grace_ms=timing.grace_ms,
        lead_ms=timing.lead_ms,
        slack_ms=timing.slack_ms,
        began_at=datetime.now(UTC),
    )


def _refuse_other(epoch: Epoch, timing: Timing, partitions: int) -> None:
    pairs = (
        ("grace", epoch.grace_ms, timing.grace_ms, "AVENUE_WORKER__GRACE_S"),
        ("lead", epoch.lead_ms, timing.lead_ms, "AVENUE_WORKER__LEAD_S"),
        ("slack", epoch.slack_ms, timing.slack_ms, "AVENUE_WORKER__SLACK_S"),
    )
    for word, stands, asked, setting in pairs:
        if stands != asked:
            raise ConfigurationError(
                f"epoch {epoch.number} is counted with a {word} of {stands / 1000:g} s, "
                f"but {setting} says {asked / 1000:g} s; set it to {stands / 1000:g}, "
                "or begin a new epoch with `avenue topics resize`"
            )
    if epoch.partitions != partitions:
        raise ConfigurationError(
            f"{Topic.EVENTS} has {partitions} partitions, but epoch {epoch.number} began with {epoch.partitions}: "
            "they were changed behind its back; begin a new epoch with `avenue topics resize`"
        )


def _identity(settings: Settings, prefix: str) -> tuple[str, int]:
    """Return the topic id and the number of partitions of `pilot-events.v1`."""
    admin = make_admin(settings.kafka)
    try:
        described = admin.describe_topics([prefix + Topic.EVENTS, prefix + Topic.METRICS])
    except KafkaError as error:
        raise unavailable(settings.kafka, "the topics cannot be described", error) from error
    finally:
        admin.close()
    found = {topic["name"]: topic for topic in described}
    events, metrics = found[prefix + Topic.EVENTS], found[prefix + Topic.METRICS]
    _refuse_unknown(events)
    sources, slots = len(events["partitions"]), len(metrics["partitions"])
    if slots < sources:
        raise ConfigurationError(
            f"{Topic.METRICS} has {slots} partitions and {Topic.EVENTS} {sources}: "
            f"each source writes to its own number, so give {Topic.METRICS} as many"
        )
    return str(events["topic_id"]), sources


def _refuse_unknown(topic: dict[str, Any]) -> None:
    if topic["error_code"] or topic["topic_id"] is None:
        raise UnavailableError(f"{topic['name']} cannot be described: Kafka's error code {topic['error_code']}")
