"""A verdict compares what may be compared, takes out what places and days have in common, and refuses the rest."""

import math
from collections.abc import Callable
from dataclasses import astuple, replace

import numpy as np
import pytest

from reports.stats import judge
from reports.stats.days_left import Course
from reports.stats.panel import Difference
from reports.stats.sequences import InformationTime, day_alpha, day_multiplier, last_look, look_alpha
from reports.stats.trial_grid import grid_of
from reports.stats.trial_rows import UnitRow
from reports.stats.verdict import JudgeSettings, verdicts_of
from tests.support.drawn_trials import ARMS, EFFECT, PLACES, at_two_places_each, noise, switching, unit


@pytest.mark.parametrize(
    ("rows", "design"),
    [
        (switching(30), "switching"),
        (at_two_places_each(30, before=14), "before_after"),
        (at_two_places_each(30), "side_by_side"),
        ([row for row in at_two_places_each(30) if row.place in {"cafe", "books"}], "one_place"),
        ([row for row in switching(30) if row.arm == "pilot"], "one_arm"),
    ],
)
def test_the_design_follows_from_places_and_times(rows: list[UnitRow], design: str) -> None:
    assert judge(rows).design == design


@pytest.mark.parametrize("rows", [switching(30), at_two_places_each(30, before=14)])
def test_what_places_and_days_have_in_common_cancels(rows: list[UnitRow]) -> None:
    lift = judge(rows).lifts["pilot"]

    assert lift.absolute == pytest.approx(EFFECT, abs=0.3)
    assert lift.low is not None
    assert lift.high is not None
    # The street's days scatter by 8 and places by 19: none of it may be left.
    assert lift.high - lift.low < 1.5
    assert lift.low < EFFECT < lift.high


def test_side_by_side_the_places_own_levels_are_the_noise() -> None:
    lift = judge(at_two_places_each(30)).lifts["pilot"]

    assert lift.low is not None
    assert lift.high is not None
    assert lift.low < 0 < lift.high
    assert lift.high - lift.low > 50


def test_one_place_an_arm_is_refused_whatever_it_shows() -> None:
    rows = [row for row in at_two_places_each(300) if row.place in {"cafe", "books"}]
    lift = judge(rows).lifts["pilot"]

    assert (lift.absolute, lift.low, lift.high, lift.why) == (None, None, None, "one_place")


def test_days_are_not_taken_out_where_arms_change_everywhere_at_once() -> None:
    rows = [unit("trial", ("baseline", "pilot")[day % 2], place, day) for place in PLACES for day in range(60)]
    lift = judge(rows).lifts["pilot"]

    assert lift.low is not None
    assert lift.high is not None
    assert lift.low < EFFECT < lift.high
    assert lift.high - lift.low > 5


def test_a_place_that_changes_its_arm_inside_a_day_gives_that_day_to_none() -> None:
    rows = switching(30)
    other = rows[5]._replace(arm="baseline" if rows[5].arm == "pilot" else "pilot", numerator=1e6)

    assert judge([*rows, other]) == judge(rows[:5] + rows[6:])


def test_units_without_a_denominator_say_nothing() -> None:
    rows = switching(30)

    assert judge([*rows, UnitRow("trial", "pilot", "silent", 3, 5.0, 0.0)]) == judge(rows)


def test_a_split_row_is_the_row() -> None:
    rows = [row._replace(numerator=row.numerator * 4, denominator=4.0) for row in switching(30)]
    halves = [row._replace(numerator=row.numerator / 2, denominator=2.0) for row in rows for _ in range(2)]

    assert judge(halves).lifts["pilot"].low == pytest.approx(judge(rows).lifts["pilot"].low)


def test_several_arms_share_the_risk() -> None:
    rows = switching(40)
    third = [row._replace(arm="second") if row.arm == "pilot" and row.day % 4 < 2 else row for row in rows]
    shared, alone = judge(third).lifts["pilot"], judge(row for row in third if row.arm != "second").lifts["pilot"]

    assert set(judge(third).lifts) == {"pilot", "second"}
    assert shared.low is not None
    assert alone.low is not None
    assert shared.low < alone.low


def test_what_places_differ_by_is_no_scatter_of_an_arm_that_goes_from_one_to_the_other() -> None:
    levels = {place: 1000.0 * number for number, place in enumerate(PLACES, start=1)}
    rows = [
        UnitRow("trial", ARMS[(int(level) // 1000 + day) % 2], place, day, level + noise(place, day), 1.0)
        for place, level in levels.items()
        for day in range(60)
    ]
    pilot = judge(rows).arms["pilot"]

    assert pilot.estimate == pytest.approx(2500, abs=0.3)
    assert (pilot.units, pilot.places) == (120, 4)
    assert pilot.low is not None
    assert pilot.high is not None
    # Places are some 1,300 apart; a day scatters by 0.4, the mean of an arm's 120 by 0.04.
    assert pilot.low < 2500 < pilot.high
    assert pilot.high - pilot.low < 2


@pytest.mark.parametrize("rows", [switching(40), at_two_places_each(40, before=14), at_two_places_each(40)])
def test_metrics_that_are_judged_together_are_judged_as_each_alone(rows: list[UnitRow]) -> None:
    twice = [row._replace(numerator=2 * row.numerator + row.day % 5) for row in rows]
    fewer, same = rows[:-9], [row._replace(numerator=PLACES[row.place]) for row in rows]
    asked = JudgeSettings(smallest_effect=0.5, planned_units=400)
    of_metrics = [(rows, asked), (fewer, asked), (twice, replace(asked, alpha=0.01)), (twice, asked), (same, asked)]

    together = verdicts_of([(grid_of(found), settings) for found, settings in of_metrics])

    assert [told.lifts["pilot"].why for told in together[:4]] == [None] * 4
    for told, (found, settings) in zip(together, of_metrics, strict=True):
        alone = judge(found, alpha=settings.alpha, planned_units=400, smallest_effect=0.5)
        assert told.design == alone.design
        for arm, value in alone.arms.items():
            assert astuple(told.arms[arm]) == pytest.approx(astuple(value))
        assert astuple(told.lifts["pilot"]) == pytest.approx(astuple(alone.lifts["pilot"]))


def test_days_that_are_all_the_same_have_no_bounds() -> None:
    rows = [row._replace(numerator=PLACES[row.place]) for row in switching(30)]

    assert (judge(rows).lifts["pilot"].low, judge(rows).lifts["pilot"].why) == (None, "no_spread")


def test_relative_bounds_belong_to_the_absolute_ones() -> None:
    lift = judge(switching(60)).lifts["pilot"]

    assert lift.relative_low is not None
    assert lift.relative_high is not None
    assert lift.relative is not None
    assert lift.relative_low < lift.relative < lift.relative_high
    assert lift.relative == pytest.approx(EFFECT / 32.5, rel=0.1)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("during", "pilot", "cafe", 1, 1.0, 1.0), "row 2: period"),
        (("trial", "", "cafe", 1, 1.0, 1.0), "row 2: arm"),
        (("trial", "pilot", "", 1, 1.0, 1.0), "row 2: place"),
        (("trial", "pilot", "cafe", 1.5, 1.0, 1.0), "row 2: day"),
        (("trial", "pilot", "cafe", True, 1.0, 1.0), "row 2: day"),
        (("trial", "pilot", "cafe", 1, math.nan, 1.0), "row 2: numerator"),
        (("trial", "pilot", "cafe", 1, 1.0, -1.0), "row 2: denominator"),
        (("trial", "pilot", "cafe", 1, 1.0), "row 2: six values"),
    ],
)
def test_a_wrong_row_is_named_by_its_number_and_field(row: tuple[object, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        judge([switching(1)[0], row])  # type: ignore[list-item]  # the point of the test


def test_nothing_at_all_is_one_arm_and_no_lift() -> None:
    found = judge([])

    assert (found.design, dict(found.arms), dict(found.lifts)) == ("one_arm", {}, {})


def test_the_first_looks_have_more_of_the_risk_and_every_look_some() -> None:
    risks = day_alpha(InformationTime(np.array([1.0, 3.5, 41.0])), 0.05)

    assert risks == pytest.approx([0.008, 0.004, 0.008 / 17])
    assert day_alpha(InformationTime(np.ones(1)), 0.01) < 0.008 / 5


def test_looks_at_what_cannot_gain_much_more_have_all_the_same_risk() -> None:
    alike = day_alpha(InformationTime(np.array([1.0, 1.5, 1.9]), limit=2.0), 0.05)

    assert alike == pytest.approx([0.027 / (1 + 2 * math.log(2))] * 3)
    # The less is to come, the more a look may have of it; what came to more than was thought has less.
    assert day_alpha(InformationTime(np.ones(1), limit=1.5), 0.05) > alike[0]
    assert day_alpha(InformationTime(np.array([2.5]), limit=2.0), 0.05) < alike[0]


def test_few_degrees_are_wider_by_students_law() -> None:
    wide, narrow = (
        float(day_multiplier(InformationTime(np.ones(1)), np.array([degrees]), 0.05)[0]) for degrees in (4.0, 1e7)
    )

    assert narrow == pytest.approx(2.652, abs=0.001)
    assert wide == pytest.approx(4.9076, abs=0.001)


def test_looks_share_the_risk_and_come_at_twice_the_time() -> None:
    assert sum(look_alpha(look, 0.05) for look in range(40)) == pytest.approx(0.05)
    assert [last_look(days) for days in (13, 14, 27, 28, 60)] == [None, (0, 14), (0, 14), (1, 28), (2, 56)]


@pytest.mark.parametrize(("before", "days", "goal"), [(0, 30, 0.14), (14, 30, 0.17)])
def test_the_days_that_remain_are_a_range_that_narrow_goals_lengthen(before: int, days: int, goal: float) -> None:
    def remaining(half: float) -> tuple[int | None, int | None]:
        one = np.ones(1)
        found = Difference(
            0.1 * one, 0.05 * one, 25 * one, InformationTime(2 * one), 0 * one, one, one, 0 * one, days_cancel=True
        )
        return Course(found, alpha=0.05, before=before, days=days).days_until(half)

    at_once, later = remaining(1.0), remaining(goal)
    assert at_once == (0, 0)
    assert later[0] is not None
    assert later[1] is None or later[0] < later[1]
    assert remaining(0.0001) == (None, None)


def same(rows: list[UnitRow]) -> list[UnitRow]:
    return rows


def moved(rows: list[UnitRow]) -> list[UnitRow]:
    return [row._replace(day=row.day + 700) for row in rows]


@pytest.mark.parametrize("change", [same, moved, lambda rows: list(reversed(rows))])
def test_a_verdict_depends_on_no_order_and_on_no_calendar(change: Callable[[list[UnitRow]], list[UnitRow]]) -> None:
    whole, changed = judge(switching(42)).lifts["pilot"], judge(change(switching(42))).lifts["pilot"]

    assert whole.low is not None
    assert changed.low == pytest.approx(whole.low)


def test_between_places_days_left_are_not_worked_out_and_none_are_where_it_is_narrow_enough() -> None:
    rows = at_two_places_each(30)
    wide, narrow = (judge(rows, smallest_effect=effect).lifts["pilot"] for effect in (1.0, 200.0))
    by_day = judge(switching(30), smallest_effect=1e-6).lifts["pilot"]

    assert wide.low is not None
    assert (wide.days_low, wide.days_high, wide.days_worked_out) == (None, None, False)
    assert (narrow.days_low, narrow.days_high, narrow.days_worked_out) == (0, 0, True)
    # By day it is known that no trial is long enough.
    assert (by_day.days_low, by_day.days_high, by_day.days_worked_out) == (None, None, True)
    assert not judge(switching(30)).lifts["pilot"].days_worked_out
