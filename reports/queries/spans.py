"""Spans of time as sorted, disjoint (start, end) pairs in milliseconds, and the street's calendar (Asia/Shanghai)."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeAlias

from registry.directory import Directory
from reports.queries.model import Interval, Step
from schemas.registry import OpeningHours
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS, SHANGHAI_MS

Spans: TypeAlias = list[tuple[int, int]]

SHANGHAI = timezone(timedelta(milliseconds=SHANGHAI_MS))
STEP_MS: dict[Step, int] = {"minute": MINUTE_MS, "hour": HOUR_MS, "day": DAY_MS}


def step_start(at_ms: int, step: Step) -> int:
    """Return the start of the minute, hour or Shanghai day that holds *at_ms*."""
    return at_ms - (at_ms + SHANGHAI_MS) % STEP_MS[step]


def iso(at_ms: int) -> str:
    """Return *at_ms* as RFC 3339 in Shanghai's time, with milliseconds only where there are any."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(SHANGHAI)
    fraction = at_ms % 1000
    return moment.replace(microsecond=fraction * 1000).isoformat("T", "milliseconds" if fraction else "seconds")


def starts(interval: Interval, step: Step) -> Iterator[int]:
    """Give the starts of the buckets that *interval* touches."""
    return iter(range(step_start(interval.from_ms, step), interval.to_ms, STEP_MS[step]))


def merged(spans: Iterable[tuple[int, int]]) -> Spans:
    """Return *spans*, in any order and overlapping, as sorted disjoint ones; empty ones are gone."""
    found: Spans = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def overlap(left: Spans, right: Spans) -> Spans:
    """Return what lies in both."""
    found: Spans = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            found.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return found


def total_ms(spans: Spans) -> int:
    """Return how long *spans* last together."""
    return sum(end - start for start, end in spans)


def by_step(spans: Spans, step: Step) -> Iterator[tuple[int, int]]:
    """Give (bucket start, milliseconds within it) for every bucket that *spans* touch; a bucket may come twice."""
    width = STEP_MS[step]
    for start, end in spans:
        bucket = step_start(start, step)
        while bucket < end:
            yield bucket, min(end, bucket + width) - max(start, bucket)
            bucket += width


def open_spans(hours: OpeningHours, interval: Interval) -> Spans:
    """Return when *hours* are open within *interval*; closing at or before opening means on the next day."""
    opens, closes = _minutes(hours.opens) * MINUTE_MS, _minutes(hours.closes) * MINUTE_MS
    if closes <= opens:
        closes += DAY_MS
    found: Spans = []
    for day in range(step_start(interval.from_ms, "day") - DAY_MS, interval.to_ms, DAY_MS):
        start, end = max(day + opens, interval.from_ms), min(day + closes, interval.to_ms)
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        elif start < end:
            found.append((start, end))
    return found


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def due_spans(directory: Directory, placement_id: str, interval: Interval) -> Spans:
    """Return when the placement was to report: in its own and its trial's times, within its or the street's hours."""
    placed, placement = directory.placed[placement_id], directory.placements[placement_id]
    trial = directory.trial_spans[placed.trial_id]
    within = Interval(
        max(interval.from_ms, placed.from_ms, trial.starts_ms), min(interval.to_ms, placed.until_ms, trial.ends_ms)
    )
    if within.empty or directory.registry is None:
        return []
    return open_spans(placement.hours or directory.registry.avenue.hours, within)
