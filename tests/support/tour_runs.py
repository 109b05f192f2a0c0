"""Events on their real way, in memory, with a note of every function that they enter: what the tour is held to."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from litestar.testing import TestClient

from avenue.serve.application import http_application
from registry.directory import Directory
from registry.keys import issue_key
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.kafka import LogRecord
from runtime.settings import Settings, WorkerSettings
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.topics import Topic
from sinks.consumer.consumer import ConsumerDeps, SinkConsumer
from sinks.consumer.monitors import position_row, position_rows
from sinks.consumer.positions import PartitionKey
from sinks.consumer.retrying_writer import SinkStatus
from sinks.consumer.writer import ClickHouseRowWriter
from sinks.reconciliation.reconcile import reconcile
from sinks.settlement.settle import Settler
from streams.metrics_worker import MetricsWorker, WorkerDeps
from streams.outbox import OutboxMessage
from tests.support.adapter_signing import NOW_MS as RECEIPT_MS
from tests.support.counting_harness import TIMING, InlineExecutor, MemoryLog, make_epoch
from tests.support.entered import Entered, entered_functions
from tests.support.factories import NOW_MS, REGISTRY, sent_line
from tests.support.memory_gateway import MemoryGateway, memory_gateway
from tests.support.native_walk import CONTRACTS, pushed, registry_of, whole
from tests.support.settlement_harness import NOON_MS, World, event


async def receipt_run() -> Entered:
    """Push a Sunmi receipt; the worker counts what came of it."""
    (contract,) = (contract for contract in CONTRACTS if type(contract).__name__ == "TestSunmiReceipt")
    registry, secrets = registry_of(contract), contract.secrets()
    with entered_functions() as entered:
        async with memory_gateway(registry, "acct", now_ms=RECEIPT_MS, secrets_for=lambda *_: secrets) as gateway:
            method, path, body, headers = pushed(contract, whole(contract))
            answer = await gateway.client.request(method, path, content=body, headers=headers)
            assert answer.status_code == 200, answer.text
            await counted(gateway.log.log)
    return entered


async def batch_run() -> Entered:
    """Push batches: sound events, one that needs the exact way, a withdrawal and what comes after it, a wrong place."""
    later = sent_line("e-5", subject="leaver", attributes={"note": 'said "well"'})
    with entered_functions() as entered:
        async with batch_gateway() as gateway:
            first = [sent_line("e-1"), sent_line("e-2", placement_id="p-nowhere")]
            withdrawn = sent_line("e-3", kind="consent.withdrawn", outcome=..., subject="leaver")
            for batch in ([*first, withdrawn], [later]):
                answer = await gateway.push(b"[%b]" % b",".join(batch))
                assert answer.status_code == 200, answer.text
    return entered


async def crash_run() -> Entered:
    """Let a worker begin where another one ended."""
    async with batch_gateway() as gateway:
        for number in range(2):
            answer = await gateway.push(b"[%b]" % sent_line(f"e-{number}"))
            assert answer.json()["accepted"] == 1
        with entered_functions() as entered:
            await counted(gateway.log.log, committed=1)
    return entered


class ListConsumer:
    """Stands in for the sink's `TopicConsumer`: every record of a list, in one poll."""

    def __init__(self, records: Sequence[tuple[Topic, LogRecord]]) -> None:
        self._waiting = list(records)
        self._ends = Counter((topic, record.partition) for topic, record in records)
        self._next: dict[PartitionKey, int] = dict.fromkeys(self._ends, 0)
        self.committed: dict[PartitionKey, int] = {}

    def poll(self, _timeout_s: float) -> list[tuple[Topic, LogRecord]]:
        """Return all that waits."""
        polled, self._waiting = self._waiting, []
        self._next |= {(topic, record.partition): record.offset + 1 for topic, record in polled}
        return polled

    def assignment(self) -> frozenset[PartitionKey]:
        """Return what there is."""
        return frozenset(self._ends)

    def positions(self) -> dict[PartitionKey, int]:
        """Return how far it was polled."""
        return dict(self._next)

    def ends(self) -> dict[PartitionKey, int]:
        """Return how much there is."""
        return dict(self._ends)

    def begun_elsewhere(self, _topic_id: str) -> bool:
        """There is one topic."""
        return False

    def commit(self, offsets: Mapping[PartitionKey, int], *, topic_id: str = "") -> None:
        """Remember what was stored."""
        del topic_id
        self.committed |= offsets

    def topic_id(self, _topic: Topic) -> str:
        """Return the one epoch's."""
        return make_epoch().topic_id


def stored_run(clickhouse: ClickHouse) -> Entered:
    """Store what a gateway and a worker published of events, one of them late, settle it a day later, and ask for it."""
    records = asyncio.run(published())
    clock = ManualClock(NOW_MS)
    with entered_functions() as entered:
        store(clickhouse, records, clock)
        clock.advance(2 * DAY_MS)
        settle(clickhouse, clock)
        ask(clickhouse, clock)
    return entered


def disorder_run(clickhouse: ClickHouse) -> Entered:
    """Settle a block that an event came to too far out of order to be counted live."""
    world = World(clickhouse)
    with entered_functions() as entered:
        world.send(event("e-ahead", NOON_MS + 10 * MINUTE_MS))
        world.send(event("e-behind"))
        world.later(19)
        assert world.settle().differences
    return entered


async def published() -> list[tuple[Topic, LogRecord]]:
    """Return what a gateway and a worker put on topics, each partition from its first offset on."""
    async with batch_gateway() as gateway:
        an_hour_ago = datetime.fromtimestamp((NOW_MS - HOUR_MS) / 1000, UTC).isoformat()
        lines = [sent_line("e-1"), sent_line("e-2"), sent_line("e-3", occurred_at=an_hour_ago)]
        answer = await gateway.push(b"[%b]" % b",".join(lines))
        assert answer.json()["accepted"] == len(lines), answer.text
        log = list(gateway.log.log)
    log += [LogRecord(m.topic, m.partition, 0, NOW_MS, m.key, m.value, dict(m.headers)) for m in await counted(log)]
    offsets: Counter[PartitionKey] = Counter()
    found = []
    for record in log:
        topic = Topic(record.topic)
        offset = offsets[topic, record.partition]
        offsets[topic, record.partition] += 1
        found.append((topic, record._replace(offset=offset)))
    return found


def store(clickhouse: ClickHouse, records: Sequence[tuple[Topic, LogRecord]], clock: ManualClock) -> None:
    """Let a sink take *records* to their end."""
    reader: Any = ListConsumer(records)
    writer = ClickHouseRowWriter(clickhouse, timeout_s=60)
    deps = ConsumerDeps(Settings().sink, clock, SinkStatus(), lambda _: make_epoch().number, lambda: False)
    assert SinkConsumer(reader, writer, deps).drain(time.monotonic() + 60)
    assert reader.committed == reader.ends()


def settle(clickhouse: ClickHouse, clock: ManualClock) -> None:
    """Let every source be read to its end by now, settle what is over, and close the sums."""
    epoch = make_epoch()
    rows = [
        position_row((Topic.EVENTS, partition), epoch.number, 0, read_to_end_ms=clock.now_ms())
        for partition in range(epoch.partitions)
    ]
    ClickHouseRowWriter(clickhouse, timeout_s=60).write(position_rows(rows), token="")
    settler = Settler(Settings(), clickhouse, clock)
    assert settler.settle(Directory(version=1, registry=REGISTRY, epochs=(epoch,))).blocks
    assert reconcile(clickhouse, wait_s=0.0, clock=clock).ok


def ask(clickhouse: ClickHouse, clock: ManualClock) -> None:
    """Ask for a metric by the day, for the trial's page and for its report, as its reader does."""
    issued = issue_key("programme", now=datetime.fromtimestamp(NOW_MS / 1000, UTC))
    directory = Directory(
        version=1, registry=REGISTRY, keys={issued.entry.sha256: issued.entry}, epochs=(make_epoch(),)
    )
    service = ReadService(clickhouse=clickhouse, directory=lambda: directory, settings=Settings(), clock=clock)
    trial = REGISTRY.trials[0].id
    with TestClient(http_application(service.settings, service.directory, read_service=service)) as client:
        client.headers["authorization"] = f"Bearer {issued.secret}"
        for address in (f"/v1/trials/{trial}/metrics?step=day", f"/v1/trials/{trial}/report?format=json"):
            answer = client.get(address)
            assert answer.status_code == 200, answer.text
    service.close()


@asynccontextmanager
async def batch_gateway() -> AsyncIterator[MemoryGateway]:
    """Run a gateway for the batch account of the example registry."""
    async with memory_gateway(REGISTRY, "sunmi-main", now_ms=NOW_MS) as gateway:
        yield gateway


async def counted(log: list[LogRecord], *, committed: int = 0) -> list[OutboxMessage]:
    """Let a worker take the events of *log* from *committed* on, and flush; return what it sent."""
    events = [record for record in log if record.topic == Topic.EVENTS]
    records = [
        LogRecord(r.topic, r.partition, offset, r.timestamp_ms, r.key, r.value, r.headers)
        for offset, r in enumerate(events)
    ]
    sent: list[OutboxMessage] = []

    async def send(message: OutboxMessage) -> None:
        sent.append(message)

    worker = MetricsWorker(
        make_epoch(), TIMING, WorkerSettings(), WorkerDeps(MemoryLog(records), InlineExecutor(), send)
    )
    for record in records[committed:]:
        await worker.take(record, lambda: None)
    await worker.flush()
    assert sent, "the worker told nothing"
    return sent


RUNS = {"receipt": receipt_run, "batch": batch_run, "crash": crash_run}
STORE_RUNS = {"stored": stored_run, "disorder": disorder_run}
"""Each on an empty store."""
