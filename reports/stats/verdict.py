"""What a trial allows to be said of its arms: for each the value, for each but the baseline the difference.

Everything may be looked at every day: the risk of ever excluding the truth is *alpha* for all days together, and it
is shared by the arms that are compared with the baseline. What has spoken once goes on speaking: whether there are
bounds hangs on days that are counted, of which there are never fewer.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from reports.stats.days_left import Course
from reports.stats.level import level_over_days
from reports.stats.panel import CHANGES, Comparison, Difference, changes_at_once, comparison_of, difference
from reports.stats.sequences import day_multiplier
from reports.stats.side_by_side import place_difference
from reports.stats.trial_grid import BEFORE, TrialGrid, design_of, grid_of
from reports.stats.trial_rows import Design, read_units

ALPHA = 0.05
_ROUNDING = 1e-9

Why = Literal["no_data", "too_few_days", "too_few_changes", "no_spread", "one_place", "one_arm"]
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
    half_planned: float | None = None
    """Half the width that the planned units would give, at today's scatter."""


@dataclass(frozen=True, slots=True)
class TrialVerdict:
    """What a trial says so far."""

    design: Design
    arms: Mapping[str, ArmValue]
    lifts: Mapping[str, LiftInterval]


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """What a verdict is asked for, as `judge` takes it."""

    baseline: str = "baseline"
    alpha: float = ALPHA
    planned_units: int | None = None
    smallest_effect: float | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError` where *alpha* is no risk."""
        if not 0 < self.alpha < 1:
            raise ValueError("alpha must lie between 0 and 1")


def judge(
    rows: Iterable[tuple[str, str, str, int, float, float]],
    *,
    baseline: str = "baseline",
    alpha: float = ALPHA,
    planned_units: int | None = None,
    smallest_effect: float | None = None,
) -> TrialVerdict:
    """Return the verdict of *rows*: (period, arm, place, day, numerator, denominator) of each placement-day.

    *planned_units* are all placement-days that the trial plans, and *smallest_effect* is in the ratio's own unit:
    neither changes any bound. Raises `ValueError` naming the row and its field, or the argument.
    """
    asked = JudgeSettings(baseline, alpha, planned_units, smallest_effect)
    return verdict_of(grid_of(read_units(rows)), asked)


def verdict_of(grid: TrialGrid, asked: JudgeSettings) -> TrialVerdict:
    """Return the verdict of the units in *grid*: `judge` after rows were read."""
    arms = grid.seen_arms()
    others = [arm for arm in arms if arm != asked.baseline]
    values = {arm: _arm_value(grid, arm, asked.alpha) for arm in arms}
    if asked.baseline not in arms or not others:
        why: Why = "no_data" if asked.baseline not in arms else "one_arm"
        return TrialVerdict("one_arm", values, {arm: LiftInterval(why=why) for arm in others})
    designs = {arm: design_of(grid, arm, asked.baseline) for arm in others}
    share = asked.alpha / len(others)
    return TrialVerdict(
        design=min(designs.values(), key=get_args(Design).index),
        arms=values,
        lifts={arm: lift_of(grid, arm, asked, share) for arm in others},
    )


def _arm_value(grid: TrialGrid, arm: str, alpha: float) -> ArmValue:
    chosen = grid.arm == grid.number(arm)
    top, bottom = (np.sum(np.where(chosen, part, 0.0), axis=0) for part in (grid.top, grid.bottom))
    estimate = float(top.sum() / bottom.sum())
    units, places = int(chosen.sum()), int(chosen.any(axis=1).sum())
    found = level_over_days(top, bottom)
    bounds = None if found is None else _bounds(found, alpha)
    if bounds is None:
        return ArmValue(estimate, None, None, units, places, "too_few_days" if found is None else "no_spread")
    return ArmValue(estimate, *bounds, units, places, None)


def _bounds(found: Difference, alpha: float) -> tuple[float, float] | None:
    """Return the bounds; None where nothing scatters.

    Where days scatter further to one side, the bound on that side is further out: N. J. Johnson, "Modified t Tests
    and Confidence Intervals for Asymmetrical Populations", Journal of the American Statistical Association 73, 1978.
    """
    if found.error <= _ROUNDING * max(abs(found.value), abs(found.baseline)):
        # Days that are all the same have no scatter to judge by; a width of zero would be a lie.
        return None
    multiplier = day_multiplier(found.growth, found.degrees, alpha)
    lean = found.skewness * (2 * multiplier**2 + 1) / 6
    low = found.value - found.error * (multiplier + max(-lean, 0.0))
    return low, found.value + found.error * (multiplier + max(lean, 0.0))


def lift_of(grid: TrialGrid, arm: str, asked: JudgeSettings, alpha: float) -> LiftInterval:
    """Return *arm* against the baseline at the risk *alpha*: of `verdict_of`, one lift alone."""
    design = design_of(grid, arm, asked.baseline)
    if design == "one_place":
        return LiftInterval(why="one_place")
    if design == "side_by_side":
        return _lift_of_places(grid, arm, asked.baseline, alpha) or LiftInterval(why="too_few_days")
    cells = comparison_of(grid, arm, asked.baseline)
    found = difference(cells)
    if found is None:
        # Places that began side by side and change now: what was said then stands until changes say more.
        return _lift_of_places(grid, arm, asked.baseline, alpha) or LiftInterval(why="too_few_days")
    share = _share(found.value, found.baseline)
    if not found.days_cancel and changes_at_once(cells) < CHANGES:
        return LiftInterval(absolute=found.value, relative=share, why="too_few_changes")
    bounds = _bounds(found, alpha)
    if bounds is None:
        return LiftInterval(absolute=found.value, relative=share, why="no_spread")
    ratio = _fieller(found, (bounds[1] - bounds[0]) / 2 / found.error)
    low, high, planned = _still_needed(grid, cells, found, asked, alpha)
    return LiftInterval(found.value, *bounds, share, *ratio, None, low, high, planned)


def _still_needed(
    grid: TrialGrid, cells: Comparison, found: Difference, asked: JudgeSettings, alpha: float
) -> tuple[int | None, int | None, float | None]:
    """Return the days until *smallest_effect* would be told, at least and at most, and half the planned width."""
    days = int(cells.trial.any(axis=0).sum())
    before = int((grid.arm == BEFORE).any(axis=0).sum()) if cells.by_weekday else 0
    course = Course(found, alpha, before, days)
    low, high = course.days_until(asked.smallest_effect) if asked.smallest_effect else (None, None)
    units = int(grid.in_trial.sum())
    if not asked.planned_units or units >= asked.planned_units:
        return low, high, None
    return low, high, course.half_after(math.ceil(days * (asked.planned_units / units - 1)))


def _lift_of_places(grid: TrialGrid, arm: str, baseline: str, alpha: float) -> LiftInterval | None:
    found = place_difference(grid, arm, baseline, alpha)
    if found is None:
        return None
    share = _share(found.value, found.baseline)
    if found.error <= _ROUNDING * max(abs(found.value), abs(found.baseline)):
        return LiftInterval(absolute=found.value, relative=share, why="no_spread")
    # Both arms' places scatter by themselves: what the difference shares with the baseline is the baseline's own part.
    own = Difference(
        value=found.value,
        error=found.error,
        degrees=1,
        growth=1,
        skewness=0,
        baseline=found.baseline,
        baseline_error=found.baseline_error,
        covariance=-(found.baseline_error**2),
        days_cancel=True,
    )
    ratio = _fieller(own, found.multiplier)
    return LiftInterval(found.value, found.value - found.half, found.value + found.half, share, *ratio)


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
