"""Late lines are kept beside the events, so that an id used again in the same millisecond can be told from a repeat."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from runtime.clickhouse import ClickHouse
from schemas.lines import StoredEvent
from schemas.timing import MINUTE_MS
from sinks.clickhouse.migrate import FOLDER, migrate, read_folder
from sinks.reconciliation.conservation import conservation
from tests.support.settlement_harness import NOON_MS, World, event

pytestmark = pytest.mark.clickhouse

KEEPING = next(migration for migration in read_folder(FOLDER) if migration.name == "keep_late_lines")
LATE_MS = 30 * MINUTE_MS


def late(event_id: str, **changes: Any) -> StoredEvent:
    return event(event_id, after_ms=LATE_MS, **changes)


def other_contents(world: World) -> list[tuple[str, str]]:
    """Return ids and deliveries of late lines that say something else than the event that stands."""
    return [
        (str(event_id), str(delivery))
        for event_id, delivery in world.rows(
            "SELECT l.event_id, l.delivery_id FROM (SELECT * FROM late_lines FINAL WHERE NOT is_repeat) AS l "
            "INNER JOIN (SELECT event_id, content FROM pilot_events FINAL) AS e ON e.event_id = l.event_id "
            "WHERE e.content != l.content ORDER BY l.event_id, l.delivery_id"
        )
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "exposure"},
        {"placement_id": "p-2"},
        {"outcome": "failed"},
        {"subject": "0" * 32},
        {"session_id": ""},
        {"duration_ms": None},
        {"duration_ms": 5231},
        {"amount_fen": 0},
        {"rating": 5},
        {"attributes": {"scene": "café"}},
    ],
    ids=str,
)
def test_a_late_line_that_differs_in_anything_its_sender_said_is_told_and_the_first_alone_counts(
    clickhouse: ClickHouse, change: dict[str, Any]
) -> None:
    world = World(clickhouse)
    world.send(event("used-again"), event("sent-again", attributes={"a": 1, "b": "x"}))
    changed = late("used-again", delivery_id="d-2", **change)
    world.send(changed, late("sent-again", delivery_id="d-2", arm="other", attributes={"b": "x", "a": 1}))
    world.command("OPTIMIZE TABLE pilot_events FINAL")

    assert other_contents(world) == [("used-again", "d-2")]
    assert world.rows("SELECT event_id, delivery_id FROM pilot_events ORDER BY event_id") == [
        ("sent-again", event("sent-again").delivery_id),
        ("used-again", event("used-again").delivery_id),
    ]


def test_the_sums_close_as_before_with_an_id_used_again(clickhouse: ClickHouse) -> None:
    world = World(clickhouse)
    world.send(event("e-1", delivery_id="d-1"))
    world.deliver("d-1", accepted=1)
    world.send(late("e-1", amount_fen=7, delivery_id="d-2"))
    world.deliver("d-2", accepted=1)
    world.later(60)

    assert world.settle().blocks

    found = conservation(clickhouse)
    assert found
    assert {item.closed for item in found} == {True}
    assert world.rows("SELECT sum(events) FROM cells") == [(1,)]


def test_what_the_worker_found_to_be_a_repeat_is_none(clickhouse: ClickHouse) -> None:
    world = World(clickhouse)
    world.send(late("e-1"))
    world.send(late("e-1", amount_fen=7, delivery_id="d-2"))

    assert world.rows("SELECT count(), countIf(is_repeat) FROM late_lines FINAL") == [(2, 1)]
    assert other_contents(world) == []


def test_what_came_in_time_leaves_no_row(clickhouse: ClickHouse) -> None:
    world = World(clickhouse)
    world.send(event("in-time", after_ms=MINUTE_MS), event("late", after_ms=MINUTE_MS + 1))

    assert world.rows("SELECT event_id FROM late_lines") == [("late",)]


def test_a_store_of_yesterdays_tells_from_now_on_what_is_used_again(
    empty_clickhouse: ClickHouse, tmp_path: Path
) -> None:
    yesterday = tmp_path / "yesterday"
    yesterday.mkdir()
    for path in FOLDER.glob("*.sql"):
        if int(path.name[:4]) < KEEPING.number:
            shutil.copy(path, yesterday)
    migrate(empty_clickhouse, yesterday)
    world = World(empty_clickhouse)
    world.send(event("used-again", NOON_MS), event("sent-again"))

    assert migrate(empty_clickhouse)[0] == f"{KEEPING.number:04d}_{KEEPING.name}"
    assert migrate(empty_clickhouse) == []

    world.send(late("used-again", amount_fen=7, delivery_id="d-2"), late("sent-again", delivery_id="d-2"))
    assert other_contents(world) == [("used-again", "d-2")]
    assert world.rows("SELECT count() FROM events") == [(2,)]
