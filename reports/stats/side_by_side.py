"""Arms at different places with no time before: the place is the unit, and its luck does not wear off with days.

Each place's ratio over all days is one value, an arm's the mean of its places', and the places' spread the only
error, by Student's law with as many degrees of freedom as places allow (B. L. Welch, "The Generalization of
'Student's' Problem when Several Different Population Variances are Involved", Biometrika 34, 1947; pooled where arms
have equally many places). More days do not make places more: it is looked at on days 14, 28, 56 and so on, which
share the risk, and between them the last look stands.
"""

import math
from dataclasses import dataclass

import numpy as np

from reports.stats.sequences import last_look, look_alpha, student_multiplier
from reports.stats.trial_grid import TrialGrid, design_of
from reports.stats.trial_rows import MIN_PLACES, Floats


@dataclass(frozen=True, slots=True)
class PlaceDifference:
    """What two arms' places differ by at the last look."""

    value: float
    half: float
    baseline: float
    baseline_error: float
    error: float
    multiplier: float


def place_difference(grid: TrialGrid, arm: str, baseline: str, alpha: float) -> PlaceDifference | None:
    """Return the difference at the last look, or None before the first or where places were not side by side then."""
    numbers = grid.number(arm), grid.number(baseline)
    days = np.flatnonzero(np.isin(grid.arm, numbers).any(axis=0))
    look = last_look(grid.arm.shape[1] - int(days[0])) if len(days) else None
    if look is None:
        return None
    seen = grid.until(int(days[0]) + look[1])
    ours, theirs = (_ratios(seen, number) for number in numbers)
    if design_of(seen, arm, baseline) == "switching" or min(len(ours), len(theirs)) < MIN_PLACES:
        return None
    error, degrees = _error(ours, theirs)
    multiplier = student_multiplier(degrees, look_alpha(look[0], alpha))
    return PlaceDifference(
        value=float(ours.mean() - theirs.mean()),
        half=multiplier * error,
        baseline=float(theirs.mean()),
        baseline_error=math.sqrt(float(theirs.var(ddof=1)) / len(theirs)),
        error=error,
        multiplier=multiplier,
    )


def _ratios(grid: TrialGrid, number: int) -> Floats:
    chosen = grid.arm == number
    top, bottom = (np.sum(np.where(chosen, part, 0.0), axis=1) for part in (grid.top, grid.bottom))
    ratios: Floats = top[bottom > 0] / bottom[bottom > 0]
    return ratios


def _error(ours: Floats, theirs: Floats) -> tuple[float, float]:
    parts = [float(places.var(ddof=1)) / len(places) for places in (ours, theirs)]
    total = sum(parts)
    if len(ours) == len(theirs) or not total:
        return math.sqrt(total), float(len(ours) + len(theirs) - 2)
    degrees = total**2 / sum(part**2 / (len(places) - 1) for part, places in zip(parts, (ours, theirs), strict=True))
    return math.sqrt(total), degrees
