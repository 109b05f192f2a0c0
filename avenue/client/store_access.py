"""How a command reaches the data: through the running server, or else by opening the store itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from avenue.embedded.home import owner_of
from avenue.run_file import RunFile, read_run_file
from runtime.clickhouse import ClickHouse
from runtime.errors import UnavailableError
from runtime.settings import Settings

# A reconcile waits for what is in flight up to a minute, and then reads everything.
TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class RunningServer:
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


def error_detail(answer: httpx.Response) -> str:
    """Return what the server says is wrong, from the problem that it answers every error with."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:300]


@contextmanager
def store_of(settings: Settings) -> Iterator[RunningServer | ClickHouse]:
    """Give the running server of this home, or the store opened here where none runs.

    Raises `UnavailableError` where there is neither a server nor a store, or one is about to open it.
    """
    run = None if settings.clickhouse.dsn else read_run_file(settings.home)
    if run is not None:
        yield RunningServer(run)
        return
    if settings.clickhouse.dsn is None and not (settings.home / "clickhouse").exists():
        raise UnavailableError(
            f"nothing runs on {settings.home.absolute()} and it holds no data; start it with `avenue up`, "
            "or set AVENUE_HOME or AVENUE_CLICKHOUSE__DSN"
        )
    if settings.clickhouse.dsn is None and (owner := owner_of(settings.home)):
        # It opens the folder itself in a moment, or still has it open; only one process can.
        raise UnavailableError(
            f"`avenue up` (pid {owner}) starts or ends on {settings.home.absolute()}; try again when it says ready"
        )
    clickhouse = ClickHouse.of(settings)
    try:
        yield clickhouse
    finally:
        clickhouse.close()
