"""The gateway on a real broker: what is answered is in Kafka, and what is not in Kafka is not answered positively."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from kafka.admin import ConfigResource

from avenue.embedded.broker import Broker
from producers.orders.ledger import OrderLedger, event_digest, order_digest
from producers.orders.topic import OrderLog
from registry.log import CompactedLog
from runtime.kafka import make_admin
from schemas.lines import HEADER_ACCOUNTS
from schemas.topics import Topic
from tests.conftest import started_broker
from tests.support.gateway_client import GatewayClient, event, open_gateway
from tests.support.personal_inputs import CARDS, PERSONS, events
from tests.support.waiting import wait_until_answered, wait_until_in_loop

# One gateway for all: each test reads only what was published since it began.
pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("gateway")]


@pytest.fixture(scope="module")
def broker(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = started_broker(tmp_path_factory.mktemp("gateway-broker"))
    yield broker
    broker.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    async with open_gateway(broker, tmp_path_factory.mktemp("gateway-home")) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: GatewayClient) -> GatewayClient:
    running.begin()
    return running


async def test_every_event_has_one_verdict_and_accepted_ones_are_in_kafka(gateway: GatewayClient) -> None:
    first = event()
    batch = [first, first, event(kind="nonsense"), event(placement_id="p-018"), 7]
    answer = (await gateway.push(batch, **{"content-encoding": "identity"})).json()
    assert (answer["accepted"], answer["duplicate"], answer["rejected"]) == (2, 1, 2)
    assert [(r["index"], r["verdict"]) for r in answer["results"]] == [
        (1, "duplicate"),
        (2, "rejected"),
        (4, "rejected"),
    ]

    stored = gateway.lines(Topic.EVENTS)
    assert {line["event_id"] for line in stored} == {batch[0]["event_id"], batch[3]["event_id"]}  # type: ignore[index]
    assert sum(json.loads(r.headers[HEADER_ACCOUNTS])["sunmi-main"] for r in gateway.read(Topic.EVENTS)) == 2
    assert [line["reason"] for line in gateway.lines(Topic.REJECTS)] == ["invalid_value", "not_an_object"]
    (delivery,) = gateway.deliveries()
    assert (delivery["received"], delivery["accepted"], delivery["duplicate"], delivery["rejected"]) == (5, 2, 1, 2)
    assert delivery["delivery_id"] == answer["delivery_id"]
    assert "somebody" not in str(stored) + str(gateway.lines(Topic.REJECTS))


async def test_whole_request_errors_store_nothing(gateway: GatewayClient) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    cases = [
        (await gateway.push(b"["), 400),
        (await gateway.push(b""), 400),
        (await gateway.push([event()], authorization="Bearer nonsense"), 401),
        (await gateway.client.post("/v1/events", content=b"[]"), 401),
        (await gateway.push(bomb, **{"content-encoding": "gzip"}), 413),
        (await gateway.push(gzip.compress(b"[" + b" " * 500)[:-9], **{"content-encoding": "gzip"}), 400),
        (await gateway.push([{}] * 10_001), 413),
        (await gateway.push(b"x", **{"content-type": "text/plain"}), 415),
        (await gateway.push(b"[" * 1_000_000), 400),
        (await gateway.client.get("/v1/events"), 405),
        (await gateway.client.post("/in/no-such/flow", content=b"x"), 404),
        (await gateway.client.post("/in/douyin-main/no-such", content=b"x"), 404),
    ]
    assert [answer.status_code for answer, _ in cases] == [status for _, status in cases]
    assert all(a.headers["content-type"].startswith("application/problem+json") for a, s in cases if s != 405)
    assert gateway.deliveries() == gateway.lines(Topic.EVENTS) == []


async def test_an_idempotency_key_gives_the_first_answer_again(gateway: GatewayClient) -> None:
    body = json.dumps([event()]).encode()
    first = await gateway.push(body, **{"idempotency-key": "k-1"})
    again = await gateway.push(body, **{"idempotency-key": "k-1"})
    other = await gateway.push([event()], **{"idempotency-key": "k-1"})
    assert first.json() == again.json()
    assert (first.json()["accepted"], other.status_code) == (1, 409)
    assert len(gateway.deliveries()) == 1


async def test_simultaneous_twins_are_one_accepted_and_the_rest_duplicates(gateway: GatewayClient) -> None:
    twin = event()
    answers = [a.json() for a in await asyncio.gather(*(gateway.push([twin]) for _ in range(12)))]
    assert sum(a["accepted"] for a in answers) == 1
    assert sum(a["duplicate"] for a in answers) == 11
    assert len(gateway.lines(Topic.EVENTS)) == 1


async def test_small_requests_share_records(gateway: GatewayClient) -> None:
    answers = await asyncio.gather(*(gateway.push([event()]) for _ in range(60)))
    assert all(a.json()["accepted"] == 1 for a in answers)
    assert len(gateway.lines(Topic.EVENTS)) == 60
    assert len(gateway.read(Topic.EVENTS)) < 60


async def test_consent_takes_hold_for_the_next_request(gateway: GatewayClient) -> None:
    # A subject of its own: the other tests at this gateway push as somebody who has withdrawn nothing.
    minute_ago = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    withdrawn = event(kind="consent.withdrawn", outcome=None, occurred_at=minute_ago, subject="leaver")
    assert (await gateway.push([withdrawn])).json()["accepted"] == 1
    answer = (await gateway.push([event(subject="stayer"), event(subject="leaver")])).json()
    assert [r["reason"] for r in answer["results"]] == ["consent_withdrawn"]
    assert len(gateway.read(Topic.CONSENT)) == 1


async def test_a_withdrawal_that_the_topic_of_consent_refused_once_is_known_after_a_restart(
    gateway: GatewayClient, broker: Broker
) -> None:
    minutes_ago = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    withdrawn = event(kind="consent.withdrawn", outcome=None, occurred_at=minutes_ago, subject="leaves once")
    with refusing(gateway, Topic.CONSENT):
        refused = await gateway.push([withdrawn])
    answer = await accepted_in_time(gateway, withdrawn)

    async with open_gateway(broker, gateway.settings.home) as restarted:
        after = (await restarted.push([event(subject="leaves once")])).json()

    assert (refused.status_code, refused.json()["stored"]) == (503, "unknown")
    assert (answer["accepted"], answer["duplicate"]) == (1, 0)
    assert [line["event_id"] for line in gateway.lines(Topic.EVENTS)] == [withdrawn["event_id"]]
    assert [verdict["reason"] for verdict in after["results"]] == ["consent_withdrawn"]


@contextmanager
def refusing(gateway: GatewayClient, topic: Topic) -> Iterator[None]:
    """Let the broker refuse every record of *topic*."""
    admin = make_admin(gateway.settings.kafka)
    size = str(gateway.settings.kafka.max_message_bytes)
    try:
        admin.alter_configs([ConfigResource("TOPIC", topic, {"max.message.bytes": "1"})])
        yield
        admin.alter_configs([ConfigResource("TOPIC", topic, {"max.message.bytes": size})])
    finally:
        admin.close()


async def accepted_in_time(gateway: GatewayClient, body: dict[str, Any]) -> dict[str, Any]:
    """Send *body* again until it is answered, as a partner does; the gateway connects anew after a refusal."""

    async def accepted() -> dict[str, Any] | None:
        answer = await gateway.push([body])
        return dict(answer.json()) if answer.status_code == 200 else None

    return await wait_until_answered(accepted, 30)


async def replay(gateway: GatewayClient, lines: Any, scope: str = "operator", **query: str) -> Any:
    """Ask for a replay of *lines* with the key of *scope*; return the answer."""
    headers = {"authorization": f"Bearer {gateway.keys.get(scope, scope)}"}
    return await gateway.client.post("/internal/rejects/replay", params=query, json=lines, headers=headers)


async def test_a_replay_is_for_operators_and_for_lines_that_were_kept(gateway: GatewayClient) -> None:
    await gateway.push([event(placement_id="p-nowhere")])
    (line,) = gateway.lines(Topic.REJECTS)
    gateway.begin()

    answers = [
        await replay(gateway, [line], scope="account:sunmi-main"),
        await replay(gateway, [line], scope="nobody"),
        await replay(gateway, {"reject_id": "r-1"}),
        await replay(gateway, [line] * 501),
    ]

    assert [answer.status_code for answer in answers] == [403, 401, 400, 413]
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in answers)
    assert gateway.lines(Topic.EVENTS) == gateway.deliveries() == []


async def test_a_kept_reject_is_tried_replayed_and_a_duplicate_from_then_on(gateway: GatewayClient) -> None:
    # Of somebody who has not withdrawn in another test.
    rejected = event(placement_id="p-nowhere", subject="stays")
    await gateway.push([rejected])
    (line,) = gateway.lines(Topic.REJECTS)
    # As if the place had been registered since.
    mended = {**line, "payload": line["payload"].replace("p-nowhere", "p-017")}
    gateway.begin()

    tried = (await replay(gateway, [mended], dry_run="true")).json()
    nothing = [*gateway.read(Topic.EVENTS), *gateway.read(Topic.REJECTS), *gateway.deliveries()]
    done, again = [(await replay(gateway, [mended, mended])).json() for _ in range(2)]
    pushed = (await gateway.push([{**rejected, "placement_id": "p-017"}, event(subject="stays")])).json()

    assert nothing == []
    assert [[one["outcome"] for one in found] for found in (tried, done, again)] == [
        ["accepted"],
        ["accepted"],
        ["duplicate"],
    ]
    assert (pushed["accepted"], pushed["duplicate"]) == (1, 1)
    events = {line["event_id"]: line for line in gateway.lines(Topic.EVENTS)}
    subjects = {events[event_id].pop("subject") for event_id in events}
    assert len(events) == 2
    assert len(subjects) == 1, "the same subject is one value within a trial, pushed or replayed"
    replays = [line for line in gateway.deliveries() if line["replay"]]
    assert [line["replays"] for line in replays] == [
        [[line["reject_id"], "accepted", ""]] if first else [[line["reject_id"], "duplicate", ""]]
        for first, line in ((True, line), (False, line))
    ]


async def test_a_gateway_reads_the_end_of_the_topic_of_orders_and_no_more_than_it_can_hold(
    gateway: GatewayClient,
) -> None:
    facts = {f"{order_digest('a', str(number))}:paid:{event_digest('p')}": number for number in range(30)}
    values = {key: b'{"amount_fen":%d}' % number for key, number in facts.items()}
    with CompactedLog(gateway.settings.kafka, Topic.ORDERS) as topic:
        await asyncio.to_thread(topic.write, values)
    ledger = OrderLedger(max_orders=100, max_waiting=1)
    reading = OrderLog(gateway.settings.kafka, ledger, last=10)
    await asyncio.to_thread(reading.start, 20)
    try:
        left = [ledger.left_fen(order_digest("a", str(number)), "") for number in range(30)]
        with CompactedLog(gateway.settings.kafka, Topic.ORDERS) as topic:
            await asyncio.to_thread(
                topic.write, {f"{order_digest('a', 'later')}:paid:{event_digest('p')}": b"x", **values}
            )
        await wait_until_in_loop(lambda: len(ledger) == 30)
        assert reading.problem() is None
    finally:
        await asyncio.to_thread(reading.stop)
    assert left == [None] * 20 + list(range(20, 30))


async def test_no_topic_holds_a_person_s_number_whatever_field_it_was_sent_in(gateway: GatewayClient) -> None:
    sent = [raw for _, raw in events(datetime.now(UTC), "personal")]
    assert len(sent) > 1000
    told = ""
    for start in range(0, len(sent), 500):
        answer = await gateway.push(b"[%b]" % b",".join(sent[start : start + 500]))
        assert answer.status_code == 200
        told += answer.text
    kept = {topic: gateway.read(topic) for topic in (Topic.EVENTS, Topic.REJECTS, Topic.DELIVERIES, Topic.CONSENT)}
    assert kept[Topic.EVENTS]
    assert sum(record.value.count(b"\n") + 1 for record in kept[Topic.REJECTS]) > 1000
    stored = {topic: b"\n".join(record.value for record in records).decode() for topic, records in kept.items()}
    # What was accepted as an amount is one.
    stored[Topic.EVENTS] = re.sub(r'"amount_fen":[0-9]+', "", stored[Topic.EVENTS])
    places = [*stored.items(), ("answers", told)]
    assert [(where, text) for where, found in places for text in (*PERSONS, *CARDS) if text in found] == []
