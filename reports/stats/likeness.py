"""How much days that resemble each other make a difference less sure than as many days that do not.

What is left of each unit's value after places and days were taken out may go on at its place from day to day. Its
autocorrelations over a few days are pooled over places, corrected for what taking out means hides of them (M. G.
Kendall, "Note on Bias in the Estimation of Autocorrelation", Biometrika 41, 1954; S. Nickell, "Biases in Dynamic
Models with Fixed Effects", Econometrica 49, 1981), and put together as the comparison itself puts days together: a
place that changes its arm each day gains by what goes on, one that keeps its arm loses.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from reports.stats.trial_rows import Floats

LAGS = 5
"""Days that are looked back."""
_USUAL_DECAY = 0.5
_LEAST_DECAY = 0.3
_MOST_DECAY = 0.85
"""What goes on from day to day is taken to fall by a share each day, and at most so slowly."""
_UNSURE = 0.6
"""Standard errors by which a gain is doubted: it would make intervals narrower."""
_SURE = 1.5
"""Standard errors beyond which days' own likeness counts, where places do not show it."""
_PLACES_LEVEL = 0.1
_LEAST, _MOST = 0.3, 60.0


@dataclass(frozen=True, slots=True)
class Likeness:
    """By what likeness of days stretches the variance of a difference."""

    stretch: float
    error: float
    """Standard error of the stretch."""

    def degrees(self, of_scatter: float) -> float:
        """Return how many degrees of freedom the stretched variance has."""
        return max(2 / (2 / of_scatter + (self.error / self.stretch) ** 2), 1.0)

    def at_least(self, alike: Floats) -> "Likeness":
        """Return the same, or what days *alike* in variance say by their first autocorrelation where that is more."""
        square, count = float(np.sum(alike**2)), len(alike)
        if square <= 0 or count < 2:
            return self
        seen = float(np.sum(alike[1:] * alike[:-1])) / square + (2 - _SURE * math.sqrt(count)) / count
        seen = min(max(seen, 0.0), _MOST_DECAY)
        return Likeness(max(self.stretch, (1 + seen) / (1 - seen)), self.error)


def likeness(rest: Floats, loading: Floats, there: npt.NDArray[np.bool_]) -> Likeness:
    """Return the stretch of the sum of *loading* times *rest*, by place and day; *there*: where a unit is.

    *rest* has one variance, and means of places taken out.
    """
    square, cells = float(np.sum(rest**2)), int(there.sum())
    days, free = cells / len(rest), max(len(rest) - 1, 1)
    if square <= 0 or days < 2 * LAGS:
        return Likeness(1.0, 0.0)
    present = there.astype(np.float64)
    pairs, seen, loads = (_products(column) for column in (present, rest, loading))
    correlation = np.where(pairs > 0, seen / np.maximum(pairs, 1), 0.0) * cells / square
    loads = loads / float(np.sum(loading**2))
    fall = _decay(correlation, math.sqrt(LAGS / (free * days))) ** np.arange(1, LAGS + 1)
    size = _size(correlation, fall, hidden=(len(rest) / free if len(rest) > 1 else 2.0) / days)
    part = 2 * float(np.sum(fall * loads))
    stretch = 1 + size * part
    error = abs(part) / math.sqrt(float(np.sum(fall**2)) * free * days)
    if stretch < 1:
        stretch = min(stretch + _UNSURE * error, 1.0)
    return Likeness(min(max(stretch, _LEAST), _MOST), error)


def _products(column: Floats) -> Floats:
    return np.array([np.sum(column[:, lag:] * column[:, :-lag]) for lag in range(1, LAGS + 1)])


def _size(correlation: Floats, fall: Floats, *, hidden: float) -> float:
    """Return the size that fits *correlation* best where it falls as *fall* does.

    What taking out means hides of each lag, *hidden* times the stretch of a plain mean, is added.
    """
    square, total = float(np.sum(fall**2)), float(np.sum(fall))
    size = float(np.sum(fall * correlation)) / square
    share = hidden * total / square
    return (size + share) / max(1 - 2 * share * total, 0.3)


def _decay(correlation: Floats, noise: float) -> float:
    """Return by what share the correlations fall from one day to the next, drawn towards a usual share."""
    later, sooner = float(np.sum(correlation[1:])), float(np.sum(correlation[:-1]))
    share = (later + _USUAL_DECAY * noise) / (max(sooner, 0.0) + noise)
    return min(max(share, _LEAST_DECAY), _MOST_DECAY)


def place_stretch(scores: Floats, parts: Floats, square: float) -> float:
    """Return by what places as wholes scatter more than their days give reason for; little unless it is plain.

    *scores* are places' sums, with variances in the proportion of *parts* of *square* if days had nothing in common.
    """
    used = parts > 1e-9
    degrees = int(used.sum()) - 1
    if degrees < 1 or square <= 0:
        return 1.0
    seen = float(np.sum(scores[used] ** 2 / parts[used])) / square
    return seen / float(chdtri(degrees, _PLACES_LEVEL))
