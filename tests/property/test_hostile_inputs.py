"""The short form of `bench.fuzz`: some hundred hostile inputs, and each gets what it has to."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from avenue.demo.registry import write_demo_registry
from bench.fuzz import BATCH_ACCOUNT, secrets_of
from bench.hostile import Hostiles, without_outcome
from registry.file import load_registry
from schemas.topics import Topic
from tests.support.memory_gateway import memory_gateway

INPUTS = 400


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_hostile_input_makes_a_5xx_or_loses_an_event(seed: int, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    write_demo_registry(tmp_path / "demo.toml", today=now.date())
    registry = load_registry(tmp_path / "demo.toml")
    secrets = secrets_of(registry)
    statuses: Counter[tuple[str, int]] = Counter()
    lost = 0
    async with memory_gateway(
        registry, BATCH_ACCOUNT, now_ms=int(now.timestamp() * 1000),
        secrets_for=lambda account, flow: (secrets[f"{account.id}/{flow.partition('-order')[0].removesuffix('-other')}"].encode(),),
    ) as gateway:  # fmt: skip
        hostiles = Hostiles(seed, secrets, gateway.key, [placement.id for placement in registry.placements])
        for _ in range(INPUTS):
            sent = hostiles.next()
            answer = await gateway.client.post(sent.path, content=sent.body, headers=dict(sent.headers))
            lost += without_outcome(sent, answer.status_code, answer.content)
            statuses[sent.path.split("/")[1], answer.status_code] += 1
        reasons = {line["reason"] for line in gateway.log.lines(Topic.REJECTS)}
        assert gateway.log.lines(Topic.EVENTS)
    assert lost == 0
    # Every native push is signed as it should be, and a batch is refused as a whole where it is no batch.
    assert {status for way, status in statuses if way == "in"} == {200}
    assert {status for way, status in statuses if way == "v1"} <= {200, 400, 415}
    assert "internal_error" not in reasons
    assert len(reasons) > 5


def test_an_event_without_an_outcome_would_be_seen() -> None:
    sent = Hostiles(1, {}, "key", ["p"])._batch()
    assert sent.events
    answered = b'{"accepted":%d,"duplicate":0,"rejected":0,"results":[%b]}'
    verdicts = b",".join([b"{}"] * sent.events)
    assert without_outcome(sent, 200, answered % (sent.events, verdicts)) == 0
    assert without_outcome(sent, 200, answered % (sent.events - 1, verdicts)) > 0
    assert without_outcome(sent, 500, b"") == sent.events
