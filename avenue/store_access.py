"""How a command reaches the data: through the running server, or else by opening the store itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from avenue.run_file import RunFile, read_run_file
from runtime.clickhouse import ClickHouse
from runtime.errors import ConfigurationError, UnavailableError
from runtime.settings import Settings

# A reconcile waits for what is in flight up to a minute, and then reads everything.
TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Server:
    """The server that runs on this home folder."""

    run: RunFile

    def get(self, path: str, **parameters: str) -> httpx.Response:
        """Return the answer to a GET of *path* as the local operator. Raises `UnavailableError`."""
        return self._send(httpx.Request("GET", self.run.url + path, params=parameters or None))

    def post(self, path: str, content: bytes) -> httpx.Response:
        """Return the answer to a POST of *content*. Raises `UnavailableError`."""
        return self._send(httpx.Request("POST", self.run.url + path, content=content))

    def _send(self, request: httpx.Request) -> httpx.Response:
        request.headers["authorization"] = f"Bearer {self.run.operator_key}"
        try:
            with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
                return client.send(request)
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"the server at {self.run.url} does not answer ({type(error).__name__}); `avenue doctor` says more"
            ) from error


@contextmanager
def store_of(settings: Settings) -> Iterator[Server | ClickHouse]:
    """Give the running server of this home, or the store opened here where none runs.

    Raises `ConfigurationError` where there is neither a server nor a store.
    """
    run = None if settings.clickhouse.dsn else read_run_file(settings.home)
    if run is not None:
        yield Server(run)
        return
    if settings.clickhouse.dsn is None and not (settings.home / "clickhouse").exists():
        raise ConfigurationError(
            f"nothing runs on {settings.home} and it holds no data; start with `avenue up`, "
            "or set AVENUE_HOME or AVENUE_CLICKHOUSE__DSN"
        )
    clickhouse = ClickHouse.of(settings)
    try:
        yield clickhouse
    finally:
        clickhouse.close()
