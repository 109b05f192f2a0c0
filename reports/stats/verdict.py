"""What a trial allows to be said of its arms: for each the value, for each but the baseline the difference.

Everything may be looked at every day: the risk of ever excluding the truth is *alpha* for all days together, and it
is shared by the arms that are compared with the baseline, and by the metrics that decide. What has spoken once goes on
speaking: whether there are bounds hangs on days that are counted, of which there are never fewer.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from reports.stats.bounds import fieller, share_of
from reports.stats.days_left import Course
from reports.stats.level import level_of
from reports.stats.lifts import FoundLift, Why, find_lift
from reports.stats.panel import FIRST_DAYS, Comparison, Difference
from reports.stats.trial_grid import BEFORE, TrialGrid, design_in, grid_of, stacked
from reports.stats.trial_rows import Design, read_units

ALPHA = 0.05
MIN_DAYS = FIRST_DAYS
"""Days of the trial without which nothing is said."""


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
    days_worked_out: bool = False
    """Whether a *days_low* of None means that it takes more days than a trial may have; else nothing is known of it, as
    between places side by side, whose luck does not wear off with days, or no smallest effect was named."""
    p_value: float | None = None
    """The risk at which the bound nearer to 0 would be 0; small at any time with small probability by chance alone."""


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
    primary_metrics: int = 1
    """So many metrics decide: the risk of a wrong difference is shared by them, as it is by arms."""
    compared_arms: int = 1
    """So many arms are to be compared with the baseline; one that comes later has its share of the risk from the start,
    since what it takes then was told already."""

    def __post_init__(self) -> None:
        """Raise `ValueError` where *alpha* is no risk, or nothing decides."""
        if not 0 < self.alpha < 1:
            raise ValueError("alpha must lie between 0 and 1")
        if self.primary_metrics < 1:
            raise ValueError("primary_metrics must be 1 at least")
        if self.compared_arms < 1:
            raise ValueError("compared_arms must be 1 at least")

    def risk_of_each(self, grid: TrialGrid) -> float:
        """Return the share of the risk that each metric's difference has in each arm of *grid*, come or to come."""
        known = sum(arm != self.baseline for arm in grid.arms)
        return self.alpha / (max(known, self.compared_arms) * self.primary_metrics)


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
    return verdicts_of([(grid, asked)])[0]


def verdicts_of(grids: Sequence[tuple[TrialGrid, JudgeSettings]]) -> list[TrialVerdict]:
    """Return the verdict of each of *grids*, in order; those with units in the same cells are worked out together.

    Most metrics of a trial are: what is worked out for one of them costs hardly less than for all.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    for number, (grid, asked) in enumerate(grids):
        cells = grid.arms, grid.places, grid.first_weekday, grid.days.tobytes(), grid.arm.tobytes()
        alike.setdefault((*cells, asked.baseline, asked.alpha, asked.primary_metrics, asked.compared_arms), []).append(
            number
        )
    found: dict[int, TrialVerdict] = {}
    for numbers in alike.values():
        together = stacked([grids[number][0] for number in numbers])
        verdicts = _verdicts(together, [grids[number][1] for number in numbers])
        found.update(zip(numbers, verdicts, strict=True))
    return [found[number] for number in range(len(grids))]


def _verdicts(grid: TrialGrid, asked: Sequence[JudgeSettings]) -> list[TrialVerdict]:
    """Return the verdicts of the trials in *grid*, for each of which something is *asked*, of one baseline and risk."""
    arms, baseline, alpha = grid.seen_arms(), asked[0].baseline, asked[0].alpha
    others = [arm for arm in arms if arm != baseline]
    values = {arm: _arm_values(grid, arm, alpha) for arm in arms}
    design: Design = "one_arm"
    if baseline not in arms or not others:
        why: Why = "no_data" if baseline not in arms else "one_arm"
        lifts = {arm: [LiftInterval(why=why)] * len(asked) for arm in others}
    else:
        design = min((design_in(grid, arm, baseline) for arm in others), key=get_args(Design).index)
        each = asked[0].risk_of_each(grid)
        lifts = {arm: lifts_of(grid, arm, asked, each) for arm in others}
    return [
        TrialVerdict(
            design=design,
            arms={arm: values[arm][number] for arm in arms},
            lifts={arm: lifts[arm][number] for arm in others},
        )
        for number in range(len(asked))
    ]


def _arm_values(grid: TrialGrid, arm: str, alpha: float) -> list[ArmValue]:
    chosen = grid.arm == grid.number(arm)
    units, places = int(chosen.sum()), int(chosen.any(axis=1).sum())
    level = level_of(grid, arm, alpha)
    if level.low is None or level.high is None:
        return [ArmValue(float(value), None, None, units, places, "too_few_days") for value in level.value]
    return [
        ArmValue(value, None, None, units, places, "no_spread")
        if math.isnan(low)
        else ArmValue(value, low, high, units, places, None)
        for value, low, high in zip(level.value.tolist(), level.low.tolist(), level.high.tolist(), strict=True)
    ]


def lifts_of(grid: TrialGrid, arm: str, asked: Sequence[JudgeSettings], alpha: float) -> list[LiftInterval]:
    """Return *arm* against the baseline at the risk *alpha*, of each trial in *grid*: of a verdict, one lift alone."""
    lift = find_lift(grid, arm, asked[0].baseline, alpha)
    return [_lift_of(grid, lift, number, one, alpha) for number, one in enumerate(asked)]


def _lift_of(grid: TrialGrid, lift: FoundLift, number: int, asked: JudgeSettings, alpha: float) -> LiftInterval:
    if lift.difference is None:
        return LiftInterval(why=lift.why)
    found = lift.difference.of_trial(number)
    value, baseline = float(found.value[0]), float(found.baseline[0])
    share = share_of(value, baseline)
    if lift.low is None or lift.high is None or math.isnan(lift.low[number]):
        return LiftInterval(absolute=value, relative=share, why=lift.why or "no_spread")
    low, high = float(lift.low[number]), float(lift.high[number])
    errors = float(found.error[0]), float(found.baseline_error[0]), float(found.covariance[0])
    ratio = fieller(value, baseline, errors, (high - low) / 2 / errors[0])
    if lift.cells is not None:
        days_low, days_high, planned = _still_needed(grid, lift.cells, found, asked, alpha)
    else:
        days_low, planned = _seen_already((high - low) / 2, asked), None
        days_high = days_low
    return LiftInterval(
        value, low, high, share, *ratio,
        days_low=days_low,
        days_high=days_high,
        half_planned=planned,
        days_worked_out=asked.smallest_effect is not None and (lift.cells is not None or days_low is not None),
        p_value=None if lift.p_value is None else float(lift.p_value[number]),
    )  # fmt: skip


def _seen_already(half: float, asked: JudgeSettings) -> int | None:
    """Return 0 days where the interval is narrow enough; else None: days do not narrow that of places."""
    return 0 if asked.smallest_effect and half <= asked.smallest_effect else None


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
