"""The durations of a trial's units for its quantiles, which `reports.stats.quantiles` judges by shares."""

from collections import defaultdict
from collections.abc import Mapping

from reports.queries.units import Parts, PlacementDay, UnitKey, sorted_durations
from reports.stats.quantiles import ArmDurations


def durations_by_arm(units: list[PlacementDay], percent: int) -> dict[str, ArmDurations]:
    """Return the durations of each arm that has any among *units*."""
    by_arm: dict[str, list[PlacementDay]] = defaultdict(list)
    for unit in units:
        if unit.durations.size:
            by_arm[unit.key.arm].append(unit)
    return {arm: ArmDurations(sorted_durations(found), percent) for arm, found in by_arm.items()}


def shares_up_to(units: list[PlacementDay], limits_ms: Mapping[str, int]) -> dict[UnitKey, Parts]:
    """Return of each of *units* how many timed uses took at most its arm's limit, and how many were timed."""
    return {
        # A limit of another type than the durations would have them all copied.
        unit.key: (
            int(unit.durations.searchsorted(unit.durations.dtype.type(limits_ms[unit.key.arm]), side="right")),
            unit.durations.size,
        )
        for unit in units
        if unit.key.arm in limits_ms and unit.durations.size
    }
