"""A body that does not arrive is given up on a real socket, by the real server, after the setting's time."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from avenue.embedded.broker import Broker
from tests.conftest import started_broker
from tests.support.gateway_client import GatewayClient, event, open_gateway

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("half-sent")]

TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
def broker(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = started_broker(tmp_path_factory.mktemp("half-sent-broker"))
    yield broker
    broker.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    async with open_gateway(broker, tmp_path_factory.mktemp("half-sent-home"), body_timeout_s=TIMEOUT_S) as gateway:
        yield gateway


async def answered(gateway: GatewayClient, path: str, sent: bytes, *, then: bytes = b"") -> tuple[bytes, float]:
    """Send *sent* of a body of 1,000 bytes, then *then* every 50 ms; return the answer to its end, and the seconds."""
    reader, writer = await asyncio.open_connection(gateway.client.base_url.host, gateway.client.base_url.port)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {gateway.key}\r\nContent-Length: 1000\r\n\r\n"
    )
    began = time.monotonic()
    writer.write(head.encode() + sent)
    ended = asyncio.Event()

    async def trickle() -> None:
        while then and not ended.is_set():
            try:
                writer.write(then)
                await writer.drain()
            except ConnectionError:
                return
            await asyncio.wait({asyncio.ensure_future(ended.wait())}, timeout=0.05)

    trickling = asyncio.create_task(trickle())
    try:
        answer = await asyncio.wait_for(reader.read(), 20)
    finally:
        ended.set()
        await trickling
        writer.close()
    return answer, time.monotonic() - began


@pytest.mark.parametrize("then", [b"", b" "], ids=["silent", "trickling"])
@pytest.mark.parametrize("path", ["/v1/events", "/in/sunmi-main/callback"])
async def test_a_half_sent_push_is_a_408_and_the_connection_ends(
    gateway: GatewayClient, path: str, then: bytes
) -> None:
    gateway.begin()
    answer, took_s = await answered(gateway, path, b"[", then=then)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"within 0.5 s" in answer
    assert TIMEOUT_S <= took_s < 15
    assert gateway.deliveries() == []
    # Others are served, before and after.
    assert (await gateway.push([event()])).json()["accepted"] == 1


async def test_a_half_sent_body_for_another_path_is_not_held_either(gateway: GatewayClient) -> None:
    answer, took_s = await answered(gateway, "/v1/events/", b"[")
    assert answer == b"" or not answer.startswith(b"HTTP/1.1 2")
    assert took_s < 15
