"""Sandbox accounts at the gateway: the same checks and answers, and lines that no trial's numbers hold."""

import json
from typing import Any

import msgspec
import pytest

from schemas.event import MAX_ID_CHARS, SANDBOX_PREFIX
from schemas.lines import CountedEvent
from schemas.registry import Account, Registry
from schemas.topics import Topic
from tests.support.adapter_contract import AdapterContract
from tests.support.adapter_signing import NOW_MS as SIGNED_MS
from tests.support.factories import NOW_MS, REGISTRY, sent_event
from tests.support.memory_gateway import memory_gateway
from tests.support.native_walk import CONTRACTS, pushed, registry_of, whole

MARKED = ("product_id", "trial_id", "placement_id")
UNSTABLE = {"delivery_id", "answered_ms"}


def tried_out(registry: Registry) -> Registry:
    """Return *registry* with every account a sandbox."""
    accounts: list[Account] = [account.model_copy(update={"sandbox": True}) for account in registry.accounts]
    return registry.model_copy(update={"accounts": accounts})


def unmarked(line: dict[str, Any]) -> dict[str, Any]:
    """Return *line* as it would be of an account that is no sandbox; every mark has to be there."""
    assert all(line[name].startswith(SANDBOX_PREFIX) for name in MARKED if line.get(name))
    return {**line, **{name: line[name].removeprefix(SANDBOX_PREFIX) for name in MARKED if line.get(name)}}


def stable(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in UNSTABLE}


# The exact path has what is suspect; the fast one the rest; with and without a placement.
BATCH = [
    sent_event("e-1", session_id="s-1"),
    sent_event("e-2", attributes={"note": "call 1380013"}),
    sent_event("e-3", placement_id=..., product_id="neuro-band"),
    sent_event("e-4", placement_id="nowhere"),
    sent_event("e-1"),
]


async def test_a_sandbox_s_batch_is_judged_alike_and_stored_apart() -> None:
    lines, answers, rejects = [], [], []
    for registry in (REGISTRY, tried_out(REGISTRY)):
        async with memory_gateway(registry, "sunmi-main", now_ms=NOW_MS) as gateway:
            answer = await gateway.push(json.dumps(BATCH).encode())
            answers.append(stable(answer.json()))
            lines.append([stable(line) for line in gateway.log.lines(Topic.EVENTS)])
            rejects.append([stable(line) for line in gateway.log.lines(Topic.REJECTS)])

    assert answers[0] == answers[1]
    assert answers[0]["accepted"] == 3
    assert lines[0] == [unmarked(line) for line in lines[1]]
    assert rejects[0] == rejects[1]
    assert len(rejects[0]) == 1


@pytest.mark.parametrize("contract", CONTRACTS[:1] + CONTRACTS[-1:], ids=lambda c: f"{c.platform}-{c.flow}")
async def test_a_sandbox_s_native_push_is_judged_alike_and_stored_apart(contract: AdapterContract) -> None:
    lines, answers = [], []
    for registry in (registry_of(contract), tried_out(registry_of(contract))):
        async with memory_gateway(
            registry, "acct", now_ms=SIGNED_MS, secrets_for=lambda _account, _flow: contract.secrets()
        ) as gateway:
            method, path, body, headers = pushed(contract, whole(contract))
            answers.append((await gateway.client.request(method, path, content=body, headers=headers)).content)
            lines.append([stable(line) for line in gateway.log.lines(Topic.EVENTS)])

    assert answers[0] == answers[1] == contract.positive[1]
    assert len(lines[0]) == 1
    assert lines[0] == [unmarked(line) for line in lines[1]]


async def test_an_account_is_a_sandbox_from_the_apply_on_and_no_longer_after_the_next() -> None:
    async with memory_gateway(REGISTRY, "sunmi-main", now_ms=NOW_MS) as gateway:
        for number, registry in enumerate((REGISTRY, tried_out(REGISTRY), REGISTRY)):
            gateway.apply(registry)
            await gateway.push(json.dumps([sent_event(f"e-{number}")]).encode())
        trials = [line["trial_id"] for line in gateway.log.lines(Topic.EVENTS)]

    assert trials == ["neuro-band-2026q4", "sandbox.neuro-band-2026q4", "neuro-band-2026q4"]


async def test_a_test_event_between_an_account_s_own_marks_itself_and_neither_of_them() -> None:
    async with memory_gateway(REGISTRY, "sunmi-main", now_ms=NOW_MS) as gateway:
        for number in range(2):
            await gateway.push(json.dumps([sent_event(f"e-{number}"), sent_event(f"e-{number}")]).encode())
            tried = await gateway.client.post("/v1/test", headers={"authorization": f"Bearer {gateway.key}"})
            assert tried.status_code == 200, tried.text
        lines = gateway.log.lines(Topic.EVENTS)

    marked = [line["trial_id"].startswith(SANDBOX_PREFIX) for line in lines]
    assert marked == [False, True, False, True]


def test_the_worker_reads_a_mark_before_the_longest_id() -> None:
    longest = SANDBOX_PREFIX + "a" * MAX_ID_CHARS
    line = {
        "event_id": "e", "account_id": "a", "platform": "sunmi", "product_id": longest, "trial_id": longest,
        "kind": "exposure", "occurred_ms": 1, "received_ms": 1, "placement_id": longest,
    }  # fmt: skip

    assert msgspec.json.decode(json.dumps(line), type=CountedEvent).placement_id == longest
