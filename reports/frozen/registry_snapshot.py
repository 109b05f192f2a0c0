"""What the registry says of a trial, as a frozen report keeps it."""

from registry.directory import Directory
from registry.plan_history import changes_of, plan_standing
from registry.refunds import platforms_without_refunds
from registry.rota import rota_places
from reports.queries.presence import placements_of, platform_of
from reports.queries.readout import baseline_arm
from reports.queries.spans import iso
from reports.verification.snapshot import (
    NoteSnapshot,
    PlacementSnapshot,
    PlanChangeSnapshot,
    RotaSnapshot,
    TrialSnapshot,
)
from schemas.registry import Trial, epoch_ms


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
        more_primary_metrics=list(trial.more_primary_metrics),
        guardrails=list(trial.guardrails),
        planned_units=trial.planned_units,
        smallest_effect=trial.smallest_effect,
        platforms_without_refunds=list(platforms_without_refunds(directory, trial_id)),
        placements=[_placement(directory, placement_id) for placement_id in placements_of(directory, trial_id)],
        registry_version=directory.version,
        carry_over_days=trial.carry_over_days,
        plan=plan_standing(directory, trial_id),
        plan_changes=[
            PlanChangeSnapshot(iso(epoch_ms(change.at)), change.field, change.old, change.new)
            for change in changes_of(directory, trial_id)
        ],
        notes=[
            NoteSnapshot(note.id, iso(epoch_ms(note.at)), note.text.zh, note.text.en, note.trial is None)
            for note in directory.notes_of(trial_id)
        ],
        rota=_rota(directory, trial),
    )


def _rota(directory: Directory, trial: Trial) -> RotaSnapshot | None:
    if trial.rota is None or directory.registry is None:
        return None
    return RotaSnapshot(trial.rota.seed, trial.rota.block, list(rota_places(directory.registry, trial)))


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
