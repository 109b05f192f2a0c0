"""What must change nothing in a verdict changes nothing, and what must turn it round turns it round."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.worlds import WORLDS, draw, rows_of
from reports.stats import judge
from reports.stats.sequences import InformationTime, day_multiplier
from reports.stats.trial_rows import UnitRow
from reports.stats.verdict import ArmValue, LiftInterval

KINDS = (
    "switching by day, unequal traffic",
    "switching by week, luck carried over",
    "switching everywhere at once",
    "switching once each",
    "before and after, weekdays",
    "before and after, one place against five",
    "side by side, two places against ten",
)
trials = st.builds(
    lambda world, seed: rows_of(draw(WORLDS[world], 1, np.random.default_rng(seed)).grid, 0),
    st.sampled_from(KINDS),
    st.integers(0, 2**32),
)


def near(expected: tuple[float, ...]) -> Any:
    """Return what equals *expected* but for rounding."""
    return pytest.approx(expected, rel=1e-6, abs=1e-9)


def bounds(lift: LiftInterval) -> tuple[float, float, float]:
    """Return the lift's three numbers, which must be there."""
    assert lift.absolute is not None
    assert lift.low is not None
    assert lift.high is not None
    return lift.absolute, lift.low, lift.high


def relabelled(rows: list[UnitRow]) -> list[UnitRow]:
    return [row._replace(place=row.place[::-1] + "x") for row in rows]


def next_year(rows: list[UnitRow]) -> list[UnitRow]:
    return [row._replace(day=row.day + 366) for row in rows]


def before_the_epoch(rows: list[UnitRow]) -> list[UnitRow]:
    return [row._replace(day=row.day - 5000) for row in rows]


def turned_round(rows: list[UnitRow]) -> list[UnitRow]:
    return rows[::-1]


def in_halves(rows: list[UnitRow]) -> list[UnitRow]:
    return [row._replace(numerator=row.numerator / 2, denominator=row.denominator / 2) for row in rows for _ in "ab"]


def in_dozens(rows: list[UnitRow]) -> list[UnitRow]:
    """Both parts of the ratio in another unit."""
    return [row._replace(numerator=row.numerator / 12, denominator=row.denominator / 12) for row in rows]


@pytest.mark.parametrize("change", [relabelled, next_year, before_the_epoch, turned_round, in_halves, in_dozens])
@settings(max_examples=15)
@given(rows=trials)
def test_names_calendar_order_and_unit_change_nothing(
    change: Callable[[list[UnitRow]], list[UnitRow]], rows: list[UnitRow]
) -> None:
    assert bounds(judge(change(rows)).lifts["pilot"]) == near(bounds(judge(rows).lifts["pilot"]))


@settings(max_examples=25)
@given(rows=trials)
def test_arms_that_change_names_turn_the_difference_round(rows: list[UnitRow]) -> None:
    other = {"baseline": "pilot", "pilot": "baseline", "": ""}
    value, low, high = bounds(judge(rows).lifts["pilot"])
    turned = bounds(judge([row._replace(arm=other[row.arm]) for row in rows]).lifts["pilot"])

    assert turned == near((-value, -high, -low))


@settings(max_examples=25)
@given(rows=trials, factor=st.floats(0.01, 1000))
def test_numerators_in_another_unit_change_the_difference_by_as_much(rows: list[UnitRow], factor: float) -> None:
    scaled = [row._replace(numerator=row.numerator * factor) for row in rows]
    expected = tuple(factor * bound for bound in bounds(judge(rows).lifts["pilot"]))

    assert bounds(judge(scaled).lifts["pilot"]) == pytest.approx(expected, rel=1e-6, abs=1e-9 * factor)


@settings(max_examples=25)
@given(rows=trials, more=st.floats(-0.5, 0.5))
def test_what_the_arm_adds_to_each_unit_is_added_to_the_difference(rows: list[UnitRow], more: float) -> None:
    helped = [row._replace(numerator=row.numerator + more * row.denominator * (row.arm == "pilot")) for row in rows]
    expected = tuple(bound + more for bound in bounds(judge(rows).lifts["pilot"]))

    assert bounds(judge(helped).lifts["pilot"]) == near(expected)


@settings(max_examples=25)
@given(rows=trials, risk=st.floats(0.001, 0.2))
def test_less_risk_is_a_wider_interval(rows: list[UnitRow], risk: float) -> None:
    narrow, wide = (bounds(judge(rows, alpha=alpha).lifts["pilot"]) for alpha in (risk, risk / 2))

    assert wide[1] < narrow[1] < narrow[2] < wide[2]


numbers = st.floats(0, 1e9, allow_nan=False)
any_rows = st.lists(
    st.builds(
        UnitRow,
        st.sampled_from(["before", "trial"]),
        st.sampled_from(["baseline", "pilot", "second"]),
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(-40, 40),
        numbers,
        st.sampled_from([0.0, 1.0, 7.0, 1e6]),
    ),
    max_size=150,
)


@settings(max_examples=200)
@given(rows=any_rows)
def test_any_rows_have_a_verdict_with_bounds_or_a_reason(rows: list[UnitRow]) -> None:
    verdict = judge(rows)
    assert {row.arm for row in rows if row.period == "trial" and row.denominator} >= set(verdict.arms)

    everything: list[tuple[str, ArmValue | LiftInterval]] = [*verdict.arms.items(), *verdict.lifts.items()]
    for name, told in everything:
        assert (told.low is None) == (told.why is not None), name
        assert (told.low is None) == (told.high is None), name
        assert told.low is None or told.high is None or told.low <= told.high, name
        assert all(math.isfinite(bound) for bound in (told.low, told.high) if bound is not None), name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_difference_is_that_of_a_regression_on_places_and_days(seed: int) -> None:
    trial = rows_of(draw(WORLDS["switching by day, a place opens late"], 1, np.random.default_rng(seed)).grid, 0)
    rows = [row._replace(numerator=row.numerator / row.denominator, denominator=1.0) for row in trial]
    names = [("arm", "pilot"), *(("place", f"place-{n:02}") for n in range(6)), *(("day", day) for day in range(1, 60))]
    matrix = np.array([[float(getattr(row, field) == name) for field, name in names] for row in rows])
    fitted = np.linalg.lstsq(matrix, np.array([row.numerator for row in rows]), rcond=None)[0]

    assert judge(rows).lifts["pilot"].absolute == pytest.approx(float(fitted[0]), rel=1e-6)


def test_multipliers_are_students_quantiles() -> None:
    ours = day_multiplier(InformationTime(np.ones(3)), np.array([3.0, 12.0, 200.0]), 0.05)

    assert ours == pytest.approx(stats.t.isf(0.008 / 2, [3, 12, 200]))


def test_normal_days_leave_their_bounds_in_fewer_trials_than_the_risk() -> None:
    days, trials_drawn = np.arange(1, 301, dtype=np.float64), 4000
    values = np.random.default_rng(3).standard_normal((trials_drawn, len(days)))
    mean = np.cumsum(values, axis=1) / days
    square = (np.cumsum(values**2, axis=1) - days * mean**2)[:, 13:] / (days[13:] - 1)
    bound = day_multiplier(InformationTime(days[13:] / 14), days[13:] - 1.0, 0.05) * np.sqrt(square / days[13:])
    left = float(np.mean((np.abs(mean[:, 13:]) > bound).any(axis=1)))

    # 4.7 % of 40,000 by day 300.
    assert 0.03 < left < 0.051


def test_normal_days_against_a_time_before_leave_their_bounds_in_fewer_trials_than_the_risk() -> None:
    before, trials_drawn = 7.0, 4000
    days = np.arange(1, 301, dtype=np.float64)
    rng = np.random.default_rng(5)
    earlier = rng.standard_normal((trials_drawn, 1)) / math.sqrt(before)
    mean = np.cumsum(rng.standard_normal((trials_drawn, len(days))), axis=1) / days - earlier
    rests_on = (before * days / (before + days))[13:]
    clock = InformationTime(rests_on / rests_on[0], limit=(before + 14) / 14)
    bound = day_multiplier(clock, np.full(rests_on.shape, 1e7), 0.05) / np.sqrt(rests_on)
    left = float(np.mean((np.abs(mean[:, 13:]) > bound).any(axis=1)))

    # 4.8 % of 30,000 by day 400, where their scatter is not known.
    assert 0.03 < left < 0.05
