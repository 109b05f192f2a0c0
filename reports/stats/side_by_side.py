"""Arms at different places with no time before: the place is the unit, and its luck does not wear off with days.

Each place's ratio over all days is one value, an arm's the mean of its places', and the places' spread the only
error, by Student's law with as many degrees of freedom as places allow (B. L. Welch, "The Generalization of
'Student's' Problem when Several Different Population Variances are Involved", Biometrika 34, 1947; pooled where arms
have equally many places). More days do not make places more: it is looked at on days 14, 28, 56 and so on, which
share the risk, and between them the last look stands.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from reports.stats.panel import Difference
from reports.stats.sequences import last_look, look_alpha
from reports.stats.trial_grid import TrialGrid, design_in
from reports.stats.trial_rows import MIN_PLACES, Floats


@dataclass(frozen=True, slots=True)
class PlaceDifference:
    """What two arms' places differ by at the last look, and half the interval's width in standard errors."""

    difference: Difference
    multiplier: Floats
    look: int
    """The look's number, from 0."""


def place_difference(grid: TrialGrid, arm: str, baseline: str, alpha: float) -> PlaceDifference | None:
    """Return the difference at the last look, or None before the first or where places were not side by side then."""
    numbers = grid.number(arm), grid.number(baseline)
    days = np.flatnonzero(np.isin(grid.arm, numbers).any(axis=0))
    look = last_look(grid.arm.shape[1] - int(days[0])) if len(days) else None
    if look is None:
        return None
    seen = grid.until(int(days[0]) + look[1])
    if design_in(seen, arm, baseline) == "switching":
        return None
    ours, theirs = (_ratios(seen, number) for number in numbers)
    if min(ours.shape[-1], theirs.shape[-1]) < MIN_PLACES:
        return None
    error, degrees = _error(ours, theirs)
    multiplier: Floats = -stdtrit(degrees, look_alpha(look[0], alpha) / 2)
    # Both arms' places scatter by themselves: what the difference shares with the baseline is the baseline's own part.
    own = theirs.var(axis=-1, ddof=1) / theirs.shape[-1]
    base = theirs.mean(axis=-1)
    none = np.zeros_like(base)
    found = Difference(
        ours.mean(axis=-1) - base, error, degrees, none + 1.0, none, base, np.sqrt(own), -own, days_cancel=True
    )
    return PlaceDifference(found, multiplier, look[0])


def _ratios(grid: TrialGrid, number: int) -> Floats:
    """Return each place's ratio, of every trial."""
    chosen = grid.arm == number
    places = chosen.any(axis=1)
    top, bottom = (np.sum(np.where(chosen, part, 0.0), axis=-1)[..., places] for part in (grid.top, grid.bottom))
    ratios: Floats = np.atleast_2d(top / bottom)
    return ratios


def _error(ours: Floats, theirs: Floats) -> tuple[Floats, Floats]:
    counts = ours.shape[-1], theirs.shape[-1]
    parts = [places.var(axis=-1, ddof=1) / count for places, count in zip((ours, theirs), counts, strict=True)]
    total = parts[0] + parts[1]
    if counts[0] == counts[1]:
        return np.sqrt(total), np.full_like(total, sum(counts) - 2)
    squares = sum(part**2 / (count - 1) for part, count in zip(parts, counts, strict=True))
    return np.sqrt(total), np.maximum(total**2 / np.maximum(squares, 1e-300), 1.0)
