"""Many trials at a glance: of each its primary metric, its events and these by the day, asked of all at once."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.metrics import METRICS, DueShareRule
from reports.queries.context import QueryContext, range_parameters
from reports.queries.metric_columns import MergeableColumns, mergeable_columns
from reports.queries.model import Interval, MetricTotal, Point, SeriesQuestion, TotalsQuestion
from reports.queries.series import series
from reports.queries.sources import RollupSplit, load_day_states, split_interval, unrolled_days, whole_minutes
from reports.queries.spans import starts, step_start
from reports.queries.totals import totals
from schemas.registry import MetricId
from schemas.timing import BLOCK_MS, DAY_MS, block_of

EVENTS: MetricId = "events"
SHORT_DAYS = 3
"""Where more days than this are not summed, a trial is asked about alone: by the hour, where hours are."""


@dataclass(frozen=True, slots=True)
class TrialOverview:
    """What the list of trials says of one."""

    primary: MetricTotal
    events: MetricTotal
    days: tuple[Point, ...]
    """Events of the last days, dense, None on days without any; empty where none came."""


def overviews(context: QueryContext, intervals: Mapping[str, Interval], days: int) -> dict[str, TrialOverview]:
    """Return of each trial of *intervals* what came in its interval, and the events of its last *days* by the day."""
    load_day_states(context, {context.span(trial_id).product_id for trial_id in intervals})
    alike: dict[tuple[MetricId, tuple[Interval, ...]], dict[str, RollupSplit]] = defaultdict(dict)
    found: dict[str, TrialOverview] = {}
    for trial_id, interval in intervals.items():
        metric = context.directory.trials[trial_id].primary_metric
        split = split_interval(context, context.span(trial_id).product_id, whole_minutes(interval))
        many = unrolled_days(context, context.span(trial_id).product_id, split) > SHORT_DAYS
        if interval.empty or many or isinstance(METRICS[metric].rule, DueShareRule):
            found[trial_id] = _alone(context, trial_id, interval, days)
        else:
            alike[metric, split.unrolled][trial_id] = split
    for (metric, ranges), trials in alike.items():
        of_days, rest = _rolled_rows(context, metric, trials), _unrolled_rows(context, metric, ranges, trials)
        for trial_id in trials:
            parts = [part for part in (of_days.get(trial_id), rest.get(trial_id)) if part is not None]
            found[trial_id] = _overview(context, metric, parts, _last(intervals[trial_id], days))
    return found


def _last(interval: Interval, days: int) -> Interval:
    return Interval(max(interval.from_ms, step_start(interval.to_ms - days * DAY_MS, "day")), interval.to_ms)


def _alone(context: QueryContext, trial_id: str, interval: Interval, days: int) -> TrialOverview:
    metric = context.directory.trials[trial_id].primary_metric
    primary, events = totals(context, TotalsQuestion(trial_id, (metric, EVENTS), interval))
    question = SeriesQuestion(trial_id, (EVENTS,), _last(interval, days), step="day", dense=True)
    (by_day,) = series(context, question)
    return TrialOverview(primary, events, by_day.lines[0].points if by_day.lines else ())


def _overview(
    context: QueryContext, metric: MetricId, parts: Sequence[Mapping[str, Any]], last: Interval
) -> TrialOverview:
    values = _columns(metric).values(parts)
    primary, events = (MetricTotal(m, {}, *values[m]) for m in (metric, EVENTS))
    by_day: dict[int, int] = defaultdict(int)
    for part in parts:
        for day_s, n in zip(part["days"], part["day_events"], strict=True):
            by_day[int(day_s) * 1000] += int(n)
    until = Interval(last.from_ms, min(last.to_ms, context.now_ms))
    points = tuple(Point(day, by_day.get(day), by_day.get(day, 0)) for day in starts(until, "day"))
    return TrialOverview(primary, events, points if any(point.n for point in points) else ())


def _columns(metric: MetricId) -> MergeableColumns:
    return mergeable_columns(tuple(dict.fromkeys((metric, EVENTS))))


def _named(metric: MetricId, row: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("days", "day_events", *_columns(metric).sums), row, strict=True))


def _asked(
    context: QueryContext, metric: MetricId, trials: Iterable[str], parameters: dict[str, Any], **parts: Hashable
) -> dict[str, Sequence[Any]]:
    """Return the row of each of *trials* that `overview.sql` with *parts* has something of."""
    products = sorted({context.span(trial_id).product_id for trial_id in trials})
    given = {"products": products, "trials": sorted(trials), **parameters}
    rows = context.rows("overview", given, columns=_columns(metric), **parts)
    return {str(trial_id): values for trial_id, *values in rows}


def _rolled_rows(
    context: QueryContext, metric: MetricId, trials: Mapping[str, RollupSplit]
) -> dict[str, dict[str, Any]]:
    """Return what the summed days of each trial come to; what is kept is not asked."""
    keys = {trial_id: ("overview", trial_id, metric, split.days, split.runs) for trial_id, split in trials.items()}
    known = {trial_id: context.rollup_cache.get(key) for trial_id, key in keys.items()}
    missing = [trial_id for trial_id, rows in known.items() if rows is None and trials[trial_id].days]
    if missing:
        runs = {
            f"{context.span(trial_id).product_id} {day // 1000}": run
            for trial_id in missing
            for day, run in zip(trials[trial_id].days, trials[trial_id].runs, strict=True)
        }
        given = {"rolled_days": list(runs), "rolled_runs": list(runs.values())}
        answer = _asked(context, metric, missing, given, summed=True)
        for trial_id in missing:
            found = [answer[trial_id]] if trial_id in answer else []
            known[trial_id] = context.rollup_cache.put(keys[trial_id], found)
    return {trial_id: _named(metric, rows[0]) for trial_id, rows in known.items() if rows}


def _unrolled_rows(
    context: QueryContext, metric: MetricId, ranges: Sequence[Interval], trials: Iterable[str]
) -> dict[str, dict[str, Any]]:
    blocks = [Interval(block_of(r.from_ms), block_of(r.to_ms) + BLOCK_MS) for r in ranges]
    parameters = {**range_parameters("minutes", ranges), **range_parameters("blocks", blocks)}
    answer = _asked(context, metric, trials, parameters, summed=False, minutes=len(ranges))
    return {trial_id: _named(metric, row) for trial_id, row in answer.items()}
