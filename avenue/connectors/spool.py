"""What a connector has read and not yet posted, and what it missed: a file that outlives a kill.

Messages stand sealed in it (AES-GCM, under a key derived from the secret that posts them), since they name persons. A
message leaves when the gateway has answered that it is in.
"""

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from runtime.errors import ConfigurationError, PipelineError

MAX_WAITING = 200_000
"""Messages that wait at most: some hours of a busy room, some 200 MB. What comes then is a hole, and said so."""
MAX_HOLES = 10_000
"""Remembered, the newest: one a minute for a week."""
NONCE_BYTES = 12
_TABLES = """
create table if not exists messages(number integer primary key autoincrement, digest blob unique, sealed blob not null);
create table if not exists holes(from_ms integer not null, to_ms integer not null, why text not null);
create table if not exists state(name text primary key, value text not null);
"""


@dataclass(frozen=True, slots=True)
class Hole:
    """A time in which messages may have been missed, in Unix milliseconds."""

    from_ms: int
    to_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits to be posted."""

    number: int
    body: bytes


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold *path* for this process while the block runs. Raises `ConfigurationError` where another one holds it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.with_suffix(".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigurationError(
                f"another connector runs with {path}; stop it, or give this one a --state of its own"
            ) from error
        yield


class Spool:
    """Written by one connector at a time (`alone`), read by whoever asks. A write is on disk when it returns."""

    def __init__(self, path: Path, secrets: Sequence[bytes], *, max_waiting: int = MAX_WAITING) -> None:
        """Open *path*, made where it is not. *secrets*: the newest seals, each unseals.

        Raises `ConfigurationError` where it cannot be written.
        """
        self._ciphers = [AESGCM(_key_of(secret)) for secret in secrets]
        self._max_waiting = max_waiting
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            self._database = sqlite3.connect(path, timeout=1.0, isolation_level=None)
            self._database.execute("pragma journal_mode = wal")
            self._database.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"{path} cannot be used: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def add(self, bodies: Sequence[bytes]) -> int:
        """Keep *bodies*, but those that are waiting already; return how many found no room."""
        room = self._max_waiting - self.waiting()
        with self._database:
            self._database.execute("begin")
            for number, body in enumerate(bodies):
                if room <= 0:
                    return len(bodies) - number
                cursor = self._database.execute(
                    "insert or ignore into messages(digest, sealed) values (?, ?)", (_digest(body), self._seal(body))
                )
                room -= cursor.rowcount
        return 0

    def first(self, count: int) -> list[Waiting]:
        """Return the oldest *count* messages. Raises `PipelineError` where none of the secrets unseals one."""
        rows = self._database.execute("select number, sealed from messages order by number limit ?", (count,))
        return [Waiting(number, self._unseal(sealed)) for number, sealed in rows]

    def remove(self, messages: Sequence[Waiting]) -> None:
        """Forget *messages*: the gateway has them."""
        with self._database:
            self._database.execute("begin")
            self._database.executemany("delete from messages where number = ?", [(each.number,) for each in messages])

    def waiting(self) -> int:
        """Return how many messages wait."""
        ((count,),) = self._database.execute("select count(*) from messages")
        return int(count)

    def add_hole(self, hole: Hole) -> None:
        """Remember *hole*."""
        with self._database:
            self._database.execute("begin")
            self._database.execute("insert into holes values (?, ?, ?)", (hole.from_ms, hole.to_ms, hole.why))
            self._database.execute("delete from holes where rowid <= (select max(rowid) from holes) - ?", (MAX_HOLES,))

    def holes(self) -> list[Hole]:
        """Return what was missed, oldest first."""
        return [Hole(*row) for row in self._database.execute("select from_ms, to_ms, why from holes order by rowid")]

    def value(self, name: str) -> str:
        """Return what was remembered under *name*, '' where nothing was."""
        row = self._database.execute("select value from state where name = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    def remember(self, name: str, value: str) -> None:
        """Remember *value* under *name*."""
        self._database.execute("insert or replace into state values (?, ?)", (name, value))

    def _seal(self, body: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, body, None)

    def _unseal(self, sealed: bytes) -> bytes:
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
            except InvalidTag:
                continue
        raise PipelineError("messages wait that another secret sealed; give the old one, too, until they are posted")


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _key_of(secret: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, b"avenue connector spool").derive(secret)
