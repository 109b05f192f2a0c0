"""A broker that goes away: nothing is answered positively that is not stored, and a retry is counted once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from avenue.embedded.broker import Broker
from schemas.topics import Topic
from tests.support.gateway_client import GatewayClient, event, open_gateway

pytestmark = [pytest.mark.kafka]


async def test_a_broker_that_is_down_is_a_503_and_a_retry_is_counted_once(
    private_broker: Broker, tmp_path: Path
) -> None:
    async with open_gateway(private_broker, tmp_path) as gateway:
        await goes_away_and_comes_back(gateway)


async def goes_away_and_comes_back(gateway: GatewayClient) -> None:
    gateway.begin()
    batch = [event() for _ in range(5)]
    gateway.broker.kill()
    refused = await gateway.push(batch)
    assert refused.status_code == 503
    assert refused.json()["stored"] == "unknown"
    assert int(refused.headers["retry-after"]) >= 1
    gateway.broker.start()
    await asyncio.to_thread(gateway.broker.wait_ready, 60)

    answer = await retried(gateway, batch)
    assert answer["accepted"] + answer["duplicate"] == 5, answer
    assert len({line["event_id"] for line in gateway.lines(Topic.EVENTS)}) == 5


async def retried(gateway: GatewayClient, batch: list[dict[str, Any]]) -> dict[str, Any]:
    """Do what a partner does: send again until it is answered."""
    for _ in range(20):
        answer = await gateway.push(batch)
        if answer.status_code == 200:
            found: dict[str, Any] = answer.json()
            return found
    raise AssertionError(f"still {answer.status_code}: {answer.text}")
