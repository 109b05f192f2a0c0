"""Events on their real way, in memory, with a note of every function that they enter: what the tour is held to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from runtime.kafka import LogRecord
from runtime.settings import WorkerSettings
from schemas.topics import Topic
from streams.metrics_worker import MetricsWorker, WorkerDeps
from streams.outbox import OutboxMessage
from tests.support.adapter_signing import NOW_MS as RECEIPT_MS
from tests.support.counting_harness import TIMING, InlineExecutor, MemoryLog, make_epoch
from tests.support.entered import Entered, entered_functions
from tests.support.factories import NOW_MS, REGISTRY, sent_line
from tests.support.memory_gateway import MemoryGateway, memory_gateway
from tests.support.native_walk import CONTRACTS, pushed, registry_of, whole


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


@asynccontextmanager
async def batch_gateway() -> AsyncIterator[MemoryGateway]:
    """Run a gateway for the batch account of the example registry."""
    async with memory_gateway(REGISTRY, "sunmi-main", now_ms=NOW_MS) as gateway:
        yield gateway


async def counted(log: list[LogRecord], *, committed: int = 0) -> None:
    """Let a worker take the events of *log* from *committed* on, and flush."""
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


RUNS = {"receipt": receipt_run, "batch": batch_run, "crash": crash_run}
