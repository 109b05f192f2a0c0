"""How the hops of the road are judged, from what store and broker say."""

from dataclasses import replace
from typing import get_args

import pytest

from reports.access.road_sources import BrokerReading, GroupPosition
from reports.queries.operator_hops import NEXT, GroupMovement, HopSources, first_broken, judge_hops
from reports.queries.operator_model import RoadHopName
from reports.queries.operator_road import StoreReading
from tests.support.paths import DOCS

NOW = 1_780_000_000_000
WELL = GroupPosition(members=1, committed=500, lag_records=0, oldest_ms=None)
BROKER = BrokerReading(records_per_min=120.0, faulty_partitions=0, worker=WELL, sink=WELL)
STORE = StoreReading(
    received_per_min=240.0,
    rejected=0,
    requests=100,
    limited=0,
    failed=0,
    undecodable=0,
    foreign=0,
    delivered_until_ms=NOW - 1000,
    complete_until_ms=NOW - 2000,
    accounts=[],
    products=[],
)
QUIET = HopSources(now_ms=NOW, store=STORE, store_why="", broker=BROKER, broker_why="", differences=0)


def judged(sources: HopSources) -> dict[str, tuple[str, str]]:
    return {hop.hop: (hop.condition, hop.cause) for hop in judge_hops(sources)}


def waiting(for_s: float, members: int = 1) -> GroupPosition:
    return GroupPosition(members, committed=500, lag_records=40, oldest_ms=round(NOW - for_s * 1000))


def test_a_road_that_flows_has_every_hop_in_its_order_and_none_broken() -> None:
    hops = judge_hops(QUIET)

    assert [hop.hop for hop in hops] == list(get_args(RoadHopName))
    assert {hop.condition for hop in hops} == {"flows"}
    assert [hop.next_step for hop in hops] == [None] * 5
    assert first_broken(hops) is None
    assert [(hop.rate_per_min, hop.rate_of) for hop in hops[:2]] == [(240.0, "events"), (120.0, "records")]


def test_a_worker_whose_oldest_record_waits_and_whose_offsets_do_not_move_stands_still() -> None:
    hops = judge_hops(replace(QUIET, broker=replace(BROKER, worker=waiting(90)), worker_moved=(60.0, 0.0)))

    worker = hops[2]
    assert (worker.condition, worker.cause, worker.lag_records, worker.lag_s) == (
        "stands_still",
        "nothing_moves",
        40,
        90.0,
    )
    assert worker.next_step == NEXT["worker", "nothing_moves"]
    assert first_broken(hops) == "worker"


@pytest.mark.parametrize(
    ("position", "moved", "expected"),
    [
        (waiting(90), (1.0, 30.0), ("behind", "catching_up")),
        (waiting(16), (60.0, 0.0), ("behind", "catching_up")),
        (waiting(5), (60.0, 0.0), ("flows", "")),
        (waiting(90, members=0), (0.0, None), ("away", "nobody_reads")),
        (replace(WELL, members=0), (0.0, None), ("away", "nobody_reads")),
    ],
)
def test_what_moves_is_behind_and_what_nobody_reads_is_away(
    position: GroupPosition, moved: tuple[float, float | None], expected: tuple[str, str]
) -> None:
    worker = replace(QUIET, broker=replace(BROKER, worker=position), worker_moved=moved)
    sink = replace(QUIET, broker=replace(BROKER, sink=position), sink_moved=moved)

    assert judged(worker)["worker"] == judged(sink)["clickhouse"] == expected


def test_a_broker_that_gives_no_answer_is_the_first_broken_and_hides_what_only_it_knows() -> None:
    found = judge_hops(replace(QUIET, broker=None, broker_why="no answer within 3 s"))

    assert first_broken(found) == "kafka"
    assert found[1].detail == "no answer within 3 s"
    assert [hop.condition for hop in found] == ["flows", "away", "unknown", "unknown", "flows"]


def test_a_store_that_gives_no_answer_is_named_and_so_are_the_readers_behind_it() -> None:
    found = judged(replace(QUIET, store=None, store_why="refused"))

    assert found["gateway"] == ("unknown", "not_asked")
    assert found["worker"] == ("flows", "")
    assert found["clickhouse"] == found["reports"] == ("away", "no_answer")


def test_a_process_that_asks_no_broker_says_so_and_calls_nothing_broken() -> None:
    hops = judge_hops(replace(QUIET, broker=None))

    assert [hop.condition for hop in hops] == ["flows", "unknown", "unknown", "unknown", "flows"]
    assert first_broken(hops) is None


@pytest.mark.parametrize(
    ("failed", "requests", "expected"),
    [
        (0, 0, ("idle", "nothing_came")),
        (0, 100, ("flows", "")),
        (1, 101, ("flows", "")),
        (1, 100, ("behind", "turned_away")),
        (50, 100, ("stands_still", "turned_away")),
    ],
)
def test_a_gateway_is_judged_by_the_share_of_requests_that_it_turns_away(
    failed: int, requests: int, expected: tuple[str, str]
) -> None:
    assert judged(replace(QUIET, store=replace(STORE, failed=failed, requests=requests)))["gateway"] == expected


@pytest.mark.parametrize(
    ("old_s", "expected"),
    [(14, ("flows", "")), (15, ("behind", "old_numbers")), (300, ("stands_still", "old_numbers"))],
)
def test_reports_are_as_old_as_what_they_show(old_s: int, expected: tuple[str, str]) -> None:
    assert judged(replace(QUIET, store=replace(STORE, complete_until_ms=NOW - old_s * 1000)))["reports"] == expected


def test_a_group_is_known_to_stand_still_only_by_two_looks() -> None:
    movement, held = GroupMovement(), waiting(90)

    assert movement.look(held, 100.0) == (0.0, None)
    assert movement.look(held, 110.0) == (10.0, 0.0)
    assert movement.look(replace(held, committed=530), 120.0) == (0.0, 180.0)
    assert movement.look(replace(WELL, committed=530), 200.0) == (0.0, 0.0)


def test_every_next_step_has_its_runbook() -> None:
    named = {step.runbook for step in NEXT.values()}

    assert len(named) >= 8
    assert [name for name in sorted(named) if not (DOCS / "runbooks" / f"{name}.md").exists()] == []
