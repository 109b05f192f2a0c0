"""Every section of a report that events can prove, computed anew from the extract, as the report's JSON has it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from typing import Any, cast

import numpy as np

from reports.metrics import METRICS, SPLIT_METRICS, DueShareRule
from reports.verification import due_time
from reports.verification.due_time import DueShare
from reports.verification.event_table import EventTable
from reports.verification.facts import facts, placement_facts
from reports.verification.figures import Value, figure
from reports.verification.funnel import funnels
from reports.verification.health import HealthList
from reports.verification.leaves import Leaf, leaves
from reports.verification.notes import ReportNotes
from reports.verification.readout import Readout
from reports.verification.rhythm import Rhythm
from reports.verification.snapshot import TrialSnapshot
from reports.verification.trial_days import trial_days
from reports.verification.verdict import verdict
from schemas.registry import MetricId
from schemas.timing import MINUTE_MS

_SHANGHAI = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class FrozenData:
    """What figures are computed from: the snapshot, events until before *to_ms*."""

    trial: TrialSnapshot
    events: EventTable
    to_ms: int
    now_ms: int
    """The moment of the report: later than *to_ms* where the trial is over."""

    @cached_property
    def counted(self) -> EventTable:
        """The events of the trial's own time."""
        return self.events.between(self.trial.starts_ms, self.to_ms)

    @cached_property
    def shares(self) -> dict[MetricId, list[DueShare]]:
        """Due and met time by placement."""
        return {
            "uptime": due_time.uptime(self.trial, self.events, self.to_ms),
            "coverage": due_time.coverage(self.trial, self.events, self.to_ms),
        }

    @cached_property
    def readout(self) -> Readout:
        """The readout anew."""
        return Readout(trial_days(self.trial, self.events, self.to_ms), self.counted, self.shares)


def recomputed_leaves(data: FrozenData, tree: Mapping[str, Any]) -> dict[str, Leaf]:
    """Return by path every value of the report *tree* that *data*, or what the report states, proves."""
    found = recomputed(data)
    stated = freshness(data, tree)
    found["readout"] |= {"health": _health(data, found["readout"], stated), "freshness": stated}
    notes = ReportNotes(data.readout, found, tree, data.now_ms).told()
    found |= {"notes": notes, "final": not any(note["changes"] for note in notes)}
    moments = {"as_of": stated["as_of"], "lag_s": stated["lag_s"], "rejected": stated["rejected"]}
    return {
        **leaves({**found, **facts(data.trial, data.to_ms), "freshness": moments}),
        **placement_facts(data.trial),
    }


def freshness(data: FrozenData, tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return how fresh the report must call its readout: as it says itself, and rejects as it counts them by reason.

    It is frozen as of a moment up to which data are complete, so they do not lag.
    """
    rejected = sum(tree["arrivals"]["rejected"].values())
    return {**tree["freshness"], "as_of": moment(data.now_ms), "lag_s": 0.0, "rejected": rejected}


def _health(data: FrozenData, readout: Mapping[str, Any], stated: Mapping[str, Any]) -> list[dict[str, Any]]:
    shares: dict[MetricId, Leaf] = {metric: _share(data.shares[metric])[0] for metric in data.shares}
    rhythm = Rhythm(data.trial, data.events, data.shares["coverage"], data.now_ms)
    return HealthList(data.readout, readout, rhythm, shares, stated).told()


def recomputed(data: FrozenData) -> dict[str, Any]:
    """Return the sections that events prove by name."""
    period = {"from": moment(data.trial.starts_ms), "to": moment(data.to_ms)}
    return {
        "period": period,
        "readout": data.readout.told(period["from"], period["to"]),
        "verdict": verdict(data.readout, cast("MetricId", data.trial.primary_metric)),
        "arrivals": _arrivals(data),
        "placements": _placements(data),
        "totals": [*_totals(data, (), tuple(METRICS)), *_split(data, "platform"), *_split(data, "placement")],
        "daily": [_daily(data, cast("MetricId", data.trial.primary_metric), "arm"), _daily(data, "events", "platform")],
        "funnels": funnels(data.counted),
    }


def moment(at_ms: int) -> str:
    """Return *at_ms* as the report writes it."""
    found = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(_SHANGHAI)
    fraction = at_ms % 1000
    return found.replace(microsecond=fraction * 1000).isoformat("T", "milliseconds" if fraction else "seconds")


def _arrivals(data: FrozenData) -> dict[str, Any]:
    found = data.counted
    before = data.events.between(data.trial.baseline_from_ms, data.trial.starts_ms)
    minute_end = found["occurred_at"] // MINUTE_MS * MINUTE_MS + MINUTE_MS
    late = int(np.count_nonzero(found["received_at"] > minute_end + found["grace_ms"]))
    delays = found["received_at"] - found["occurred_at"]
    return {
        "stored": len(found),
        "unassigned": int(np.count_nonzero(found.of("arm", ""))),
        "baseline_period": len(before),
        "late": late,
        "longest_delay_ms": int(delays.max()) if len(found) else None,
        "last_received_at": moment(int(found["received_at"].max())) if len(found) else None,
    }


def _placements(data: FrozenData) -> list[dict[str, Any]]:
    covered = {share.placement.id: share for share in data.shares["coverage"]}
    up = {share.placement.id: share for share in data.shares["uptime"]}
    found = []
    for placement in data.trial.placements:
        due_ms = due_time.length(due_time.due_spans(data.trial, placement, data.trial.starts_ms, data.to_ms))
        hours, uptime = covered.get(placement.id), up.get(placement.id)
        due_hours = due_time.length(hours.due) // hours.unit_ms if hours else 0
        covered_hours = due_time.length(hours.met) // hours.unit_ms if hours else 0
        found.append(
            {
                "placement": placement.id,
                "due_hours": due_hours,
                "covered_hours": covered_hours,
                "coverage": covered_hours / due_hours if due_hours else None,
                "uptime": due_time.length(uptime.met) / due_ms if uptime and due_ms else None,
            }
        )
    return found


def _split(data: FrozenData, by: str) -> list[dict[str, Any]]:
    return _totals(data, (by,), SPLIT_METRICS)


def _totals(data: FrozenData, by: tuple[str, ...], metrics: Sequence[MetricId]) -> list[dict[str, Any]]:
    groups = list(data.counted.by(*by)) if by else [((), data.counted)]
    found = []
    for metric in metrics:
        if isinstance(METRICS[metric].rule, DueShareRule):
            value, n = _share(data.shares[metric])
            found.append(_total(metric, {}, value, n))
            continue
        for key, own in groups:
            value, n = figure(metric, own)
            if n or not by:
                named = dict(zip(by, key, strict=True))
                found.append(_total(metric, named, _known(data, metric, value), n))
    return found


def _total(metric: MetricId, by: dict[str, Any], value: Value, n: int) -> dict[str, Any]:
    return {"metric": metric, "unit": METRICS[metric].unit, "by": by, "value": value, "n": n}


def _known(data: FrozenData, metric: MetricId, value: Value) -> Value:
    """Return the value; a refund rate of 0 that only means that nobody tells is none."""
    untold = metric == "refund_rate" and value == 0 and data.trial.platforms_without_refunds
    return None if untold else value


def _share(shares: Iterable[DueShare]) -> tuple[Value, int]:
    found = list(shares)
    due = sum(due_time.length(share.due) for share in found)
    met = sum(due_time.length(share.met) for share in found)
    return (met / due, due // found[0].unit_ms) if due else (None, 0)


def _daily(data: FrozenData, metric: MetricId, by: str) -> dict[str, Any]:
    shares = data.shares.get(metric)
    lines = _event_lines(data, metric, by) if shares is None else _share_lines(shares)
    return {
        "metric": metric,
        "unit": METRICS[metric].unit,
        "lines": [{"by": {by: split}, "points": points} for split, points in sorted(lines.items()) if points],
    }


def _event_lines(data: FrozenData, metric: MetricId, by: str) -> dict[str, list[list[Any]]]:
    lines: dict[str, list[list[Any]]] = {}
    for (split, day), own in data.counted.by(by, "day"):
        value, n = figure(metric, own)
        if n:
            lines.setdefault(str(split), []).append([moment(int(day)), value, n])
    return lines


def _share_lines(shares: Iterable[DueShare]) -> dict[str, list[list[Any]]]:
    sums: dict[str, dict[int, list[int]]] = {}
    unit_ms = MINUTE_MS
    for share in shares:
        unit_ms = share.unit_ms
        for part, spans in enumerate((share.due, share.met)):
            for day, ms in due_time.by_day(spans).items():
                sums.setdefault(share.placement.arm_at(day), {}).setdefault(day, [0, 0])[part] += ms
    return {
        arm: [[moment(day), met / due, due // unit_ms] for day, (due, met) in sorted(days.items()) if due]
        for arm, days in sums.items()
    }
