"""What the log keeps of a call: its verdicts, a masked sample, and what was refused; and the way back to it."""

import json
from typing import Any

import pytest

from producers.gateway.calls import MAX_REFUSALS, SHOWN_EVENTS, _SampleRate
from schemas.outcomes import RejectReason
from schemas.topics import Topic
from tests.support import factories
from tests.support.adapter_contract import AdapterContract
from tests.support.adapter_signing import NOW_MS
from tests.support.memory_gateway import MemoryGateway, memory_gateway
from tests.support.native_walk import pushed, registry_of, whole
from tests.support.scripted_broker import turn
from tests.unit.producers.gateway.test_over_the_limit import FLOWS

PHONE = "13912345678"


def deliveries(gateway: MemoryGateway) -> list[dict[str, Any]]:
    return gateway.log.lines(Topic.DELIVERIES)


@pytest.mark.parametrize("contract", FLOWS, ids=lambda contract: f"{contract.platform}-{contract.flow}")
async def test_a_native_push_is_answered_in_the_platform_s_words_with_its_delivery_beside_them(
    contract: AdapterContract,
) -> None:
    async with memory_gateway(
        registry_of(contract), "acct", now_ms=NOW_MS, secrets_for=lambda _account, _flow: contract.secrets()
    ) as gateway:
        method, path, body, headers = pushed(contract, whole(contract))
        answer = await gateway.client.request(method, path, content=body, headers=headers)
        (told,) = deliveries(gateway)

    assert answer.content == contract.positive[1]
    assert answer.headers["avenue-delivery-id"] == told["delivery_id"]
    call = json.loads(told["call"])
    assert (call["method"], call["answer"]) == (method, contract.positive[1].decode())
    assert call["sent"]
    assert call["headers"].keys() <= {name.lower() for name in answer.request.headers}
    signed = [value for value in headers.values() if len(value) > 30]
    assert not any(value in told["call"] for value in signed)
    # Whoever did it is in the sample as a hash would be, wherever the message names them.
    people = [event["subject_hash"] for one in call["understood"] if "subject_hash" in (event := one["event"])]
    people += [sent["subject"] for sent in call["sent"] if "subject" in sent]
    assert set(people) <= {"(hashed)"}
    assert bool(people) == ("subject" in json.dumps(call["sent"]))
    assert "open-1" not in told["call"]


async def test_a_batch_tells_its_delivery_and_names_the_verdict_of_what_was_not_accepted() -> None:
    good, late = factories.sent_line(event_id="e-1"), factories.sent_line(event_id="e-2", placement_id="p-nowhere")
    async with memory_gateway(factories.REGISTRY, "sunmi-main", now_ms=factories.NOW_MS) as gateway:
        answer = await gateway.push(b"[" + b",".join((good, good, late)) + b"]")
        (told,) = deliveries(gateway)
        (kept,) = gateway.log.lines(Topic.REJECTS)

    assert answer.headers["avenue-delivery-id"] == answer.json()["delivery_id"] == told["delivery_id"]
    assert told["others"] == [
        [1, "duplicate", "e-1", "", ""],
        [2, "rejected", "e-2", RejectReason.UNKNOWN_PLACEMENT.value, kept["reject_id"]],
    ]
    assert told["received_ms"] <= told["validated_ms"] <= told["answered_ms"]


async def test_a_kept_call_names_no_person() -> None:
    event = json.loads(
        factories.sent_line(event_id="e-1", subject="a person", attributes={"scene": "café", "to": PHONE})
    )
    async with memory_gateway(factories.REGISTRY, "sunmi-main", now_ms=factories.NOW_MS) as gateway:
        await gateway.push(json.dumps([event]).encode(), **{"x-phone": PHONE, f"x-{PHONE}": "1", "user-agent": PHONE})
        (told,) = deliveries(gateway)

    (sent,) = json.loads(told["call"])["sent"]
    assert sent["attributes"] == {"scene": "café", "to": {"type": "string", "length": 11}}
    assert sent["subject_hash"] == "(hashed)"
    assert json.loads(told["call"])["headers"]["x-phone"] == "(11)"
    for secret in (PHONE, "a person", gateway.key):
        assert secret not in json.dumps(told, ensure_ascii=False)


async def test_only_so_many_calls_a_minute_are_kept_and_none_beyond_its_size() -> None:
    long = factories.sent_line(event_id="e-long", attributes={f"k{n}": "x" * 200 for n in range(10)})
    async with memory_gateway(
        factories.REGISTRY, "sunmi-main", now_ms=factories.NOW_MS, call_samples_per_minute=2, call_sample_bytes=1500
    ) as gateway:
        for body in (long, *(factories.sent_line(event_id=f"e-{n}") for n in range(4))):
            await gateway.push(body)
        calls = [told["call"] for told in deliveries(gateway)]

    assert len(calls) == 5
    # A minute's worth may come at once, and one more is due.
    assert [bool(call) for call in calls] == [True, True, True, False, False]
    assert (json.loads(calls[0])["sent"], json.loads(calls[0])["too_long"] > 1500) == ([], True)
    assert len(json.loads(calls[1])["sent"]) == 1


async def test_of_a_large_call_a_few_events_are_shown_and_of_its_address_names_and_lengths() -> None:
    lines = [factories.sent_line(event_id=f"e-{number}") for number in range(12)]
    async with memory_gateway(factories.REGISTRY, "sunmi-main", now_ms=factories.NOW_MS) as gateway:
        await gateway.client.post(
            f"/v1/events?buyer={PHONE}&{PHONE}=1", content=b"[%b]" % b",".join(lines),
            headers={"authorization": f"Bearer {gateway.key}"},
        )  # fmt: skip
        (told,) = deliveries(gateway)

    call = json.loads(told["call"])
    assert (call["events"], len(call["sent"]), call["query"]) == (12, SHOWN_EVENTS, {"buyer": "(11)"})
    assert PHONE not in told["call"]


def test_an_account_s_calls_take_nothing_from_another_s_sample() -> None:
    rate = _SampleRate(per_minute=1)
    noisy = [rate.takes("noisy", 0.0) for _ in range(5)]

    assert noisy == [True, True, False, False, False]
    assert rate.takes("quiet", 0.0)
    assert rate.takes("noisy", 61.0)


async def test_refusals_of_ever_other_words_are_bounded_and_every_one_is_counted() -> None:
    account = factories.REGISTRY.accounts[0]
    async with memory_gateway(factories.REGISTRY, "sunmi-main", now_ms=factories.NOW_MS) as gateway:
        for number in range(MAX_REFUSALS + 50):
            gateway.refusals.note_words(account, "events", 400, f"word {number}")
        gateway.refusals.flush()
        await turn()
        told = deliveries(gateway)

    assert (len(told), sum(one["requests"] for one in told)) == (MAX_REFUSALS + 1, MAX_REFUSALS + 50)
    assert [(one["detail"], one["requests"]) for one in told if not one["detail"]] == [("", 50)]


async def test_refused_requests_of_a_known_account_are_counted_with_why_and_without_what_was_sent() -> None:
    secret = f"Bearer {PHONE}"
    async with memory_gateway(factories.REGISTRY, "sunmi-main", now_ms=factories.NOW_MS) as gateway:
        for _ in range(3):
            await gateway.client.post("/v1/events?account=sunmi-main", content=b"[]", headers={"authorization": secret})
        await gateway.client.post("/v1/events?account=nobody", content=b"[]", headers={"authorization": secret})
        await gateway.client.post(f"/in/sunmi-main/{PHONE}", content=b"{}")
        await gateway.push(b"no json")
        await gateway.push(b"[]", **{"content-encoding": "zhang-san"})
        assert deliveries(gateway) == []
        gateway.refusals.flush()
        await turn()
        gateway.refusals.flush()
        await turn()
        told = deliveries(gateway)

    assert [(one["account_id"], one["flow"], one["status"], one["requests"]) for one in told] == [
        ("sunmi-main", "events", 401, 3),
        ("sunmi-main", "", 404, 1),
        ("sunmi-main", "events", 400, 1),
        ("sunmi-main", "events", 415, 1),
    ]
    assert {one["received"] for one in told} == {0}
    assert len({one["delivery_id"] for one in told}) == 4
    assert all(one["detail"] for one in told)
    assert told[3]["detail"].startswith("content-encoding … is not taken")
    assert PHONE not in json.dumps(told)


async def test_an_over_limit_native_push_is_counted_as_refused() -> None:
    contract = FLOWS[0]
    async with memory_gateway(
        registry_of(contract), "acct", now_ms=NOW_MS, secrets_for=lambda _a, _f: contract.secrets(), requests_per_s=1
    ) as gateway:
        method, path, body, headers = pushed(contract, whole(contract))
        for _ in range(4):
            await gateway.client.request(method, path, content=body, headers=headers)
        gateway.refusals.flush()
        await turn()
        refused = [one for one in deliveries(gateway) if one["status"] != 200]

    assert [(one["status"], one["requests"], one["flow"]) for one in refused] == [(429, 2, contract.flow)]
