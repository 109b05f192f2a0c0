"""Several primary metrics share the risk; a guardrail is read for harm alone."""

import pytest

from reports.stats import judge
from reports.stats.course import course_of
from reports.stats.several import guardrail, holm_p_values, told_by_metric, told_together
from reports.stats.trial_grid import grid_of
from reports.stats.trial_rows import UnitRow
from reports.stats.verdict import JudgeSettings, LiftInterval, verdict_of
from tests.support.drawn_trials import at_two_places_each, switching, without_effect


def test_holm_takes_the_smallest_times_all_and_the_next_times_fewer() -> None:
    adjusted = holm_p_values({"a": 0.01, "b": 0.04, "c": 0.02, "d": None})

    # Of eight one-sided questions: 0.005 of eight, 0.01 of seven, 0.02 of six.
    assert adjusted == pytest.approx({"a": 0.04, "b": 0.12, "c": 0.07, "d": None})


def test_later_ones_are_never_surer_than_earlier_ones() -> None:
    assert holm_p_values({"a": 0.03, "b": 0.031}) == pytest.approx({"a": 0.06, "b": 0.06})


def test_of_two_metrics_the_one_with_an_effect_is_told() -> None:
    lifts = {
        name: judge(rows).lifts["pilot"]
        for name, rows in (("real", switching(40)), ("none", without_effect(switching(40))))
    }

    assert told_together(lifts) == {"real"}
    assert told_together({"none": lifts["none"], "refused": LiftInterval(why="one_place")}) == frozenset()


def test_metrics_and_arms_are_one_family() -> None:
    lifts = {
        "first": {"pilot": LiftInterval(p_value=0.012), "second": LiftInterval(p_value=0.3)},
        "other": {"pilot": LiftInterval(p_value=0.0142), "second": LiftInterval(why="one_place")},
    }

    assert told_by_metric(lifts) == {"first": frozenset({"pilot"}), "other": frozenset({"pilot"})}
    # The next is a better or worse of seven that may be true still: 0.05 / 3.5.
    lifts["other"]["pilot"] = LiftInterval(p_value=0.0144)
    assert told_by_metric(lifts) == {"first": frozenset({"pilot"}), "other": frozenset()}
    # Of each metric alone the second arm's would be told, too; of four questions the surest needs 0.0125.
    lifts["first"]["pilot"] = LiftInterval(p_value=0.0126)
    assert told_by_metric(lifts) == {"first": frozenset(), "other": frozenset()}
    assert told_together(lifts["first"]) == {"pilot"}


@pytest.mark.parametrize(("p_value", "told"), [(0.0199, True), (0.0201, False)])
def test_the_last_of_four_is_told_at_the_risk_that_leaves_directions_right(p_value: float, *, told: bool) -> None:
    # Three that are told leave five of eight one-sided questions: 0.02, not the whole 0.05.
    lifts = {name: LiftInterval(p_value=0.0001) for name in ("a", "b", "c")} | {"d": LiftInterval(p_value=p_value)}

    assert told_together(lifts) == {"a", "b", "c", *(["d"] if told else [])}


@pytest.mark.parametrize("rows", [switching(40), at_two_places_each(40, before=14), at_two_places_each(40)])
@pytest.mark.parametrize("metrics", [2, 5])
def test_the_interval_of_one_of_several_is_where_holm_begins(rows: list[UnitRow], metrics: int) -> None:
    grid = grid_of(rows)
    alone, shared = (verdict_of(grid, JudgeSettings(primary_metrics=n)) for n in (1, metrics))

    wider, whole, first = (found.lifts["pilot"] for found in (shared, alone, judge(rows, alpha=0.05 / metrics)))
    assert whole.low is not None
    assert wider.low is not None
    assert (wider.low, wider.high, wider.p_value) == (first.low, first.high, whole.p_value)
    assert wider.low < whole.low
    # What an arm is by itself is no comparison, and shares nothing.
    assert shared.arms == alone.arms
    with pytest.raises(ValueError, match="primary_metrics must be 1 at least"):
        JudgeSettings(primary_metrics=0)


def test_an_arm_that_comes_later_takes_nothing_that_was_told_before_it() -> None:
    rows = without_effect(switching(40))
    late = [row._replace(arm="late") if row.arm == "pilot" and row.day >= 30 else row for row in rows]
    first = [row for row in rows if row.day < 30]
    assert {row.arm for row in late} == {"baseline", "pilot", "late"}

    planned = verdict_of(grid_of(first), JudgeSettings(compared_arms=2)).lifts["pilot"]
    of_two = judge(first, alpha=0.025).lifts["pilot"]
    told = {one.day: one.verdict.lifts["pilot"] for one in course_of(late)}

    assert of_two.low is not None
    assert (planned.low, planned.high) == (of_two.low, of_two.high)
    # Rows that have it later say so themselves, also of the days before.
    assert (told[29].low, told[29].high) == (of_two.low, of_two.high)
    with pytest.raises(ValueError, match="compared_arms must be 1 at least"):
        JudgeSettings(compared_arms=0)


@pytest.mark.parametrize("effect", [0.1, 0.2, 0.3, 0.4])
def test_an_interval_beyond_zero_is_always_told_by_holm(effect: float) -> None:
    rows = [
        row._replace(numerator=row.numerator + effect) if row.arm == "pilot" else row
        for row in without_effect(switching(40))
    ]
    found = verdict_of(grid_of(rows), JudgeSettings(primary_metrics=2)).lifts["pilot"]
    told = told_by_metric({"one": {"pilot": found}, "none": {"pilot": LiftInterval(p_value=0.9)}})

    assert found.low is not None
    assert ("pilot" in told["one"]) is (found.low > 0)


@pytest.mark.parametrize("rows", [switching(40), at_two_places_each(40, before=14), at_two_places_each(40)])
@pytest.mark.parametrize("effect", [0.1, 0.4, 3.0, -20.0])
def test_the_p_value_is_where_the_bounds_touch_zero(rows: list[UnitRow], effect: float) -> None:
    rows = [
        row._replace(numerator=row.numerator + effect) if (row.period, row.arm) == ("trial", "pilot") else row
        for row in without_effect(rows)
    ]
    p_value = judge(rows).lifts["pilot"].p_value
    assert p_value is not None
    surer, less_sure = (judge(rows, alpha=min(p_value * factor, 0.999)).lifts["pilot"] for factor in (0.99, 1.01))

    assert surer.low is not None
    assert surer.high is not None
    assert less_sure.low is not None
    assert less_sure.high is not None
    assert surer.low <= 0 <= surer.high
    assert p_value > 0.98 or not less_sure.low <= 0 <= less_sure.high


@pytest.mark.parametrize(
    ("low", "high", "lower_is_better", "told"),
    [
        (-3.0, -1.0, False, "harmed"),
        (-1.0, 2.0, False, "unclear"),
        (-0.4, 2.0, False, "kept"),
        (1.0, 3.0, True, "harmed"),
        (-3.0, 0.4, True, "kept"),
        (None, None, False, "unclear"),
    ],
)
def test_a_guardrail_is_harmed_kept_or_unclear(
    low: float | None, high: float | None, *, lower_is_better: bool, told: str
) -> None:
    lift = LiftInterval(absolute=0.0, low=low, high=high)

    assert guardrail(lift, lower_is_better=lower_is_better, tolerated=0.5) == told


def test_an_arm_that_only_places_before_the_trial_are_to_have_takes_its_share() -> None:
    rows = without_effect(at_two_places_each(30, before=14))
    coming = [UnitRow("before", "late", "kiosk", day, 12.0 + day % 5, 1.0) for day in range(14)]

    known, of_two, alone = judge([*rows, *coming]), judge(rows, alpha=0.025), judge(rows)

    assert of_two.lifts["pilot"].low is not None
    assert of_two.lifts["pilot"].low != alone.lifts["pilot"].low
    assert known.lifts["pilot"] == of_two.lifts["pilot"]
    assert set(known.lifts) == {"pilot"}
