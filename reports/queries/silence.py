"""What silent placement-days could make of a verdict: its bounds with all of them at their worst and at their best."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from reports.metrics import Metric, RatioRule
from reports.queries.trial_units import day_number
from reports.queries.units import UnitKey
from reports.stats.trial_rows import UnitRow
from reports.stats.verdict import JudgeSettings, LiftInterval
from reports.stats.worst_case import SilentUnit, cases_of


@dataclass(frozen=True, slots=True)
class SilenceBounds:
    """The outer bounds of an arm's lift, whatever the silent units were."""

    units: int
    """Silent ones of the arm and the baseline."""
    share: float
    """Of all their due units."""
    low: float | None
    high: float | None
    changes: bool
    """Whether a difference that is told now could be none, or the opposite."""
    lowest: tuple[float | None, float | None] = (None, None)
    """The bounds with the arm's silent units as low as they can have been, and the baseline's as high."""
    highest: tuple[float | None, float | None] = (None, None)


def silence_bounds(
    rows: list[UnitRow],
    silent: Collection[UnitKey],
    metric: Metric,
    asked: JudgeSettings,
    seen: Mapping[str, LiftInterval],
) -> dict[str, SilenceBounds]:
    """Return by arm what the *silent* units of a trial could make of the lift of *metric*, as it was *seen*."""
    if not silent or not rows:
        return {}
    missing = [SilentUnit(unit.arm, unit.place, day_number(unit.day_ms)) for unit in silent]
    cases = cases_of(rows, missing, plausible(rows, metric), asked, seen)
    return {
        arm: SilenceBounds(
            units=case.silent_units,
            share=case.share,
            low=case.low,
            high=case.high,
            changes=case.changes_verdict,
            lowest=(case.lowest.low, case.lowest.high),
            highest=(case.highest.low, case.highest.high),
        )
        for arm, case in cases.items()
        if case.silent_units
    }


def plausible(rows: Sequence[UnitRow], metric: Metric) -> tuple[float, float]:
    """Return between which values a silent unit may have lain: all that there are, else what any unit was seen at."""
    if metric.unit == "stars":
        return 1.0, 5.0
    if metric.unit == "share" and isinstance(metric.rule, RatioRule) and metric.id != "refund_rate":
        return 0.0, 1.0
    values = [row.numerator / row.denominator for row in rows]
    return min(values), max(values)
