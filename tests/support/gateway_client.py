"""A running gateway on a real broker, and a partner at its gateway."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from avenue.embedded.broker import Broker
from avenue.embedded.ports import free_port
from avenue.embedded.prepare import prepare_cluster
from avenue.serve.application import http_application
from avenue.serve.http_server import HttpServer
from producers.gateway.service import GatewayService
from registry.follower import RegistryFollower
from registry.keys import issue_key
from registry.topic import RegistryWriter
from runtime.kafka import LogRecord, TopicPartition, log_record, make_consumer
from runtime.settings import GatewaySettings, Settings
from schemas.registry import Registry
from schemas.topics import Topic
from tests.support.factories import REGISTRY, sent_event


class GatewayClient:
    """A running gateway and a client of it."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient, keys: Mapping[str, str], broker: Broker) -> None:
        self.settings = settings
        self.client = client
        self.keys = keys
        """By scope."""
        self.key = keys["account:sunmi-main"]
        self.broker = broker
        self._since: dict[TopicPartition, int] = {}

    def begin(self) -> None:
        """Read from here on."""
        consumer = make_consumer(self.settings.kafka, client_id="test")
        try:
            for topic in (Topic.EVENTS, Topic.REJECTS, Topic.DELIVERIES, Topic.CONSENT, Topic.ORDERS):
                self._since |= consumer.end_offsets(
                    [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
                )
        finally:
            consumer.close()

    async def push(self, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        base = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        return await self.client.post("/v1/events", content=content, headers={**base, **headers})

    def read(self, topic: Topic) -> list[LogRecord]:
        consumer = make_consumer(self.settings.kafka, client_id="test")
        try:
            partitions = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
            consumer.assign(partitions)
            for partition in partitions:
                consumer.seek(partition, self._since[partition])
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

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the lines of what was let in.

        A refused caller's line is written behind the answer, so one of the test before may still come.
        """
        return [line for line in self.lines(Topic.DELIVERIES) if line["status"] != 401]


def event(**change: Any) -> dict[str, Any]:
    """Return an event of now with an id of its own."""
    now: dict[str, Any] = {
        "event_id": uuid.uuid4().hex,
        "at": datetime.now(UTC) - timedelta(seconds=5),
        "subject": "somebody",
    }
    return sent_event(**(now | change))


@asynccontextmanager
async def open_gateway(
    broker: Broker, home: Path, registry: Registry = REGISTRY, **limits: float
) -> AsyncIterator[GatewayClient]:
    """Run a gateway on *broker* with *registry*, a key of its batch account, and *limits* in the place of defaults."""
    kafka = broker.settings().model_copy(update={"delivery_timeout_s": 6.0, "request_timeout_s": 2.0})
    settings = Settings(home=home, kafka=kafka, gateway=GatewaySettings.model_validate(limits))
    await asyncio.to_thread(lambda: prepare_cluster(settings, registry=registry))
    issued = [issue_key(scope, now=datetime.now(UTC)) for scope in ("account:sunmi-main", "operator")]
    with RegistryWriter(settings) as writer:
        for key in issued:
            writer.publish_key(key.entry)
    follower = RegistryFollower(settings)
    await asyncio.to_thread(follower.start, 20)
    gateway = GatewayService(settings, follower)
    await gateway.start()
    port = free_port()
    app = http_application(settings, lambda: follower.directory, gateway=gateway)
    server = HttpServer(app, host="127.0.0.1", port=port)
    server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
        yield GatewayClient(settings, client, {key.entry.scope: key.secret for key in issued}, broker)
    await server.stop()
    await gateway.stop()
    await asyncio.to_thread(follower.stop)
