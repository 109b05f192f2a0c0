"""The gateway on a real broker: what is answered is in Kafka, and what is not in Kafka is not answered positively."""

import asyncio
import gzip
import json
import tomllib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar

from avenue.embedded.broker import Broker
from avenue.embedded.ports import free_port
from avenue.embedded.prepare import prepare_cluster
from avenue.http_server import HttpServer
from producers.gateway.gateway import Gateway
from producers.gateway.routes import gateway_routes
from registry.follower import RegistryFollower
from registry.keys import issue_key
from registry.topic import RegistryWriter
from runtime.kafka import LogRecord, TopicPartition, log_record, make_consumer
from runtime.settings import Settings
from schemas.lines import HEADER_ACCOUNTS
from schemas.registry import Registry
from schemas.topics import Topic

pytestmark = [pytest.mark.kafka]

REGISTRY = Registry.model_validate(tomllib.loads((Path(__file__).parents[2] / "data" / "registry.toml").read_text()))


class Door:
    """A running gateway and a client of it."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient, key: str, broker: Broker) -> None:
        self.settings = settings
        self.client = client
        self.key = key
        self.broker = broker

    async def push(self, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        base = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        return await self.client.post("/v1/events", content=content, headers={**base, **headers})

    def read(self, topic: Topic) -> list[LogRecord]:
        consumer = make_consumer(self.settings.kafka, client_id="test")
        try:
            partitions = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            records: list[LogRecord] = []
            while any(consumer.position(p) < ends[p] for p in partitions):
                for found in consumer.poll(timeout_ms=200).values():
                    records += map(log_record, found)
            return records
        finally:
            consumer.close()

    def lines(self, topic: Topic) -> list[dict[str, Any]]:
        return [json.loads(line) for record in self.read(topic) for line in record.value.split(b"\n")]


def event(**change: Any) -> dict[str, Any]:
    return {
        "event_id": uuid.uuid4().hex,
        "kind": "use.completed",
        "outcome": "ok",
        "occurred_at": (datetime.now(UTC) - timedelta(seconds=5)).isoformat(),
        "placement_id": "p-017",
        "subject": "somebody",
        **change,
    }


@pytest.fixture
async def door(private_broker: Broker, tmp_path: Path) -> AsyncIterator[Door]:
    kafka = private_broker.settings().model_copy(update={"delivery_timeout_s": 6.0, "request_timeout_s": 2.0})
    settings = Settings(home=tmp_path / "home", kafka=kafka)
    settings.home.mkdir()
    await asyncio.to_thread(lambda: prepare_cluster(settings, registry=REGISTRY))
    issued = issue_key("account:sunmi-main", now=datetime.now(UTC))
    with RegistryWriter(settings) as writer:
        writer.publish_key(issued.entry)
    follower = RegistryFollower(settings)
    await asyncio.to_thread(follower.start, 20)
    gateway = Gateway(settings, follower)
    await gateway.start()
    port = free_port()
    server = HttpServer(Litestar(gateway_routes(gateway.door)), host="127.0.0.1", port=port)
    server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
        yield Door(settings, client, issued.secret, private_broker)
    await server.stop()
    await gateway.stop()
    await asyncio.to_thread(follower.stop)


async def test_every_event_has_one_verdict_and_accepted_ones_are_in_kafka(door: Door) -> None:
    first = event()
    batch = [first, first, event(kind="nonsense"), event(placement_id="p-018"), 7]
    answer = (await door.push(batch, **{"content-encoding": "identity"})).json()
    assert (answer["accepted"], answer["duplicate"], answer["rejected"]) == (2, 1, 2)
    assert [(r["index"], r["verdict"]) for r in answer["results"]] == [
        (1, "duplicate"),
        (2, "rejected"),
        (4, "rejected"),
    ]

    stored = door.lines(Topic.EVENTS)
    assert {line["event_id"] for line in stored} == {batch[0]["event_id"], batch[3]["event_id"]}  # type: ignore[index]
    assert sum(json.loads(r.headers[HEADER_ACCOUNTS])["sunmi-main"] for r in door.read(Topic.EVENTS)) == 2
    assert [line["reason"] for line in door.lines(Topic.REJECTS)] == ["invalid_value", "not_an_object"]
    (delivery,) = door.lines(Topic.DELIVERIES)
    assert (delivery["received"], delivery["accepted"], delivery["duplicate"], delivery["rejected"]) == (5, 2, 1, 2)
    assert delivery["delivery_id"] == answer["delivery_id"]
    assert "somebody" not in str(stored) + str(door.lines(Topic.REJECTS))


async def test_whole_request_errors_store_nothing(door: Door) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    cases = [
        (await door.push(b"["), 400),
        (await door.push(b""), 400),
        (await door.push([event()], authorization="Bearer nonsense"), 401),
        (await door.client.post("/v1/events", content=b"[]"), 401),
        (await door.push(bomb, **{"content-encoding": "gzip"}), 413),
        (await door.push(gzip.compress(b"[" + b" " * 500)[:-9], **{"content-encoding": "gzip"}), 400),
        (await door.push([{}] * 10_001), 413),
        (await door.push(b"x", **{"content-type": "text/plain"}), 415),
        (await door.push(b"[" * 1_000_000), 400),
        (await door.client.get("/v1/events"), 405),
        (await door.client.post("/in/no-such/flow", content=b"x"), 404),
        (await door.client.post("/in/douyin-main/no-such", content=b"x"), 404),
    ]
    assert [answer.status_code for answer, _ in cases] == [status for _, status in cases]
    assert all(a.headers["content-type"].startswith("application/problem+json") for a, s in cases if s != 405)
    assert door.lines(Topic.DELIVERIES) == door.lines(Topic.EVENTS) == []


async def test_an_idempotency_key_gives_the_first_answer_again(door: Door) -> None:
    body = json.dumps([event()]).encode()
    first = await door.push(body, **{"idempotency-key": "k-1"})
    again = await door.push(body, **{"idempotency-key": "k-1"})
    other = await door.push([event()], **{"idempotency-key": "k-1"})
    assert first.json() == again.json()
    assert (first.json()["accepted"], other.status_code) == (1, 409)
    assert len(door.lines(Topic.DELIVERIES)) == 1


async def test_simultaneous_twins_are_one_accepted_and_the_rest_duplicates(door: Door) -> None:
    twin = event()
    answers = [a.json() for a in await asyncio.gather(*(door.push([twin]) for _ in range(12)))]
    assert sum(a["accepted"] for a in answers) == 1
    assert sum(a["duplicate"] for a in answers) == 11
    assert len(door.lines(Topic.EVENTS)) == 1


async def test_small_requests_share_records(door: Door) -> None:
    answers = await asyncio.gather(*(door.push([event()]) for _ in range(60)))
    assert all(a.json()["accepted"] == 1 for a in answers)
    assert len(door.lines(Topic.EVENTS)) == 60
    assert len(door.read(Topic.EVENTS)) < 60


async def test_consent_takes_hold_for_the_next_request(door: Door) -> None:
    withdrawn = event(
        kind="consent.withdrawn", outcome=None, occurred_at=(datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    )
    assert (await door.push([withdrawn])).json()["accepted"] == 1
    answer = (await door.push([event(), event(subject="another")])).json()
    assert [r["reason"] for r in answer["results"]] == ["consent_withdrawn"]
    assert len(door.read(Topic.CONSENT)) == 1


async def test_a_broker_that_is_down_is_a_503_and_a_retry_is_counted_once(door: Door) -> None:
    batch = [event() for _ in range(5)]
    door.broker.kill()
    refused = await door.push(batch)
    assert refused.status_code == 503
    assert refused.json()["stored"] == "unknown"
    assert int(refused.headers["retry-after"]) >= 1
    door.broker.start()
    await asyncio.to_thread(door.broker.wait_ready, 60)

    answer = await retried(door, batch)
    assert answer["accepted"] + answer["duplicate"] == 5
    assert len({line["event_id"] for line in door.lines(Topic.EVENTS)}) == 5


async def retried(door: Door, batch: list[dict[str, Any]]) -> dict[str, Any]:
    """Do what a partner does: send again until it is answered."""
    for _ in range(20):
        answer = await door.push(batch)
        if answer.status_code == 200:
            found: dict[str, Any] = answer.json()
            return found
    raise AssertionError(f"still {answer.status_code}: {answer.text}")
