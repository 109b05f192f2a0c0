"""Runs the tools: over standard input and output, or over HTTP on this machine's own address."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import uvicorn
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from avenue.assistants.reading import ANSWER_S, HINTS, ReadingApi
from avenue.assistants.tools import assistant_server
from runtime.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
PATH = "/mcp"
BODY_BYTES = 64 * 1024
"""A question is small."""


async def serve_stdio(url: str, key: str) -> None:
    """Serve on standard input and output until the assistant closes them. Raises `ConfigurationError` on a bad key."""
    async with _server(url, key) as server:
        await server.run_stdio_async()


async def serve_http(url: str, key: str, port: int) -> None:
    """Serve on the loopback address until TERM or INT. Raises `ConfigurationError` on a bad key or a taken port.

    Every caller reads under *key*, so nobody from elsewhere may be one: the port is this machine's own, and a browser
    is refused unless both the address that it asked and the page that asks are.
    """
    async with _server(url, key) as server:
        names = [f"{name}:{port}" for name in (LOOPBACK, "localhost")]
        app = server.streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            max_request_body_size=BODY_BYTES,
            transport_security=TransportSecuritySettings(
                allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names]
            ),
        )
        with _listening(port) as listening:
            config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
            await _ToldServer(config).serve(sockets=[listening])


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    try:
        opened = socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise ConfigurationError(
            f"the port {LOOPBACK}:{port} cannot be opened ({error.strerror}); choose another with --port"
        ) from error
    with opened:
        yield opened


class _ToldServer(uvicorn.Server):
    """Says when it is ready, and ends on TERM and INT as one who was told to: with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take both signals; the library's own way raises them again at the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        for one in sockets or ():
            print(f"ready http://{LOOPBACK}:{one.getsockname()[1]}{PATH}", flush=True)

    def _told(self) -> None:
        self.should_exit = True


@asynccontextmanager
async def _server(url: str, key: str) -> AsyncIterator[MCPServer]:
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=ANSWER_S, trust_env=False) as client:
        await _check_key(client)
        yield assistant_server(ReadingApi(client))


async def _check_key(client: httpx.AsyncClient) -> None:
    """Refuse a key that opens nothing; a server that is not up yet may come, and until then every tool says so."""
    try:
        answer = await client.get("/v1/me")
    except httpx.HTTPError:
        return
    if answer.status_code == 401:
        raise ConfigurationError(HINTS[401])
    if answer.status_code == 403:
        raise ConfigurationError(
            "the key in AVENUE_KEY is for sending; reading takes one of scope startup:ID, programme or operator"
        )
