"""Asks the running server's reading API under one key: what it answers is all that an assistant gets to see."""

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from mcp.server.mcpserver.exceptions import ToolError

from runtime.problems import Problem

ANSWER_S = 60.0
"""An answer takes no longer: an assistant asks again, for less, rather than wait for ever."""
ANSWER_BYTES = 2 * 2**20
"""More is not read: no assistant's window holds it."""
HINTS = {
    401: "the key in AVENUE_KEY is unknown, expired or revoked; ask the avenue's operator for a new one",
    503: "the server is busy, or its store did not answer in time; ask for less, or again in a few seconds",
}


class ReadingApi:
    """The reading API behind *client*, which knows the server's address and the key."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, *parts: str, **parameters: Any) -> dict[str, Any]:
        """Return what a GET of `/v1/` and *parts* answers; None among *parameters* is left out.

        Raises `ToolError` with what is wrong and the way out. Somebody else's id reads exactly as an unknown one.
        """
        path = "/v1/" + "/".join(quote(part, safe="") for part in parts)
        asked = {name: value for name, value in parameters.items() if value is not None}
        try:
            async with asyncio.timeout(ANSWER_S), self._client.stream("GET", path, params=asked) as answer:
                body = await _bounded(answer)
        except TimeoutError as error:
            raise ToolError(
                f"no answer within {ANSWER_S:.0f} s; ask for a shorter interval or fewer metrics"
            ) from error
        except httpx.HTTPError as error:
            raise ToolError(
                f"the server at {self._client.base_url} does not answer ({type(error).__name__}); is it running, and "
                "is --url right?"
            ) from error
        if answer.status_code != 200:
            raise ToolError(_wrong(answer.status_code, body))
        found: dict[str, Any] = msgspec.json.decode(body)
        return found


async def _bounded(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise ToolError(
                f"the answer is larger than {ANSWER_BYTES >> 20} MiB; ask for a shorter interval or a coarser step"
            )
    return bytes(body)


def _wrong(status: int, body: bytes) -> str:
    try:
        detail = msgspec.json.decode(body, type=Problem).detail
    except msgspec.MsgspecError:
        detail = "the answer is no problem of the reading API; is --url the avenue's server?"
    return f"{status}: {HINTS.get(status, detail)}"
