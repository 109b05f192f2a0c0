"""The gateway's door for replays: operators only, bounded, and busy in words that say when to come again."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest

from avenue.serve.application import litestar_application
from avenue.serve.replay_routes import MAX_LINES, PATH
from producers.gateway.replayer import Replayer, ReplayerDeps
from registry.audit_topic import MemoryAudit
from registry.directory import Directory
from registry.keys import issue_key
from runtime.errors import RetryableError
from runtime.settings import Settings
from tests.support.scripted_broker import DIRECTORY, HandBroker, HandGateway, serve
from tests.unit.producers.gateway.test_replayer import reject

pytestmark = pytest.mark.asyncio

KEYS = {scope: issue_key(scope, now=datetime.now(UTC)) for scope in ("operator", "account:sunmi-main", "programme")}
KNOWN: Directory = replace(DIRECTORY, keys={key.entry.sha256: key.entry for key in KEYS.values()})


async def asked(gateway: HandGateway, body: Any, scope: str = "operator", **query: str) -> httpx.Response:
    """Post *body* with the key of *scope*, or what *scope* says instead of a key."""
    side: Any = SimpleNamespace(pipeline=None, replayer=gateway.replayer, tester=None, audit=MemoryAudit())
    app: Any = litestar_application(Settings(), lambda: KNOWN, gateway=side)
    authorization = f"Bearer {KEYS[scope].secret}" if scope in KEYS else scope
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        headers = {"authorization": authorization, "content-type": "application/json"}
        task = asyncio.create_task(client.post(PATH, content=content, params=query, headers=headers))
        return await serve(gateway.broker, task)


@pytest.mark.parametrize(
    ("scope", "status"),
    [("account:sunmi-main", 403), ("programme", 403), ("Bearer avk_nobody", 401), ("Basic x", 401), ("", 401)],
)
async def test_only_an_operator_may_ask(scope: str, status: int) -> None:
    gateway = HandGateway(HandBroker())

    answer = await asked(gateway, [reject(1)], scope)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert gateway.broker.records == []


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"{", 400, "a JSON array of kept rejects"),
        ({"reject_id": "r-1"}, 400, "Expected `array`"),
        ([{"reject_id": "r-1"}], 400, "missing required field `account_id`"),
        ([reject(n) for n in range(MAX_LINES + 1)], 413, f"at most {MAX_LINES} rejects"),
    ],
)
async def test_what_is_no_list_of_rejects_is_refused_whole(body: Any, status: int, told: str) -> None:
    gateway = HandGateway(HandBroker())

    answer = await asked(gateway, body)

    assert answer.status_code == status
    assert told in answer.json()["detail"]
    assert gateway.broker.records == []


async def test_each_reject_is_answered_once_in_its_order_though_it_was_sent_twice() -> None:
    gateway = HandGateway(HandBroker())

    tried = await asked(gateway, [reject(2), reject(1), reject(2)], dry_run="true")
    nothing = list(gateway.broker.records)
    done = await asked(gateway, [reject(2), reject(1), reject(2)])

    assert [(one["reject_id"], one["outcome"]) for one in done.json()] == [("r-2", "accepted"), ("r-1", "accepted")]
    assert [one["outcome"] for one in tried.json()] == ["accepted", "accepted"]
    assert nothing == []
    assert {
        json.loads(record.value)["asked_by"] for record in gateway.broker.records if b"asked_by" in record.value
    } == {KEYS["operator"].entry.id}


async def test_a_gateway_that_cannot_take_it_now_says_when_to_come_again() -> None:
    gateway = HandGateway(HandBroker())

    def not_ready() -> Directory:
        raise RetryableError("the topics are not ready yet", retry_after_s=7)

    gateway.replayer = Replayer(ReplayerDeps(gateway.limits, not_ready, gateway.ingestor, gateway.clock))
    answer = await asked(gateway, [reject(1)])

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json()["detail"] == "the topics are not ready yet"
