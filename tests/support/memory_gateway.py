"""The gateway as it is shipped, over HTTP in this process, with a broker that is a list: what would be at rest is in it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx

from avenue.serve.application import http_application
from producers.consent.ledger import ConsentLedger
from producers.gateway.calls import RefusalLog
from producers.gateway.noted_secrets import NoteSecret, note_nowhere
from producers.gateway.pipeline import IngestDeps, PipelineDeps, PushPipeline, RequestIngestor
from producers.gateway.push_tester import PushTester
from producers.gateway.replayer import Replayer, ReplayerDeps
from producers.gateway.service import settle_with
from producers.orders.ledger import OrderLedger
from producers.publisher import Publisher
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.pseudonym_cache import PseudonymCache
from producers.validation.validator import RequestCaches
from registry.audit_topic import MemoryAudit
from registry.directory import Directory
from registry.keys import issue_key
from registry.pseudonyms import Pseudonyms
from runtime.clock import ManualClock
from runtime.kafka import LogRecord
from runtime.settings import GatewaySettings, KafkaSettings, Settings
from schemas.registry import Account, Epoch, Registry
from schemas.timing import DAY_MS
from schemas.topics import Topic
from tests.support.factories import HashKeys

SecretsFor = Callable[[Account, str], tuple[bytes, ...]]


class _Sent:
    def add_callback(self, told: Callable[[Any], None]) -> None:
        told(None)

    def add_errback(self, told: Callable[[Any], None]) -> None:
        """Nothing ever fails."""


class MemoryLog:
    """A producer's twin: every record, acknowledged at once."""

    def __init__(self) -> None:
        self.records: list[tuple[Topic, bytes, str]] = []
        """Topic, value, and whatever else is sent with it."""
        self.log: list[LogRecord] = []
        """The same as a consumer gets them, one partition after another."""

    def send(self, topic: Topic, value: bytes, **more: Any) -> _Sent:
        """Take a record."""
        self.records.append((topic, value, str(more)))
        headers, stamp_ms = dict(more.get("headers") or ()), more.get("timestamp_ms") or 0
        self.log.append(LogRecord(topic, more.get("partition") or 0, len(self.log), stamp_ms, None, value, headers))
        return _Sent()

    def lines(self, topic: Topic) -> list[dict[str, Any]]:
        """Return the lines of *topic*."""
        return [json.loads(line) for of, value, _ in self.records if of is topic for line in value.split(b"\n")]


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What a test may do to a gateway besides pushing."""

    apply: Callable[[Registry], None]
    refusals: RefusalLog
    replayer: Replayer
    tester: PushTester
    audit: MemoryAudit


class MemoryGateway:
    """A running gateway, a client of it, and its log."""

    def __init__(self, client: httpx.AsyncClient, key: str, log: MemoryLog, parts: "GatewayParts") -> None:
        self.apply = parts.apply
        """Puts another registry in force."""
        self.client = client
        self.key = key
        self.log = log
        self.refusals = parts.refusals
        self.replayer = parts.replayer
        self.audit = parts.audit
        self.tester = parts.tester

    async def push(self, body: bytes, content_type: str = "application/json", **headers: str) -> httpx.Response:
        """Push a batch."""
        base = {"authorization": f"Bearer {self.key}", "content-type": content_type}
        return await self.client.post("/v1/events?results=all", content=body, headers={**base, **headers})


@asynccontextmanager
async def memory_gateway(
    registry: Registry,
    account_id: str,
    *,
    now_ms: int,
    secrets_for: SecretsFor = lambda _account, _flow: (),
    timer: Callable[[], float] = time.monotonic,
    note_secret: NoteSecret = note_nowhere,
    **limits: Any,
) -> AsyncIterator[MemoryGateway]:
    """Run a gateway at *now_ms* with a key of account *account_id*."""
    clock, settings = ManualClock(now_ms), GatewaySettings.model_validate({"coalesce_ms": 0, **limits})
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    issued = issue_key(f"account:{account_id}", now=now)
    epoch = Epoch(number=1, topic_id="t", partitions=4, grace_ms=1, lead_ms=1, slack_ms=1, began_at=now)
    directory = Directory(version=1, registry=registry, keys={issued.entry.sha256: issued.entry}, epochs=(epoch,))

    def apply(changed: Registry) -> None:
        nonlocal directory
        directory = replace(directory, version=directory.version + 1, registry=changed)

    duplicates = DuplicateWindow(keep_ms=DAY_MS, max_ids=1_000_000)
    publisher, log = Publisher(KafkaSettings(), settings, finished=settle_with(duplicates, clock)), MemoryLog()
    publisher._loop, publisher._producer = asyncio.get_running_loop(), log
    ingestor = RequestIngestor(
        IngestDeps(
            settings, lambda: directory, duplicates, ConsentLedger(max_subjects=100_000),
            OrderLedger(max_orders=100_000, max_waiting=100), Pseudonyms(HashKeys()), publisher, clock,
            RequestCaches(PseudonymCache(keep_ms=DAY_MS, max_texts=100_000)),
        )
    )  # fmt: skip
    refusals = RefusalLog(publisher, clock)
    pipeline = PushPipeline(
        PipelineDeps(settings, lambda: directory, secrets_for, ingestor, clock, refusals, timer, note_secret)
    )
    tester = PushTester(lambda: directory, secrets_for, ingestor, clock)
    replayer = Replayer(ReplayerDeps(settings, lambda: directory, ingestor, clock))
    gateway: Any = SimpleNamespace(pipeline=pipeline, replayer=replayer, tester=tester, audit=MemoryAudit())
    app = http_application(Settings(gateway=settings), lambda: directory, gateway=gateway)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield MemoryGateway(client, issued.secret, log, GatewayParts(apply, refusals, replayer, tester, gateway.audit))
