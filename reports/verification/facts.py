"""What a report says of its trial beside figures, held to the snapshot of the registry and to the definitions."""

from typing import Any

from reports.metrics import METRICS, TranslatedText
from reports.verification.leaves import Leaf, leaves
from reports.verification.rota import rota
from reports.verification.snapshot import PlacementSnapshot, TrialSnapshot

KNOWN_OF_PLACEMENTS = ("place", "platform", "arm", "arm_days", "heartbeat_s")
"""Of a placement as the report shows it; where along the street it stands changes no figure."""


def facts(trial: TrialSnapshot, to_ms: int) -> dict[str, Any]:
    """Return what *trial* and the definitions say of a report whose events end before *to_ms*."""
    return {
        "registry_version": trial.registry_version,
        "state": "ended" if to_ms >= trial.ends_ms else "running",
        "definitions": [
            {
                "id": metric.id,
                "name": _both(metric.name),
                "formula": _both(metric.formula),
                "exclusions": _both(metric.exclusions),
                "unit": metric.unit,
                "better": metric.better,
            }
            for metric in METRICS.values()
        ],
        "trial": _trial(trial),
        # Whoever is given the report learns of no other trial.
        "product": {"id": trial.product, "trials": [trial.trial]},
        "rota": rota(trial),
    }


def placement_facts(trial: TrialSnapshot) -> dict[str, Leaf]:
    """Return by path what the snapshot says of the placements that the report lists in an order of its own."""
    found: dict[str, Leaf] = {"trial.placements[]": len(trial.placements)}
    for placement in trial.placements:
        found |= leaves(_placement(placement), f"trial.placements[{placement.id}]")
    return found


def _trial(trial: TrialSnapshot) -> dict[str, Any]:
    return {
        "id": trial.trial,
        "product": trial.product,
        "starts": trial.starts,
        "ends": trial.ends,
        "baseline_from": trial.baseline_from,
        "arms": trial.arms,
        "unit": trial.unit,
        "primary_metric": trial.primary_metric,
        "more_primary_metrics": trial.more_primary_metrics,
        "guardrails": trial.guardrails,
        "planned_units": trial.planned_units,
        "smallest_effect": trial.smallest_effect,
        "carry_over_days": trial.carry_over_days,
        "plan": trial.plan,
        "plan_changes": [
            {"at": change.at, "field": change.field, "old": change.old, "new": change.new}
            for change in trial.plan_changes
        ],
        "notes": [
            {"id": note.id, "at": note.at, "text": {"zh": note.zh, "en": note.en}, "shared": note.shared}
            for note in trial.notes
        ],
    }


def _placement(placement: PlacementSnapshot) -> dict[str, Any]:
    known = {name: getattr(placement, name) for name in KNOWN_OF_PLACEMENTS}
    return {"id": placement.id, "from": placement.from_, "until": placement.until, **known}


def _both(text: TranslatedText) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}
