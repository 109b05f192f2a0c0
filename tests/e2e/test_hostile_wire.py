"""Requests that no client writes, to the server as it is shipped: each is refused or answered once, and it lives on."""

import asyncio
import json
from datetime import UTC, datetime

import httpx
import pytest

from bench.hostile_wire import CLOSED, WireShape, fault, outcome, shapes
from tests.support.stack import BATCH_ACCOUNT, Stack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


async def test_contradicting_lengths_floods_and_bombs_are_refused_or_answered_once(stack: Stack) -> None:
    key, url = stack.pushing_key(BATCH_ACCOUNT), httpx.URL(stack.url)
    event = {"event_id": "wire", "kind": "exposure", "occurred_at": datetime.now(UTC).isoformat(), "placement_id": "-"}
    tried = list(shapes(key, json.dumps([event]).encode()))

    found = [await outcome(url.host, url.port or 80, shape) for shape in tried]

    assert len(tried) > 30
    assert [
        (shape.name, wrong) for shape, seen in zip(tried, found, strict=True) if (wrong := fault(shape, seen))
    ] == []
    # The server lives on.
    assert await outcome(url.host, url.port or 80, WireShape("none", (b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n",))) != [
        CLOSED
    ]


@pytest.mark.parametrize("path", ["/sign-in", "/internal/sql"])
async def test_a_form_whose_chunks_are_none_is_the_sender_s_fault(stack: Stack, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {stack.run.operator_key}\r\n"
    head += "content-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
    url = httpx.URL(stack.url)

    found = await outcome(url.host, url.port or 80, WireShape("a form", (head.encode(),)))

    assert found == ["400"]


def test_more_answers_than_requests_silence_and_a_5xx_would_be_seen() -> None:
    shape = WireShape("any", (b"",))
    assert [fault(shape, seen) for seen in (["400"], [CLOSED])] == ["", ""]
    assert all(fault(shape, seen) for seen in (["400", "400"], ["500"], ["200"], ["silent"]))


def test_a_second_answer_is_heard() -> None:
    async def answers_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n" * 2)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def asked() -> list[str]:
        server = await asyncio.start_server(answers_twice, "127.0.0.1", 0)
        async with server:
            return await outcome("127.0.0.1", server.sockets[0].getsockname()[1], WireShape("any", (b"x",)))

    assert asyncio.run(asked()) == ["400", "400"]
