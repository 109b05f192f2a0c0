"""Pushes straight from the server to the pipeline: the HTTP framework costs more than the rest of a push."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from producers.gateway.http_request import request_of
from producers.gateway.pipeline import PushPipeline
from producers.gateway.responses import HttpAnswer, problem
from runtime.logging import get_logger
from runtime.metrics import GATEWAY_REQUESTS
from runtime.settings import GatewaySettings

log = get_logger(__name__)

# ASGI's own, as the server or the framework types it.
Scope = Any
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

BATCH_PATH = "/v1/events"
_BATCH = ("", "")
_CUT_SHORT = "the body ends before it is whole: look at its length, or at the sizes of its chunks"


class PushASGIApp:
    """An ASGI application that answers pushes and hands everything else to *rest*, the framework's application.

    The framework's own routes for these paths stay: they say in OpenAPI what is here, and answer other methods and
    other spellings of the path. Both ask the same `PushPipeline`.
    """

    def __init__(self, pipeline: PushPipeline, rest: Any, limits: GatewaySettings) -> None:
        self._pipeline = pipeline
        self._rest = rest
        self._max_body_bytes = limits.max_body_bytes
        self._body_timeout_s = limits.body_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or (push := _push_of(scope)) is None:
            body = _FrameworkBody(receive, send, self._body_timeout_s)
            await self._rest(scope, body.receive, body.send)
            return
        try:
            answer = await self._answer(scope, receive, push)
        except Exception:
            # The sender is told that it may try again, which is harmless; the log has the trace.
            log.exception("a push failed", path=scope["path"])
            answer = _refuse(500, "this push could not be answered; send it again, the same event_id is counted once")
        await _send(send, answer)

    async def _answer(self, scope: Scope, receive: Receive, push: tuple[str, str]) -> HttpAnswer:
        """Return the answer, also where the sender may have hung up: a body cut short by its framing looks alike."""
        try:
            async with asyncio.timeout(self._body_timeout_s):
                body = await _body(receive, self._max_body_bytes)
        except TimeoutError:
            return _refuse(408, _late(self._body_timeout_s), scope)
        if body is None:
            # The server answers 500 in our stead where we answer nothing.
            return _refuse(400, _CUT_SHORT, scope)
        if isinstance(body, HttpAnswer):
            return body
        request = request_of(scope, body)
        return await (
            self._pipeline.push_batch(request) if push == _BATCH else self._pipeline.push_native(*push, request)
        )


def _push_of(scope: Scope) -> tuple[str, str] | None:
    """Return account and flow of a native push, `_BATCH` for a batch push, and None for any other request."""
    path, method = scope["path"], scope["method"]
    if path == BATCH_PATH:
        return _BATCH if method == "POST" else None
    if not path.startswith("/in/") or method not in {"GET", "POST"}:
        return None
    parts = path.split("/")
    return (parts[2], parts[3]) if len(parts) == 4 and parts[2] and parts[3] else None


async def _body(receive: Receive, max_bytes: int) -> bytes | HttpAnswer | None:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > max_bytes:
            return _refuse(413, f"at most {max_bytes} bytes are taken; send smaller batches")
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class _FrameworkBody:
    """A body on its way to the framework: one that is late or cut short is its sender's fault, and never a 5xx."""

    def __init__(self, receive: Receive, send: Send, timeout_s: float) -> None:
        self._receive = receive
        self._send = send
        self._timeout_s = timeout_s
        self._deadline_s = asyncio.get_running_loop().time() + timeout_s
        self._whole = False
        self._refusal: HttpAnswer | None = None
        self._refused = False

    async def receive(self) -> MutableMapping[str, Any]:
        """Return the next message; a sender whose body is not here in time has hung up."""
        if self._whole:
            # From here on only the end of the connection is waited for.
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline_s):
                message = await self._receive()
        except TimeoutError:
            message, self._refusal = {"type": "http.disconnect"}, problem(408, _late(self._timeout_s))
        if message["type"] == "http.disconnect" and self._refusal is None:
            self._refusal = problem(400, _CUT_SHORT)
        self._whole = not message.get("more_body", False)
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """Pass *message* on, but for the framework's 500 about a body that did not come."""
        if message["type"] == "http.response.start" and self._refusal is not None and message["status"] >= 500:
            self._refused = True
            await _send(self._send, self._refusal)
        elif not self._refused:
            await self._send(message)


def _late(timeout_s: float) -> str:
    return f"the body was not here within {timeout_s:g} s; send smaller batches, or compress them"


def _refuse(status: int, detail: str, scope: Scope | None = None) -> HttpAnswer:
    """Return and count a refusal of what did not reach the pipeline; the connection of *scope* cannot be used again."""
    GATEWAY_REQUESTS.labels("-", "-", status).inc()
    answer = problem(status, detail)
    if scope is not None and scope.get("http_version", "1.1").startswith("1"):
        answer.headers["Connection"] = "close"
    return answer


async def _send(send: Send, answer: HttpAnswer) -> None:
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(answer.body)),
        *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
