"""The conservation sums, and the comparison of what readers see with a recomputation, on the real engine."""

from collections.abc import Mapping

import pytest

from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.metrics import STORE_FREE
from schemas.lines import RejectLine
from schemas.timing import MINUTE_MS
from sinks.reconciliation.conservation import COUNTED, KEPT, PUBLISHED, RECEIVED, STORED, BalanceCheck, conservation
from sinks.reconciliation.incremental import RunningSums
from sinks.reconciliation.reconcile import Reconciliation, _sums, measure, reconcile
from sinks.reconciliation.room import measure_room
from sinks.settlement.recheck import differences
from tests.support.settlement_harness import ACCOUNT, NOON_MS, World, epoch_of, event

pytestmark = pytest.mark.clickhouse

AT_ONCE = " SETTINGS mutations_sync = 2"


@pytest.fixture
def world(clickhouse: ClickHouse) -> World:
    return World(clickhouse)


def sums_of(world: World) -> Mapping[str, BalanceCheck]:
    """Return the sums of the one account by name; nothing is in flight in a quiet world."""
    world.later(1)
    return {item.name: item for item in conservation(world.clickhouse)}


def sides(item: BalanceCheck) -> tuple[int, int, int, bool]:
    return item.left, item.right, item.in_flight, item.closed


def reject(reject_id: str, delivery_id: str = "d-1") -> RejectLine:
    return RejectLine(
        reject_id=reject_id,
        account_id=ACCOUNT,
        platform="sunmi",
        flow="events",
        reason="malformed",
        received_ms=NOON_MS,
        delivery_id=delivery_id,
    )


def test_every_sum_closes_on_a_quiet_road(world: World) -> None:
    world.send(event("e-1"), event("e-2"))
    world.reject(reject("r-1"))
    world.deliver("d-1", accepted=2, rejected=1, duplicate=1)

    found = sums_of(world)

    assert {name: sides(item) for name, item in found.items()} == {
        RECEIVED: (4, 4, 0, True),
        PUBLISHED: (2, 2, 0, True),
        COUNTED: (2, 2, 0, True),
        STORED: (2, 2, 0, True),
        KEPT: (1, 1, 0, True),
    }
    assert (found[STORED].account, found[STORED].source) == (ACCOUNT, "1/0")


def test_lines_that_the_worker_has_not_come_to_are_in_flight(world: World) -> None:
    world.send(event("e-1"))
    world.send(event("e-2"), event("e-3"), counted=False)

    assert sides(sums_of(world)[COUNTED]) == (3, 1, 2, True)


def test_a_line_that_the_worker_lost_opens_a_sum(world: World) -> None:
    world.send(event("e-1"))
    lost = world.send(event("e-2"), counted=False)
    world.sources[1, 0].advance(lost.offset, lost.timestamp_ms)
    world.send(event("e-3"))

    assert sides(sums_of(world)[COUNTED]) == (3, 2, 0, False)


def test_an_event_lost_from_the_store_opens_a_sum(world: World) -> None:
    world.send(event("e-1"), event("e-2"))
    world.command("ALTER TABLE pilot_events DELETE WHERE event_id = 'e-2' SETTINGS mutations_sync = 2")

    found = sums_of(world)

    assert sides(found[STORED]) == (2, 1, 0, False)
    assert found[COUNTED].closed


def test_repeats_close_whoever_found_them(world: World) -> None:
    world.send(event("e-1"), event("e-2"))
    world.send(event("e-1"))
    world.send(event("other", NOON_MS + 20 * MINUTE_MS))
    # Beyond the span: late by itself, and the store has it once.
    world.send(event("e-2", after_ms=21 * MINUTE_MS))
    # Late, and new.
    world.send(event("e-3", after_ms=22 * MINUTE_MS))
    world.later(30)

    found = sums_of(world)

    assert sides(found[COUNTED]) == (6, 6, 0, True)
    assert sides(found[STORED]) == (6, 6, 0, True)


def test_a_repeat_across_sources_closes_once_settlement_has_listed_it(world: World) -> None:
    world.send(event("e-1"))
    world.epochs = (epoch_of(), epoch_of(2))
    world.send(event("e-1"), epoch=2)
    world.later(1)
    before = [item.closed for item in conservation(world.clickhouse) if item.name == STORED]
    world.later(9)
    world.settle()

    assert before == [True, False]
    assert all(item.closed for item in conservation(world.clickhouse))


def test_an_answer_without_its_lines_opens_a_sum(world: World) -> None:
    world.send(event("e-1"))
    world.deliver("d-1", accepted=2)

    assert sides(sums_of(world)[PUBLISHED]) == (1, 2, 0, False)


def test_lines_of_a_request_that_was_never_answered_are_unanswered(world: World) -> None:
    world.send(event("e-1"), event("e-2", delivery_id="d-crash"))
    world.send(event("e-2", delivery_id="d-retry"))
    world.deliver("d-1", accepted=1)
    world.deliver("d-retry", accepted=1)

    assert sides(sums_of(world)[PUBLISHED]) == (3, 3, 0, True)


def test_lines_with_an_answer_that_counts_too_few_open_a_sum(world: World) -> None:
    world.send(event("e-1"), event("e-2"))
    world.deliver("d-1", accepted=1)

    assert sides(sums_of(world)[PUBLISHED]) == (2, 1, 0, False)


def test_what_came_just_now_is_in_flight(world: World) -> None:
    world.send(event("e-1"), event("e-2"))
    world.idle()

    (published,) = [item for item in conservation(world.clickhouse) if item.name == PUBLISHED]

    assert sides(published) == (2, 0, 2, True)


def test_a_reject_kept_once_though_it_came_twice_closes(world: World) -> None:
    world.reject(reject("r-1"))
    world.reject(reject("r-1", "d-2"), reject("r-2", "d-2"))
    world.deliver("d-1", accepted=0, rejected=1)
    world.deliver("d-2", accepted=0, rejected=2)

    assert sides(sums_of(world)[KEPT]) == (3, 3, 0, True)


def test_a_rejected_event_that_was_not_kept_opens_a_sum(world: World) -> None:
    world.reject(reject("r-1"))
    world.deliver("d-1", accepted=0, rejected=2)

    assert sides(sums_of(world)[KEPT]) == (2, 1, 0, False)


def test_a_line_that_is_no_event_closes_without_an_account(world: World) -> None:
    record = world.send(event("e-1"), stored=False, counted=False)
    foreign = record._replace(value=record.value + b"\nnot json", headers={})
    world.store(foreign)
    world.count(foreign)

    world.later(1)
    found = [item for item in conservation(world.clickhouse) if item.name in {COUNTED, STORED}]

    assert sorted((item.account, *sides(item)) for item in found) == [
        *2 * [("", 1, 1, 0, True)],
        *2 * [(ACCOUNT, 1, 1, 0, True)],
    ]


def test_shown_cells_equal_their_recomputation_live_and_settled(world: World) -> None:
    world.send(event("e-1"), event("e-late", after_ms=4 * MINUTE_MS))
    assert differences(world.clickhouse) == []
    world.later(12)
    world.settle()

    assert differences(world.clickhouse) == []


@pytest.mark.parametrize("table", ["cells_live", "cells_settled"])
def test_a_shown_cell_changed_by_hand_is_found(world: World, table: str) -> None:
    world.send(event("e-1"))
    if table == "cells_settled":
        world.later(9)
        world.settle()
    world.command(f"ALTER TABLE {table} UPDATE duration_ms_sum = 1 WHERE 1 SETTINGS mutations_sync = 2")

    (found,) = differences(world.clickhouse, "band-q4")

    assert (found.layer, found.shown_events, found.expected_events) == (table.removeprefix("cells_"), 1, 1)
    assert differences(world.clickhouse, "another-trial") == []


def test_a_block_with_rows_that_its_settlement_has_not_seen_waits(world: World) -> None:
    world.send(event("e-1"))
    world.later(9)
    world.settle()
    world.send(event("e-late", after_ms=9 * MINUTE_MS))

    (found,) = differences(world.clickhouse)

    assert (found.waiting, found.shown_events, found.expected_events) == (True, 1, 2)


def test_a_cell_that_came_into_being_after_its_blocks_settlement_waits(world: World) -> None:
    world.send(event("e-1"))
    world.later(9)
    world.settle()
    world.send(event("e-late", after_ms=9 * MINUTE_MS, placement_id="p-other"))

    (found,) = differences(world.clickhouse)

    assert (found.waiting, found.layer, found.shown_events, found.expected_events) == (True, "settled", 0, 1)


def reconciled(world: World) -> Reconciliation:
    return reconcile(world.clickhouse, wait_s=0, clock=ManualClock(world.clock.now_ms() - 1))


def test_reconciling_a_quiet_road_finds_it_whole(world: World) -> None:
    world.send(event("e-1"))
    world.deliver("d-1", accepted=1)
    world.later(1)

    found = reconciled(world)

    assert (found.ok, found.complete, found.differences) == (True, True, [])


def test_reconciling_reports_what_differs(world: World) -> None:
    world.send(event("e-1"))
    world.deliver("d-1", accepted=1)
    world.later(9)
    world.settle()
    world.command("ALTER TABLE cells_settled UPDATE events = 5 WHERE 1 SETTINGS mutations_sync = 2")

    found = reconciled(world)

    assert found.ok is False
    assert [(item.layer, item.shown_events, item.expected_events) for item in found.differences] == [("settled", 5, 1)]


def test_reconciling_names_a_live_cell_that_settlement_could_not_explain(world: World) -> None:
    world.send(event("e-1"))
    world.deliver("d-1", accepted=1)
    world.command("ALTER TABLE cells_live UPDATE events = 5 WHERE 1 SETTINGS mutations_sync = 2")
    world.clock.set(_now_ms())
    world.idle()
    world.settle()

    found = reconciled(world)

    assert [(item.layer, item.shown_events, item.expected_events) for item in found.differences] == [
        ("at settlement", 5, 1)
    ]


def test_reconciling_tells_what_settlements_left_wrong(world: World) -> None:
    world.send(event("e-1"))
    world.deliver("d-1", accepted=1)
    world.later(9)
    world.settle()
    world.command("ALTER TABLE settled_blocks UPDATE sources = [(1, 0, 'sunmi-main', 3, 0)] WHERE 1" + AT_ONCE)

    found = reconciled(world)

    assert (found.ok, all(item.closed for item in found.sums)) == (False, True)
    assert [(item.name, item.left, item.right) for item in found.otherwise] == [(STORED, 1, 3)]


def test_blocks_settled_before_anything_was_left_of_them_are_filled(world: World) -> None:
    world.send(event("e-1"), event("e-late", after_ms=9 * MINUTE_MS))
    world.later(20)
    world.settle()
    left = world.rows("SELECT sources, rows, run FROM settled_blocks FINAL")
    world.command("ALTER TABLE settled_blocks UPDATE sources = [] WHERE 1" + AT_ONCE)

    running = RunningSums(world.settler.waiting)

    assert running.fill(world.clickhouse)
    assert world.rows("SELECT sources, rows, run FROM settled_blocks FINAL") == left
    assert conservation(world.clickhouse, running.figures) == conservation(world.clickhouse)


def test_the_gauges_show_gaps_and_standing_differences(world: World) -> None:
    world.send(event("e-1"))
    world.deliver("d-1", accepted=3)
    world.later(1)

    measure(world.clickhouse)

    from prometheus_client import REGISTRY

    assert REGISTRY.get_sample_value("avenue_conservation_gap_lines", {"sum": "published"}) == 2
    assert REGISTRY.get_sample_value("avenue_reconcile_difference") == 0


def test_the_store_says_itself_how_much_room_it_has(world: World) -> None:
    measure_room(world.clickhouse)

    (found,) = STORE_FREE.collect()
    assert found.samples
    assert all(0 < sample.value < 1 for sample in found.samples)


def test_a_gap_of_a_moment_is_looked_at_again_before_it_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(event("e-1"))
    world.deliver("d-1", accepted=3)
    world.later(1)
    looks = [_sums(world.clickhouse, None), []]
    assert any(item.gap for item in looks[0])
    monkeypatch.setattr("sinks.reconciliation.reconcile._sums", lambda *_: looks.pop(0))

    measure(world.clickhouse)

    from prometheus_client import REGISTRY

    assert looks == []
    assert REGISTRY.get_sample_value("avenue_conservation_gap_lines", {"sum": "published"}) == 0


def _now_ms() -> int:
    from runtime.clock import SystemClock

    return SystemClock().now_ms()
