"""A store of yesterday's, whose rows told their kind in a column `sort`, opens under today's names, wherever it is cut."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from avenue.client.stored_registry import stored_directory
from registry.directory import Directory
from reports.queries.context import QueryContext
from reports.queries.sources import load_day_states
from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.kafka import LogRecord
from runtime.sql_statements import split_statements
from schemas.timing import MINUTE_MS
from schemas.topics import Topic
from sinks.clickhouse.migrate import FOLDER, migrate, read_folder
from sinks.consumer.rows import rows_of
from sinks.reconciliation.conservation import conservation
from sinks.retention.retire import RetentionJob, RetirementResult
from sinks.settlement.recheck import differences
from sinks.settlement.retired import read_retired
from sinks.settlement.sources import read_epochs
from tests.support.settlement_harness import NOON_MS, World, epoch_of, event, random_events

pytestmark = pytest.mark.clickhouse

RENAMING = next(migration for migration in read_folder(FOLDER) if migration.name == "name_kinds_of_rows")
STATEMENTS = tuple(split_statements(RENAMING.text))
EARLY = [migration for migration in read_folder(FOLDER) if migration.name in {"keep_calls", "forget_subjects"}]
"""Made early: by the way in of today's deliveries and events, the life that is to be there is let in."""
RENAMED = {
    "registry_entries": ("registry_records", "sort", "entry_type"),
    "rolled_days": ("daily_rollups", "sort", "rollup"),
    "retired": ("retirements", "sort", "entry_type"),
}
"""Yesterday's tables: today's name, yesterday's column, today's column."""


def applied_up_to(number: int, clickhouse: ClickHouse, folder: Path) -> None:
    """Bring *clickhouse* to where the migrations up to *number* leave it."""
    folder.mkdir()
    for path in FOLDER.glob("*.sql"):
        if int(path.name[:4]) <= number:
            shutil.copy(path, folder)
    migrate(clickhouse, folder)


def columns_of(world: World, table: str) -> str:
    """Return the columns of *table* in its order."""
    found = world.rows(
        f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{table}' ORDER BY position"  # noqa: S608 - our own names
    )
    return ", ".join(str(name) for (name,) in found)


def held(world: World, table: str) -> list[tuple[Any, ...]]:
    """Return the rows of *table* as a reader sees them."""
    return sorted(world.rows(f"SELECT * FROM {table} FINAL"), key=str)  # noqa: S608 - our own names


def registry_record(key: str, value: bytes, offset: int) -> LogRecord:
    return LogRecord(Topic.REGISTRY, 0, offset, NOON_MS, key.encode(), value, {})


def lived_in(clickhouse: ClickHouse) -> World:
    """Let events come, be settled, summed by day and retired; needs today's tables."""
    world = World(clickhouse)
    world.send(*random_events(1, 40), event("late", after_ms=30 * MINUTE_MS))
    world.deliver("d-1", accepted=41)
    for number in (1, 2):
        entry = epoch_of(number).model_dump_json().encode()
        world._write(rows_of(Topic.REGISTRY, registry_record(f"epoch:{number}", entry, number), 1))
    world._write(rows_of(Topic.REGISTRY, registry_record("key:k-1", b'{"id":"k-1","sha256":"00"}', 3), 1))
    world._write(rows_of(Topic.REGISTRY, registry_record("key:k-1", b"", 4), 1))
    world.later(3 * 24 * 60)
    assert world.settle().days
    world.clock.advance(800 * 24 * 60 * MINUTE_MS)
    retention = RetentionJob(world.settings, clickhouse, world.clock)
    client = clickhouse.writer()
    retention._retire_by_time(client, read_retired(client), world.clock.now_ms(), RetirementResult())
    return world


def yesterdays(clickhouse: ClickHouse, folder: Path) -> World:
    """Return a store that yesterday's migrations made, with a life in it whose rows stand in yesterday's tables."""
    applied_up_to(RENAMING.number - 1, clickhouse, folder)
    for statement in STATEMENTS:
        if statement.startswith("CREATE TABLE") and any(f" {new}\n" in statement for new, _, _ in RENAMED.values()):
            clickhouse.writer().command(statement)
    for migration in EARLY:
        for statement in split_statements(migration.text):
            clickhouse.writer().command(statement)
    world = lived_in(clickhouse)
    for old, (new, was, now) in RENAMED.items():
        columns = columns_of(world, new)
        given = re.sub(rf"\b{now}\b", was, columns)
        world.command(f"INSERT INTO {old} ({given}) SELECT {columns} FROM {new}")  # noqa: S608 - our own names
        assert held(world, old), f"{old} has rows"
        world.command(f"DROP TABLE {new}")
    return world


def seen(world: World) -> dict[str, Any]:
    """Return what the code and the views make of the store."""
    client = world.clickhouse.reader()
    context = QueryContext(client, Directory(version=1), world.clock.now_ms())
    load_day_states(context, ["band"])
    views = world.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' ORDER BY name"
    )
    assert views
    return {
        "epochs": [item.number for item in read_epochs(client)],
        "directory": stored_directory(world.clickhouse).epochs,
        "retired": read_retired(client),
        "sums": sorted(conservation(world.clickhouse), key=str),
        "differences": differences(world.clickhouse),
        "days": context.memo["days", "band"],
        "views": {name: world.rows(f"SELECT count() FROM {name}") for (name,) in views},  # noqa: S608 - our own names
    }


def test_what_stood_in_yesterdays_tables_is_read_by_the_code_and_by_every_view(
    empty_clickhouse: ClickHouse, tmp_path: Path
) -> None:
    world = yesterdays(empty_clickhouse, tmp_path / "yesterday")
    before = {old: held(world, old) for old in RENAMED}

    assert migrate(empty_clickhouse)[0] == f"{RENAMING.number:04d}_{RENAMING.name}"

    assert {old: held(world, new) for old, (new, _, _) in RENAMED.items()} == before
    found = seen(world)
    assert found["epochs"] == [1, 2]
    assert [item.number for item in found["directory"]] == [1, 2]
    assert found["retired"].until_ms.keys() == {"rejects", "records"}
    assert any(day.cells.run and day.funnels.run for day in found["days"].values())
    assert found["sums"]
    assert {item.closed for item in found["sums"]} == {True}
    assert found["differences"] == []
    assert found["views"]["events"] == [(41,)]


def test_life_goes_on_in_a_store_of_yesterdays(empty_clickhouse: ClickHouse, tmp_path: Path) -> None:
    world = yesterdays(empty_clickhouse, tmp_path / "yesterday")
    migrate(empty_clickhouse)

    entry = epoch_of(3).model_dump_json().encode()
    world._write(rows_of(Topic.REGISTRY, registry_record("epoch:3", entry, 9), 1))
    world.send(event("new", world.clock.now_ms(), delivery_id="d-2"))
    world.deliver("d-2", accepted=1)
    world.later(3 * 24 * 60)
    settled = world.settle()

    assert [item.number for item in read_epochs(empty_clickhouse.reader())] == [1, 2, 3]
    assert settled.blocks
    assert settled.days
    assert {item.closed for item in conservation(empty_clickhouse)} == {True}


def made_by_hand(clickhouse: ClickHouse) -> World:
    """Return a store with yesterday's three tables alone, one row of each, and a row that a later one replaces."""
    world = World(clickhouse)
    for migration in read_folder(FOLDER):
        for statement in split_statements(migration.text):
            if migration.number < RENAMING.number and re.match(rf"CREATE TABLE.* ({'|'.join(RENAMED)})\n", statement):
                world.command(statement)
    write_as_yesterday(world, version=1)
    write_as_yesterday(world, version=2)
    assert all(held(world, old) for old in RENAMED)
    return world


def write_as_yesterday(world: World, *, version: int) -> set[str]:
    """Insert a row into each of yesterday's tables as yesterday's process does; return those that took it."""
    rows: dict[str, str] = {
        "registry_entries": f"(sort, id, body, version) VALUES ('epoch', '1', 'said {version}', {version})",
        "rolled_days": f"(sort, product_id, day, run, rows) VALUES ('cells', 'band', 86400, {version}, {version})",
        "retired": f"(sort, scope, until, numbers, retired_at) VALUES ('stored', 'band-q4', 1, [{version}], {version})",
    }
    took: set[str] = set()
    for table, row in rows.items():
        try:
            world.command(f"INSERT INTO {table} {row}")
        except ClickHouseError as error:
            assert "UNKNOWN_TABLE" in str(error)  # noqa: PT017 - it waits and tries again, and stores nothing elsewhere
        else:
            took.add(table)
    return took


def run(world: World, statements: tuple[str, ...]) -> None:
    for statement in statements:
        world.command(statement)


CUTS = range(len(STATEMENTS) + 1)


@pytest.mark.parametrize("cut", CUTS)
def test_a_renaming_that_was_cut_short_is_continued_by_running_it_again(empty_clickhouse: ClickHouse, cut: int) -> None:
    world = made_by_hand(empty_clickhouse)
    before = {old: held(world, old) for old in RENAMED}

    run(world, STATEMENTS[:cut])
    run(world, STATEMENTS)

    assert {old: held(world, new) for old, (new, _, _) in RENAMED.items()} == before
    assert [table for table in RENAMED if columns_of(world, table)] == []


@pytest.mark.parametrize("cut", CUTS)
def test_what_a_process_of_yesterdays_writes_meanwhile_is_not_lost(empty_clickhouse: ClickHouse, cut: int) -> None:
    world = made_by_hand(empty_clickhouse)

    run(world, STATEMENTS[:cut])
    took = write_as_yesterday(world, version=3)
    run(world, STATEMENTS[cut:])

    stored = {old: held(world, new) for old, (new, _, _) in RENAMED.items()}
    assert {old: len(rows) for old, rows in stored.items()} == dict.fromkeys(RENAMED, 1)
    version = {"registry_entries": 3, "rolled_days": 3, "retired": 6}
    assert {old for old, (row,) in stored.items() if row[version[old]] in (3, [3])} == took
