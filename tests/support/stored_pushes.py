"""Pushes that a gateway in memory takes in and that are stored as the sink stores them, for pages that tell of them."""

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

from registry.directory import Directory
from runtime.clickhouse import ClickHouse
from schemas.topics import Topic
from sinks.consumer.rows import rows_of
from sinks.consumer.writer import ClickHouseRowWriter
from tests.support.memory_gateway import MemoryGateway, memory_gateway
from tests.support.scripted_broker import turn


def store(clickhouse: ClickHouse, gateway: MemoryGateway) -> None:
    """Let the sink take all that is on the log by now, at positions behind what is stored: another gateway's too."""
    writer = ClickHouseRowWriter(clickhouse, timeout_s=30)
    ((behind,),) = clickhouse.reader().query("SELECT if(count() = 0, 0, max(offset) + 1) FROM log_records").result_rows
    for number, fetched in enumerate(gateway.log.log):
        record = fetched._replace(offset=fetched.offset + behind)
        for part, rows in enumerate(rows_of(Topic(record.topic), record, 1)):
            writer.write(rows, token=f"{behind}-{number}-{part}")
    gateway.log.log.clear()


async def push_and_store(
    clickhouse: ClickHouse, directory: Directory, account: str, batches: Sequence[Any], *, now_ms: int
) -> list[str]:
    """Push *batches*, and one that nobody has signed, and let them be stored; return their deliveries."""
    assert directory.registry is not None
    async with memory_gateway(directory.registry, account, now_ms=now_ms) as gateway:
        answers = [await gateway.push(json.dumps(batch).encode()) for batch in batches]
        await gateway.client.post(f"/v1/events?account={account}", content=b"[]")
        gateway.refusals.flush()
        await turn()
        store(clickhouse, gateway)
    return [answer.json()["delivery_id"] for answer in answers]


def push_beside(
    clickhouse: ClickHouse, directory: Directory, account: str, batches: Sequence[Any], *, now_ms: int
) -> list[str]:
    """Do the same from a thread whose own loop is taken, as a browser's driver does."""
    found: list[str] = []

    def run() -> None:
        found.extend(asyncio.run(push_and_store(clickhouse, directory, account, batches, now_ms=now_ms)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found
