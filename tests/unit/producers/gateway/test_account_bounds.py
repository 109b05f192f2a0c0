"""What the registry says of how much an account may send, and whether at all: in force with an apply."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from producers.gateway.admission import DuePayments, is_background
from runtime.metrics import GATEWAY_TURNED_AWAY
from schemas.lines import BACKGROUND_LANE, HEADER_LANE
from schemas.registry import Registry
from schemas.topics import Topic
from tests.support.adapter_contract import AdapterContract
from tests.support.adapter_signing import NOW_MS as SIGNED_MS
from tests.support.factories import NOW_MS, REGISTRY, sent_event
from tests.support.memory_gateway import MemoryGateway, memory_gateway
from tests.support.native_walk import CONTRACTS, pushed, registry_of, whole

ACCOUNT = REGISTRY.accounts[-1].id


def with_account(**fields: Any) -> Registry:
    """Return the example registry with *fields* on every account."""
    return REGISTRY.model_copy(update={"accounts": [a.model_copy(update=fields) for a in REGISTRY.accounts]})


def batch(first: int, count: int) -> bytes:
    return json.dumps([sent_event(f"e-{number}") for number in range(first, first + count)]).encode()


def turned_away(cause: str, account: str = ACCOUNT) -> float:
    return float(GATEWAY_TURNED_AWAY.labels(account, cause)._value.get())


class Timer:
    """The gateway's own time, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Return it."""
        return self.now_s


async def pushed_batch(gateway: MemoryGateway, first: int, count: int) -> httpx.Response:
    return await gateway.push(batch(first, count))


async def test_events_over_the_rate_wait_and_are_taken_after_the_time_that_they_were_told() -> None:
    timer = Timer()
    before = turned_away("events")
    async with memory_gateway(with_account(rate_per_s=10), ACCOUNT, now_ms=NOW_MS, timer=timer) as gateway:
        first = await pushed_batch(gateway, 0, 30)
        second = await pushed_batch(gateway, 30, 1)
        timer.now_s += int(second.headers["retry-after"])
        third = await pushed_batch(gateway, 30, 1)
        stored = gateway.log.lines(Topic.EVENTS)

    assert [first.status_code, second.status_code, third.status_code] == [200, 429, 200]
    # 30 events at 10 a second, less the second that may come at once: 2 s, and a tenth until one more is due.
    assert second.headers["retry-after"] == "3"
    assert second.headers["ratelimit-policy"] == '"requests";q=5000;w=1, "events";q=10;w=1;qu="events"'
    assert second.headers["ratelimit"] == '"requests";r=4999;t=1, "events";r=0;t=3'
    assert second.json()["detail"].startswith("more events a second than this account may send")
    assert len(stored) == 31
    assert turned_away("events") - before == 1


async def test_a_push_over_the_rate_is_not_read() -> None:
    async with memory_gateway(with_account(rate_per_s=10), ACCOUNT, now_ms=NOW_MS, timer=Timer()) as gateway:
        taken = await pushed_batch(gateway, 0, 30)
        unread = await gateway.push(b"no JSON at all")

    assert [taken.status_code, unread.status_code] == [200, 429]


async def test_an_apply_changes_what_is_done_with_an_account_and_nothing_is_kept_of_what_is_refused() -> None:
    before = turned_away("refused")
    async with memory_gateway(REGISTRY, ACCOUNT, now_ms=NOW_MS) as gateway:
        accepted = await pushed_batch(gateway, 0, 1)
        gateway.apply(with_account(mode="refuse"))
        refused = await pushed_batch(gateway, 1, 1)
        gateway.apply(with_account(mode="slow"))
        slow = await pushed_batch(gateway, 1, 1)
        stored, rejects = gateway.log.lines(Topic.EVENTS), gateway.log.lines(Topic.REJECTS)

    assert [accepted.status_code, refused.status_code, slow.status_code] == [200, 429, 200]
    assert "ratelimit" not in accepted.headers
    assert refused.headers["retry-after"] == "60"
    assert refused.json()["detail"].startswith("this account is told to come later, by the operator")
    assert ([line["event_id"] for line in stored], rejects) == (["e-0", "e-1"], [])
    assert slow.json()["accepted"] == 1
    assert turned_away("refused") - before == 1


@pytest.mark.parametrize("contract", CONTRACTS[:1] + CONTRACTS[-1:], ids=lambda c: f"{c.platform}-{c.flow}")
async def test_a_platform_is_told_to_come_again_while_its_account_is_refused(contract: AdapterContract) -> None:
    registry = registry_of(contract)
    refusing = registry.model_copy(
        update={"accounts": [a.model_copy(update={"mode": "refuse"}) for a in registry.accounts]}
    )
    async with memory_gateway(
        refusing, "acct", now_ms=SIGNED_MS, secrets_for=lambda _account, _flow: contract.secrets()
    ) as gateway:
        method, path, body, headers = pushed(contract, whole(contract))
        refused = await gateway.client.request(method, path, content=body, headers=headers)
        gateway.apply(registry)
        taken = await gateway.client.request(method, path, content=body, headers=headers)
        deliveries = gateway.log.lines(Topic.DELIVERIES)

    assert refused.content == contract.negative[1]
    assert refused.headers["retry-after"] == "60"
    assert (taken.content, len(deliveries)) == (contract.positive[1], 1)


async def test_a_stranger_uses_up_nobody_s_rate() -> None:
    contract = CONTRACTS[0]
    registry = registry_of(contract)
    limited = registry.model_copy(update={"accounts": [registry.accounts[0].model_copy(update={"rate_per_s": 1})]})
    async with memory_gateway(
        limited, "acct", now_ms=SIGNED_MS, timer=Timer(), secrets_for=lambda _account, _flow: contract.secrets()
    ) as gateway:
        method, path, body, headers = pushed(contract, whole(contract))
        forged = [await gateway.client.request(method, path, content=body + b" ", headers=headers) for _ in range(9)]
        own = await gateway.client.request(method, path, content=body, headers=headers)

    assert {answer.status_code for answer in forged} == {401}
    assert own.content == contract.positive[1]


def test_over_any_longer_time_no_more_than_the_rate_is_taken() -> None:
    payments, taken, now_s = DuePayments(), 0, 0.0
    while now_s < 600:
        if payments.wait_s("a", 10, now_s) == 0:
            payments.count("a", 25, 10, now_s)
            taken += 25
        now_s += 0.05

    assert 6000 <= taken <= 6000 + 10 + 25


def test_what_owes_nothing_is_forgotten() -> None:
    payments = DuePayments()
    for number in range(5000):
        payments.count(f"a-{number}", 1, 1000, float(number))

    assert len(payments._due_s) <= 1100


def test_an_account_told_to_be_slow_and_a_sender_that_says_so_stand_behind_live_traffic() -> None:
    account = REGISTRY.accounts[0]
    slow = account.model_copy(update={"mode": "slow"})

    found = [is_background(slow, {}), is_background(account, {}), *(
        is_background(account, {"priority": told}) for told in ("u=7", "i, u=7", "u=3", "u=70")
    )]  # fmt: skip
    assert found == [True, False, True, True, False, False]


async def test_a_history_shares_no_record_with_what_is_pushed_live() -> None:
    """Both go to one partition within one wait for company; their records say which nobody waits for."""
    async with memory_gateway(REGISTRY, ACCOUNT, now_ms=NOW_MS, coalesce_ms=200) as gateway:
        answers = await asyncio.gather(gateway.push(batch(0, 3), priority="u=7"), gateway.push(batch(10, 2)))
        records = [record for record in gateway.log.log if record.topic == Topic.EVENTS]

    assert [answer.json()["accepted"] for answer in answers] == [3, 2]
    lanes = {record.headers.get(HEADER_LANE): record.value.count(b"\n") + 1 for record in records}
    assert lanes == {BACKGROUND_LANE: 3, None: 2}
    assert len({record.partition for record in records}) == 1
