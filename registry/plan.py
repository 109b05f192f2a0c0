"""What would change if a file were applied: entry by entry, field by field, with warnings about what may hurt."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from registry.directory import Directory
from registry.draft import ENTRY_TYPES
from registry.keys import state_of
from schemas.registry import Account, Placement, Registry, RegistryEntry, Trial, date_of, epoch_ms

Action = Literal["added", "changed", "removed"]

_SIGNS: dict[Action, str] = {"added": "+", "changed": "~", "removed": "-"}
_FIXED_AT_START = (
    "product",
    "starts",
    "arms",
    "unit",
    "hypothesis",
    "primary_metric",
    "more_primary_metrics",
    "guardrails",
    "planned_units",
    "smallest_effect",
    "baseline_from",
    "rota",
    "carry_over_days",
)
_FIXED_WHERE_EVENTS_ARE = ("trial", "arm", "account", "match", "place_id", "metre", "side")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, as JSON values; None where it has none."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class EntryChange:
    """What becomes of one entry; `fields` is empty where it is removed."""

    entry_type: str
    id: str
    action: Action
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistryPlan:
    """The difference. `version` is that of the registry in force, -1 where there is none."""

    version: int
    changes: tuple[EntryChange, ...]
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "version": self.version,
            "changes": [
                {
                    "sort": change.entry_type,
                    "id": change.id,
                    "action": change.action,
                    "fields": {field.name: {"old": field.old, "new": field.new} for field in change.fields},
                }
                for change in self.changes
            ],
            "warnings": list(self.warnings),
        }


def plan_of(directory: Directory, new: Registry, *, now: datetime) -> RegistryPlan:
    """Return what applying *new* over the registry in force would change, and what of that may hurt at *now*."""
    old = directory.registry
    changes = tuple(_changes(old, new))
    warnings = tuple(_warnings(directory, old, new, now)) if old is not None else ()
    return RegistryPlan(directory.version, changes, warnings)


def _changes(old: Registry | None, new: Registry) -> Iterator[EntryChange]:
    if old is not None and old.demo != new.demo:
        yield EntryChange("registry", "", "changed", (FieldChange("demo", old.demo, new.demo),))
    yield from _entry_changes("avenue", {} if old is None else {old.avenue.id: old.avenue}, {new.avenue.id: new.avenue})
    for entry_type in ENTRY_TYPES:
        yield from _entry_changes(entry_type, _by_id(old, entry_type), _by_id(new, entry_type))


def _by_id(registry: Registry | None, entry_type: str) -> dict[str, RegistryEntry]:
    return {} if registry is None else {entry.id: entry for entry in getattr(registry, entry_type)}


def _entry_changes(
    entry_type: str, old: Mapping[str, RegistryEntry], new: Mapping[str, RegistryEntry]
) -> Iterator[EntryChange]:
    for name in sorted(old.keys() - new.keys()):
        yield EntryChange(entry_type, name, "removed")
    for name, entry in new.items():
        before = old.get(name)
        if before is None:
            yield EntryChange(entry_type, name, "added", tuple(FieldChange(n, None, v) for n, v in _said(entry)))
        elif before != entry:
            yield EntryChange(entry_type, name, "changed", tuple(_differences(before, entry)))


def _said(entry: RegistryEntry) -> Iterator[tuple[str, Any]]:
    """Yield what *entry* says beyond the defaults."""
    yield from _shown(entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)).items()


def _differences(old: RegistryEntry, new: RegistryEntry) -> Iterator[FieldChange]:
    before, after = (_shown(entry.model_dump(mode="json", by_alias=True)) for entry in (old, new))
    for name, info in type(new).model_fields.items():
        # The values themselves: one moment written with two offsets is no change.
        if getattr(old, name) != getattr(new, name):
            shown = info.alias or name
            yield FieldChange(shown, before[shown], after[shown])


def _shown(fields: dict[str, Any]) -> dict[str, Any]:
    """Return *fields* without the values of plain: secrets, which a screen or a log of CI may show."""
    if secrets := fields.get("secrets"):
        hidden = {flow: [_hidden(reference) for reference in references] for flow, references in secrets.items()}
        return {**fields, "secrets": hidden}
    if address := fields.get("address"):
        return {**fields, "address": _hidden(address)}
    return fields


def _hidden(reference: str) -> str:
    return "plain:…" if reference.startswith("plain:") else reference


def _warnings(directory: Directory, old: Registry, new: Registry, now: datetime) -> Iterator[str]:
    trials, placements, accounts = (
        {entry.id: entry for entry in new.trials},
        {entry.id: entry for entry in new.placements},
        {entry.id: entry for entry in new.accounts},
    )
    for trial in old.trials:
        yield from _trial_warnings(trial, trials.get(trial.id), now)
    for placement in old.placements:
        yield from _placement_warnings(placement, placements.get(placement.id), now)
    for account in old.accounts:
        yield from _account_warnings(account, accounts.get(account.id))
    yield from _key_warnings(directory, new, now)


def _trial_warnings(old: Trial, new: Trial | None, now: datetime) -> Iterator[str]:
    if now < old.starts:
        return
    if new is None:
        yield (
            f"trial {old.id} has started and would be removed: it can no longer be read, and its events are refused; "
            "to end it, set `ends`"
        )
        return
    for name in _FIXED_AT_START:
        if getattr(old, name) != getattr(new, name):
            yield (
                f"trial {old.id} has started, and {name} would change: a readout judged by what was changed after "
                "looking proves nothing; register a new trial instead, or say why in the report"
            )
    if new.ends < old.ends and new.ends <= now:
        yield f"trial {old.id} would be over: events after {new.ends.isoformat()} are refused as outside_trial"


def _placement_warnings(old: Placement, new: Placement | None, now: datetime) -> Iterator[str]:
    if now < old.from_:
        return
    if new is None:
        if now < old.until:
            yield (
                f"placement {old.id} stands now and would be removed: its pushes become unknown_placement; "
                "to end it, set `until`"
            )
        return
    moved = [name for name in _FIXED_WHERE_EVENTS_ARE if getattr(old, name) != getattr(new, name)]
    if moved:
        yield (
            f"placement {old.id} stands since {old.from_.isoformat()}, and {', '.join(moved)} would change: events "
            "stored since keep what they were given; to move it, end this one and register another"
        )
    if (day := _first_changed_day(old, new, now)) is not None:
        yield (
            f"placement {old.id} would be in another arm on {day}, which has begun: events stored since keep the arm "
            "they were given, and readers would count that day in another; change days to come only"
        )
    if new.from_ > old.from_:
        yield f"placement {old.id} would begin later: late events from before become outside_trial"


def _first_changed_day(old: Placement, new: Placement, now: datetime) -> date | None:
    before, after = ({day: arm for arm, days in placement.arm_days.items() for day in days} for placement in (old, new))
    today = date_of(epoch_ms(now))
    changed = (day for day in before.keys() | after.keys() if before.get(day) != after.get(day))
    return min((day for day in changed if day <= today), default=None)


def _account_warnings(old: Account, new: Account | None) -> Iterator[str]:
    if new is None:
        yield f"account {old.id} would be removed: its pushes are answered 404 from then on"
        return
    if old.platform != new.platform:
        yield f"account {old.id} would change from {old.platform} to {new.platform}: register a new account instead"
    if new.mode == "refuse" and old.mode != "refuse":
        yield f"account {old.id} would be refused: its pushes are told to come later, and platforms give up"
    for flow, references in old.secrets.items():
        if flow not in new.secrets:
            yield f"account {old.id}, flow {flow} would have no secret: its pushes are answered 404 from then on"
        elif not set(references) & set(new.secrets[flow]):
            yield (
                f"account {old.id}, flow {flow} would have other secrets altogether: pushes signed with the old one "
                "are refused at once; keep both in the list while it is rotated"
            )


def _key_warnings(directory: Directory, new: Registry, now: datetime) -> Iterator[str]:
    owners = {f"account:{account.id}" for account in new.accounts} | {f"startup:{s.id}" for s in new.startups}
    for key in sorted(directory.keys.values(), key=lambda key: key.id):
        if ":" in key.scope and key.scope not in owners and state_of(key, now=now) == "valid":
            yield f"key {key.id} is for {key.scope}, which would be gone; revoke it with `avenue key revoke {key.id}`"


def render_plan(plan: RegistryPlan) -> Iterator[str]:
    """Yield the lines that show *plan* to a person."""
    for change in plan.changes:
        yield f"{_SIGNS[change.action]} {change.entry_type} {change.id}".rstrip()
        for field in change.fields:
            if change.action == "changed":
                yield f"    {field.name}: {_text(field.old)} → {_text(field.new)}"
            else:
                yield f"    {field.name}: {_text(field.new)}"
    for warning in plan.warnings:
        yield f"! {warning}"
    yield _summary(plan)


def _summary(plan: RegistryPlan) -> str:
    if not plan.changes:
        return f"nothing would change (version {plan.version} is in force)"
    counts = {action: sum(change.action == action for change in plan.changes) for action in _SIGNS}
    said = ", ".join(f"{count} {action}" for action, count in counts.items() if count)
    return f"{said}; {len(plan.warnings)} warnings"


def _text(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)
