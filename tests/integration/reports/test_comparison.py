"""Two trials or two times side by side: values are `judge`'s of the days on each side, whole trials their readout's."""

import random
from typing import Any

import pytest

from reports.queries.compared_parts import ComparePick, day_text, picked_parts
from reports.queries.comparison import compared_metrics, part_side, two_parts, whole_side
from reports.queries.model import Interval
from reports.queries.readout import readout
from reports.stats import judge
from runtime.clickhouse import ClickHouse
from schemas.registry import MetricId
from tests.support.readout_harness import (
    TRIAL,
    Standing,
    events_of,
    plain_rows,
    side_by_side,
    street,
    switching,
)
from tests.support.reports_harness import DAY, START, World, at, cells_of, event, expected

pytestmark = pytest.mark.clickhouse

METRICS: tuple[MetricId, ...] = ("success_rate", "completions", "subjects", "revenue_fen", "duration_mean")
FIRST, SECOND = Interval(START, START + 16 * DAY), Interval(START + 16 * DAY, START + 34 * DAY)


def world_of(clickhouse: ClickHouse, standings: list[Standing], *, days: float, before: int = 0) -> Any:
    world = World(clickhouse, directory=street(standings, before_days=before), now_ms=START + int(days * DAY))
    events = events_of(standings, random.Random(9), silent=0.05)
    world.store(events)
    return world, events


def within(rows: list[Any], interval: Interval) -> list[Any]:
    """Return `judge`'s *rows* of the days in *interval*, as of one period."""
    days = range((interval.from_ms - START) // DAY, (interval.to_ms - START) // DAY)
    return [("trial", row[1] or "all", *row[2:]) for row in rows if row[3] in days]


def test_a_part_has_what_judge_says_of_its_whole_days(clickhouse: ClickHouse) -> None:
    standings = switching(3, 40)
    world, events = world_of(clickhouse, standings, days=34.6)
    place_of = {one.placement: one.place for one in standings}

    sides = [part_side(world.context(), TRIAL, part, METRICS, "switching") for part in (FIRST, SECOND)]

    assert [side.kind for side in sides] == ["part", "part"]
    for side in sides:
        assert len(side.rows) == 2 * len(METRICS)
        for row in side.rows:
            arm = judge(within(plain_rows(events, place_of, row.metric, world.now_ms), side.interval)).arms[row.arm]
            assert row.low is not None, row.metric
            assert row.estimate == pytest.approx(arm.estimate)
            assert (row.units, row.places) == (arm.units, arm.places)
            # Revenue alone may lie below nought.
            low = arm.low if row.metric == "revenue_fen" else max(0, arm.low or 0)
            assert row.low == pytest.approx(low)
            assert row.lift is None
    silent = 3 * 16 - sides[0].units
    assert sides[0].silent == silent > 0


def test_the_time_before_the_start_is_of_all_places_and_the_part_after_it_of_arms(clickhouse: ClickHouse) -> None:
    standings = side_by_side(2, 40, before=15)
    world, events = world_of(clickhouse, standings, days=20.2, before=15)
    place_of = {one.placement: one.place for one in standings}

    parts = two_parts(world.context(), TRIAL)
    assert parts == (Interval(START - 15 * DAY, START), Interval(START, START + 20 * DAY))
    before, after = (part_side(world.context(), TRIAL, part, METRICS, "before_after") for part in parts)

    (row,) = [row for row in before.rows if row.metric == "success_rate"]
    plain = judge(within(plain_rows(events, place_of, "success_rate", world.now_ms), parts[0])).arms["all"]
    assert [row.estimate, row.low] == pytest.approx([plain.estimate, plain.low])
    assert (row.arm, row.low is None) == ("", False)
    assert (before.kind, after.kind, before.covered) == ("before", "part", None)
    assert after.arms == ("baseline", "pilot")


def test_a_whole_trial_has_its_readouts_numbers(clickhouse: ClickHouse) -> None:
    world, _ = world_of(clickhouse, switching(3, 40), days=20.5)

    side, found = whole_side(world.context(), TRIAL, METRICS), readout(world.context(), TRIAL, METRICS)

    assert {(row.metric, row.arm): row for row in side.rows} == {(row.metric, row.arm): row for row in found.rows}
    assert (side.units, side.silent) == (len(found.units.counted), len(found.units.silent))


def test_totals_and_n_of_a_part_are_those_of_its_events(clickhouse: ClickHouse) -> None:
    standings = switching(3, 40)
    world, events = world_of(clickhouse, standings, days=34.6)

    side = part_side(world.context(), TRIAL, FIRST, ("revenue_fen", "success_rate", "duration_p50"), "switching")

    pilot = [e for e in events if e.arm == "pilot" and e.occurred_ms < FIRST.to_ms]
    told = {row.metric: (row.total, row.n) for row in side.rows if row.arm == "pilot"}
    assert told["revenue_fen"] == expected("revenue_fen", pilot)
    assert told["success_rate"] == (None, expected("success_rate", pilot)[1])
    median = next(row for row in side.rows if (row.metric, row.arm) == ("duration_p50", "pilot"))
    assert median.estimate is not None
    assert median.estimate == expected("duration_p50", pilot)[0]
    assert None not in (median.low, median.high)
    assert (median.low or 0) < median.estimate < (median.high or 0)


def test_silence_is_in_coverage_and_in_nothing_else(clickhouse: ClickHouse) -> None:
    standings = side_by_side(1, 40)
    world = World(clickhouse, directory=street(standings), now_ms=START + 2 * DAY)
    events = [event(n, placement_id=standings[0].placement, arm="baseline") for n in range(60)]
    world.store(events)
    world.live(cells_of(events))

    side = part_side(world.context(), TRIAL, Interval(START, START + DAY), ("coverage", "exposures"), "one_place")

    assert side.covered == pytest.approx(1 / 48)
    assert (side.units, side.silent) == (1, 1)
    coverage = {row.arm: (row.estimate, row.n) for row in side.rows if row.metric == "coverage"}
    assert coverage == {"baseline": (pytest.approx(1 / 24), 24), "pilot": (0, 24)}
    assert {row.arm: row.estimate for row in side.rows if row.metric == "exposures"} == {"baseline": 60, "pilot": None}


def test_without_a_time_before_the_halves_are_compared_and_on_the_first_day_nothing(clickhouse: ClickHouse) -> None:
    directory = street(switching(2, 40))

    def usual(days: float) -> Any:
        return two_parts(World(clickhouse, directory=directory, now_ms=START + int(days * DAY)).context(), TRIAL)

    assert usual(7.5) == (Interval(START, START + 3 * DAY), Interval(START + 3 * DAY, START + 7 * DAY))
    assert usual(1.9) is None
    assert usual(2.0) == (Interval(START, START + DAY), Interval(START + DAY, START + 2 * DAY))


@pytest.mark.parametrize(
    ("days", "problem"),
    [
        (("2026-11-20", "2026-11-24", "2026-11-25", "2026-11-29"), None),
        (("2026-11-10", "2026-11-12", "2026-11-25", "2026-11-29"), None),
        (("2026-11-20", "2026-11-25", "2026-11-25", "2026-11-29"), "overlap"),
        (("2026-11-18", "2026-11-25", "2026-11-26", "2026-11-29"), "across_start"),
        (("2026-11-09", "2026-11-12", "2026-11-26", "2026-11-29"), "outside"),
        (("2026-11-20", "2026-11-24", "2026-11-25", "2026-12-24"), "outside"),
        (("2026-11-24", "2026-11-20", "2026-11-25", "2026-11-29"), "no_date"),
        (("", "2026-11-20", "2026-11-25", "2026-11-29"), "no_date"),
        (("2026-11-31", "x", "9" * 40, "2026-11-29"), "no_date"),
    ],
)
def test_days_that_cannot_be_compared_are_refused_with_the_reason(
    clickhouse: ClickHouse, days: tuple[str, str, str, str], problem: str | None
) -> None:
    standings = side_by_side(2, 40, before=10)
    world = World(clickhouse, directory=street(standings, before_days=10), now_ms=START + 12 * DAY)
    query = dict(zip(("from1", "to1", "from2", "to2"), days, strict=True))

    found = picked_parts(world.context(), ComparePick.read({"trial": TRIAL, **query}))

    assert found.problem == problem
    assert found.parts is not None
    asked = [day_text(part.from_ms) for part in found.parts], [day_text(part.to_ms - DAY) for part in found.parts]
    assert (asked == ([days[0], days[2]], [days[1], days[3]])) == (problem is None)


def test_what_is_compared_is_what_either_is_judged_by_and_what_most_have() -> None:
    first, second = (
        street([], primary_metric=metric, guardrails=guards).trials[TRIAL]
        for metric, guards in (("uptime", ["orders"]), ("orders", ["failure_rate"]))
    )

    assert compared_metrics([first, second]) == (
        "uptime",
        "orders",
        "failure_rate",
        "completions",
        "success_rate",
        "revenue_fen",
        "rating_mean",
    )
    assert day_text(at("2026-11-20T00:00")) == "2026-11-20"
