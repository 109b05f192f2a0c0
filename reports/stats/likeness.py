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

LAGS, FAR = 5, 20
"""Days that are looked back, and days over which what goes on counts."""
_USUAL_DECAY = 0.5
_LEAST_DECAY = 0.3
_MOST_DECAY = 0.85
"""What goes on from day to day is taken to fall by a share each day, and at most so slowly."""
_UNSURE = 0.3
"""Standard errors by which a gain is doubted: it would make intervals narrower."""
_LOSS = 0.6
"""Standard errors by which a loss is taken to be larger than it looks: few days hide much of it."""
_SURE = 1.25
"""Standard errors beyond which days' own likeness counts, where places do not show it."""
_PLACES_LEVEL = 0.25
"""Of chance, at which places as wholes are taken to scatter by more than their days: they are few, and it counts."""
_LEAST, _MOST = 0.3, 60.0
_TINY, _PART = 1e-300, 1e-9


@dataclass(frozen=True, slots=True)
class Likeness:
    """By what likeness of days stretches the variance of a difference; an entry for each trial."""

    stretch: Floats
    error: Floats
    """Standard error of the stretch."""

    def degrees(self, of_scatter: float) -> Floats:
        """Return how many degrees of freedom the stretched variance has."""
        return np.maximum(2 / (2 / of_scatter + (self.error / self.stretch) ** 2), 1.0)

    def at_least(self, alike: Floats) -> "Likeness":
        """Return the same, or what days *alike* in variance say by their first autocorrelation where that is more."""
        square, count = np.sum(alike**2, axis=-1), alike.shape[-1]
        seen = np.sum(alike[..., 1:] * alike[..., :-1], axis=-1) / np.maximum(square, _TINY)
        seen = np.clip(seen + (2 - _SURE * math.sqrt(count)) / count, 0.0, _MOST_DECAY)
        own = np.where(seen > 0, (1 + seen) / (1 - seen), 0.0)
        return Likeness(np.maximum(self.stretch, own), self.error)


def likeness(rest: Floats, loading: Floats, there: npt.NDArray[np.bool_]) -> Likeness:
    """Return the stretch of the sum of *loading* times *rest*, by place and day; *there*: where a unit is.

    *rest* has one variance, and a mean of each place taken out; *loading* is that of all trials.
    """
    square, cells, places = np.sum(rest**2, axis=(-1, -2)), int(there.sum()), len(there)
    days, free = cells / places, max(places - 1, 1)
    pairs, seen = (_products(column, LAGS) for column in (there.astype(np.float64), rest))
    correlation = np.where(pairs > 0, seen / np.maximum(pairs, 1), 0.0) * (cells / np.maximum(square, _TINY))[:, None]
    decay = _decay(correlation, math.sqrt(LAGS / (free * days)))
    fall = decay[:, None] ** np.arange(1, LAGS + 1)
    plain = np.sum(fall * correlation, axis=-1) / np.sum(fall**2, axis=-1)
    hidden = (places / free if places > 1 else 2.0) / days
    share = hidden * np.sum(fall, axis=-1) / np.sum(fall**2, axis=-1)
    # Taking out means hides of each lag so much of the stretch of a plain mean.
    size = (plain + share) / np.maximum(1 - 2 * share * decay / (1 - decay), 0.3)
    loads = _products(loading, FAR) / float(np.sum(loading**2))
    part = 2 * np.sum(decay[:, None] ** np.arange(1, FAR + 1) * loads, axis=-1)
    error = np.abs(part) / np.sqrt(np.sum(fall**2, axis=-1) * free * days)
    # What goes on and makes it surer is taken as seen, and doubted; what makes it less sure, with what is hidden.
    gain = np.minimum(1 + plain * part + _UNSURE * error, 1.0)
    base = 1 + size * part
    # What is large is the less sure of.
    error = error * np.where(part > 0, np.clip(base, 1.0, None), 1.0)
    loss = base + _LOSS * error
    turned = 1 + np.minimum(plain + share, 0.0) * part
    stretch = np.where(part < 0, np.where(plain > 0, gain, turned), np.where(loss < 1, gain, loss))
    return Likeness(np.clip(stretch, _LEAST, _MOST), error)


def _products(column: Floats, lags: int) -> Floats:
    sums = [np.sum(column[..., lag:] * column[..., :-lag], axis=(-1, -2)) for lag in range(1, lags + 1)]
    return np.stack(sums, axis=-1)


def _decay(correlation: Floats, noise: float) -> Floats:
    """Return by what share the correlations fall from one day to the next, drawn towards a usual share."""
    later, sooner = np.sum(correlation[:, 1:], axis=-1), np.sum(correlation[:, :-1], axis=-1)
    share: Floats = (later + _USUAL_DECAY * noise) / (np.maximum(sooner, 0.0) + noise)
    return np.clip(share, _LEAST_DECAY, _MOST_DECAY)


def place_stretch(scores: Floats, parts: Floats, square: Floats) -> Floats:
    """Return by what places as wholes scatter more than their days give reason for; little unless it is plain.

    *scores* are places' sums, with variances in the proportion of *parts* of *square* if days had nothing in common.
    """
    seen = np.sum(np.where(parts > _PART, scores**2 / np.maximum(parts, _PART), 0.0), axis=-1)
    degrees = parts.shape[-1] - 2
    usual = float(chdtri(degrees, _PLACES_LEVEL)) if degrees > 0 else np.inf
    stretch: Floats = seen / np.maximum(square, _TINY) / usual
    return stretch
