"""Bilibili's open platform for live rooms, as much of it as a connector sees: written from the published protocol.

Calls are checked by a reading of the signature of its own; the WebSocket packs messages plain, by zlib and by brotli in
turn; a session whose heartbeat stays away, or that is told to, ends as the platform ends it.
"""

import asyncio
import hashlib
import hmac
import json
import struct
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import brotli
from aiohttp import WSMsgType, web

ACCESS_KEY = "standin-key"
ACCESS_SECRET = "standin-secret"
APP_ID = 1000000000001
CODE = "ROOMCODE"
ROOM_ID = 1000001
SIGNED = (
    "x-bili-accesskeyid",
    "x-bili-content-md5",
    "x-bili-signature-method",
    "x-bili-signature-nonce",
    "x-bili-signature-version",
    "x-bili-timestamp",
)


def pack(operation: int, body: bytes, version: int = 0) -> bytes:
    return struct.pack(">IHHII", 16 + len(body), 16, version, operation, 0) + body


def packed(messages: list[bytes], version: int) -> bytes:
    """Return *messages* as one WebSocket message: plain frames, or all of them packed in one."""
    frames = b"".join(pack(5, message) for message in messages)
    if version == 2:
        return pack(5, zlib.compress(frames), 2)
    return pack(5, brotli.compress(frames), 3) if version == 3 else frames


@dataclass
class Session:
    game_id: str
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    over: bool = False


class BilibiliPlatform:
    """One room. `says` sends a message to whoever listens."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.refuse: dict[str, int] = {}
        """By path: the code that the next calls are answered with."""
        self.nonces: set[str] = set()
        self.links_made = 0
        self.away = False
        """Whether it is out of service, as a front before it says."""
        self._turn = 0
        self._address = ""

    @property
    def session(self) -> Session:
        """The newest session."""
        return self.sessions[max(self.sessions)]

    def listeners(self) -> int:
        return sum(len(session.sockets) for session in self.sessions.values() if not session.over)

    async def says(self, *messages: Mapping[str, Any]) -> None:
        """Send *messages* to every link of every session that is not over."""
        spelt = [json.dumps(message, ensure_ascii=False).encode() for message in messages]
        self._turn += 1
        data = packed(spelt, (0, 2, 3)[self._turn % 3])
        for session in self.sessions.values():
            for socket in [] if session.over else list(session.sockets):
                try:
                    await socket.send_bytes(data)
                except ConnectionError:
                    continue

    async def drop(self, index: int = 0) -> None:
        """Break one link without a word, as a network does."""
        socket = self.session.sockets[index]
        transport = socket._req.transport if socket._req is not None else None
        assert transport is not None
        transport.abort()

    async def end_session(self) -> None:
        """End the newest session as the platform does one whose heartbeat stayed away: say so, then close its links."""
        session = self.session
        end = {"cmd": "LIVE_OPEN_PLATFORM_INTERACTION_END", "data": {"game_id": session.game_id, "timestamp": 1}}
        data = packed([json.dumps(end).encode()], 0)
        session.over = True
        for socket in list(session.sockets):
            await socket.send_bytes(data)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v2/app/{call}", self._call)
        app.router.add_get("/sub/{number}", self._link)
        return app

    async def _call(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.away:
            return web.Response(status=503, text="<html>out of service</html>")
        code = self._check(request, body)
        content = json.loads(body)
        self.calls.append((request.path, content))
        code = code or self.refuse.get(request.path, 0)
        if code:
            return web.json_response({"code": code, "message": "refused", "request_id": "1"})
        if request.match_info["call"] == "start":
            return web.json_response({"code": 0, "message": "ok", "data": self._start(content)})
        session = self.sessions.get(content["game_id"])
        if session is None or session.over:
            return web.json_response({"code": 7003, "message": "over"})
        if request.match_info["call"] == "end":
            session.over = True
            for socket in list(session.sockets):
                await socket.close()
        return web.json_response({"code": 0, "message": "ok", "data": {}})

    def _check(self, request: web.Request, body: bytes) -> int:
        """Return the code of what is wrong with the signature, 0 where it holds."""
        text = "\n".join(f"{name}:{request.headers[name]}" for name in SIGNED)
        expected = hmac.new(ACCESS_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        if request.headers["x-bili-content-md5"] != hashlib.md5(body).hexdigest():
            return 4012
        if request.headers["authorization"] != expected:
            return 4002
        nonce = request.headers["x-bili-signature-nonce"]
        if nonce in self.nonces:
            return 4004
        self.nonces.add(nonce)
        return 0

    def _start(self, content: Mapping[str, Any]) -> dict[str, Any]:
        assert (content["code"], content["app_id"]) == (CODE, APP_ID)
        session = Session(f"game-{len(self.sessions):04}")
        self.sessions[session.game_id] = session
        return {
            "game_info": {"game_id": session.game_id},
            "websocket_info": {
                "auth_body": json.dumps({"roomid": ROOM_ID, "key": session.game_id, "protover": 2}),
                "wss_link": [f"{self._address}/sub/0", f"{self._address}/sub/1"],
            },
            "anchor_info": {"room_id": ROOM_ID, "uname": "owner", "uid": 0, "open_id": "o-owner"},
        }

    async def _link(self, request: web.Request) -> web.StreamResponse:
        if self.away:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        data = (await socket.receive()).data
        _, _, _, operation, _ = struct.unpack_from(">IHHII", data)
        session = self.sessions.get(json.loads(data[16:])["key"])
        if operation != 7 or session is None or session.over:
            await socket.send_bytes(pack(8, b'{"code":-101}', 1))
            return socket
        await socket.send_bytes(pack(8, b'{"code":0}', 1))
        self.links_made += 1
        session.sockets.append(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY and struct.unpack_from(">IHHII", message.data)[3] == 2:
                    await socket.send_bytes(pack(3, struct.pack(">I", 1), 1))
        finally:
            session.sockets.remove(socket)
        return socket

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[str]:
        """Serve on the loopback; yield the address."""
        runner = web.AppRunner(self.app(), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        host, bound = runner.addresses[0][:2]
        self._address = f"ws://{host}:{bound}"
        try:
            yield f"http://{host}:{bound}"
        finally:
            await asyncio.gather(*(socket.close() for each in self.sessions.values() for socket in each.sockets))
            await runner.cleanup()
