"""A broker that goes away: nothing is answered positively that is not stored, and a retry is counted once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from avenue.embedded.broker import Broker
from schemas.topics import Topic
from tests.support.gateway_client import Door, event, open_door

pytestmark = [pytest.mark.kafka]


async def test_a_broker_that_is_down_is_a_503_and_a_retry_is_counted_once(
    private_broker: Broker, tmp_path: Path
) -> None:
    async with open_door(private_broker, tmp_path) as door:
        await goes_away_and_comes_back(door)


async def goes_away_and_comes_back(door: Door) -> None:
    door.begin()
    batch = [event() for _ in range(5)]
    door.broker.kill()
    refused = await door.push(batch)
    assert refused.status_code == 503
    assert refused.json()["stored"] == "unknown"
    assert int(refused.headers["retry-after"]) >= 1
    door.broker.start()
    await asyncio.to_thread(door.broker.wait_ready, 60)

    answer = await retried(door, batch)
    assert answer["accepted"] + answer["duplicate"] == 5, answer
    assert len({line["event_id"] for line in door.lines(Topic.EVENTS)}) == 5


async def retried(door: Door, batch: list[dict[str, Any]]) -> dict[str, Any]:
    """Do what a partner does: send again until it is answered."""
    for _ in range(20):
        answer = await door.push(batch)
        if answer.status_code == 200:
            found: dict[str, Any] = answer.json()
            return found
    raise AssertionError(f"still {answer.status_code}: {answer.text}")
