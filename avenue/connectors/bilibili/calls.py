"""Calls to Bilibili's open platform for live rooms: start, heartbeat and end of a session, each signed `x-bili-*`.

Signed are the `x-bili-*` headers, `name:value` in the order of their names, joined by line feeds; `Authorization` is
their HMAC-SHA256 with the access key's secret, in hex. The platform refuses a signature older than ten minutes and a
nonce that came before.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import httpx
import msgspec

from runtime.clock import Clock, SystemClock
from runtime.errors import ConfigurationError, PipelineError

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 1_000_000
# Answers that another try cannot change: keys, signature, the app, the room's code. Numbered as the platform does.
REFUSALS: Mapping[int, str] = MappingProxyType(
    {
        4001: "the application is not valid; check --app-id",
        4002: "the signature does not match; check the access key and its secret",
        4003: "the request's time is more than ten minutes off; check this machine's clock",
        4007: "this machine's address is not on the application's list; enter it in the console",
        4008: "the access key may not do this; check the application's permissions in the console",
        4009: "the application may not call this; check its permissions in the console",
        5004: "an application that is not released may only listen in its developer's own room",
        5005: "the room is closed to this application",
        5011: "the application's permissions leave this room out; check them in the console",
        7007: "the room's code is wrong or has been renewed; ask the room's owner for the present one",
        8002: "the application is not this access key's; check --app-id",
    }
)
GAME_OVER = frozenset({7000, 7003})
"""The session that a heartbeat or an end names is over, or never was."""


class SessionOverError(PipelineError):
    """The platform has ended the session; a new one has to be started."""


class _Answer(msgspec.Struct):
    code: int
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class _GameInfo(msgspec.Struct):
    game_id: str = ""


class _WebSocketInfo(msgspec.Struct):
    auth_body: str
    wss_link: list[str]


class _AnchorInfo(msgspec.Struct):
    room_id: int


class _StartData(msgspec.Struct):
    game_info: _GameInfo
    websocket_info: _WebSocketInfo
    anchor_info: _AnchorInfo


@dataclass(frozen=True, slots=True)
class StartedSession:
    """What the platform gives for a room: where to listen, and how to say who listens."""

    game_id: str
    room_id: int
    links: tuple[str, ...]
    auth_body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppKeys:
    """The application's own id and keys, and the room owner's code that lets it listen."""

    app_id: int
    access_key: str = field(repr=False)
    access_secret: bytes = field(repr=False)
    code: str = field(repr=False)


def signed_headers(keys: AppKeys, body: bytes, nonce: str, timestamp_s: int) -> dict[str, str]:
    """Return the headers of one call."""
    signed = {
        "x-bili-accesskeyid": keys.access_key,
        "x-bili-content-md5": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        "x-bili-signature-method": "HMAC-SHA256",
        "x-bili-signature-nonce": nonce,
        "x-bili-signature-version": "1.0",
        "x-bili-timestamp": str(timestamp_s),
    }
    text = "\n".join(f"{name}:{signed[name]}" for name in sorted(signed))
    authorization = hmac.new(keys.access_secret, text.encode(), hashlib.sha256).hexdigest()
    return {
        **signed,
        "authorization": authorization,
        "content-type": "application/json",
        "accept": "application/json",
    }


class PlatformCalls:
    """The three calls. Each raises `PipelineError` where another try may help, else `ConfigurationError`."""

    def __init__(self, client: httpx.AsyncClient, keys: AppKeys, clock: Clock | None = None) -> None:
        self._client = client
        self._keys = keys
        self._clock = clock or SystemClock()

    async def start(self) -> StartedSession:
        """Begin a session of the room whose code the keys hold."""
        data = await self._call("/v2/app/start", {"code": self._keys.code, "app_id": self._keys.app_id})
        try:
            found = msgspec.json.decode(data, type=_StartData)
        except msgspec.DecodeError as error:
            raise PipelineError(f"the platform's answer to start is not as published: {error}") from error
        if not found.websocket_info.wss_link:
            raise PipelineError("the platform names no address to listen at")
        links = tuple(found.websocket_info.wss_link)
        auth_body = found.websocket_info.auth_body.encode()
        return StartedSession(found.game_info.game_id, found.anchor_info.room_id, links, auth_body)

    async def heartbeat(self, game_id: str) -> None:
        """Keep a session alive: due every twenty seconds. Raises `SessionOverError` where it is over."""
        await self._call("/v2/app/heartbeat", {"game_id": game_id})

    async def end(self, game_id: str) -> None:
        """End a session. Raises `SessionOverError` where it is over already."""
        await self._call("/v2/app/end", {"app_id": self._keys.app_id, "game_id": game_id})

    async def _call(self, path: str, content: Mapping[str, str | int]) -> msgspec.Raw:
        body = msgspec.json.encode(content)
        headers = signed_headers(self._keys, body, secrets.token_hex(16), self._clock.now_ms() // 1000)
        try:
            reply = await self._client.post(path, content=body, headers=headers)
        except httpx.TransportError as error:
            raise PipelineError(f"{path}: {type(error).__name__} {error}".strip()) from error
        return _data_of(path, reply)


def _data_of(path: str, reply: httpx.Response) -> msgspec.Raw:
    if len(reply.content) > MAX_ANSWER_BYTES:
        raise PipelineError(f"{path}: the answer is larger than {MAX_ANSWER_BYTES} bytes")
    try:
        answer = msgspec.json.decode(reply.content, type=_Answer)
    except msgspec.DecodeError as error:
        raise PipelineError(f"{path}: status {reply.status_code}, and no answer of the platform's") from error
    if answer.code == 0:
        return answer.data
    if answer.code in GAME_OVER:
        raise SessionOverError(f"{path}: the platform has ended the session (code {answer.code})")
    refusal = REFUSALS.get(answer.code)
    if refusal is not None:
        raise ConfigurationError(f"{path}: the platform refuses (code {answer.code}): {refusal}")
    raise PipelineError(f"{path}: the platform answers with code {answer.code}")
