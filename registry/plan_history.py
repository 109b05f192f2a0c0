"""What a trial's plan was before anybody looked: every change after the start is kept, with its time and the old value.

A plan is fixed when the trial begins. It can be changed all the same, by applying another file; what was judged by the
old one and what by the new one must stay visible.
"""

from datetime import UTC, datetime
from typing import Any, Literal

from registry.directory import Directory
from runtime.errors import ConfigurationError
from schemas.registry import MAX_PLAN_CHANGES, PlanChange, Registry, Trial, TrialPlan

PlanStanding = Literal["fixed", "changed", "late", "unknown"]
"""`fixed`: applied before the start, and as it was; `changed` since; `late`: applied after the start, so nobody can
know what was looked at before; `unknown`: of a registry of before plans were kept."""
PLAN_FIELDS = (
    "product",
    "starts",
    "ends",
    "baseline_from",
    "arms",
    "unit",
    "hypothesis",
    "primary_metric",
    "more_primary_metrics",
    "guardrails",
    "planned_units",
    "smallest_effect",
    "rota",
    "carry_over",
)

_LATER_FIELDS: dict[str, Any] = {"more_primary_metrics": []}
"""What a plan says that was kept before it had this field."""


def plan_of(trial: Trial) -> dict[str, Any]:
    """Return the fields of *trial* that are its plan, as JSON values; moments in UTC, so that equal ones are equal."""
    told = trial.model_dump(mode="json", by_alias=True)
    moments = {
        name: datetime.fromtimestamp(value.timestamp(), UTC).isoformat()
        for name in PLAN_FIELDS
        if isinstance(value := getattr(trial, name, None), datetime)
    }
    return {name: moments.get(name, told[name]) for name in PLAN_FIELDS}


def changed_plans(directory: Directory, new: Registry, *, now: datetime) -> dict[str, TrialPlan]:
    """Return the plans to be kept anew when *new* is applied at *now* over *directory*, by trial.

    A trial whose plan is not kept yet, as of a registry of before there was a history, is compared with the one in
    force. Raises `ConfigurationError` where a trial's plan was changed too often.
    """
    found = {}
    for trial in new.trials:
        kept = directory.plans.get(trial.id) or _first(directory.trials.get(trial.id), trial, now)
        plan = _renewed(kept, trial, now)
        if len(plan.changes) > MAX_PLAN_CHANGES:
            raise ConfigurationError(
                f"trial {trial.id}: its plan was changed {len(kept.changes)} times since its start; register a new one"
            )
        if plan != directory.plans.get(trial.id):
            found[trial.id] = plan
    return found


def changes_of(directory: Directory, trial_id: str) -> tuple[PlanChange, ...]:
    """Return what was changed in a trial's plan after it began, oldest first; nothing: it stands as registered."""
    kept = directory.plans.get(trial_id)
    return () if kept is None else tuple(kept.changes)


def plan_standing(directory: Directory, trial_id: str) -> PlanStanding:
    """Return whether a trial's plan may be said to be fixed before anybody looked."""
    kept = directory.plans.get(trial_id)
    if kept is None:
        return "unknown"
    if kept.changes:
        return "changed"
    return "fixed" if kept.since <= kept.began else "late"


def _first(in_force: Trial | None, new: Trial, now: datetime) -> TrialPlan:
    trial = in_force or new
    return TrialPlan(trial=trial.id, plan=plan_of(trial), began=trial.starts, since=now)


def _renewed(kept: TrialPlan, new: Trial, now: datetime) -> TrialPlan:
    plan = plan_of(new)
    if now < kept.began:
        if plan == kept.plan:
            return kept
        return TrialPlan(trial=new.id, plan=plan, began=new.starts, since=now)
    before = _LATER_FIELDS | kept.plan
    changes = [
        PlanChange(at=now, field=name, old=old, new=plan[name])
        for name in PLAN_FIELDS
        if name in before and (old := before[name]) != plan[name]
    ]
    return kept.model_copy(update={"plan": plan, "changes": [*kept.changes, *changes]})
