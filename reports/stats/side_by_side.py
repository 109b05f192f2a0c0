"""Arms at different places with no time before: the place is the unit, and its luck does not wear off with days.

Each place's ratio over all days is one value, an arm's the mean of its places', and the places' spread the only
error, by Student's law with as many degrees of freedom as places allow: the wider of the pooled one and of B. L.
Welch's ("The Generalization of 'Student's' Problem when Several Different Population Variances are Involved",
Biometrika 34, 1947), since each alone is wrong where one arm has two places and the other ten. More days do not make
places more: it is looked at on days 14, 28, 56 and so on, which share the risk, and between them the last look stands.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from reports.stats.panel import Difference
from reports.stats.sequences import LOOK_DAYS, InformationTime, last_look, look_alpha
from reports.stats.trial_grid import TrialGrid, design_in
from reports.stats.trial_rows import MIN_PLACES, Floats


@dataclass(frozen=True, slots=True)
class PlaceDifference:
    """What two arms' places differ by at the last look, and half the interval's width."""

    difference: Difference
    half: Floats
    look: int
    """The look's number, from 0."""


def place_difference(grid: TrialGrid, arm: str, baseline: str, alpha: float) -> PlaceDifference | None:
    """Return the difference at the last look at which places were side by side; None where there was none yet.

    A place that has had both arms since then leaves what was said as it was: it was told at that look's own risk.
    """
    numbers = grid.number(arm), grid.number(baseline)
    days = np.flatnonzero(np.isin(grid.arm, numbers).any(axis=0))
    look = last_look(grid.arm.shape[1] - int(days[0])) if len(days) else None
    if look is None:
        return None
    looks = [(number, grid.until(int(days[0]) + (LOOK_DAYS << number))) for number in range(look[0], -1, -1)]
    apart = ((number, seen) for number, seen in looks if design_in(seen, arm, baseline) != "switching")
    number, seen = next(apart, (0, None))
    if seen is None:
        return None
    ours, theirs = (_ratios(seen, one) for one in numbers)
    if min(ours.shape[-1], theirs.shape[-1]) < MIN_PLACES:
        return None
    half, error, degrees = _widths(ours, theirs, look_alpha(number, alpha))
    # Both arms' places scatter by themselves: what the difference shares with the baseline is the baseline's own part.
    own = theirs.var(axis=-1, ddof=1) / theirs.shape[-1]
    base = theirs.mean(axis=-1)
    none = np.zeros_like(base)
    found = Difference(
        ours.mean(axis=-1) - base,
        error,
        degrees,
        InformationTime(none + 1.0),
        none,
        base,
        np.sqrt(own),
        -own,
        days_cancel=True,
    )
    return PlaceDifference(found, half, number)


def _ratios(grid: TrialGrid, number: int) -> Floats:
    """Return each place's ratio, of every trial."""
    chosen = grid.arm == number
    places = chosen.any(axis=1)
    top, bottom = (np.sum(np.where(chosen, part, 0.0), axis=-1)[..., places] for part in (grid.top, grid.bottom))
    ratios: Floats = np.atleast_2d(top / bottom)
    return ratios


def _widths(ours: Floats, theirs: Floats, alpha: float) -> tuple[Floats, Floats, Floats]:
    """Return half the width, by the larger of two laws, with the standard error and degrees of that one.

    Pooled, a few places that are alike by chance do not make an arm look sure; apart, an arm whose places differ more
    than the other's is not taken to be like it.
    """
    counts = ours.shape[-1], theirs.shape[-1]
    spreads = [places.var(axis=-1, ddof=1) for places in (ours, theirs)]
    parts = [spread / count for spread, count in zip(spreads, counts, strict=True)]
    apart = parts[0] + parts[1]
    squares = sum(part**2 / (count - 1) for part, count in zip(parts, counts, strict=True))
    of_both = sum(spread * (count - 1) for spread, count in zip(spreads, counts, strict=True)) / (sum(counts) - 2)
    errors = np.sqrt([of_both * (1 / counts[0] + 1 / counts[1]), apart])
    degrees = np.stack([np.full_like(apart, sum(counts) - 2), np.maximum(apart**2 / np.maximum(squares, 1e-150), 1.0)])
    halves = -stdtrit(degrees, alpha / 2) * errors
    wider = np.argmax(halves, axis=0)[None]
    half, error, degree = (np.take_along_axis(each, wider, axis=0)[0] for each in (halves, errors, degrees))
    return half, error, degree
