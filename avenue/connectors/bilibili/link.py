"""One connection to a live room: says who listens, keeps it alive, and hands on what it hears."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import aiohttp
import msgspec

from avenue.connectors.bilibili.frames import (
    MAX_UNPACKED_BYTES,
    OP_AUTH,
    OP_AUTH_REPLY,
    OP_HEARTBEAT,
    OP_MESSAGE,
    Frame,
    decode_frames,
    encode_frame,
)
from runtime.errors import PipelineError

HEARTBEAT_S = 20.0
"""The platform closes a link that has said nothing for a minute or so."""
AUTH_TIMEOUT_S = 10.0
SILENT_S = 70.0
"""Three heartbeats without an answer: the link is dead, whatever the socket says."""


class LinkRefusedError(PipelineError):
    """The platform does not take this session's word for who listens: a new session is needed."""


class LinkListener(Protocol):
    """Who is told what happens on a link."""

    def opened(self) -> None:
        """The platform has accepted the link."""

    def heard(self, messages: Sequence[bytes]) -> None:
        """Frames came; *messages* are the bodies of those that are messages of the room."""

    def closed(self, why: str) -> None:
        """The link that was open is no longer."""


class _AuthReply(msgspec.Struct):
    code: int = -1


async def listen(
    client: aiohttp.ClientSession, url: str, auth_body: bytes, listener: LinkListener, *, heartbeat_s: float
) -> None:
    """Connect to *url*, and listen until the connection ends. Raises `PipelineError` that says why it did."""
    try:
        async with client.ws_connect(
            url, max_msg_size=MAX_UNPACKED_BYTES, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)
        ) as socket:
            first = await _authenticate(socket, auth_body)
            await _read_until_closed(socket, listener, first, heartbeat_s)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise PipelineError(f"{type(error).__name__} {error}".strip()) from error


async def _authenticate(socket: aiohttp.ClientWebSocketResponse, auth_body: bytes) -> list[Frame]:
    """Say who listens; return the frames that came with the answer."""
    await socket.send_bytes(encode_frame(OP_AUTH, auth_body))
    answer, *others = await _frames(socket, AUTH_TIMEOUT_S) or [Frame(0, b"")]
    if answer.operation != OP_AUTH_REPLY:
        raise PipelineError("the platform's first frame is no answer to who listens")
    reply = _AuthReply()
    with suppress(msgspec.DecodeError):
        reply = msgspec.json.decode(answer.body, type=_AuthReply)
    if reply.code != 0:
        raise LinkRefusedError(f"the platform does not let this connector listen (code {reply.code})")
    return others


async def _read_until_closed(
    socket: aiohttp.ClientWebSocketResponse, listener: LinkListener, frames: list[Frame], heartbeat_s: float
) -> None:
    listener.opened()
    beat = asyncio.create_task(_keep_alive(socket, heartbeat_s))
    why = "the connector was stopped"
    try:
        while True:
            listener.heard([frame.body for frame in frames if frame.operation == OP_MESSAGE])
            frames = await _frames(socket, SILENT_S)
    except TimeoutError:
        why = f"nothing was heard for {SILENT_S:.0f} s"
        raise PipelineError(why) from None
    except PipelineError as error:
        why = str(error)
        raise
    finally:
        beat.cancel()
        listener.closed(why)


async def _keep_alive(socket: aiohttp.ClientWebSocketResponse, heartbeat_s: float) -> None:
    with suppress(aiohttp.ClientError, OSError):
        while not socket.closed:
            await socket.send_bytes(encode_frame(OP_HEARTBEAT))
            await asyncio.sleep(heartbeat_s)


async def _frames(socket: aiohttp.ClientWebSocketResponse, timeout_s: float) -> list[Frame]:
    message = await socket.receive(timeout_s)
    if message.type is aiohttp.WSMsgType.BINARY:
        return list(decode_frames(message.data))
    if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}:
        raise PipelineError(f"the platform closed the connection (code {socket.close_code})")
    if message.type is aiohttp.WSMsgType.ERROR:
        raise PipelineError(f"the connection broke: {socket.exception()}")
    raise PipelineError("the platform sent text where frames are due")
