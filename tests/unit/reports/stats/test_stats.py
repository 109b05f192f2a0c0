"""Intervals hold while they are looked at every day; the ratio check stays quiet without a cause."""

import math
import random
from collections.abc import Callable, Sequence

import pytest

from reports.stats.balance import balance
from reports.stats.intervals import ALPHA, MIN_UNITS, IntervalEstimate, mixture_rho2, radius, ratio_estimates, student

Draw = Callable[[random.Random], tuple[float, float]]


def rate(rng: random.Random) -> tuple[float, float]:
    """A placement-day of 5 to 59 uses whose success rate varies from day to day around 0.7."""
    uses, chance = rng.randrange(5, 60), rng.uniform(0.6, 0.8)
    return sum(rng.random() < chance for _ in range(uses)), uses


def count(rng: random.Random) -> tuple[float, float]:
    return sum(rng.random() < 0.02 for _ in range(300)), 1


def estimate(parts: Sequence[tuple[float, float]]) -> IntervalEstimate:
    (found,) = ratio_estimates(parts, (ALPHA,))
    return found


def misses(draw: Draw, truth: float, *, runs: int, days: int) -> float:
    """Return the share of runs in which the truth lay outside at some time."""
    missed = 0
    for run in range(runs):
        rng, parts = random.Random(run), []
        for _ in range(days):
            parts.append(draw(rng))
            found = estimate(parts)
            if found.low is not None and found.high is not None and not found.low <= truth <= found.high:
                missed += 1
                break
    return missed / runs


@pytest.mark.parametrize(("draw", "truth"), [(rate, 0.7), (count, 6.0)])
def test_looking_every_day_misses_the_truth_in_at_most_five_of_a_hundred_trials(draw: Draw, truth: float) -> None:
    assert misses(draw, truth, runs=100, days=60) <= 0.05


def test_a_fixed_time_interval_would_not_hold_so_the_test_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.stats.intervals.radius", lambda n, sd, **_: 1.96 * sd / math.sqrt(n))

    assert misses(count, 6.0, runs=100, days=60) > 0.05


def test_the_width_is_that_of_the_formula() -> None:
    rho2 = mixture_rho2(60)
    z = math.sqrt(2 * (60 * rho2 + 1) / (60 * rho2) * math.log(math.sqrt(60 * rho2 + 1) / 0.05))

    assert radius(60, 2.0, planned_units=60) == pytest.approx(student(z, 59) * 2.0 / math.sqrt(60))
    assert min((30, 60, 120), key=lambda plan: radius(60, 1.0, planned_units=plan)) == 60


def test_students_quantile_agrees_with_tables() -> None:
    assert student(1.959964, 10) == pytest.approx(2.228, abs=0.002)
    assert student(3.290527, 30) == pytest.approx(3.646, abs=0.005)


def test_too_few_units_say_so_and_give_the_estimate() -> None:
    found = estimate([(1, 2), (3, 4)])

    assert found.value == pytest.approx(4 / 6)
    assert (found.low, found.why, found.needed) == (None, "too_few_blocks", MIN_UNITS)


def test_units_that_are_all_the_same_get_no_interval_of_width_zero() -> None:
    assert estimate([(1, 2)] * 30).why == "no_spread"


def test_wildly_skewed_units_are_not_judged_early() -> None:
    found = estimate([(1, 1)] * 39 + [(1000, 1)])

    assert (found.why, found.low) == ("too_skewed", None)
    assert (found.needed or 0) > 40


def test_nothing_to_divide_by_is_no_estimate() -> None:
    assert estimate([(0, 0)]).why == "no_data"


def test_arms_in_the_planned_proportion_are_balanced_and_lost_days_are_an_alarm() -> None:
    planned = {"baseline": 100, "pilot": 200}

    assert not balance(planned, {"baseline": 47, "pilot": 103}).alarming
    assert balance(planned, {"baseline": 20, "pilot": 180}).alarming
    assert balance({"pilot": 9}, {"pilot": 9}).p_value is None
    assert balance(planned, {"baseline": 50, "pilot": 100, "other": 1}).alarming


def test_the_ratio_check_raises_no_false_alarm_however_often_it_is_looked_at() -> None:
    alarms = 0
    for run in range(200):
        rng, seen = random.Random(run), {"a": 0, "b": 0}
        for _ in range(100):
            seen["a" if rng.random() < 0.5 else "b"] += 1
            if (balance({"a": 1, "b": 1}, seen).p_value or 1) < 0.05:
                alarms += 1
                break
    assert alarms / 200 <= 0.05
