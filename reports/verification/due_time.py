"""When placements were to report, by the registry's snapshot, and when they did, by the extract's events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from reports.verification.event_table import EventTable
from reports.verification.snapshot import PlacementSnapshot, TrialSnapshot
from schemas.event import parse_time_ms
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS, day_of

Spans = list[tuple[int, int]]
SWITCHES = ("device.online", "device.offline")


@dataclass(frozen=True, slots=True)
class DueShare:
    """When one placement was to report, and when it did."""

    placement: PlacementSnapshot
    due: Spans
    met: Spans
    unit_ms: int
    """What n counts."""


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """Return *spans* in order, those that touch as one, empty ones gone."""
    found: Spans = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def common(left: Spans, right: Spans) -> Spans:
    """Return what lies in both."""
    return joined((max(a, c), min(b, d)) for a, b in left for c, d in right if a < d and c < b)


def length(spans: Spans) -> int:
    """Return how long *spans* last, ms."""
    return sum(end - start for start, end in spans)


def by_day(spans: Spans) -> dict[int, int]:
    """Return how long *spans* last on each Shanghai day that they touch."""
    found: dict[int, int] = {}
    for start, end in spans:
        for day in range(day_of(start), end, DAY_MS):
            found[day] = found.get(day, 0) + min(end, day + DAY_MS) - max(start, day)
    return found


def due_spans(trial: TrialSnapshot, placement: PlacementSnapshot, from_ms: int, to_ms: int) -> Spans:
    """Return when *placement* was to report: in its and its trial's times, within opening hours."""
    start = max(from_ms, trial.starts_ms, parse_time_ms(placement.from_))
    end = min(to_ms, trial.ends_ms, parse_time_ms(placement.until))
    opens, closes = _clock_ms(placement.opens), _clock_ms(placement.closes)
    closes += DAY_MS if closes <= opens else 0
    # A day whose hours end past midnight may have begun before the first.
    days = range(day_of(start) - DAY_MS, end, DAY_MS)
    return common(joined((day + opens, day + closes) for day in days), [(start, end)]) if start < end else []


def coverage(trial: TrialSnapshot, events: EventTable, to_ms: int) -> list[DueShare]:
    """Return due hours that are over, and those with an event, of each placement that has any."""
    first, last = (at // HOUR_MS * HOUR_MS for at in (trial.starts_ms, to_ms))
    came = {name: set((own["occurred_at"] // HOUR_MS * HOUR_MS).tolist()) for (name,), own in events.by("placement")}
    found = []
    for placement in trial.placements:
        spans = due_spans(trial, placement, first, last)
        hours = {hour for start, end in spans for hour in range(start // HOUR_MS * HOUR_MS, end, HOUR_MS)}
        met = hours & came.get(placement.id, set())
        due = joined((hour, hour + HOUR_MS) for hour in hours)
        found.append(DueShare(placement, due, joined((hour, hour + HOUR_MS) for hour in met), HOUR_MS))
    return [share for share in found if share.due]


def uptime(trial: TrialSnapshot, events: EventTable, to_ms: int) -> list[DueShare]:
    """Return due time, and the part of it between online and offline, of placements that ever said either."""
    found = []
    rows = {str(name): own for (name,), own in events.by("placement")}
    for placement in trial.placements:
        own = rows.get(placement.id)
        due = due_spans(trial, placement, trial.starts_ms, to_ms)
        if own is None or not due or not own.of("kind", *SWITCHES).any():
            continue
        on = _on(own, to_ms)
        if placement.heartbeat_s is not None:
            on = common(on, _alive(own["occurred_at"], placement.heartbeat_s * 1000, to_ms))
        found.append(DueShare(placement, due, common(on, due), MINUTE_MS))
    return found


def _clock_ms(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * HOUR_MS + int(minutes) * MINUTE_MS


def _on(events: EventTable, to_ms: int) -> Spans:
    """Return the spans between a switch on and the next switch off; of two at one instant off comes first."""
    switched = events.where(events.of("kind", *SWITCHES))
    marks = sorted(zip(switched["occurred_at"].tolist(), switched.of("kind", "device.online").tolist(), strict=True))
    spans: list[tuple[int, int]] = []
    since: int | None = None
    for at, is_on in marks:
        if is_on and since is None:
            since = at
        elif not is_on and since is not None:
            spans.append((since, at))
            since = None
    return joined(spans if since is None else [*spans, (since, to_ms)])


def _alive(occurred: Sequence[int] | np.ndarray[tuple[int], np.dtype[np.int64]], silence_ms: int, to_ms: int) -> Spans:
    """Return the time in no longer silence than *silence_ms*; within a minute nothing is a silence."""
    at = np.sort(np.asarray(occurred, dtype=np.int64))
    spans: list[tuple[int, int]] = []
    for moment in at.tolist():
        same_minute = spans and moment // MINUTE_MS == spans[-1][1] // MINUTE_MS
        if spans and (same_minute or moment - spans[-1][1] <= silence_ms):
            spans[-1] = spans[-1][0], moment
        else:
            spans.append((moment, moment))
    if spans and to_ms - spans[-1][1] <= silence_ms:
        spans[-1] = spans[-1][0], to_ms
    return joined(spans)
