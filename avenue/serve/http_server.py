"""An ASGI application on a port, inside this process: chDB allows neither fork nor a second process."""

import asyncio
import socket
from typing import Any

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from runtime.errors import ConfigurationError

# More connections than partners have; a full backlog refuses instead of queueing for ever.
_BACKLOG = 1024
_HEADER_TIMEOUT_MS = 15_000


class HttpServer:
    """Serves *app* on one event loop. Raises `ConfigurationError` where the port is taken."""

    def __init__(self, app: Any, *, host: str, port: int) -> None:
        _check_free(host, port)
        self._server = Server(
            app,
            address=host,
            port=port,
            interface=Interfaces.ASGINL,
            backlog=_BACKLOG,
            websockets=False,
            log_level=LogLevels.warning,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS),
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to answer."""
        self._task = asyncio.get_running_loop().create_task(self._server.serve())

    def problem(self) -> str | None:
        """Return why requests are not answered, or None: a check for `Health`."""
        return None if self._task is not None and not self._task.done() else "the HTTP server is not running"

    async def stop(self) -> None:
        """Take no new requests, and finish those under way."""
        if self._task is None:
            return
        self._server.signal_handler_interrupt()  # type: ignore[no-untyped-call]  # granian's own
        await self._task


def _check_free(host: str, port: int) -> None:
    """Refuse a taken port: the server itself would share it with whoever has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"the port {host}:{port} cannot be opened ({error.strerror}); "
                "choose another with --port or AVENUE_HTTP__PORT"
            ) from error
