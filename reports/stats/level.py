"""An arm's own ratio over its days: the days are the units, and they resemble their neighbours."""

import math

import numpy as np

from reports.stats.bounds import bounds_of
from reports.stats.likeness import likeness
from reports.stats.panel import FIRST_DAYS, Difference, scatter_of
from reports.stats.sequences import day_multiplier
from reports.stats.trial_rows import Floats

_MOST = 700.0
"""The exponent beyond which there is no such number."""


def level_over_days(top: Floats, bottom: Floats) -> Difference | None:
    """Return the ratio of *top* and *bottom*, sums by day, as the difference it is from 0; None: too few days.

    The usual linearised variance of a ratio of cluster totals (W. G. Cochran, "Sampling Techniques", 1977, section
    6.3), days being the clusters.
    """
    used = bottom > 0
    days = int(used.sum())
    if days < FIRST_DAYS:
        return None
    value = float(top.sum() / bottom.sum())
    score = ((top - value * bottom) / bottom.sum())[None]
    scatter = scatter_of(score[:, used], np.full((1, days), 1 / days), lost=1)
    alike = likeness(score[:, None], used[None].astype(np.float64), used[None])
    error = np.sqrt(scatter.square * np.maximum(alike.stretch, 1.0))
    return Difference(
        value=np.array([value]),
        error=error,
        degrees=alike.degrees(scatter.degrees),
        growth=np.array([days / FIRST_DAYS]),
        skewness=scatter.skewness,
        baseline=np.array([value]),
        baseline_error=error,
        covariance=np.zeros(1),
        days_cancel=False,
    )


def level_bounds(top: Floats, bottom: Floats, alpha: float) -> tuple[float, float] | None:
    """Return the bounds of the ratio of *top* and *bottom*; None: too few days; not a number where nothing scatters.

    A few large days may be missing still: where all days are above 0 the upper bound is at least that of a lognormal
    law (Cox's, in C. E. Land, "An Evaluation of Approximate Confidence Interval Estimation Methods for Lognormal
    Means", Technometrics 14, 1972), which is about the usual one where days are not skewed.
    """
    found = level_over_days(top, bottom)
    if found is None:
        return None
    low, high = (float(bound[0]) for bound in bounds_of(found, alpha))
    ratios = top[bottom > 0] / bottom[bottom > 0]
    if math.isnan(high) or ratios.min() <= 0:
        return low, high
    logs, count = np.log(ratios), len(ratios)
    square = float(logs.var(ddof=1))
    half = float(day_multiplier(found.growth, found.degrees, alpha)[0]) * math.sqrt(
        square / count + square**2 / (2 * (count - 1))
    )
    return low, max(high, math.exp(min(float(logs.mean()) + square / 2 + half, _MOST)))
