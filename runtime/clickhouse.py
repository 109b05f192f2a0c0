"""The one place where ClickHouse clients are made: chDB in this process, or a server by DSN; the same SQL for both.

A client belongs to one thread. chDB allows one process per data folder, and must never be forked.
"""

import fcntl
import threading
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError

from runtime.clickhouse_errors import explain
from runtime.errors import ConfigurationError, first_line
from runtime.settings import ClickHouseSettings, Settings

__all__ = ["ClickHouse", "ClickHouseError", "Client", "DatabaseError", "OperationalError"]


class ClickHouse:
    """Clients of one store: one writer and one reader per thread.

    Raises `ConfigurationError` on first use where another process has the chDB folder open.
    """

    def __init__(self, settings: ClickHouseSettings, *, path: Path | None = None) -> None:
        self._settings = settings
        self._path = path
        self._local = threading.local()
        self._open: list[Client] = []
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> "ClickHouse":
        """Return the store that *settings* name: a server by DSN, or chDB in the home folder."""
        return cls(settings.clickhouse, path=None if settings.clickhouse.dsn else settings.home / "clickhouse")

    @property
    def database(self) -> str:
        """The database that holds our tables."""
        return self._settings.database

    def explain(self, error: BaseException) -> str:
        """Return what *error* of this store means, with the next step; never a password."""
        return explain(self._settings, error)

    @property
    def embedded(self) -> bool:
        """Whether the engine runs in this process."""
        return self._path is not None

    def writer(self) -> Client:
        """Return this thread's client for inserts and migrations."""
        client = getattr(self._local, "writer", None)
        if client is None:
            client = self._local.writer = self._connect()
        return client

    def reader(self) -> Client:
        """Return this thread's read-only client, with limits on time and memory of each query."""
        client = getattr(self._local, "reader", None)
        if client is None:
            limits: dict[str, Any] = {
                "max_execution_time": self._settings.query_timeout_s,
                "max_memory_usage": self._settings.max_memory_mb * 1_048_576,
                "max_threads": self._settings.max_threads,
                # Queries read hundreds to thousands of rows: compiling one costs more than it saves.
                "compile_expressions": 0,
                "compile_aggregate_expressions": 0,
                "compile_sort_description": 0,
                # In CSV an absent number is an empty cell: readers take `\\N` for text, and with it the whole column.
                "format_csv_null_representation": "",
            }
            if not self.embedded:
                # With every request; 2, not 1: the driver sends settings of its own with each query.
                limits["readonly"] = 2
            client = self._local.reader = self._connect(limits)
            if self.embedded:
                # Last: after it nothing can be set any more, which is the point.
                client.command("SET readonly = 1")
        return client

    def close(self) -> None:
        """Close every client that was made, of all threads."""
        with self._lock:
            for client in self._open:
                client.close()
            self._open.clear()
        self._local = threading.local()

    def _connect(self, limits: dict[str, Any] | None = None) -> Client:
        settings = limits or {}
        if self._path is None:
            dsn = self._settings.dsn
            if dsn is None:
                raise ConfigurationError("neither AVENUE_CLICKHOUSE__DSN nor a home folder is set")
            client = clickhouse_connect.get_client(
                dsn=dsn.get_secret_value(),
                settings=settings,
                autogenerate_session_id=False,
                query_retries=2,
                show_clickhouse_errors=True,
            )
        else:
            client = self._open_chdb(settings)
        self._prepare(client, writer=not limits)
        with self._lock:
            self._open.append(client)
        return client

    def _open_chdb(self, settings: dict[str, Any]) -> Client:
        path = self._path or Path()
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            return clickhouse_connect.get_client(interface="chdb", path=str(path), settings=settings)
        except Exception as error:
            # The driver raises bare RuntimeErrors here; the commonest cause by far is the folder's lock.
            cause = _holder_text(path) or f"cannot be opened: {first_line(error)}"
            raise ConfigurationError(
                f"the ClickHouse folder {path} {cause}; stop the other `avenue`, or set AVENUE_HOME to another folder"
            ) from error

    def _prepare(self, client: Client, *, writer: bool) -> None:
        if writer:
            client.command(f"CREATE DATABASE IF NOT EXISTS {self.database}")
        client.database = self.database
        if self.embedded:
            client.command(f"USE {self.database}")
            if writer:
                # What settles and sums has time; a second thread costs a fifth more CPU, which others here need.
                client.command("SET max_threads = 1")


def _holder_text(path: Path) -> str | None:
    """Return that another process has the folder open, by the file that the engine locks; None where nobody has."""
    try:
        with (path / "status").open() as status:
            fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        said = (path / "status").read_text().strip()
        return f"is open in another process ({first_line(said or 'it does not say which').lower()})"
    except OSError:
        return None
    return None
