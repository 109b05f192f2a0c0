"""Brings a store's tables and views to the present state, forward only, one numbered SQL file after the other."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from runtime.clickhouse import ClickHouse, Client
from runtime.errors import ProtocolError
from runtime.logging import get_logger
from runtime.sql_statements import split_statements

log = get_logger(__name__)

FOLDER = Path(__file__).parent / "migrations"
_FILE = re.compile(r"^([0-9]{4})_([a-z0-9_]+)\.sql$")
_RECORDS = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    number UInt16,
    name String,
    sha256 String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the folder."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """The hash by which a changed file is known."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrate(clickhouse: ClickHouse, folder: Path = FOLDER) -> list[str]:
    """Apply what *folder* holds and the store has not, and return the names of the files applied.

    A file is recorded after its last statement. Every statement may be run again, so a file that was cut short is
    continued by running it again, and two processes that race do the same work twice.
    Raises `ProtocolError` where a file that was applied has changed since, or the store knows one that is not here.
    """
    client = clickhouse.writer()
    client.command(_RECORDS)
    files = read_folder(folder)
    applied = _applied(client)
    _check_unchanged(files, applied)
    done: list[str] = []
    for migration in files:
        if migration.number not in applied:
            _apply(client, migration)
            done.append(f"{migration.number:04d}_{migration.name}")
    return done


def read_folder(folder: Path) -> list[Migration]:
    """Return the migrations of *folder* in order. Raises `ProtocolError` where their numbers have gaps or repeat."""
    found = [
        Migration(int(match[1]), match[2], path.read_text(encoding="utf-8"))
        for path in sorted(folder.iterdir())
        if (match := _FILE.match(path.name))
    ]
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ProtocolError(f"the migrations in {folder.name} are not numbered 0001, 0002, …")
    return found


def _applied(client: Client) -> dict[int, str]:
    rows = client.query("SELECT number, sha256 FROM schema_migrations FINAL").result_rows
    return {int(number): str(sha256) for number, sha256 in rows}


def _check_unchanged(files: list[Migration], applied: dict[int, str]) -> None:
    known = {migration.number: migration for migration in files}
    for number, sha256 in sorted(applied.items()):
        migration = known.get(number)
        if migration is None:
            raise ProtocolError(
                f"the store has migration {number:04d}, which this version does not know; run the newer one"
            )
        if migration.sha256 != sha256:
            raise ProtocolError(
                f"migration {number:04d}_{migration.name} was changed after it was applied; "
                "restore the file and put the change into a new one"
            )


def _apply(client: Client, migration: Migration) -> None:
    for statement in split_statements(migration.text):
        client.command(statement)
    client.insert(
        "schema_migrations",
        [[migration.number, migration.name, migration.sha256]],
        column_names=["number", "name", "sha256"],
    )
    log.info("migration applied", migration=f"{migration.number:04d}_{migration.name}")
