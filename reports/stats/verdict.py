"""What a trial allows to be said of its arms: for each the value, for each but the baseline the difference.

Everything may be looked at every day: the risk of ever excluding the truth is *alpha* for all days together, and it
is shared by the arms that are compared with the baseline.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from reports.stats.days_left import Course, days_compared
from reports.stats.panel import Difference, difference, mean_over_days
from reports.stats.sequences import mixture_multiplier, mixture_precision
from reports.stats.side_by_side import place_difference
from reports.stats.trial_rows import Design, UnitRow, arms_of, columns_of, design_of, read_units

ALPHA = 0.05
PLAN_DAYS = 60
"""Where the trial plans no number of units: two months. The interval is about tightest then."""
MIN_DAYS = 8.0
"""Days alike, without which nothing is said: their scatter is not known yet."""
_ROUNDING = 1e-9

Why = Literal["no_data", "too_few_days", "no_spread", "one_place", "one_arm"]
"""Why there are no bounds."""


@dataclass(frozen=True, slots=True)
class ArmValue:
    """An arm's ratio over its days; bounds are for these places."""

    estimate: float | None
    low: float | None
    high: float | None
    units: int
    places: int
    why: Why | None


@dataclass(frozen=True, slots=True)
class LiftInterval:
    """An arm against the baseline: the difference, and its share of the baseline's value."""

    absolute: float | None = None
    low: float | None = None
    high: float | None = None
    relative: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None
    why: Why | None = None
    days_low: int | None = None
    """How many more days until a difference of *smallest_effect* would be told, at today's scatter, at least …"""
    days_high: int | None = None
    """… and at most, as far as today's scatter is known."""


@dataclass(frozen=True, slots=True)
class TrialVerdict:
    """What a trial says so far."""

    design: Design
    arms: Mapping[str, ArmValue]
    lifts: Mapping[str, LiftInterval]


@dataclass(frozen=True, slots=True)
class _Frame:
    units: Sequence[UnitRow]
    baseline: str
    alpha: float
    plan_days: float
    smallest_effect: float | None


def judge(
    rows: Iterable[tuple[str, str, str, int, float, float]],
    *,
    baseline: str = "baseline",
    alpha: float = ALPHA,
    planned_units: int | None = None,
    smallest_effect: float | None = None,
) -> TrialVerdict:
    """Return the verdict of *rows*: (period, arm, place, day, numerator, denominator) of each placement-day.

    *planned_units* are all placement-days that the trial plans; *smallest_effect* is in the ratio's own unit. Raises
    `ValueError` naming the row and its field, or the argument.
    """
    if not 0 < alpha < 1:
        raise ValueError("alpha must lie between 0 and 1")
    units = read_units(rows)
    arms = arms_of(units)
    others = [arm for arm in arms if arm != baseline]
    frame = _Frame(
        units=units,
        baseline=baseline,
        alpha=alpha / max(len(others), 1),
        plan_days=_plan_days(units, planned_units),
        smallest_effect=smallest_effect,
    )
    if baseline not in arms or not others:
        lifts = {arm: LiftInterval(why="no_data" if baseline not in arms else "one_arm") for arm in others}
        return TrialVerdict("one_arm", _arms(frame, arms, alpha), lifts)
    designs = {arm: design_of(units, arm, baseline) for arm in others}
    return TrialVerdict(
        design=min(designs.values(), key=get_args(Design).index),
        arms=_arms(frame, arms, alpha),
        lifts={arm: _lift(frame, arm, designs[arm]) for arm in others},
    )


def _plan_days(units: Sequence[UnitRow], planned_units: int | None) -> float:
    places = len({unit.place for unit in units if unit.period == "trial"})
    if not planned_units or not places:
        return PLAN_DAYS
    return max(planned_units / places, MIN_DAYS)


def _arms(frame: _Frame, arms: Iterable[str], alpha: float) -> dict[str, ArmValue]:
    return {arm: _arm_value(frame, arm, alpha) for arm in arms}


def _arm_value(frame: _Frame, arm: str, alpha: float) -> ArmValue:
    units = [unit for unit in frame.units if unit.period == "trial" and unit.arm == arm]
    estimate = sum(unit.numerator for unit in units) / sum(unit.denominator for unit in units)
    places = len({unit.place for unit in units})
    found = mean_over_days(units)
    half, why = _half(found, mixture_precision(frame.plan_days, alpha), alpha)
    if half is None:
        return ArmValue(estimate, None, None, len(units), places, why)
    return ArmValue(estimate, estimate - half, estimate + half, len(units), places, None)


def _half(found: Difference | None, precision: float, alpha: float) -> tuple[float | None, Why | None]:
    """Return half the interval's width, or why there is none."""
    if found is None or found.days < MIN_DAYS:
        return None, "too_few_days"
    if found.error <= _ROUNDING * max(abs(found.value), abs(found.baseline)):
        # Days that are all the same have no scatter to judge by; a width of zero would be a lie.
        return None, "no_spread"
    multiplier = mixture_multiplier(found.days, found.degrees, precision=precision, alpha=alpha)
    return (multiplier * found.error, None) if math.isfinite(multiplier) else (None, "too_few_days")


def _lift(frame: _Frame, arm: str, design: Design) -> LiftInterval:
    if design == "one_place":
        return LiftInterval(why="one_place")
    if design == "side_by_side":
        return _lift_of_places(frame, arm)
    columns = columns_of(frame.units, arm, frame.baseline, with_before=design == "before_after")
    found = difference(columns)
    before = columns.days_before
    precision = mixture_precision(days_compared(before, frame.plan_days), frame.alpha)
    half, why = _half(found, precision, frame.alpha)
    if found is None or half is None:
        value = None if found is None else found.value
        return LiftInterval(absolute=value, relative=_share(value, None if found is None else found.baseline), why=why)
    ratio = _fieller(found, half / found.error)
    days = len(set(columns.day[columns.in_trial].tolist()))
    course = Course(found, precision=precision, alpha=frame.alpha, before=before, days=days)
    low, high = course.days_until(frame.smallest_effect) if frame.smallest_effect else (None, None)
    return LiftInterval(
        absolute=found.value,
        low=found.value - half,
        high=found.value + half,
        relative=_share(found.value, found.baseline),
        relative_low=ratio[0],
        relative_high=ratio[1],
        days_low=low,
        days_high=high,
    )


def _lift_of_places(frame: _Frame, arm: str) -> LiftInterval:
    found = place_difference(frame.units, arm, frame.baseline, frame.alpha)
    if found is None:
        return LiftInterval(why="too_few_days")
    share = _share(found.value, found.baseline)
    if found.error <= 0:
        return LiftInterval(absolute=found.value, relative=share, why="no_spread")
    # Both arms' places scatter by themselves: what the difference shares with the baseline is the baseline's own part.
    own = Difference(
        found.value,
        found.error,
        1,
        1,
        found.baseline,
        found.baseline_error,
        -(found.baseline_error**2),
        days_cancel=True,
    )
    ratio = _fieller(own, found.multiplier)
    return LiftInterval(
        found.value,
        found.value - found.half,
        found.value + found.half,
        share,
        relative_low=ratio[0],
        relative_high=ratio[1],
    )


def _share(value: float | None, baseline: float | None) -> float | None:
    return value / baseline if value is not None and baseline is not None and baseline > 0 else None


def _fieller(found: Difference, multiplier: float) -> tuple[float | None, float | None]:
    """Return the bounds of the difference's share of the baseline.

    E. C. Fieller, "Some Problems in Interval Estimation", Journal of the Royal Statistical Society B 16, 1954: the
    shares r for which difference - r x baseline is within its own interval. None where the baseline may be 0.
    """
    m2 = multiplier**2
    a = found.baseline**2 - m2 * found.baseline_error**2
    b = -2 * (found.value * found.baseline - m2 * found.covariance)
    c = found.value**2 - m2 * found.error**2
    inside = b * b - 4 * a * c
    if found.baseline <= 0 or a <= 0 or inside < 0:
        return None, None
    root = math.sqrt(inside)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)
