"""A trial's kept rejects by reason, with the newest of each: what it named itself, and nobody's pseudonym."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from reports.queries.context import QueryContext
from reports.queries.freshness import own_rejects, reject_parameters, rejects_by_reason
from reports.queries.model import Interval

SAMPLES = 3
"""Shown of each reason: enough to see what they have in common."""
NAMED = 500
"""Samples are looked for among so many different things named, the most rejected first; all are counted."""
PSEUDONYMS = frozenset({"subject_hash", "session_hash"})
"""First-step hashes, for a replay only: by them one person could be followed from trial to trial."""
HASHED = "(hashed)"


@dataclass(frozen=True, slots=True)
class RejectSample:
    """One kept reject, as its owner may see it."""

    reject_id: str
    account_id: str
    platform: str
    flow: str
    field: str
    message: str
    event_id: str
    payload: Any
    """What was kept of it, as JSON: other leaves are type and length, pseudonyms are gone."""
    received_ms: int


@dataclass(frozen=True, slots=True)
class ReasonRejects:
    """Rejects of one reason."""

    reason: str
    count: int
    samples: tuple[RejectSample, ...]
    """The newest first."""


def trial_rejects(context: QueryContext, trial_id: str, interval: Interval) -> tuple[ReasonRejects, ...]:
    """Return the kept rejects received in *interval* that concern the trial, the commonest reason first."""
    counts = rejects_by_reason(context, trial_id, interval)
    samples = _samples(context, trial_id, interval) if counts else {}
    return tuple(ReasonRejects(reason, count, samples.get(reason, ())) for reason, count in counts.items())


def _samples(context: QueryContext, trial_id: str, interval: Interval) -> dict[str, tuple[RejectSample, ...]]:
    most = sorted(own_rejects(context, trial_id, interval), key=lambda own: -own[2])[:NAMED]
    parameters = {**reject_parameters(context, trial_id, interval), "own": sorted({named for _, named, _ in most})}
    found: dict[str, list[RejectSample]] = defaultdict(list)
    for reason, *row in context.rows("freshness_reject_samples", {**parameters, "samples": SAMPLES}):
        found[str(reason)].append(_sample(row))
    return {reason: tuple(samples) for reason, samples in found.items()}


def _sample(row: Sequence[Any]) -> RejectSample:
    *texts, payload, received_ms = row
    reject_id, account_id, platform, flow, field, message, event_id = map(str, texts)
    return RejectSample(
        reject_id, account_id, platform, flow, field, message, event_id, shown(payload), int(received_ms)
    )


def shown(payload: str) -> Any:
    """Return what was kept of a reject, without pseudonyms; None where it is no JSON."""
    try:
        return without_pseudonyms(msgspec.json.decode(payload))
    except msgspec.DecodeError:
        return None


def without_pseudonyms(value: Any) -> Any:
    """Return *value*, kept JSON, with a word in the place of each pseudonym."""
    if isinstance(value, dict):
        return {name: HASHED if name in PSEUDONYMS else without_pseudonyms(inner) for name, inner in value.items()}
    return [without_pseudonyms(inner) for inner in value] if isinstance(value, list) else value
