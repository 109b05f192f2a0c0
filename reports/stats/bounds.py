"""From a difference and how sure it is to the bounds that hold at every look."""

import math

import numpy as np
import numpy.typing as npt

from reports.stats.panel import Difference
from reports.stats.sequences import day_multiplier, day_p_value
from reports.stats.trial_rows import Floats

ROUNDING = 1e-9
"""Of a value: what scatters less than this does not scatter."""


def bounds_of(found: Difference, alpha: float) -> tuple[Floats, Floats]:
    """Return the bounds, of every trial; not a number where nothing scatters.

    Where days scatter further to one side, the bound on that side is further out: N. J. Johnson, "Modified t Tests
    and Confidence Intervals for Asymmetrical Populations", Journal of the American Statistical Association 73, 1978.
    """
    multiplier = day_multiplier(found.clock, found.degrees, alpha)
    lean = found.skewness * (2 * multiplier**2 + 1) / 6
    error = np.where(scattering(found), found.error, math.nan)
    low = found.value - error * (multiplier + np.maximum(-lean, 0.0))
    return low, found.value + error * (multiplier + np.maximum(lean, 0.0))


def p_value_of(found: Difference) -> Floats:
    """Return the risk at which the bound nearer to 0 is 0, of every trial: `bounds_of` the other way round."""
    error = np.where(scattering(found), found.error, math.nan)
    distance = np.abs(found.value) / error
    # Solved for the multiplier m: distance = m + lean (2 m² + 1) / 6, where days lean towards 0.
    lean = np.maximum(-np.sign(found.value) * found.skewness, 1e-6)
    root = np.sqrt(np.maximum(9 - 2 * lean * (lean - 6 * distance), 0.0))
    return day_p_value(np.maximum((root - 3) / (2 * lean), 0.0), found.clock, found.degrees)


def scattering(found: Difference) -> npt.NDArray[np.bool_]:
    """Return where something scatters: what is all the same has nothing to judge by, a width of zero would be a lie."""
    scatters: npt.NDArray[np.bool_] = found.error > ROUNDING * np.maximum(np.abs(found.value), np.abs(found.baseline))
    return scatters


def share_of(value: float | None, baseline: float | None) -> float | None:
    """Return *value* as a share of the *baseline*'s, where that is more than 0."""
    return value / baseline if value is not None and baseline is not None and baseline > 0 else None


def fieller(
    value: float, baseline: float, errors: tuple[float, float, float], multiplier: float
) -> tuple[float | None, float | None]:
    """Return the bounds of the difference's share of the baseline; None where the baseline may be 0.

    *errors* are those of the difference and the baseline, and their covariance. E. C. Fieller, "Some Problems in
    Interval Estimation", Journal of the Royal Statistical Society B 16, 1954: the shares r for which difference -
    r x baseline is within its own interval.
    """
    error, baseline_error, covariance = errors
    m2 = multiplier**2
    a = baseline**2 - m2 * baseline_error**2
    b = -2 * (value * baseline - m2 * covariance)
    c = value**2 - m2 * error**2
    inside = b * b - 4 * a * c
    if baseline <= 0 or a <= 0 or inside < 0:
        return None, None
    root = math.sqrt(inside)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)
