"""An arm's own ratio over its days: the days are the units, and they resemble their neighbours.

It is that of the arm's places in the mix in which they had it: which places had the arm on a day is the rota's doing
and no luck, so that each place's days are held against the place's own ratio, and what places differ by is left out.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.stats.bounds import bounds_of
from reports.stats.mean_of_days import stretch_of_mean
from reports.stats.panel import FIRST_DAYS, Difference, scatter_of
from reports.stats.sequences import InformationTime, day_multiplier
from reports.stats.trial_grid import TrialGrid
from reports.stats.trial_rows import Floats

_MOST = 700.0
"""The exponent beyond which there is no such number."""
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class ArmLevel:
    """An arm's ratio, of every trial; bounds are None before there are days enough, and no number without scatter."""

    value: Floats
    low: Floats | None
    high: Floats | None


@dataclass(frozen=True, slots=True)
class _Cells:
    """An arm's units by place and day."""

    there: npt.NDArray[np.bool_]
    top: Floats
    """Trial by trial, as the next ones; 0 where the arm has no unit."""
    bottom: Floats
    ratio: Floats
    """Of each place over its days."""

    @property
    def off(self) -> Floats:
        """Return how much each unit's numerator is more than its place usually gives."""
        rest: Floats = self.top - self.ratio[..., None] * self.bottom
        return rest


def level_of(grid: TrialGrid, arm: str, alpha: float) -> ArmLevel:
    """Return *arm*'s level with the risk *alpha* of its bounds ever leaving out the truth."""
    number = grid.number(arm)
    cells = _cells(grid, grid.arm == number)
    value = cells.top.sum(axis=(-1, -2)) / cells.bottom.sum(axis=(-1, -2))
    found = _over_days(cells, value, alpha)
    if found is None:
        return ArmLevel(value, None, None)
    low, high = bounds_of(found, alpha)
    half = day_multiplier(found.clock, found.degrees, alpha)
    return ArmLevel(value, low, np.where(np.isnan(high), high, np.fmax(high, _lognormal(cells, value, half))))


def _cells(grid: TrialGrid, there: npt.NDArray[np.bool_]) -> _Cells:
    parts = (np.where(there, part, 0.0) for part in (grid.top, grid.bottom))
    top, bottom = (part[None] if part.ndim == there.ndim else part for part in parts)
    return _Cells(there, top, bottom, top.sum(axis=-1) / np.maximum(bottom.sum(axis=-1), _TINY))


def _over_days(cells: _Cells, value: Floats, alpha: float) -> Difference | None:
    """Return the ratio as the difference it is from 0; None: too few days.

    The usual linearised variance of a ratio of cluster totals (W. G. Cochran, "Sampling Techniques", 1977, sections
    6.3 and 6.11: the separate ratio estimator), days being the clusters and places the strata.
    """
    used = cells.there.sum(axis=0) > 0
    days = int(used.sum())
    if days < FIRST_DAYS:
        return None
    score = cells.off.sum(axis=-2) / cells.bottom.sum(axis=(-1, -2))[:, None]
    scatter = scatter_of(score[:, used], np.full((1, days), 1 / days), lost=_lost(cells.there))
    none = np.zeros_like(value)
    clock, degrees = InformationTime(none + days / FIRST_DAYS), none + scatter.degrees
    multiplier = day_multiplier(clock, degrees, alpha)
    error = np.sqrt(scatter.square * stretch_of_mean(score, used, degrees=scatter.degrees, multiplier=multiplier))
    return Difference(
        value, error, degrees, clock, scatter.skewness,
        baseline=value, baseline_error=error, covariance=none, days_cancel=False,
    )  # fmt: skip


def _lost(there: npt.NDArray[np.bool_]) -> float:
    """Return how many days' worth of scatter went into the places' ratios: one if all are there each day."""
    in_day, of_place = there.sum(axis=0), there.sum(axis=1)
    return float(np.sum(there / np.maximum(in_day * of_place[:, None], 1)))


def _lognormal(cells: _Cells, value: Floats, multiplier: Floats) -> Floats:
    """Return the upper bound by a lognormal law of days; no number where a day is not above 0.

    A few large days may be missing still (Cox's, in C. E. Land, "An Evaluation of Approximate Confidence Interval
    Estimation Methods for Lognormal Means", Technometrics 14, 1972); it is about the usual bound where days are not
    skewed. A day is taken against what its places usually give.
    """
    used = cells.there.sum(axis=0) > 0
    usual = np.sum(cells.ratio[..., None] * cells.bottom, axis=-2)[:, used]
    seen = cells.top.sum(axis=-2)[:, used]
    positive = np.all((seen > 0) & (usual > 0), axis=-1)
    logs = np.log(np.where(positive[:, None], seen, 1.0) / np.where(positive[:, None], usual, 1.0))
    count, square = logs.shape[-1], logs.var(axis=-1, ddof=1)
    half = multiplier * np.sqrt(square / count + square**2 / (2 * (count - 1)))
    most = np.exp(np.minimum(logs.mean(axis=-1) + square / 2 + half, _MOST))
    return np.where(positive, value * most, math.nan)
