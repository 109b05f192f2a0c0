"""Persons' numbers in every field, as text, number and name: what is stored, answered and logged holds none."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from schemas.topics import Topic
from tests.support.adapter_contract import AdapterContract
from tests.support.adapter_signing import NOW_MS as NATIVE_NOW_MS
from tests.support.adapter_signing import Sent
from tests.support.factories import NOW, NOW_MS, REGISTRY
from tests.support.memory_gateway import MemoryGateway, memory_gateway
from tests.support.native_walk import CONTRACTS, changed, pushed, registry_of
from tests.support.personal_inputs import CARDS, EMAIL, IDENTITY, MOBILE, PERSONS, SPELT, events

NAME = "张萱祺烨"
"""Made up; nothing in its form tells that it is a name."""


def at_rest(gateway: MemoryGateway, told: list[str], logged: str) -> dict[str, str]:
    """Return everything that is stored, told, logged or counted, by where."""
    kept = {
        topic.value: "\n".join(value.decode() + more for of, value, more in gateway.log.records if of is topic)
        for topic in Topic
    }
    # What was accepted as an amount is one: 138 million yuan are no telephone number.
    for topic in (Topic.EVENTS, Topic.ORDERS):
        kept[topic.value] = re.sub(r'"amount_fen":[0-9]+', "", kept[topic.value])
    return kept | {"answers": "\n".join(told), "logs": logged, "metrics": generate_latest().decode()}


@pytest.fixture(autouse=True)
def _quiet_client() -> Iterator[None]:
    """Keep the test's own client from logging the addresses that it asks."""
    client = logging.getLogger("httpx")
    before = client.level
    client.setLevel(logging.WARNING)
    yield
    client.setLevel(before)


def found_in(places: dict[str, str], wanted: tuple[str, ...]) -> list[tuple[str, str, str]]:
    assert places[Topic.REJECTS.value]
    assert places[Topic.DELIVERIES.value]
    return [
        (where, text, kept[max(0, (at := kept.find(text)) - 80) : at + 80])
        for where, kept in places.items()
        for text in wanted
        if text in kept
    ]


async def test_of_a_batch(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG, logger="producers")
    sent = [event for _, event in events(NOW, "e")]
    assert len(sent) > 1000
    told: list[str] = []
    async with memory_gateway(REGISTRY, "sunmi-main", now_ms=NOW_MS) as gateway:
        for start in range(0, len(sent), 50):
            answer = await gateway.push(b"[%b]" % b",".join(sent[start : start + 50]))
            assert answer.status_code == 200
            told.append(answer.text)
        reasons = {line["reason"] for line in gateway.log.lines(Topic.REJECTS)}
        assert reasons >= {"personal_data", "invalid_value", "unknown_field", "missing_field", "unknown_placement"}
        assert gateway.log.lines(Topic.EVENTS)
        places = at_rest(gateway, told, caplog.text + "".join(capfd.readouterr()))
    assert found_in(places, (*PERSONS, *CARDS)) == []


async def kept_of(
    contract: AdapterContract,
    sent: list[Sent],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> dict[str, str]:
    """Push each of *sent*; return everything that is at rest afterwards."""
    told: list[str] = []
    async with memory_gateway(
        registry_of(contract), "acct", now_ms=NATIVE_NOW_MS, secrets_for=lambda _account, _flow: contract.secrets()
    ) as gateway:
        for one in sent:
            method, path, body, headers = pushed(contract, one)
            answer = await gateway.client.request(method, path, content=body, headers=headers)
            assert answer.status_code == 200, (path, body[:300], answer.text)
            told.append(answer.text)
        return at_rest(gateway, told, caplog.text + "".join(capfd.readouterr()))


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: type(contract).__name__)
async def test_of_a_native_push(
    contract: AdapterContract, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    sent = [made for spelt in SPELT for made in changed(contract, spelt)]
    assert len(sent) > len(SPELT)
    assert found_in(await kept_of(contract, sent, caplog, capfd), PERSONS) == []


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: type(contract).__name__)
async def test_of_a_native_push_no_word_that_could_be_a_name(
    contract: AdapterContract, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    sent = [
        *changed(contract, json.dumps(NAME, ensure_ascii=False).encode()),
        *changed(contract, json.dumps(NAME).encode()),
    ]
    assert len(sent) > 2
    places = await kept_of(contract, sent, caplog, capfd)
    assert found_in(places, (NAME, json.dumps(NAME).strip('"'))) == []


async def test_an_account_s_own_ids_may_look_like_card_numbers_and_like_nothing_else() -> None:
    accounts = [
        a.model_copy(update={"id_attributes": ["order"]}) if a.id == "sunmi-main" else a for a in REGISTRY.accounts
    ]
    registry = REGISTRY.model_copy(update={"accounts": accounts})
    base = {"kind": "exposure", "placement_id": "p-017", "occurred_at": (NOW - timedelta(minutes=1)).isoformat()}
    given = [{"order": CARDS[7]}, {"order": MOBILE}, {"order": IDENTITY}, {"order": EMAIL}, {"other": CARDS[7]},
             {CARDS[7]: "order"}, {"order": int(CARDS[0])}]  # fmt: skip
    events = [base | {"event_id": f"e-{n}", "attributes": attributes} for n, attributes in enumerate(given)]
    elsewhere = {**events[0], "event_id": "e-9", "placement_id": "p-999"}
    async with memory_gateway(registry, "sunmi-main", now_ms=NOW_MS) as gateway:
        answer = (await gateway.push(json.dumps([*events, elsewhere]).encode())).json()
        kept = [json.loads(line["payload"]) for line in gateway.log.lines(Topic.REJECTS) if line["event_id"] == "e-9"]
    assert [result.get("field", "") for result in answer["results"]] == [
        "", "attributes.order", "attributes.order", "attributes.order", "attributes.other", "attributes[0]", "",
        "placement_id",
    ]  # fmt: skip
    # A replay after registering the place needs it.
    assert [payload["event"]["attributes"] for payload in kept] == [{"order": CARDS[7]}]
