"""An arm's own ratio over its days: the days are the units, and they resemble their neighbours."""

import math

import numpy as np

from reports.stats.likeness import likeness
from reports.stats.panel import FIRST_DAYS, Difference, scatter_of
from reports.stats.trial_rows import Floats


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
    score = (top - value * bottom) / bottom.sum()
    shares = np.full(days, 1 / days)
    scatter = scatter_of(score[used], shares, lost=1)
    alike = likeness(score[None, :], used[None, :] / math.sqrt(days), used[None, :])
    error = math.sqrt(scatter.square * max(alike.stretch, 1.0))
    return Difference(
        value=value,
        error=error,
        degrees=alike.degrees(scatter.degrees),
        growth=days / FIRST_DAYS,
        skewness=scatter.skewness,
        baseline=value,
        baseline_error=error,
        covariance=0.0,
        days_cancel=False,
    )
