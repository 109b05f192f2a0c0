"""Who was to report, and did: uptime, coverage, and the ledger of placements by the hour. Silent is not unused."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from registry.directory import Directory
from reports.queries.context import QueryContext
from reports.queries.heartbeats import heartbeats, hours, switches
from reports.queries.model import CoverageHour, Dimension, Interval, Point, Presence, Step
from reports.queries.spans import Spans, by_step, due_spans, merged, overlap, step_start, total_ms
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS

Share = Literal["uptime", "coverage"]

MAX_SILENCE_MS = 7 * DAY_MS
"""How far back the last sign of life is looked for, whatever `heartbeat_s` says: it bounds what is read."""


@dataclass(frozen=True, slots=True)
class PlacementShare:
    """When one placement was to report and when it did; for coverage in whole hours, for uptime in milliseconds."""

    placement_id: str
    due: Spans
    met: Spans
    share: Share


def shares(context: QueryContext, trial_id: str, interval: Interval, share: Share) -> tuple[PlacementShare, ...]:
    """Return the due and the met time of each of the trial's placements, up to now."""
    until = Interval(interval.from_ms, min(interval.to_ms, context.now_ms))
    if until.empty:
        return ()
    key = "shares", trial_id, until, share
    found: tuple[PlacementShare, ...] | None = context.memo.get(key)
    if found is None:
        found = (_uptimes if share == "uptime" else _coverages)(context, trial_id, until)
        context.memo[key] = found
    return found


def presences(context: QueryContext, trial_id: str, interval: Interval) -> tuple[Presence, ...]:
    """Return what each placement of the trial was to report in *interval*, and did."""
    up = {found.placement_id: found for found in shares(context, trial_id, interval, "uptime")}
    covered = {found.placement_id: found for found in shares(context, trial_id, interval, "coverage")}
    until = Interval(interval.from_ms, min(interval.to_ms, context.now_ms))
    return tuple(
        Presence(
            placement_id=placement_id,
            due_ms=total_ms(due_spans(context.directory, placement_id, until)),
            up_ms=total_ms(up[placement_id].met) if placement_id in up else None,
            due_hours=total_ms(covered[placement_id].due) // HOUR_MS if placement_id in covered else 0,
            covered_hours=total_ms(covered[placement_id].met) // HOUR_MS if placement_id in covered else 0,
        )
        for placement_id in placements_of(context.directory, trial_id)
    )


def ledger(context: QueryContext, trial_id: str, interval: Interval) -> tuple[CoverageHour, ...]:
    """Return every due placement-hour that is over, with the number of its events: 0 is a silence."""
    events = hours(context, trial_id, _with_start(context, trial_id, interval), _silences_ms(context, trial_id))
    return tuple(
        CoverageHour(placement_id=found.placement_id, hour_ms=hour, events=events.get((found.placement_id, hour), 0))
        for found in shares(context, trial_id, interval, "coverage")
        for start, end in found.due
        for hour in range(start, end, HOUR_MS)
    )


def placements_of(directory: Directory, trial_id: str) -> tuple[str, ...]:
    """Return the ids of the trial's placements, in order."""
    return tuple(sorted(p.placement_id for p in directory.placed.values() if p.trial_id == trial_id))


def platform_of(directory: Directory, placement_id: str) -> str:
    """Return the platform of the account that tells of a placement, or ''."""
    account = directory.accounts.get(directory.placed[placement_id].account_id)
    return account.platform if account else ""


def _by_split(
    directory: Directory, placement_id: str, by: tuple[Dimension | None, ...], spans: Spans
) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
    """Give *spans* of a placement, each with the values of the splits to which it belongs."""
    named = {None: "", "placement": placement_id, "platform": platform_of(directory, placement_id)}
    for arm, span in directory.placed[placement_id].by_arm(spans):
        yield tuple(arm if dimension == "arm" else named.get(dimension, "") for dimension in by), span


def lines(
    directory: Directory, found: Iterable[PlacementShare], by: Dimension | None, step: Step
) -> dict[str, tuple[Point, ...]]:
    """Return due and met time as points of *step*, by the values of the split."""
    due: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    met: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    unit = MINUTE_MS
    for one in found:
        unit = _unit_ms(one.share, step)
        for sums, spans in ((due, one.due), (met, one.met)):
            for (split,), span in _by_split(directory, one.placement_id, (by,), spans):
                for bucket, ms in by_step([span], step):
                    sums[split][bucket] += ms
    return {
        split: tuple(Point(start, met[split][start] / ms, ms // unit) for start, ms in sorted(buckets.items()))
        for split, buckets in sorted(due.items())
    }


def whole(
    directory: Directory, found: Iterable[PlacementShare], by: tuple[Dimension, ...]
) -> dict[tuple[str, ...], Point]:
    """Return due and met time over the whole interval, by the values of the splits; a point's start is 0."""
    due: dict[tuple[str, ...], int] = defaultdict(int)
    met: dict[tuple[str, ...], int] = defaultdict(int)
    unit = MINUTE_MS
    for one in found:
        unit = _unit_ms(one.share, "day")
        for sums, spans in ((due, one.due), (met, one.met)):
            for key, (start, end) in _by_split(directory, one.placement_id, by, spans):
                sums[key] += end - start
    return {key: Point(0, met[key] / ms, ms // unit) for key, ms in sorted(due.items()) if ms}


def _unit_ms(share: Share, step: Step) -> int:
    """What n counts: minutes of uptime, placement-hours of coverage (placement-minutes where the step is a minute)."""
    return HOUR_MS if share == "coverage" and step != "minute" else MINUTE_MS


def _coverages(context: QueryContext, trial_id: str, until: Interval) -> tuple[PlacementShare, ...]:
    over = Interval(step_start(until.from_ms, "hour"), step_start(until.to_ms, "hour"))
    events = hours(context, trial_id, _with_start(context, trial_id, until), _silences_ms(context, trial_id))
    found = []
    for placement_id in placements_of(context.directory, trial_id):
        due = _whole_hours(due_spans(context.directory, placement_id, over))
        met = [hour for start, end in due for hour in range(start, end, HOUR_MS) if (placement_id, hour) in events]
        found.append(
            PlacementShare(
                placement_id=placement_id,
                due=due,
                met=merged((hour, hour + HOUR_MS) for hour in met),
                share="coverage",
            )
        )
    return tuple(one for one in found if one.due)


def _whole_hours(spans: Spans) -> Spans:
    """Return the hours that *spans* touch, whole."""
    return merged((step_start(start, "hour"), step_start(end + HOUR_MS - 1, "hour")) for start, end in spans)


def _uptimes(context: QueryContext, trial_id: str, until: Interval) -> tuple[PlacementShare, ...]:
    silences_ms = _silences_ms(context, trial_id)
    switched = switches(context, trial_id, until.to_ms, silences_ms)
    if not switched:
        return ()
    spans = heartbeats(context, trial_id, _with_start(context, trial_id, until), silences_ms).spans
    found = []
    for placement_id in placements_of(context.directory, trial_id):
        due = due_spans(context.directory, placement_id, until)
        if placement_id not in switched or not due:
            continue
        on = on_spans(switched[placement_id], until.to_ms)
        heartbeat_s = context.directory.placements[placement_id].heartbeat_s
        if heartbeat_s is not None:
            on = overlap(on, alive_spans(spans.get(placement_id, []), heartbeat_s * 1000, until.to_ms))
        found.append(PlacementShare(placement_id=placement_id, due=due, met=overlap(on, due), share="uptime"))
    return tuple(found)


def on_spans(switches: Iterable[tuple[int, bool]], until_ms: int) -> Spans:
    """Return the spans between each switch on and the next switch off, from (time, is it on) in order of time."""
    spans: list[tuple[int, int]] = []
    on_since_ms: int | None = None
    for at_ms, on in switches:
        if on and on_since_ms is None:
            on_since_ms = at_ms
        elif not on and on_since_ms is not None:
            spans.append((on_since_ms, at_ms))
            on_since_ms = None
    if on_since_ms is not None:
        spans.append((on_since_ms, until_ms))
    return merged(spans)


def alive_spans(heartbeats: Iterable[tuple[int, int]], silence_ms: int, until_ms: int) -> Spans:
    """Return the time that lies in no silence longer than *silence_ms*, from (first, last) signs in order of time."""
    spans: list[tuple[int, int]] = []
    for first_ms, last_ms in heartbeats:
        if spans and first_ms - spans[-1][1] <= silence_ms:
            spans[-1] = (spans[-1][0], max(last_ms, spans[-1][1]))
        else:
            spans.append((first_ms, last_ms))
    if spans and until_ms - spans[-1][1] <= silence_ms:
        spans[-1] = (spans[-1][0], until_ms)
    return merged(spans)


def _with_start(context: QueryContext, trial_id: str, until: Interval) -> Interval:
    """Return what is read for *until*: from the trial's start where it begins later, so that a page asks once.

    And some time before, in which the last sign of life may lie.
    """
    from_ms = min(until.from_ms, context.span(trial_id).starts_ms)
    back_ms = min(max(_silences_ms(context, trial_id).values(), default=0), MAX_SILENCE_MS)
    return Interval(from_ms - back_ms, until.to_ms)


def _silences_ms(context: QueryContext, trial_id: str) -> dict[str, int]:
    placements = (context.directory.placements[p] for p in placements_of(context.directory, trial_id))
    return {p.id: p.heartbeat_s * 1000 for p in placements if p.heartbeat_s is not None}
