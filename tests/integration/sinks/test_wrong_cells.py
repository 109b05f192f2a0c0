"""Cells that somebody, or a fault, wrote into the store: found, listed, and put right."""

import pytest

from runtime.clickhouse import ClickHouse
from sinks.settlement.recheck import wrongly_settled
from tests.support.settlement_harness import NOON_MS, World, event

pytestmark = pytest.mark.clickhouse

LISTED = (
    "SELECT kind, live_events, recomputed_events FROM settlement_differences FINAL "
    "WHERE explanation = 'unexplained' AND (product_id, block, run) IN "
    "(SELECT product_id, block, max(run) FROM settled_blocks GROUP BY product_id, block)"
)
SEEN = "SELECT sum(events), max(settled) FROM metrics_by_minute"


@pytest.fixture
def world(clickhouse: ClickHouse) -> World:
    world = World(clickhouse)
    world.send(event("e-1"), event("e-2"))
    return world


def settled(world: World) -> World:
    world.later(9)
    world.settle()
    return world


def write_settled(world: World, *, events: int, run: str = "run + 1000", kind: str = "kind") -> None:
    """Write a copy of the settled cell under a higher run."""
    world.command(
        f"INSERT INTO cells_settled SELECT * REPLACE ({events} AS events, {run} AS run, {kind} AS kind) "  # noqa: S608
        "FROM cells_settled FINAL LIMIT 1"
    )


def repaired(world: World) -> None:
    """Do what the settling thread does at each look."""
    world.settler.settle_again(wrongly_settled(world.clickhouse))
    world.later(1)
    world.settle()


@pytest.mark.parametrize("run", ["run + 1000", f"toUInt64({2**63})"])
def test_a_settled_cell_written_under_a_higher_run_is_listed_and_settled_right(world: World, run: str) -> None:
    write_settled(settled(world), events=7, run=run)
    assert world.rows(SEEN) == [(7, 1)]

    repaired(world)

    assert world.rows(SEEN) == [(2, 1)]
    assert wrongly_settled(world.clickhouse) == []
    assert world.rows(LISTED) == [("use.completed", 7, 2)]


def test_a_settled_cell_of_nothing_is_listed_and_hidden(world: World) -> None:
    write_settled(settled(world), events=5, kind="'use.started'")
    assert world.rows(SEEN) == [(7, 1)]

    repaired(world)

    assert world.rows(SEEN) == [(2, 1)]
    assert world.rows(LISTED) == [("use.started", 5, 0)]


def test_a_live_cell_written_with_a_higher_version_is_listed_and_settled_right(world: World) -> None:
    world.command(
        "INSERT INTO cells_live SELECT * REPLACE (7 AS events, version + 1000 AS version) FROM cells_live LIMIT 1"
    )
    assert world.rows(SEEN) == [(7, 0)]

    settled(world)

    assert world.rows(SEEN) == [(2, 1)]
    assert world.rows(LISTED) == [("use.completed", 7, 2)]


def test_a_settled_cell_that_is_right_is_left_alone(world: World) -> None:
    settled(world)
    runs = world.rows("SELECT block, run FROM settled_blocks")

    repaired(world)

    assert world.rows("SELECT block, run FROM settled_blocks") == runs


def test_a_block_that_got_rows_is_no_wrong_cell(world: World) -> None:
    settled(world)
    world.send(event("e-late", NOON_MS, after_ms=600_000))

    assert wrongly_settled(world.clickhouse) == []
