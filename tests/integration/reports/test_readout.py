"""The readout says what `judge` says of the trial's placement-days, and refuses where it does."""

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from reports.queries.avenue_map import avenue_map
from reports.queries.health import health
from reports.queries.readout import ArmLift, TrialReadout, readout
from reports.queries.trial_units import trial_units
from reports.scope import Reader
from reports.stats import judge
from runtime.clickhouse import ClickHouse
from schemas.lines import StoredEvent
from schemas.registry import MetricId
from tests.support.readout_harness import (
    TRIAL,
    Standing,
    events_of,
    plain_rows,
    side_by_side,
    street,
    switching,
    told,
)
from tests.support.reports_harness import DAY, HOUR, START, World, cells_of, event

pytestmark = pytest.mark.clickhouse

JUDGED: tuple[MetricId, ...] = ("success_rate", "completions", "subjects", "revenue_fen", "duration_mean")


def world_of(
    clickhouse: ClickHouse, standings: Sequence[Standing], events: list[StoredEvent], *, days: float, **trial: Any
) -> World:
    """Return a store with *events* of a trial with *standings*, so many days after its start."""
    world = World(clickhouse, directory=street(standings, **trial), now_ms=START + int(days * DAY))
    world.store(events)
    return world


def lift_of(found: TrialReadout, metric: str = "success_rate") -> ArmLift:
    (lift,) = [row.lift for row in found.rows if row.metric == metric and row.lift is not None]
    return lift


@pytest.mark.parametrize(
    ("standings", "before_days", "design"),
    [
        (switching(4, 24), 0, "switching"),
        (side_by_side(2, 24, before=10), 10, "before_after"),
        (side_by_side(3, 24), 0, "side_by_side"),
        (side_by_side(1, 24), 0, "one_place"),
    ],
)
def test_values_and_intervals_are_judge_s_of_rows_worked_out_from_the_events(
    clickhouse: ClickHouse, standings: list[Standing], before_days: int, design: str
) -> None:
    events = events_of(standings, random.Random(design), silent=0.05)
    world = world_of(clickhouse, standings, events, days=20.5, before_days=before_days)

    found = readout(world.context(), TRIAL, JUDGED)

    assert (found.design, found.planned_design) == (design, design)
    assert len(found.rows) == 2 * len(JUDGED)
    for row in found.rows:
        place_of = {one.placement: one.place for one in standings}
        verdict = judge(plain_rows(events, place_of, row.metric, world.now_ms))
        arm = verdict.arms[row.arm]
        assert [row.estimate, row.low is None] == [pytest.approx(arm.estimate), arm.low is None], row.metric
        assert (row.units, row.places, row.why) == (arm.units, arm.places, arm.why), row.metric
        if row.lift is not None:
            lift = verdict.lifts[row.arm]
            told = [row.lift.absolute, row.lift.absolute_low, row.lift.absolute_high, row.lift.relative_low]
            assert told == pytest.approx([lift.absolute, lift.low, lift.high, lift.relative_low]), row.metric
            assert row.lift.why == lift.why


def test_of_several_arms_the_one_that_differs_is_told_with_all_of_them_counted(clickhouse: ClickHouse) -> None:
    arms = ["baseline", "pilot", "second"]
    standings = [
        Standing(f"s{n}", arms[(n + day) % 3], 24 * day, 24 * (day + 1)) for n in range(6) for day in range(30)
    ]
    events = [
        msgspec.structs.replace(one, outcome="ok") if one.arm == "second" and one.kind == "use.completed" else one
        for one in events_of(standings, random.Random(3))
    ]
    world = world_of(clickhouse, standings, events, days=30, arms=arms)

    found = readout(world.context(), TRIAL, ("success_rate",))

    lows = {row.arm: row.lift.absolute_low for row in found.rows if row.lift is not None}
    assert lows.keys() == {"pilot", "second"}
    assert found.told == {"success_rate": ("second",)}
    assert (found.questions, [row.arm for row in found.rows if row.lift and row.lift.told]) == (2, ["second"])


def test_an_arm_that_has_not_come_yet_has_its_share_of_the_risk_already(clickhouse: ClickHouse) -> None:
    arms = ["baseline", "pilot", "late"]
    standings = [
        Standing(f"s{n}", arms[(n + day) % 2], 24 * day, 24 * (day + 1)) for n in range(4) for day in range(20)
    ]
    events = events_of(standings, random.Random(3))
    world = world_of(clickhouse, standings, events, days=20, arms=arms)

    found = readout(world.context(), TRIAL, ("success_rate",))

    lift, late = (row.lift for row in found.rows if row.lift is not None)
    rows = plain_rows(events, {one.placement: one.place for one in standings}, "success_rate", world.now_ms)
    of_two = judge(rows, alpha=0.025).lifts["pilot"]
    assert of_two.low is not None
    assert (lift.absolute_low, lift.absolute_high) == pytest.approx((of_two.low, of_two.high))
    assert (late.absolute, late.why) == (None, "no_data")
    assert (found.questions, found.told) == (2, {"success_rate": ()})


def test_one_place_an_arm_gets_no_difference_and_the_reason(clickhouse: ClickHouse) -> None:
    standings = side_by_side(1, 40)
    world = world_of(clickhouse, standings, events_of(standings, random.Random(1), spread=2.0), days=40)

    lift = lift_of(readout(world.context(), TRIAL))

    assert (lift.absolute, lift.absolute_low, lift.relative, lift.why) == (None, None, None, "one_place")


def test_where_places_differ_and_arms_do_not_there_is_no_verdict(clickhouse: ClickHouse) -> None:
    for seed, standings in enumerate((side_by_side(3, 40), switching(4, 40), side_by_side(2, 40, before=14))):
        before = 14 if standings[0].from_h < 0 else 0
        events = events_of(standings, random.Random(seed), uses=20, spread=0.8)
        world = world_of(clickhouse, standings, events, days=40, before_days=before)
        lift = lift_of(readout(world.context(), TRIAL, ("success_rate",)))
        assert lift.absolute_low is not None
        assert lift.absolute_low < 0 < (lift.absolute_high or 0)
        world.clickhouse.writer().command("TRUNCATE TABLE pilot_events")


def test_events_at_no_place_count_in_totals_and_stand_in_no_unit(clickhouse: ClickHouse) -> None:
    standings = switching(4, 20)
    events = events_of(standings, random.Random(3))
    pilot = sum(e.arm == "pilot" for e in events)
    outside = [event(90_000 + n, placement_id="", arm="pilot", occurred_ms=START + n * HOUR) for n in range(50)]
    unassigned = [event(91_000 + n, placement_id="", arm="", occurred_ms=START + n * HOUR) for n in range(7)]
    world = world_of(clickhouse, standings, [*events, *outside, *unassigned], days=20)

    found = readout(world.context(), TRIAL, ("events",))

    row = next(row for row in found.rows if row.arm == "pilot")
    assert (row.total, row.n, row.units) == (pilot + 50, pilot, 40)
    assert row.estimate == pytest.approx(pilot / 40)
    assert found.units.outside_events == 57
    assert found.balance.seen == {"baseline": 40, "pilot": 40}


def test_today_is_no_unit_until_it_is_over(clickhouse: ClickHouse) -> None:
    standings = switching(2, 20)
    world = world_of(clickhouse, standings, events_of(standings, random.Random(4)), days=12.9)

    before = readout(world.context(), TRIAL, ("success_rate",)).units
    world.now_ms = START + 13 * DAY
    after = readout(world.context(), TRIAL, ("success_rate",)).units

    assert (len(before.counted), len(before.unfinished)) == (24, 2)
    assert (len(after.counted), len(after.unfinished)) == (26, 0)


def test_a_day_on_which_a_place_changes_its_arm_is_in_neither_even_where_one_half_was_silent(
    clickhouse: ClickHouse,
) -> None:
    standings = [Standing("cafe", "baseline", 0, 84), Standing("cafe", "pilot", 84, 240)]
    afternoon = [event(n, placement_id="cafe-pilot-1084", occurred_ms=START + 86 * HOUR + n) for n in range(9)]
    events = [
        e for e in events_of(standings, random.Random(5)) if not START + 3 * DAY <= e.occurred_ms < START + 4 * DAY
    ]
    world = world_of(clickhouse, standings, [*events, *afternoon], days=10)

    units = readout(world.context(), TRIAL, ("events",)).units

    assert units.changed == {("cafe", START + 3 * DAY)}
    assert units.by_arm(units.counted) == {"baseline": 3, "pilot": 6}


def test_silent_days_are_left_out_and_told_by_arm(clickhouse: ClickHouse) -> None:
    standings = side_by_side(2, 20)
    events = [
        e
        for e in events_of(standings, random.Random(6))
        if not (e.placement_id == "p0-pilot-1000" and e.occurred_ms < START + 7 * DAY)
    ]
    world = world_of(clickhouse, standings, events, days=20)

    found = readout(world.context(), TRIAL, ("events",))

    assert found.silent_units == {"baseline": 0, "pilot": 7}
    assert {row.arm: row.units for row in found.rows} == {"baseline": 40, "pilot": 33}


def test_readout_and_health_say_one_number_of_units(clickhouse: ClickHouse) -> None:
    standings = switching(3, 20)
    events = events_of(standings, random.Random(7), silent=0.2)
    outside = [event(90_000 + n, placement_id="", arm="pilot", occurred_ms=START + n * HOUR) for n in range(50)]
    world = world_of(clickhouse, standings, [*events, *outside], days=15.5)

    found = readout(world.context(), TRIAL)
    # Anew, so that health works its own units out.
    lines = {line.check: line for line in health(world.context(), TRIAL)}

    assert len(found.units.counted) > 20
    assert lines["units"].numbers["seen"] == len(found.units.counted)
    assert trial_units(world.context(), TRIAL) == found.units


def test_a_guardrail_is_read_for_harm(clickhouse: ClickHouse) -> None:
    standings = switching(4, 40)
    events = events_of(standings, random.Random(8), uses=20)
    rng = random.Random(9)
    worse = [e for e in events if e.arm == "baseline" or e.outcome != "ok" or rng.random() < 0.4]
    world = world_of(
        clickhouse, standings, worse, days=40, primary_metric="events", guardrails=["success_rate", "duration_mean"]
    )

    found = readout(world.context(), TRIAL)

    assert lift_of(found).harm == "harmed"
    assert lift_of(found, "duration_mean").harm == "unclear"
    assert lift_of(found, "failure_rate").harm is None


def test_a_quantile_s_lift_is_found_in_milliseconds_and_covers_what_was_put_in(clickhouse: ClickHouse) -> None:
    standings = switching(4, 40)
    events = [
        msgspec.structs.replace(e, duration_ms=e.duration_ms + 900)
        if e.arm == "pilot" and e.duration_ms is not None
        else e
        for e in events_of(standings, random.Random(10), uses=20)
    ]
    world = world_of(clickhouse, standings, events, days=40, primary_metric="duration_p50", smallest_effect=300.0)

    found = readout(world.context(), TRIAL, ("duration_p50", "duration_p95"))

    median = lift_of(found, "duration_p50")
    assert median.absolute_low is not None
    assert 0 < median.absolute_low < 900 < (median.absolute_high or 0)
    assert median.days_low is not None
    assert found.designs["duration_p50"] == "switching"


def test_silent_days_of_one_arm_are_a_line_of_their_own_with_what_they_could_change(clickhouse: ClickHouse) -> None:
    standings = switching(4, 40)
    events = [
        e
        for e in better_pilot(events_of(standings, random.Random(11), uses=20))
        if not (e.arm == "pilot" and START + 20 * DAY <= e.occurred_ms < START + 40 * DAY and e.placement_id[1] in "01")
    ]
    world = world_of(clickhouse, standings, events, days=40)

    found = readout(world.context(), TRIAL)
    lines = {line.check: line for line in health(world.context(), TRIAL, judged=found)}
    silence = lift_of(found).silence

    assert found.silent_units == {"baseline": 0, "pilot": 20}
    assert silence is not None
    assert silence.units == 20
    assert silence.share == pytest.approx(20 / 160, abs=0.01)
    lift = lift_of(found)
    assert silence.low is not None
    assert silence.low < (lift.absolute_low or 0) < (lift.absolute_high or 0) < (silence.high or 0)
    assert "Pilot 20 of 80" in told(lines["silent"])
    assert lines["silent"].state == "bad"
    assert lines["balance"].state != "good"


def test_a_health_line_is_green_only_where_its_fact_supports_it(clickhouse: ClickHouse) -> None:
    standings = side_by_side(1, 30)
    # One hour a day of always open places.
    events = events_of(standings, random.Random(12), uses=2)
    world = world_of(clickhouse, standings, events, days=28)
    world.live(cells_of(events))

    lines = {line.check: line for line in health(world.context(), TRIAL)}

    assert lines["coverage"].state == "bad"
    assert 0 < (lines["coverage"].numbers["coverage"] or 0) < 0.2
    assert "What would help: begin with the placement of the lowest coverage" in told(lines["coverage"])
    assert "可行的办法：从“展位”表中覆盖率最低的展位开始" in told(lines["coverage"], "zh")
    assert [line.check for line in lines.values() if line.state != "good" and "help" not in told(line)] == []
    assert [line.check for line in lines.values() if line.state == "good" and "help" in told(line)] == []
    assert lines["blocks"].state == "warning"
    assert "place and arm cannot be told apart" in told(lines["blocks"])
    assert "baseline period" in told(lines["blocks"])


def test_a_trial_that_is_over_awaits_no_events_and_is_held_to_its_plan(clickhouse: ClickHouse) -> None:
    standings = switching(3, 20)
    events = events_of(standings, random.Random(14))
    world = world_of(clickhouse, standings, events, days=25, planned_units=90)
    world.directory = street(standings, days=20, planned_units=90)
    world.live(cells_of(events))

    lines = {line.check: line for line in health(world.context(), TRIAL)}

    assert (lines["arriving"].state, "over" in told(lines["arriving"])) == ("good", True)
    assert (lines["units"].numbers["seen"], lines["units"].state) == (60, "warning")


@pytest.mark.parametrize(("quiet_min", "state"), [(20, "good"), (300, "warning"), (600, "bad")])
def test_silence_is_told_by_the_places_own_rhythm(clickhouse: ClickHouse, quiet_min: int, state: str) -> None:
    standings = side_by_side(1, 30)
    end = START + 9 * DAY
    # Two an hour at each place, day and night, then nothing.
    events = [
        event(n * 2 + k, placement_id=one.placement, arm=one.arm, occurred_ms=START + n * HOUR // 2 + k)
        for k, one in enumerate(standings)
        for n in range((end - START) // (HOUR // 2))
    ]
    world = world_of(clickhouse, standings, events, days=9 + quiet_min / 1440)
    world.live(cells_of(events))

    (line,) = [line for line in health(world.context(), TRIAL) if line.check == "arriving"]

    assert line.state == state
    assert line.numbers["expected"] == pytest.approx((quiet_min + 30) / 15, abs=2)


def test_a_slow_place_is_not_silent_after_an_hour(clickhouse: ClickHouse) -> None:
    standings = side_by_side(1, 30)
    events = [
        event(n * 2 + k, placement_id=one.placement, arm=one.arm, occurred_ms=START + n * 8 * HOUR)
        for k, one in enumerate(standings)
        for n in range(60)
    ]
    world = world_of(clickhouse, standings, events, days=19 + 23 / 24)
    world.live(cells_of(events))

    (line,) = [line for line in health(world.context(), TRIAL) if line.check == "arriving"]

    assert line.state == "good"


def test_a_place_not_heard_of_for_a_day_is_silent_only_where_its_own_rhythm_says_so(clickhouse: ClickHouse) -> None:
    standings = side_by_side(1, 30)
    # Of the one place two a day are usual, of the other twelve; then a day and five hours nothing comes.
    every_h = {standings[0].placement: 12, standings[1].placement: 2}
    events = [
        event(n * 2 + k, placement_id=one.placement, arm=one.arm, occurred_ms=START + n * every_h[one.placement] * HOUR)
        for k, one in enumerate(standings)
        for n in range(20 * 24 // every_h[one.placement])
    ]
    world = world_of(clickhouse, standings, events, days=21 + 5 / 24)
    world.live(cells_of(events))

    places = avenue_map(world.context(), Reader("k", "operator", None)).places
    (line,) = [line for line in health(world.context(), TRIAL) if line.check == "placements"]

    assert {place.placement_id: place.state for place in places} == {
        standings[0].placement: "waiting",
        standings[1].placement: "silent",
    }
    assert (line.numbers, line.state) == ({"reporting": 0, "due": 2}, "bad")


def test_people_in_both_arms_are_counted_and_named(clickhouse: ClickHouse) -> None:
    standings = switching(3, 20)
    events = events_of(standings, random.Random(13))
    arms_of: dict[str, set[str]] = {}
    for e in events:
        arms_of.setdefault(e.subject, set()).add(e.arm)
    world = world_of(clickhouse, standings, events, days=20)

    found = readout(world.context(), TRIAL)
    lines = {line.check: line for line in health(world.context(), TRIAL, judged=found)}

    assert found.crossover is not None
    assert (found.crossover.both, found.crossover.people) == (
        sum(len(arms) == 2 for arms in arms_of.values()),
        len(arms_of),
    )
    assert found.crossover.both > 30
    assert f"{found.crossover.both} of {found.crossover.people} people" in told(lines["crossover"])


def test_days_and_people_of_an_arm_that_was_renamed_are_neither_silent_nor_below_none(clickhouse: ClickHouse) -> None:
    standings = switching(2, 20)
    renamed = START + 5 * DAY + 12 * HOUR
    events = [
        msgspec.structs.replace(e, arm="trying", subject=f"{n:064x}")
        if e.arm == "pilot" and e.occurred_ms < renamed
        else e
        for n, e in enumerate(events_of(standings, random.Random(15)))
    ]
    of_today = {arm: {e.subject for e in events if e.arm == arm} for arm in ("baseline", "pilot")}
    world = world_of(clickhouse, standings, events, days=20)

    found = readout(world.context(), TRIAL)

    assert {e.subject for e in events} != of_today["baseline"] | of_today["pilot"]
    assert found.crossover is not None
    assert (found.crossover.both, found.crossover.people) == (
        len(of_today["baseline"] & of_today["pilot"]),
        len(of_today["baseline"] | of_today["pilot"]),
    )
    assert found.units.silent == frozenset()
    # On the day of the new name one place had the pilot, under both: it is in none.
    assert (found.units.by_arm(found.units.counted), len(found.units.changed)) == ({"baseline": 20, "pilot": 14}, 1)
    assert found.units.outside_events == sum(e.arm == "trying" for e in events)


def test_people_that_no_event_names_are_unknown_and_not_none(clickhouse: ClickHouse) -> None:
    standings = switching(2, 20)
    events = [msgspec.structs.replace(e, subject="") for e in events_of(standings, random.Random(14))]
    world = world_of(clickhouse, standings, events, days=20)

    rows = readout(world.context(), TRIAL, ("subjects",)).rows

    assert [(row.estimate, row.total, row.why, row.n > 0) for row in rows] == [(None, None, "no_data", True)] * 2


def test_a_refund_on_a_day_without_orders_is_of_an_order_before(clickhouse: ClickHouse) -> None:
    standings = side_by_side(1, 30)
    kinds = [(0, "order.paid"), (0, "order.paid"), (2, "order.refunded"), (3, "order.paid")]
    events = [
        event(n, placement_id="p0-pilot-1000", occurred_ms=START + day * DAY + n, kind=kind, amount_fen=9)
        for n, (day, kind) in enumerate(kinds)
    ]
    world = world_of(clickhouse, standings, events, days=10)

    row = next(row for row in readout(world.context(), TRIAL, ("refund_rate",)).rows if row.arm == "pilot")

    assert row.units == 2
    assert row.estimate == pytest.approx(1 / 3)


def better_pilot(events: list[StoredEvent]) -> list[StoredEvent]:
    """Return *events* without half of the pilot's failures."""
    rng = random.Random(15)
    return [e for e in events if e.arm != "pilot" or e.outcome != "failed" or rng.random() < 0.5]
