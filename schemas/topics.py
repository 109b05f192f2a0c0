"""The topics: names, keys, partitions, retention. The only place with topic strings."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

DAY_S = 86_400


class Topic(StrEnum):
    """Every topic of the road."""

    EVENTS = "pilot-events.v1"
    REJECTS = "pilot-rejects.v1"
    DELIVERIES = "pilot-deliveries.v1"
    METRICS = "product-metrics.v1"
    REGISTRY = "registry.v1"
    HASH_KEYS = "hash-keys.v1"
    CONSENT = "consent.v1"
    ORDERS = "orders.v1"
    NOTIFICATIONS = "notifications.v1"
    ACCESS = "reading-access.v1"
    AUDIT = "audit.v1"


class ConsumerGroup(StrEnum):
    """Consumer groups; changing one makes its reader start anew."""

    WORKER = "avenue-metrics-worker"
    """Of the first epoch: `worker_group`."""
    SINK = "avenue-clickhouse-sink"


def worker_group(epoch: int) -> str:
    """Return the group of the workers of *epoch*. Each epoch has its own.

    A worker that hears last that the topic is gone may commit once more, and the broker keeps that for the topic of
    the same name: in one group, the new topic's first records would be skipped and never counted live.
    """
    return str(ConsumerGroup.WORKER) if epoch == 1 else f"{ConsumerGroup.WORKER}-{epoch}"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is made, and what its key buys."""

    topic: Topic
    key: str
    ordering: str
    scales: bool
    """True: as many partitions as settings say; False: one."""
    compacted: bool = False
    retention_s: int | None = 7 * DAY_S
    watermark: bool = False
    """True: its highest timestamp closes minutes, so the broker refuses one further ahead of its clock than the slack.
    """

    def broker_config(self, *, max_message_bytes: int, slack_ms: int, retention_s: int | None = None) -> dict[str, str]:
        """Return the broker's settings of this topic; *slack_ms* is the disorder that its readers bear.

        *retention_s* stands in the place of its own where it is a setting's.
        """
        config = {"max.message.bytes": str(max_message_bytes)}
        if self.watermark:
            config["message.timestamp.after.max.ms"] = str(slack_ms)
        if self.compacted:
            # The lag bounds how long a destroyed key or an old state can still be read.
            config |= {
                "cleanup.policy": "compact",
                "min.cleanable.dirty.ratio": "0.05",
                "max.compaction.lag.ms": str(DAY_S * 1000),
                "segment.ms": str(DAY_S * 1000),
            }
        if (kept_s := retention_s or self.retention_s) is not None:
            config["retention.ms"] = str(kept_s * 1000)
            if self.compacted:
                config["cleanup.policy"] = "compact,delete"
        return config


SPECS: dict[Topic, TopicSpec] = {
    spec.topic: spec
    for spec in (
        TopicSpec(
            Topic.EVENTS,
            key="none; partition = murmur2(product id) mod n, set by the gateway",
            ordering="events of one product",
            scales=True,
            watermark=True,
        ),
        TopicSpec(Topic.REJECTS, key="none", ordering="none", scales=False, retention_s=30 * DAY_S),
        TopicSpec(Topic.DELIVERIES, key="none", ordering="none", scales=False),
        TopicSpec(
            Topic.METRICS,
            key="type of row and its source: cells:<epoch>:<partition>, progress:…, source:…",
            ordering="versions of one source; same partition number as the source",
            scales=True,
        ),
        TopicSpec(
            Topic.REGISTRY, key="type:id", ordering="all entries", scales=False, compacted=True, retention_s=None
        ),
        TopicSpec(
            Topic.HASH_KEYS,
            key="account:id or trial:id",
            ordering="all keys",
            scales=False,
            compacted=True,
            retention_s=None,
        ),
        TopicSpec(
            Topic.CONSENT,
            key="account id, first-step subject hash, and one change of consent",
            ordering="none: changes only add up",
            scales=False,
            compacted=True,
            retention_s=None,
        ),
        TopicSpec(
            Topic.ORDERS,
            key="an order's and an event's digest, and what the event is to the order",
            ordering="none: facts only add up",
            scales=False,
            compacted=True,
            retention_s=60 * DAY_S,
        ),
        TopicSpec(
            Topic.NOTIFICATIONS,
            key="told, channel, sort, trial, what of it and when; or frozen, trial and report",
            ordering="claims of one message: the first stands",
            scales=False,
            compacted=True,
            retention_s=400 * DAY_S,
        ),
        TopicSpec(
            Topic.ACCESS,
            key="share:id, signed-out:session id, or signed-out-before:key id",
            ordering="all entries of one key",
            scales=False,
            compacted=True,
            # Longer than any share link may live, so that nothing in force is lost and what is over goes by itself.
            retention_s=400 * DAY_S,
        ),
        TopicSpec(
            Topic.AUDIT,
            key="process and number",
            ordering="lines of one process, by number",
            scales=False,
            # Who asks what was read asks within half a year; beyond it the lines themselves are what could leak.
            retention_s=180 * DAY_S,
        ),
    )
}


# Products are few; the bound only keeps a mistake from filling memory.
@lru_cache(maxsize=4096)
def partition_of(product_id: str, partitions: int) -> int:
    """Return the partition of *product_id*: murmur2 mod *partitions*, as Kafka's own clients hash a key."""
    return (murmur2(product_id.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Return Kafka's 32-bit murmur2 of *data* (seed 0x9747b28c), as org.apache.kafka.common.utils.Utils has it."""
    length = len(data)
    m = 0x5BD1E995
    mask = 0xFFFFFFFF
    h = (0x9747B28C ^ length) & mask
    for start in range(0, length - length % 4, 4):
        k = int.from_bytes(data[start : start + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    tail = data[length - length % 4 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)
