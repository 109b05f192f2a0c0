"""What a page or report may say of a trial's plan: whether it was fixed before anybody looked, and what was changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from registry.directory import Directory
from registry.plan_history import PlanStanding, changes_of, plan_standing
from reports.metrics import METRICS
from reports.presentation.formats import LocaleFormatter
from reports.presentation.labels import N_, NP_
from reports.presentation.language import Message, Translator
from reports.presentation.names import arm_name
from schemas.registry import BilingualText, MetricId, PlanChange, epoch_ms

FIELDS: Mapping[str, Message] = {
    "product": N_("Product"),
    "starts": NP_("plan", "Start"),
    "ends": NP_("plan", "End"),
    "baseline_from": N_("Baseline period from"),
    "arms": N_("Arms"),
    "unit": NP_("plan", "Unit"),
    "hypothesis": N_("Hypothesis"),
    "primary_metric": N_("Primary metric"),
    "more_primary_metrics": N_("More primary metrics"),
    "guardrails": N_("Guardrails"),
    "planned_units": N_("Planned placement-days"),
    "smallest_effect": N_("Smallest difference worth finding"),
    "rota": N_("Rota"),
    "carry_over": N_("Left out after a change of arm"),
    "trusted": N_("Trusted platform"),
}
_MOMENTS = frozenset({"starts", "ends", "baseline_from"})
_NOTES: Mapping[PlanStanding, Message] = {
    "fixed": N_("what the trial is judged by, fixed before its start"),
    "unknown": N_("what the trial is judged by"),
}
A_MOMENT = timedelta(microseconds=1)
_LATE = N_("what the trial is judged by; its plan is on record since %(date)s, after its start")


@dataclass(frozen=True, slots=True)
class PlanChangeRow:
    """One change, in words."""

    when: str
    field: str
    old: str
    new: str


def plan_note(directory: Directory, trial_id: str, words: Translator) -> str:
    """Return what stands beside the verdict: that its plan was fixed only where that is so."""
    standing = plan_standing(directory, trial_id)
    if note := _NOTES.get(standing):
        return words.say(note)
    if standing == "late":
        since = LocaleFormatter(words).date(epoch_ms(directory.plans[trial_id].since))
        return words.say(
            "what the trial is judged by; its plan is on record since %(date)s, after its start", date=since
        )
    changes = len(changes_of(directory, trial_id))
    return words.count(
        "what the trial is judged by; %(n)s thing was changed after its start",
        "what the trial is judged by; %(n)s things were changed after its start",
        changes,
        n=changes,
    )


def plan_changes(directory: Directory, trial_id: str, words: Translator) -> list[PlanChangeRow]:
    """Return what was changed in a trial's plan after it began, oldest first."""
    formats, changes = LocaleFormatter(words), changes_of(directory, trial_id)
    primary = directory.trials[trial_id].primary_metric
    return [
        PlanChangeRow(
            _moment(epoch_ms(change.at), formats),
            field_name(change.field, words),
            _shown(change, change.old, words, _primary(changes, change.at, primary)),
            _shown(change, change.new, words, _primary(changes, change.at + A_MOMENT, primary)),
        )
        for change in changes
    ]


def _primary(changes: Sequence[PlanChange], at: datetime, now: MetricId) -> MetricId:
    """Return what the primary metric was before the first change of it at *at* or later: whose unit an effect had."""
    found: Iterator[MetricId] = (c.old for c in changes if c.field == "primary_metric" and c.at >= at)
    return next(found, now)


def field_name(field: str, words: Translator) -> str:
    """Return what a *field* of a plan is called."""
    return words.say(FIELDS[field]) if field in FIELDS else field


def _shown(change: PlanChange, value: Any, words: Translator, primary: MetricId) -> str:
    if value is None or value in ([], {}):
        return words.say(NP_("plan", "none"))
    if change.field in _MOMENTS:
        return _moment(epoch_ms(datetime.fromisoformat(value)), LocaleFormatter(words))
    if change.field == "smallest_effect":
        return LocaleFormatter(words).effect(primary, float(value))
    return _text(change.field, value, words)


def _moment(at_ms: int, formats: LocaleFormatter) -> str:
    return f"{formats.date(at_ms)} {formats.clock(at_ms)}"


def _text(field: str, value: Any, words: Translator) -> str:
    match field:
        case "hypothesis":
            return words.pick(BilingualText.model_validate(value))
        case "primary_metric" | "more_primary_metrics" | "guardrails":
            return _joined((_metric(metric, words) for metric in _listed(value)), words)
        case "arms":
            return _joined((arm_name(arm, words) for arm in value), words)
        case "rota":
            return f"{value['seed']} ({value['block']})"
        case "trusted":
            return _joined((f"{_metric(metric, words)} ({platform})" for metric, platform in value.items()), words)
        case _:
            return str(value)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _metric(metric: str, words: Translator) -> str:
    found = {str(known): METRICS[known].name for known in METRICS}.get(metric)
    return words.pick(found) if found else metric


def _joined(items: Any, words: Translator) -> str:
    return ("、" if words.language == "zh" else ", ").join(items)
