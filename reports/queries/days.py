"""A metric by Shanghai day and split, exactly, from stored events: what a report draws and tabulates over time."""

from collections import defaultdict

from reports.metrics import METRICS, DueShareRule
from reports.queries import exact, presence, sources
from reports.queries.context import QueryContext
from reports.queries.metric_columns import columns_of
from reports.queries.model import Dimension, Interval, MetricLines, Point, SeriesLine
from schemas.registry import MetricId


def by_day(context: QueryContext, trial_id: str, interval: Interval, metric: MetricId, by: Dimension) -> MetricLines:
    """Return *metric* by Shanghai day, a line for each value of *by* that has something to say.

    People, sessions and quantiles are exact. Days that a line has nothing to say about are absent from it.
    """
    lines = _due_shares(context, trial_id, interval, metric, by)
    if lines is None:
        lines = _from_events(context, trial_id, interval, metric, by)
    return MetricLines(metric=metric, unit=METRICS[metric].unit, step="day", lines=lines)


def _from_events(
    context: QueryContext, trial_id: str, interval: Interval, metric: MetricId, by: Dimension
) -> tuple[SeriesLine, ...]:
    if interval.empty:
        return ()
    columns = columns_of((metric,), "events")
    source = exact.events(trial_id, interval)
    points: dict[str, list[Point]] = defaultdict(list)
    for split, day, *row in source.rows(context, "exact_days", split=sources.COLUMN[by], columns=columns):
        value, n = columns.values(row)[metric]
        if n:
            points[str(split)].append(Point(int(day), value, n))
    return tuple(SeriesLine(by={by: split}, points=tuple(found)) for split, found in points.items())


def _due_shares(
    context: QueryContext, trial_id: str, interval: Interval, metric: MetricId, by: Dimension
) -> tuple[SeriesLine, ...] | None:
    rule = METRICS[metric].rule
    if not isinstance(rule, DueShareRule):
        return None
    found = presence.shares(context, trial_id, interval, rule.share)
    lines = presence.lines(context.directory, found, by, "day")
    return tuple(SeriesLine(by={by: split}, points=points) for split, points in lines.items() if points)
