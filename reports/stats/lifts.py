"""One arm against the baseline by what the design allows: the difference, its bounds, or why there are none."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from reports.stats.bounds import bounds_of, p_value_of, scattering
from reports.stats.panel import CHANGES, Comparison, Difference, changes_at_once, comparison_of, difference
from reports.stats.sequences import look_p_value
from reports.stats.side_by_side import place_difference
from reports.stats.trial_grid import TrialGrid, design_in
from reports.stats.trial_rows import Floats

Why = Literal["no_data", "too_few_days", "too_few_changes", "no_spread", "one_place", "one_arm"]
"""Why there are no bounds."""


@dataclass(frozen=True, slots=True)
class FoundLift:
    """What one arm differs by, for every trial of a grid."""

    why: Why | None = None
    """For all of them; one whose days or places do not scatter has no numbers as bounds instead."""
    difference: Difference | None = None
    low: Floats | None = None
    high: Floats | None = None
    p_value: Floats | None = None
    cells: Comparison | None = None
    """What was compared day by day; None where it was places side by side."""


def find_lift(grid: TrialGrid, arm: str, baseline: str, alpha: float) -> FoundLift:
    """Return by what *arm* differs from *baseline*, with the risk *alpha* of ever leaving out the truth."""
    design = design_in(grid, arm, baseline)
    if design == "one_place":
        return FoundLift("one_place")
    if design == "side_by_side":
        return _of_places(grid, arm, baseline, alpha)
    cells = comparison_of(grid, arm, baseline)
    found = difference(cells)
    if found is None:
        # Places that began side by side and change now: what was said then stands until changes say more.
        return _of_places(grid, arm, baseline, alpha)
    if not found.days_cancel and changes_at_once(cells) < CHANGES:
        return FoundLift("too_few_changes", found)
    low, high = bounds_of(found, alpha)
    return FoundLift(None, found, low, high, p_value_of(found), cells)


def _of_places(grid: TrialGrid, arm: str, baseline: str, alpha: float) -> FoundLift:
    found = place_difference(grid, arm, baseline, alpha)
    if found is None:
        return FoundLift("too_few_days")
    lift = found.difference
    error = np.where(scattering(lift), lift.error, np.nan)
    half = np.where(np.isnan(error), np.nan, found.half)
    p_value = look_p_value(np.abs(lift.value) / error, found.look, lift.degrees)
    return FoundLift(None, lift, lift.value - half, lift.value + half, p_value)
