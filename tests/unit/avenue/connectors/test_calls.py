"""Calls to Bilibili's open platform: the published signature, and what an answer's code means."""

import json
from typing import Any

import httpx
import pytest

from avenue.connectors.bilibili.calls import AppKeys, PlatformCalls, SessionOverError, signed_headers
from runtime.clock import ManualClock
from runtime.errors import ConfigurationError, PipelineError

KEYS = AppKeys(1000000000001, "ak_test", b"sk_test", "TESTCODE")
STARTED = {
    "game_info": {"game_id": "g-1"},
    "websocket_info": {"auth_body": '{"key":1}', "wss_link": ["wss://one", "wss://two"]},
    "anchor_info": {"room_id": 1000001, "uname": "owner"},
}


def calls(answer: Any, seen: list[httpx.Request] | None = None) -> PlatformCalls:
    def handle(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return httpx.Response(200, content=content)

    client = httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url="http://platform")
    return PlatformCalls(client, KEYS, ManualClock(1_751_328_000_000))


def test_a_call_is_signed_as_published() -> None:
    body = b'{"code":"TESTCODE","app_id":1000000000001}'

    headers = signed_headers(KEYS, body, "nonce-0001", 1_751_328_000)

    assert headers["x-bili-content-md5"] == "dd86324b9c7d3f8acc53cd811a40f912"
    assert headers["authorization"] == "c42f42a982602bfe104b4a87e9ed8a7db606ffc303ef2c2209e8bf54a2b63e3f"
    assert (headers["content-type"], headers["accept"]) == ("application/json", "application/json")


async def test_a_session_is_started_with_the_room_s_code() -> None:
    seen: list[httpx.Request] = []

    session = await calls({"code": 0, "data": STARTED}, seen).start()

    assert (session.game_id, session.room_id, session.links) == ("g-1", 1000001, ("wss://one", "wss://two"))
    assert session.auth_body == b'{"key":1}'
    (request,) = seen
    assert request.url.path == "/v2/app/start"
    assert json.loads(request.content) == {"code": "TESTCODE", "app_id": 1000000000001}
    again = signed_headers(KEYS, request.content, request.headers["x-bili-signature-nonce"], 1_751_328_000)
    assert {name: request.headers[name] for name in again} == again


async def test_no_two_calls_have_the_same_nonce() -> None:
    seen: list[httpx.Request] = []
    platform = calls({"code": 0, "data": {}}, seen)

    await platform.heartbeat("g-1")
    await platform.heartbeat("g-1")

    assert len({request.headers["x-bili-signature-nonce"] for request in seen}) == 2


@pytest.mark.parametrize("code", [7000, 7003])
async def test_a_session_that_is_over_is_told_apart(code: int) -> None:
    with pytest.raises(SessionOverError):
        await calls({"code": code, "message": "over"}).heartbeat("g-1")


@pytest.mark.parametrize(("code", "way_out"), [(4002, "secret"), (4003, "clock"), (7007, "owner"), (8002, "--app-id")])
async def test_what_no_other_try_can_change_says_the_way_out(code: int, way_out: str) -> None:
    with pytest.raises(ConfigurationError, match=way_out) as raised:
        await calls({"code": code, "message": "x"}).start()

    assert str(code) in str(raised.value)
    assert "TESTCODE" not in str(raised.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 5001},
        {"code": 7002},
        b"<html>bad gateway</html>",
        b" " * 1_000_001,
        {"code": 0, "data": {"websocket_info": {}}},
        {"code": 0, "data": {**STARTED, "websocket_info": {"auth_body": "", "wss_link": []}}},
        httpx.ConnectError("refused"),
    ],
)
async def test_what_may_pass_is_no_mistake_of_the_user_s(answer: Any) -> None:
    with pytest.raises(PipelineError) as raised:
        await calls(answer).start()

    assert not isinstance(raised.value, (ConfigurationError, SessionOverError))


def test_keys_are_not_shown() -> None:
    assert not [secret for secret in ("sk_test", "TESTCODE", "ak_test") if secret in repr(KEYS)]
