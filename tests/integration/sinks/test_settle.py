"""Settlement on the real engine, with live cells by the worker's real steps."""

from typing import Any

import pytest
from msgspec.structs import replace

from runtime.clickhouse import ClickHouse
from schemas.timing import MINUTE_MS
from sinks.clickhouse.sql import query
from sinks.reconciliation.conservation import STORED, conservation
from sinks.settlement.blocks import Block
from tests.support.settlement_harness import NOON_MS, World, epoch_of, event, hash_of, random_events

pytestmark = pytest.mark.clickhouse

BLOCK = Block("band", NOON_MS // 1000)
ALL_OF_A_CELL = (
    "product_id, trial_id, platform, placement_id, arm, kind, minute, events, failed, abandoned, duration_count, "
    "duration_ms_sum, duration_bins, duration_counts, amount_count, amount_fen_sum, rating_count, rating_sum, subjects, "
    "sessions, first_ms, last_ms"
)
SEEN = "SELECT sum(events), max(settled) FROM metrics_by_minute"


@pytest.fixture
def world(clickhouse: ClickHouse) -> World:
    return World(clickhouse)


def test_a_block_is_settled_once_it_is_over_and_not_before(world: World) -> None:
    world.send(event("e-1"))
    world.later(7)
    assert world.settle().blocks == ()

    world.later(2)

    assert world.settle().blocks == (BLOCK,)
    assert world.rows(SEEN) == [(1, 1)]
    assert world.settle().blocks == ()


def test_live_cells_equal_the_recomputation_whatever_the_events_are(world: World) -> None:
    for start in range(0, 300, 50):
        world.send(*sorted(random_events(7, 300), key=lambda item: item.received_ms)[start : start + 50])
    live = world.rows("SELECT * EXCEPT settled FROM cells ORDER BY ALL")
    world.later(9)

    settled = world.settle()

    assert (len(settled.blocks), settled.differences) == (1, ())
    assert world.rows("SELECT * EXCEPT settled FROM cells ORDER BY ALL") == live
    assert world.rows("SELECT DISTINCT settled FROM cells") == [(1,)]


def test_cells_of_several_sources_with_late_events_among_them_are_what_their_events_come_to(world: World) -> None:
    world.epochs = (epoch_of(partitions=2),)
    drawn = random_events(11, 400)
    # Every third comes late: into cells that have events which are not.
    drawn = [
        replace(item, received_ms=item.occurred_ms + 4 * MINUTE_MS) if n % 3 == 0 else item
        for n, item in enumerate(drawn)
    ]
    drawn.sort(key=lambda item: item.received_ms)
    for start in range(0, len(drawn), 40):
        world.send(*drawn[start : start + 40], partition=start // 40 % 2)
    world.later(15)

    settled = world.settle()

    assert (len(settled.blocks), settled.differences) == (1, ())
    settled_cells, plain_cells = (
        world.rows(f"SELECT {ALL_OF_A_CELL} FROM {where} ORDER BY ALL")  # noqa: S608 - ours
        for where in ("cells_settled FINAL", f"({query('recompute', events='everything')})")
    )
    assert settled_cells == plain_cells
    assert world.rows("SELECT sum(late_events) > 50, sum(live_events) FROM cells_settled FINAL") == world.rows(
        "SELECT 1, sum(events) FROM cells_live FINAL"
    )
    counted = "SELECT source.1, source.2, source.3, sum(source.4), sum(source.5) FROM {} ARRAY JOIN sources AS source GROUP BY ALL ORDER BY ALL"
    assert world.rows(counted.format("cells_settled FINAL")) == world.rows(counted.format("settled_blocks FINAL"))


def test_a_late_event_is_in_the_settled_numbers(world: World) -> None:
    world.send(event("e-1"))
    world.send(event("e-late", after_ms=20 * MINUTE_MS))
    assert world.rows(SEEN) == [(1, 0)]
    world.later(30)

    assert world.settle().differences == ()
    assert world.rows(SEEN) == [(2, 1)]
    assert world.rows("SELECT events, live_events, late_events, unexplained FROM settled_blocks FINAL") == [
        (2, 1, 1, 0)
    ]


def test_an_event_stored_later_settles_the_block_again(world: World) -> None:
    world.send(event("e-1"))
    world.later(9)
    world.settle()
    world.send(event("e-late", after_ms=9 * MINUTE_MS))
    world.later(1)

    settled = world.settle()

    assert settled.blocks == (BLOCK,)
    assert world.rows(SEEN) == [(2, 1)]
    assert world.rows("SELECT cause FROM settled_blocks FINAL") == [("touched",)]


def test_a_block_touched_again_and_again_is_settled_at_the_pace_of_the_setting(world: World) -> None:
    world.send(event("e-1"))
    world.later(9)
    world.settle()
    world.send(event("e-2", after_ms=9 * MINUTE_MS))

    assert world.settle().blocks == ()
    world.later(0.5)
    assert world.settle().blocks == (BLOCK,)


def test_a_repeat_stored_later_changes_no_number(world: World) -> None:
    world.send(event("e-1"))
    world.later(9)
    world.settle()
    world.send(event("e-1", after_ms=9 * MINUTE_MS))
    world.later(1)

    settled = world.settle()

    assert (settled.blocks, settled.differences) == ((BLOCK,), ())
    assert world.rows(SEEN) == [(1, 1)]


@pytest.mark.parametrize("after_ms", [500, 5 * MINUTE_MS])
def test_a_cell_that_vanishes_hides_what_was_there_live_or_settled(world: World, after_ms: int) -> None:
    world.send(event("e-1"))
    world.send(event("e-2", placement_id="p-2", after_ms=after_ms))
    world.later(9)
    world.settle()
    # A correction of the registry places the event elsewhere.
    world.command(
        "ALTER TABLE pilot_events UPDATE placement_id = 'p-9' WHERE event_id = 'e-2' SETTINGS mutations_sync = 2"
    )
    world.send(event("e-1", after_ms=9 * MINUTE_MS))
    world.later(1)
    world.settle()

    assert world.rows("SELECT placement_id, events FROM metrics_by_minute ORDER BY placement_id") == [
        ("p-1", 1),
        ("p-9", 1),
    ]


def test_an_idle_source_read_to_its_end_does_not_hold_settlement_up(world: World) -> None:
    world.epochs = (epoch_of(partitions=2),)
    world.send(event("e-1"))
    world.clock.advance(9 * MINUTE_MS)
    world.idle(partitions=[0])
    assert world.settle().blocks == ()

    world.idle(partitions=[1])

    assert world.settle().blocks == (BLOCK,)


def test_cells_that_are_not_stored_yet_hold_settlement_up(world: World) -> None:
    record = world.send(event("e-1"), counted=False)
    world.later(9)
    assert world.settle().blocks == ()

    world.count(record)

    assert world.settle().blocks == (BLOCK,)


@pytest.mark.parametrize("events", [7, 1])
def test_a_live_cell_changed_by_hand_is_found_and_the_settled_number_is_right(world: World, events: int) -> None:
    world.send(event("e-1"), event("e-2"))
    world.command(
        "INSERT INTO cells_live (* EXCEPT (events, inserted_at)) SELECT * EXCEPT (events, inserted_at) FROM cells_live"
    )
    world.command(f"ALTER TABLE cells_live UPDATE events = {events} WHERE 1 SETTINGS mutations_sync = 2")
    world.later(9)

    (difference,) = world.settle().differences

    assert (difference.explanation, difference.live_events, difference.recomputed_events) == ("unexplained", events, 2)
    assert world.rows(SEEN) == [(2, 1)]
    assert world.rows("SELECT unexplained FROM settled_blocks FINAL") == [(1,)]
    assert world.rows("SELECT explanation, live_events FROM settlement_differences") == [("unexplained", events)]


def test_a_changed_register_is_found_though_the_counts_agree(world: World) -> None:
    world.send(event("e-1"))
    world.command("ALTER TABLE cells_live UPDATE subjects = [65] WHERE 1 SETTINGS mutations_sync = 2")
    world.later(9)

    assert [item.explanation for item in world.settle().differences] == ["unexplained"]


def test_a_final_row_that_a_crash_kept_back_is_explained(world: World) -> None:
    world.send(event("e-1"))
    lost = world.send(event("e-2"), counted=False)
    world.count(lost, sent=False)
    world.send(event("e-3", NOON_MS + 20 * MINUTE_MS))
    world.later(30)

    (difference,) = world.settle().differences

    assert difference.explanation == "final_row_kept_back"
    assert world.rows("SELECT sum(events), min(settled) FROM metrics_by_minute") == [(3, 1)]


def test_a_repeat_across_sources_is_explained(world: World) -> None:
    world.send(event("e-1"), event("e-2"))
    world.epochs = (epoch_of(), epoch_of(2))
    world.send(event("e-1", subject=hash_of(1)), epoch=2)
    assert world.rows(SEEN) == [(3, 0)]
    world.later(9)

    (difference,) = world.settle().differences

    assert difference.explanation == "repeat_across_sources"
    assert "source 2/0 up to offset 0: live 1, stored 0" in difference.detail
    assert world.rows(SEEN) == [(2, 1)]


@pytest.mark.parametrize(
    "change",
    [{"at_ms": NOON_MS + 2 * MINUTE_MS}, {"trial_id": "other-q4", "product_id": "other"}],
    ids=["a message whose time is that of its receipt, sent again", "other content"],
)
def test_an_id_that_comes_again_inside_the_span_stands_once_whatever_else_it_says(
    world: World, change: dict[str, Any]
) -> None:
    world.send(event("e-1"))
    again = world.send(event("e-1", **change))
    world.store(again)  # read twice, as after a crash of the sink: what the worker said still holds
    assert world.rows(SEEN) == [(1, 0)]
    world.later(12)

    settled = world.settle()

    assert settled.differences == ()
    assert world.rows(SEEN) == [(1, 1)]
    assert world.rows("SELECT event_id, toUnixTimestamp64Milli(occurred_at), product_id FROM events") == [
        ("e-1", NOON_MS, "band")
    ]
    assert all(
        item.closed and item.left == item.right for item in conservation(world.clickhouse) if item.name == STORED
    )


def test_an_id_used_again_long_after_is_another_event(world: World) -> None:
    world.send(event("e-1"))
    world.send(event("e-1", NOON_MS + 20 * MINUTE_MS))

    assert world.rows("SELECT count() FROM events") == [(2,)]
    assert world.rows(SEEN) == [(2, 0)]


def test_disorder_beyond_the_slack_is_explained(world: World) -> None:
    world.send(event("e-ahead", NOON_MS + 10 * MINUTE_MS))
    world.send(event("e-behind"))
    world.later(19)

    (difference,) = world.settle().differences

    assert difference.explanation == "disorder_beyond_slack"
    assert world.rows(SEEN) == [(2, 1)]


def test_hours_are_summed_from_settled_minutes_and_again_after_a_late_event(world: World) -> None:
    hour = "SELECT sum(events), sum(duration_ms_sum), max(arraySum(duration_counts)) FROM cells_hourly FINAL"
    world.send(event("e-1"), event("e-2", NOON_MS + 6 * MINUTE_MS))
    world.later(15)
    world.settle()
    assert world.rows(hour) == [(0, 0, 0)]
    world.later(60)
    world.settle()
    assert world.rows(hour) == [(2, 2 * 5230, 2)]

    world.send(event("e-3", after_ms=80 * MINUTE_MS))
    world.later(10)
    world.settle()

    assert world.rows(hour) == [(3, 3 * 5230, 3)]


def test_a_new_settler_goes_on_where_the_last_one_was(world: World) -> None:
    world.send(event("e-1"))
    world.later(9)
    world.settle()
    world.send(event("e-2", after_ms=9 * MINUTE_MS))
    world.later(1)
    fresh = World(world.clickhouse, clock=world.clock)

    assert fresh.settle().blocks == (BLOCK,)
    assert fresh.rows(SEEN) == [(2, 1)]


def test_a_settlement_cut_short_is_done_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(event("e-1"))
    world.later(9)
    with monkeypatch.context() as patch:
        patch.setattr("sinks.settlement.settle._write_differences", _fail)
        with pytest.raises(RuntimeError):
            world.settle()

    assert World(world.clickhouse, clock=world.clock).settle().blocks == (BLOCK,)
    assert world.rows(SEEN) == [(1, 1)]


def _fail(*_: object) -> None:
    raise RuntimeError("cut")


def test_nothing_is_settled_before_an_epoch_is_known(world: World) -> None:
    world.send(event("e-1"))
    world.later(9)
    world.epochs = ()

    assert world.settle().blocks == ()
