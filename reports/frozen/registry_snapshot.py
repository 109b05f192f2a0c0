"""What the registry says of a trial, as a frozen report keeps it."""

from registry.directory import Directory
from registry.refunds import platforms_without_refunds
from reports.queries.presence import placements_of, platform_of
from reports.queries.readout import baseline_arm
from reports.queries.spans import iso
from reports.verification.snapshot import PlacementSnapshot, TrialSnapshot


def registry_snapshot(directory: Directory, trial_id: str) -> TrialSnapshot:
    """Return the snapshot of *trial_id*. Raises `KeyError` where the registry has none."""
    trial, span = directory.trials[trial_id], directory.trial_spans[trial_id]
    return TrialSnapshot(
        trial=trial_id,
        product=trial.product,
        starts=iso(span.starts_ms),
        ends=iso(span.ends_ms),
        baseline_from=None if span.baseline_from_ms is None else iso(span.baseline_from_ms),
        arms=list(trial.arms),
        baseline_arm=baseline_arm(trial),
        unit=trial.unit,
        primary_metric=trial.primary_metric,
        guardrails=list(trial.guardrails),
        planned_units=trial.planned_units,
        smallest_effect=trial.smallest_effect,
        platforms_without_refunds=list(platforms_without_refunds(directory, trial_id)),
        placements=[_placement(directory, placement_id) for placement_id in placements_of(directory, trial_id)],
        registry_version=directory.version,
    )


def _placement(directory: Directory, placement_id: str) -> PlacementSnapshot:
    placed, placement = directory.placed[placement_id], directory.placements[placement_id]
    hours = placement.hours
    if hours is None:
        if directory.registry is None:
            raise KeyError(placement_id)
        hours = directory.registry.avenue.hours
    return PlacementSnapshot(
        id=placement_id,
        place=placed.place_id,
        platform=platform_of(directory, placement_id),
        arm=placed.arm,
        arm_days={arm: sorted(day.isoformat() for day in days) for arm, days in sorted(placement.arm_days.items())},
        from_=iso(placed.from_ms),
        until=iso(placed.until_ms),
        opens=hours.opens,
        closes=hours.closes,
        heartbeat_s=placement.heartbeat_s,
    )
