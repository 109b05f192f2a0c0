"""What is past its time is destroyed by the clock, and neither sums nor settlement take it for a loss."""

from collections.abc import Iterator

import pytest

from registry.directory import Directory
from runtime.clickhouse import ClickHouse
from runtime.metrics import SINK_RETENTION_OVERDUE
from runtime.settings import ClickHouseSettings, Settings
from schemas.registry import Registry
from schemas.timing import DAY_MS, MINUTE_MS
from sinks.reconciliation.conservation import BalanceCheck, conservation
from sinks.reconciliation.incremental import RunningSums
from sinks.reconciliation.reconcile import reconcile
from sinks.retention.retire import RetentionJob, RetirementResult
from sinks.retention.rules import ALL, OF_RECORDS, OF_REJECTS, OF_TRIALS
from sinks.settlement.recheck import differences, wrongly_settled
from tests.support.factories import registry_of_trials
from tests.support.settlement_harness import ACCOUNT, NOON_MS, World, event, kept_reject, random_events
from tests.support.waiting import wait_until

pytestmark = pytest.mark.clickhouse

ENDS_MS = NOON_MS + DAY_MS
OTHER_ENDS_MS = NOON_MS + 200 * DAY_MS
YEAR_MS = 365 * DAY_MS
GONE_S = 60.0


@pytest.fixture
def world(clickhouse: ClickHouse) -> Iterator[World]:
    yield World(clickhouse)
    SINK_RETENTION_OVERDUE.set(0)


def registry_of(*trials: tuple[str, int], max_event_age: int = 30) -> Registry:
    spans = {trial: (NOON_MS - DAY_MS, ends_ms) for trial, ends_ms in trials}
    return registry_of_trials(spans, accounts=[ACCOUNT], max_event_age=max_event_age)


BOTH = registry_of(("band-q4", ENDS_MS), ("band-next", OTHER_ENDS_MS))


def turn(world: World, registry: Registry = BOTH, settings: Settings | None = None) -> RetirementResult:
    """Let the retention do a turn, and what it destroys be gone."""
    retention = RetentionJob(settings or world.settings, world.clickhouse, world.clock)
    directory = Directory(version=1, registry=registry, epochs=world.epochs)
    done = retention.run_once(directory, world.settler.waiting())
    wait_until(
        lambda: not world.rows("SELECT 1 FROM system.mutations WHERE NOT is_done AND database = currentDatabase()"),
        GONE_S,
        "a mutation does not end",
    )
    return done


def count(world: World, table: str, trial: str = "band-q4") -> int:
    return int(world.rows(f"SELECT count() FROM {table} WHERE trial_id = '{trial}'")[0][0])  # noqa: S608 - our own names


def holds(world: World, table: str) -> bool:
    return bool(world.rows(f"SELECT 1 FROM {table} LIMIT 1"))  # noqa: S608 - our own names


def settled_world(world: World) -> None:
    """Two trials' events, late and repeated ones among them, answered, settled, summed by hour and day."""
    mine = random_events(1, 40)
    world.send(*mine[:30])
    world.send(*mine[25:], partition=0)
    world.send(event("late", after_ms=30 * MINUTE_MS))
    world.send(*[event(f"n-{number}", trial_id="band-next") for number in range(7)])
    world.deliver("d-1", accepted=50, rejected=2, duplicate=1)
    world.deliver("d-2", accepted=3)
    world.send(*[event(f"d-{number}", delivery_id="d-2") for number in range(3)])
    world.reject(kept_reject("r-1"), kept_reject("r-2"))
    world.freeze("band-q4", "band-next")
    world.later(3 * 24 * 60)
    assert world.settle().blocks
    assert {sum_.closed for sum_ in sums(world)} == {True}


def sums(world: World) -> list[BalanceCheck]:
    return sorted(conservation(world.clickhouse), key=str)


def running(world: World) -> list[BalanceCheck]:
    known = RunningSums(world.settler.waiting)
    return sorted(conservation(world.clickhouse, known.figures), key=str)


def test_a_trials_rows_are_gone_a_year_after_its_end_and_not_before(world: World) -> None:
    settled_world(world)
    kept = {kept.table: count(world, kept.table) for kept in OF_TRIALS}
    next_kept = {kept.table: count(world, kept.table, "band-next") for kept in OF_TRIALS}
    assert min(kept.values()) > 0

    world.clock.set(ENDS_MS + YEAR_MS - 1)
    assert turn(world).trials == []
    assert {kept.table: count(world, kept.table) for kept in OF_TRIALS} == kept

    world.clock.set(ENDS_MS + YEAR_MS)
    assert turn(world).trials == ["band-q4"]
    assert {kept.table: count(world, kept.table) for kept in OF_TRIALS} == dict.fromkeys(kept, 0)
    assert {kept.table: count(world, kept.table, "band-next") for kept in OF_TRIALS} == next_kept
    assert turn(world) == RetirementResult(), "a second turn finds nothing to do"
    assert world.rows("SELECT count() FROM events WHERE trial_id = 'band-q4'") == [(0,)]
    assert world.rows("SELECT count() FROM metrics_by_minute WHERE trial_id = 'band-q4'") == [(0,)]


def test_no_sum_opens_and_no_cell_differs_because_rows_were_retired(world: World) -> None:
    settled_world(world)
    world.clock.set(ENDS_MS + YEAR_MS)
    world.idle()
    before, before_running = sums(world), running(world)
    assert before
    assert before_running == before

    assert turn(world).trials == ["band-q4"]

    assert sums(world) == before
    assert running(world) == before
    assert differences(world.clickhouse) == []
    assert wrongly_settled(world.clickhouse) == []
    found = reconcile(world.clickhouse, wait_s=0, clock=world.clock)
    assert (found.ok, found.differences, found.otherwise) == (True, [], [])


def test_rows_that_are_noted_and_not_destroyed_yet_are_neither_a_difference_nor_counted_twice(world: World) -> None:
    settled_world(world)
    world.clock.set(ENDS_MS + YEAR_MS)
    world.idle()
    before = sums(world)
    turn(world)
    # As where a mutation takes long: events are gone, cells are not.
    world.command(
        "INSERT INTO cells_settled SELECT * REPLACE ('band-q4' AS trial_id) "
        "FROM (SELECT * FROM cells_settled WHERE trial_id = 'band-next')"
    )

    assert sums(world) == before
    assert wrongly_settled(world.clickhouse) == []
    assert turn(world).left == ["cells_settled"]
    assert count(world, "cells_settled") == 0


def test_a_retired_block_is_not_settled_again_to_nothing(world: World) -> None:
    settled_world(world)
    world.clock.set(ENDS_MS + YEAR_MS)
    world.idle()
    settlements = world.rows("SELECT * FROM settled_blocks FINAL ORDER BY ALL")
    turn(world)

    # A settler that begins looks at everything.
    anew = World(world.clickhouse, clock=world.clock)
    anew.settler.settle_again(wrongly_settled(world.clickhouse))
    done = anew.settle()

    assert settlements
    assert (done.blocks, done.differences, done.days) == ((), (), ())
    assert world.rows("SELECT * FROM settled_blocks FINAL ORDER BY ALL") == settlements
    assert world.rows("SELECT count() FROM settlement_differences WHERE explanation = 'unexplained'") == [(0,)]


def test_a_block_that_waits_for_its_settlement_is_not_retired(world: World) -> None:
    settled_world(world)
    world.clock.set(ENDS_MS + YEAR_MS)
    world.send(event("just-now"))

    assert turn(world).trials == []

    world.later(60)
    assert world.settle().blocks
    assert turn(world).trials == ["band-q4"]


def test_a_trial_is_kept_while_an_account_may_still_send_its_events(world: World) -> None:
    settled_world(world)
    slow = registry_of(("band-q4", ENDS_MS), ("band-next", OTHER_ENDS_MS), max_event_age=400)

    world.clock.set(ENDS_MS + (400 + 90) * DAY_MS - 1)
    assert turn(world, slow).trials == []
    world.clock.set(ENDS_MS + (400 + 90) * DAY_MS)
    assert turn(world, slow).trials == ["band-q4"]


def test_a_trial_that_is_gone_from_the_registry_is_kept_by_the_end_that_it_had(world: World) -> None:
    settled_world(world)
    turn(world)
    world.clock.set(ENDS_MS + YEAR_MS - 1)
    assert turn(world, registry_of()).trials == []

    world.clock.set(ENDS_MS + YEAR_MS)
    assert turn(world, registry_of()).trials == ["band-q4"]


def test_a_trial_that_is_opened_again_after_its_retirement_keeps_what_comes_then(world: World) -> None:
    settled_world(world)
    world.clock.set(ENDS_MS + YEAR_MS)
    turn(world)
    before = {item.name: item.left for item in sums(world)}
    longer = registry_of(("band-q4", ENDS_MS + 2 * YEAR_MS), ("band-next", ENDS_MS + 3 * YEAR_MS))
    world.send(event("anew", world.clock.now_ms(), delivery_id="d-3"))
    world.deliver("d-3", accepted=1)
    world.later(60)
    world.settle()

    assert turn(world, longer).trials == []
    assert count(world, "pilot_events") == 1
    assert {name: after - before[name] for name, after in ((s.name, s.left) for s in sums(world))} == {
        name: 0 if name.startswith("rejected") else 1 for name in before
    }

    world.clock.set(ENDS_MS + 3 * YEAR_MS)
    world.idle()
    whole = sums(world)
    assert turn(world, longer).trials == ["band-q4"]
    assert count(world, "pilot_events") == 0
    assert sums(world) == whole


def test_rejects_and_records_are_gone_when_their_days_are_over(world: World) -> None:
    settled_world(world)
    world.command(
        "INSERT INTO replayed_rejects VALUES ('r-1', 'd-9', fromUnixTimestamp64Milli(1793000100000), 'accepted', '', 'k-1')"
    )
    before = sums(world)
    tables = [kept.table for kept in (*OF_REJECTS, *OF_RECORDS)]
    assert all(holds(world, table) for table in tables)

    def left() -> set[str]:
        return {table for table in tables if holds(world, table)}

    world.clock.set(NOON_MS + 90 * DAY_MS)
    turn(world)
    assert left() == set(tables), "whole days only"
    world.clock.set(NOON_MS + 91 * DAY_MS)
    turn(world)
    assert left() == {kept.table for kept in OF_RECORDS}
    assert sums(world) == running(world) == before

    world.clock.set(NOON_MS + 404 * DAY_MS)
    world.idle()
    turn(world)
    assert left() == set()
    assert [(item.name, item.left) for item in sums(world)] == [(item.name, item.left) for item in before]
    assert running(world) == sums(world)
    assert {item.closed for item in sums(world)} == {True}


def test_what_is_overdue_shows_and_ends_with_it(world: World) -> None:
    settled_world(world)
    world.clock.set(ENDS_MS + YEAR_MS - 1)
    # Stamped by the store's own clock, which the test does not move.
    world.command("TRUNCATE TABLE counted_steps")
    assert turn(world).left == ["pilot_rejects", "late_lines"]
    world.clock.set(ENDS_MS + YEAR_MS + 2 * DAY_MS)
    world.send(event("just-now"))
    world.command("TRUNCATE TABLE counted_steps")
    turn(world)
    assert SINK_RETENTION_OVERDUE._value.get() == 2 * 86_400

    world.later(60)
    world.settle()
    turn(world)
    turn(world)
    assert SINK_RETENTION_OVERDUE._value.get() == 0


def test_a_trial_that_went_long_ago_is_not_overdue_while_rejects_of_today_go(world: World) -> None:
    settled_world(world)
    world.clock.set(ENDS_MS + YEAR_MS)
    assert turn(world).trials == ["band-q4"]
    world.clock.set(ENDS_MS + YEAR_MS + 30 * DAY_MS)
    received_ms = world.clock.now_ms() - 91 * DAY_MS
    world.reject(kept_reject("r-3", received_ms=received_ms))

    assert turn(world).left == ["pilot_rejects"]

    assert 0 < SINK_RETENTION_OVERDUE._value.get() <= 2 * 86_400


def test_rejects_that_a_failing_mutation_leaves_are_overdue_by_their_age(world: World) -> None:
    settled_world(world)
    world.clock.set(NOON_MS + 91 * DAY_MS)
    turn(world)
    # As where the deletion fails day after day, and the moment until which rejects are retired goes on.
    world.reject(kept_reject("r-4", received_ms=NOON_MS))
    world.clock.set(NOON_MS + 100 * DAY_MS)

    assert turn(world).left == ["pilot_rejects"]

    assert 9 * 86_400 <= SINK_RETENTION_OVERDUE._value.get() <= 10 * 86_400


def test_a_clock_that_was_ahead_for_a_moment_does_not_have_what_comes_later_destroyed(world: World) -> None:
    settled_world(world)
    right_ms = world.clock.now_ms()
    world.clock.set(right_ms + 10 * YEAR_MS)
    turn(world)
    assert not holds(world, "pilot_rejects")

    world.clock.set(right_ms)
    world.reject(kept_reject("r-5", received_ms=right_ms))
    assert turn(world).left == []

    assert holds(world, "pilot_rejects")


def test_another_number_of_days_holds(world: World) -> None:
    settled_world(world)
    keep = ClickHouseSettings(event_retention_days=200, reject_retention_days=60)
    settings = world.settings.model_copy(update={"clickhouse": keep})

    world.clock.set(ENDS_MS + 200 * DAY_MS)

    assert turn(world, settings=settings).trials == ["band-q4"]


def test_each_table_of_the_store_has_its_time(world: World) -> None:
    tables = world.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )

    assert sorted(name for (name,) in tables) == sorted(kept.table for kept in ALL)
