"""Arms at different places with no time before: the place is the unit, and its luck does not wear off with days.

Each place's ratio over all days is one value, an arm's the mean of its places', and the places' spread the only
error, by Student's law with as many degrees of freedom as places allow (B. L. Welch, "The Generalization of
'Student's' Problem when Several Different Population Variances are Involved", Biometrika 34, 1947; pooled where arms
have equally many places). More days do not make places more: it is looked at on days 14, 28, 56 and so on, which
share the risk, and between them the last look stands.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from reports.stats.sequences import last_look, look_alpha, student_multiplier
from reports.stats.trial_rows import MIN_PLACES, UnitRow


@dataclass(frozen=True, slots=True)
class PlaceDifference:
    """What two arms' places differ by at the last look."""

    value: float
    half: float
    baseline: float
    baseline_error: float
    error: float
    multiplier: float


def place_difference(units: Iterable[UnitRow], arm: str, baseline: str, alpha: float) -> PlaceDifference | None:
    """Return the difference at the last look, or None before the first or with too few places."""
    chosen = [unit for unit in units if unit.period == "trial" and unit.arm in {arm, baseline}]
    first = min(unit.day for unit in chosen)
    look = last_look(max(unit.day for unit in chosen) - first + 1)
    if look is None:
        return None
    number, days = look
    seen = [unit for unit in chosen if unit.day < first + days]
    ours, theirs = (_ratios(unit for unit in seen if unit.arm == name) for name in (arm, baseline))
    if min(len(ours), len(theirs)) < MIN_PLACES:
        return None
    error, degrees = _error(ours, theirs)
    multiplier = student_multiplier(degrees, look_alpha(number, alpha))
    return PlaceDifference(
        value=fmean(ours) - fmean(theirs),
        half=multiplier * error,
        baseline=fmean(theirs),
        baseline_error=math.sqrt(variance(theirs) / len(theirs)),
        error=error,
        multiplier=multiplier,
    )


def _ratios(units: Iterable[UnitRow]) -> list[float]:
    sums: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for unit in units:
        top, bottom = sums[unit.place]
        sums[unit.place] = top + unit.numerator, bottom + unit.denominator
    return [top / bottom for top, bottom in sums.values()]


def _error(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    parts = [variance(places) / len(places) for places in (ours, theirs)]
    total = sum(parts)
    if len(ours) == len(theirs) or not total:
        return math.sqrt(total), float(len(ours) + len(theirs) - 2)
    degrees = total**2 / sum(part**2 / (len(places) - 1) for part, places in zip(parts, (ours, theirs), strict=True))
    return math.sqrt(total), degrees
