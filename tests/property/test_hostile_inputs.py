"""The short form of `bench.fuzz`: some hundred hostile inputs, and each gets what it has to."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from avenue.demo.registry import write_demo_registry
from avenue.simulator.signers import bilibili, douyin
from bench.fuzz import BATCH_ACCOUNT, secrets_of
from bench.hostile import Hostiles, asked_again, padding_of, without_outcome
from registry.file import load_registry
from schemas.topics import Topic
from tests.support.adapter_signing import NOW_MS as NATIVE_NOW_MS
from tests.support.memory_gateway import memory_gateway

INPUTS = 400
SECRET = b"a secret in front of the body"


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_hostile_input_makes_a_5xx_or_loses_an_event(seed: int, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    write_demo_registry(tmp_path / "demo.toml", today=now.date())
    registry = load_registry(tmp_path / "demo.toml")
    secrets = secrets_of(registry)
    platforms = {account.id: account.platform for account in registry.accounts}
    again = 0
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
            again += asked_again(platforms, sent.path, answer.status_code, answer.content)
            statuses[sent.path.split("/")[1], answer.status_code] += 1
        reasons = {line["reason"] for line in gateway.log.lines(Topic.REJECTS)}
        assert gateway.log.lines(Topic.EVENTS)
    # Some platforms are told to come again with a 200.
    assert (lost, again) == (0, 0)
    # Every native push is signed as it should be, and a batch is refused as a whole where it is no batch.
    assert {status for way, status in statuses if way == "in"} == {200}
    assert {status for way, status in statuses if way == "v1"} <= {200, 400, 415}
    assert "internal_error" not in reasons
    assert len(reasons) > 5


def _paid(flow: str) -> tuple[str, bytes, dict[str, str], Callable[[bytes], dict[str, str]]]:
    """Return the address of *flow*, a body that makes one event, and what signs a body of it."""
    now_s = int(NATIVE_NOW_MS / 1000)
    if flow == "bilibili-main/webhook":
        content = {"client_id": "c-demo-0088", "openid": "o", "resource_id": "BV1"}
        body = json.dumps({"event": "video_open", "content": content, "timestamp": "2026-11-22 10:00:00"}).encode()
        return f"/in/{flow}", body, {}, lambda b: {"x-bilibili-signature": bilibili.webhook_signature(SECRET, b)}
    order: dict[str, object] = {"order_id": "8000001", "account_id": "7000040", "pay_amount": 1990, "pay_time": now_s}
    if flow == "douyin-main/webhook":
        paid = {"action": "pay_success", "msg_time": now_s, "order": order}
        body = json.dumps({"event": "life_trade_order_notify", "client_key": "aw_demo", "content": paid}).encode()
        return f"/in/{flow}", body, {}, lambda b: {"x-douyin-signature": douyin.webhook_signature(SECRET, b)}
    query = {"client_key": "aw_demo", "timestamp": str(NATIVE_NOW_MS)}
    body = json.dumps({**order, "pay_time_unix": now_s}).encode()
    return f"/in/{flow}", body, query, lambda b: {"x-life-sign": douyin.life_signature(SECRET, query, b)}


@pytest.mark.parametrize("flow", ["douyin-main/webhook", "douyin-main/life-spi", "bilibili-main/webhook"])
async def test_a_signed_body_that_comes_again_or_is_made_longer_is_no_other_event(flow: str, tmp_path: Path) -> None:
    write_demo_registry(tmp_path / "demo.toml", today=datetime.fromtimestamp(NATIVE_NOW_MS / 1000, UTC).date())
    registry = load_registry(tmp_path / "demo.toml")
    path, body, query, signed = _paid(flow)
    padded = body + padding_of(len(SECRET) + len(body))
    longer = [padded + more for more in (b"", b" ", b"}", b"\n", body, b"," + body)]
    async with memory_gateway(
        registry, BATCH_ACCOUNT, now_ms=NATIVE_NOW_MS, secrets_for=lambda _account, _flow: (SECRET,)
    ) as gateway:

        async def push(content: bytes) -> None:
            answer = await gateway.client.post(path, params=query, content=content, headers=signed(content))
            assert answer.status_code == 200

        await push(body)
        first = [(line["event_id"]) for line in gateway.log.lines(Topic.EVENTS)]
        for content in [body, *longer, body]:
            await push(content)
        ids = {line["event_id"] for line in gateway.log.lines(Topic.EVENTS)}
        reasons = [line["reason"] for line in gateway.log.lines(Topic.REJECTS)]
    assert len(first) == 1
    assert ids == set(first)
    assert len(reasons) == len(longer), reasons


def test_an_event_without_an_outcome_would_be_seen() -> None:
    sent = Hostiles(1, {}, "key", ["p"])._batch()
    assert sent.events
    answered = b'{"accepted":%d,"duplicate":0,"rejected":0,"results":[%b]}'
    verdicts = b",".join([b"{}"] * sent.events)
    assert without_outcome(sent, 200, answered % (sent.events, verdicts)) == 0
    assert without_outcome(sent, 200, answered % (sent.events - 1, verdicts)) > 0
    assert without_outcome(sent, 500, b"") == sent.events
