"""A metric over time: how much, how many, how well, by minute, hour or Shanghai day."""

from collections import defaultdict
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from reports.metrics import METRICS, DistinctRule, DueShareRule, SumRule
from reports.queries import cells, presence, refunds
from reports.queries.metric_columns import columns_of, merged, named, selected, value_of
from reports.queries.model import (
    Dimension,
    Interval,
    MetricLines,
    Point,
    QueryContext,
    SeriesLine,
    SeriesQuestion,
    Step,
    TooManyPointsError,
)
from reports.queries.spans import STEP_MS, starts, step_start
from reports.queries.sql import fill
from reports.queries.unrolled import SPLITS, unrolled_rows
from schemas.registry import MetricId

_BUCKET: dict[Step, str] = {
    "minute": "toUnixTimestamp(at) * 1000",
    "hour": "toUnixTimestamp(toStartOfHour(at)) * 1000",
    "day": "toUnixTimestamp(toStartOfDay(at, 'Asia/Shanghai')) * 1000",
}

_SQL = """
#with#
SELECT bucket, split #derived#
FROM (
    SELECT #bucket# AS bucket, #split# AS split #sums#
    FROM (#source#) AS cells
    GROUP BY bucket, split
) AS buckets
LIMIT {limit:UInt64}
"""


def series(context: QueryContext, question: SeriesQuestion) -> tuple[MetricLines, ...]:
    """Return one `MetricLines` per metric asked for, in that order; lines by the value of the split.

    Raises `TooManyPointsError` beyond the context's limit, counting all metrics.
    """
    counted = tuple(m for m in question.metrics if not isinstance(METRICS[m].rule, DueShareRule))
    lines: dict[MetricId, tuple[SeriesLine, ...]] = _from_cells(context, question, counted) if counted else {}
    for metric in question.metrics:
        if metric not in lines:
            lines[metric] = _reported(context, question, metric)
    if sum(len(line.points) for found in lines.values() for line in found) > context.max_points:
        raise TooManyPointsError(context.max_points)
    if refunds.METRIC in lines:
        lines[refunds.METRIC] = _known(lines[refunds.METRIC], refunds.unreported(context, question.trial_id))
    return tuple(
        MetricLines(metric=m, unit=METRICS[m].unit, step=question.step, lines=lines[m]) for m in question.metrics
    )


def _known(lines: tuple[SeriesLine, ...], silent: tuple[str, ...]) -> tuple[SeriesLine, ...]:
    return tuple(
        SeriesLine(
            line.by, tuple(point._replace(value=refunds.known(point.value, line.by, silent)) for point in line.points)
        )
        for line in lines
    )


def _from_cells(
    context: QueryContext, question: SeriesQuestion, metrics: tuple[MetricId, ...]
) -> dict[MetricId, tuple[SeriesLine, ...]]:
    if question.interval.empty:
        return dict.fromkeys(metrics, ())
    found: dict[str, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
    columns = columns_of(metrics, "cells")
    source = _source(context, question)
    template = fill(
        _SQL,
        bucket=_BUCKET[question.step],
        split=cells.COLUMN[question.by] if question.by else "''",
        sums=selected(columns.sums),
        derived=selected(columns.derived),
    )
    limit = context.max_points // len(metrics) + 1
    # A summed day is a bucket of its own, or none: it is read by the day alone.
    splits = (question.by,) if question.by else ()
    apart = source.days is not None and SPLITS.issuperset(splits)
    answer = (cells.rows_of_days if apart else cells.rows_apart)(context, template, source, {"limit": limit})
    if len(answer) >= limit:
        raise TooManyPointsError(context.max_points)
    values = [named(("bucket", "split"), columns, row) for row in answer]
    if apart:
        for (bucket, *split), parts in unrolled_rows(context, source, ("bucket", *splits)).items():
            values.append({"bucket": bucket, "split": "".join(split), **merged(metrics, parts)})
    for one in sorted(values, key=itemgetter("split", "bucket")):
        found[str(one["split"])].append((int(one["bucket"]), one))
    lines = {metric: _lines(question, metric, found) for metric in metrics}
    return _all_dense(context, question, lines) if question.dense else lines


def _source(context: QueryContext, question: SeriesQuestion) -> cells.Subquery:
    asked = context, question.trial_id, question.interval
    match question.step:
        case "minute":
            return cells.by_minute(*asked)
        case "hour":
            return cells.by_hour(*asked)
        case "day":
            return cells.by_day(*asked, question.by)


def _lines(
    question: SeriesQuestion, metric: MetricId, found: Mapping[str, list[tuple[int, Mapping[str, Any]]]]
) -> tuple[SeriesLine, ...]:
    lines = []
    for split, buckets in found.items():
        points = (Point(start, *value_of(metric, values, "cells")) for start, values in buckets)
        if shown := tuple(point for point in points if point.n):
            lines.append(SeriesLine(by=by_of(question.by, split), points=shown))
    return tuple(lines)


def by_of(dimension: Dimension | None, split: str) -> dict[str, str]:
    """Return what a line is about."""
    return {dimension: split} if dimension else {}


def _all_dense(
    context: QueryContext, question: SeriesQuestion, lines: Mapping[MetricId, tuple[SeriesLine, ...]]
) -> dict[MetricId, tuple[SeriesLine, ...]]:
    """Return *lines* with a point for every bucket up to now. Raises `TooManyPointsError` before any is made."""
    until = Interval(question.interval.from_ms, min(question.interval.to_ms, context.now_ms))
    buckets = max(0, until.to_ms - step_start(until.from_ms, question.step)) // STEP_MS[question.step] + 1
    if buckets * sum(map(len, lines.values())) > context.max_points:
        raise TooManyPointsError(context.max_points)
    return {
        metric: tuple(
            SeriesLine(by=line.by, points=_dense(line.points, metric, until, question.step)) for line in found
        )
        for metric, found in lines.items()
    }


def _dense(points: tuple[Point, ...], metric: MetricId, until: Interval, step: Step) -> tuple[Point, ...]:
    nothing = 0 if isinstance(METRICS[metric].rule, SumRule | DistinctRule) else None
    known = {point.start_ms: point for point in points}
    return tuple(known.get(start) or Point(start, nothing, 0) for start in starts(until, step))


def _reported(context: QueryContext, question: SeriesQuestion, metric: MetricId) -> tuple[SeriesLine, ...]:
    rule = METRICS[metric].rule
    if not isinstance(rule, DueShareRule):
        raise TypeError(f"{metric} comes from cells")
    found = presence.shares(context, question.trial_id, question.interval, rule.share)
    lines = presence.lines(context.directory, found, question.by, question.step)
    return tuple(SeriesLine(by=by_of(question.by, split), points=points) for split, points in lines.items() if points)
