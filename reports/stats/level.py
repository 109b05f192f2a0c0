"""An arm's own ratio over its days: the days are the units, and they resemble their neighbours."""

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
