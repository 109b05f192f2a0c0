"""What the model's roles stand on: a log in memory, a clock, the registry, and the one who kills them."""

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from registry.directory import Directory
from runtime.kafka import LogRecord
from runtime.settings import KafkaSettings, Settings, SinkSettings
from schemas.registry import AccessKey, Epoch, Registry
from schemas.topics import Topic
from tests.support.settlement_harness import NOON_MS, epoch_of

PARTITIONS = 2
PRODUCTS = ("band", "lamp")
ACCOUNT = "cafe"
TILL = "N1"
ACCESS_KEY = "a-key-of-the-cafe"
EPOCH = 1
TOPIC_ID = f"topic-{EPOCH}"
START_MS = NOON_MS - 130_000
"""A little before a block begins, so that most runs see the end of one."""
Place = tuple[Topic, int]


class KilledError(Exception):
    """The process that ran this is gone."""


@cache
def settings() -> Settings:
    """Return the model's settings: small batches and commits at each chance, so that short runs hold many."""
    return Settings(
        kafka=KafkaSettings(delivery_timeout_s=15),
        sink=SinkSettings(batch_rows=12, batch_wait_s=0.05, commit_s=0.1, settle_every_s=1, resettle_s=20),
    )


@cache
def directory() -> Directory:
    """Return a registry of two products in two partitions, both reported by one account."""
    registry: dict[str, Any] = {
        "demo": True,
        "avenue": {
            "id": "avenue",
            "name": {"zh": "大道", "en": "Avenue"},
            "length_m": 200,
            "timezone": "Asia/Shanghai",
        },
        "startups": [{"id": "s", "name": {"zh": "甲", "en": "A"}}],
        "products": [{"id": name, "startup": "s", "name": {"zh": name, "en": name}} for name in PRODUCTS],
        "trials": [
            {
                "id": f"{name}-q4",
                "product": name,
                "starts": "2026-10-01T00:00:00+08:00",
                "ends": "2027-01-01T00:00:00+08:00",
                "arms": ["baseline", "pilot"],
                "unit": "placement-day",
                "hypothesis": {"zh": "甲", "en": "A"},
                "primary_metric": "success_rate",
            }
            for name in PRODUCTS
        ],
        "accounts": [{"id": ACCOUNT, "platform": "sunmi", "products": list(PRODUCTS)}],
        "placements": [
            {
                "id": "till",
                "trial": f"{PRODUCTS[0]}-q4",
                "arm": "pilot",
                "account": ACCOUNT,
                "match": {"sn": TILL},
                "metre": 1,
                "side": "north",
                "zone": "café",
                "from": "2026-10-01T00:00:00+08:00",
                "until": "2027-01-01T00:00:00+08:00",
            }
        ],
    }
    digest = hashlib.sha256(ACCESS_KEY.encode()).hexdigest()
    key = AccessKey(
        id="k", scope=f"account:{ACCOUNT}", sha256=digest, prefix="a", created_at=datetime(2026, 10, 1, tzinfo=UTC)
    )
    return Directory(1, Registry.model_validate(registry), {digest: key}, (epoch(),))


def epoch() -> Epoch:
    """Return the epoch that everything runs in."""
    return epoch_of(EPOCH, PARTITIONS)


class OneKeyForAll:
    """A hash key for everybody."""

    def account_key(self, account_id: str) -> bytes:
        return _KEY

    def trial_key(self, trial_id: str) -> bytes:
        return _KEY


_KEY = bytes(32)


class ModelTime:
    """Stands in for the module `time` where a role looks at the monotonic clock; a run's own, so that runs repeat."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    def perf_counter(self) -> float:
        return self.now_s

    def perf_counter_ns(self) -> int:
        return int(self.now_s * 1e9)


@dataclass
class ModelTopics:
    """Every topic's partitions, and what the sinks' group has committed."""

    records: dict[Place, list[LogRecord]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[Place, int] = field(default_factory=lambda: defaultdict(int))
    stored: Callable[[LogRecord], object] = lambda _: None
    """Told of each record of events, before anybody can read it."""

    @property
    def places(self) -> list[Place]:
        """Every partition of the topics that the model writes, in an order of its own."""
        of_all = ((Topic.EVENTS, PARTITIONS), (Topic.METRICS, PARTITIONS), (Topic.REJECTS, 1), (Topic.DELIVERIES, 1))
        return [(topic, partition) for topic, count in of_all for partition in range(count)]

    def append(
        self, place: Place, value: bytes, *, stamp_ms: int, key: bytes | None = None, headers: Mapping[str, bytes]
    ) -> LogRecord:
        """Put a record at the end of *place*."""
        records = self.records[place]
        record = LogRecord(place[0], place[1], len(records), stamp_ms, key, value, dict(headers))
        if place[0] is Topic.EVENTS:
            self.stored(record)
        records.append(record)
        return record

    def since(self, partition: int, stamp_ms: int, before: int) -> Iterator[LogRecord]:
        """Read back, as `streams.rebuild.Log` promises."""
        records = self.records[Topic.EVENTS, partition]
        first = next((record.offset for record in records if record.timestamp_ms >= stamp_ms), None)
        if first is not None:
            yield from self.between(partition, first, before)

    def between(self, partition: int, first: int, before: int) -> Iterator[LogRecord]:
        """Read back, as `streams.rebuild.Log` promises."""
        yield from self.records[Topic.EVENTS, partition][first:before]


@dataclass
class KillPlan:
    """When a synchronous role dies or its insert's answer is lost: after so many calls, and in which way."""

    calls_left: int | None = None
    way: str = ""

    def draw(self, chance: random.Random, ways: tuple[str, ...]) -> None:
        """Let the next calls fail, or not."""
        self.calls_left = chance.choice((0, 0, 1, 2, 4, 6)) if chance.random() < 0.3 else None
        self.way = chance.choice(ways)

    def strikes(self) -> str:
        """Return how this call fails; nothing where it does not."""
        if self.calls_left is None:
            return ""
        self.calls_left -= 1
        if self.calls_left >= 0:
            return ""
        self.calls_left = None
        return self.way
