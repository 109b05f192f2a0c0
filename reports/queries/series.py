"""A metric over time: how much, how many, how well, by minute, hour or Shanghai day."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from reports.metrics import METRICS, DistinctRule, DueShareRule, SumRule
from reports.queries import presence, refunds, sources
from reports.queries.context import QueryContext
from reports.queries.metric_columns import MetricValue, columns_of, mergeable_columns
from reports.queries.model import (
    Dimension,
    Interval,
    MetricLines,
    Point,
    SeriesLine,
    SeriesQuestion,
    Step,
    TooManyPointsError,
)
from reports.queries.spans import STEP_MS, starts, step_start
from schemas.registry import MetricId

Bucket = tuple[str, int, dict[MetricId, MetricValue]]
"""A value of the split, the bucket's start, and what is to say of it."""


def series(context: QueryContext, question: SeriesQuestion) -> tuple[MetricLines, ...]:
    """Return one `MetricLines` per metric asked for, in that order; lines by the value of the split.

    Raises `TooManyPointsError` beyond the context's limit, counting all metrics.
    """
    counted = tuple(m for m in question.metrics if not isinstance(METRICS[m].rule, DueShareRule))
    lines: dict[MetricId, tuple[SeriesLine, ...]] = _from_cells(context, question, counted) if counted else {}
    for metric in question.metrics:
        if metric not in lines:
            lines[metric] = _due_shares(context, question, metric)
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
    columns, splits = columns_of(metrics, "cells"), (question.by,) if question.by else ()
    cells = sources.by_step(context, question.trial_id, question.interval, question.step, splits)
    limit = context.max_points // len(metrics) + 1
    split = sources.COLUMN[question.by] if question.by else "''"
    found: list[Bucket] = []
    for source in cells.parts:
        rows = source.rows(context, "series", {"limit": limit}, step=question.step, split=split, columns=columns)
        found += ((str(value), int(start_ms), columns.values(row)) for start_ms, value, *row in rows)
    if len(found) >= limit:
        raise TooManyPointsError(context.max_points)
    # A summed day is a bucket of its own, or none: a bucket is read in one part.
    for (start_ms, *value), parts in sources.shared_rows(context, cells, ("bucket", *splits)).items():
        found.append(("".join(value), int(start_ms), mergeable_columns(metrics).values(parts)))
    found.sort(key=itemgetter(0, 1))
    lines = {metric: _lines(question, metric, found) for metric in metrics}
    return _all_dense(context, question, lines, _heard(question, found)) if question.dense else lines


@dataclass(frozen=True, slots=True)
class _HeardBuckets:
    """When anything came: in which buckets, or hours where they are shorter, by the values of the split.

    Elsewhere it was silent, and nobody knows what was missed: that is no 0, as it is none of coverage's due hours met.
    Kinds are no places: where one kind came, others were not missed.
    """

    question: SeriesQuestion
    found: frozenset[tuple[str, int]]

    def starts(self, line: SeriesLine) -> frozenset[int]:
        """Return the starts of the buckets, or hours, in which anything came to *line*."""
        own, _ = self.key(self.question, "".join(line.by.values()), 0)
        return frozenset(start for split, start in self.found if split == own)

    @property
    def step(self) -> Step:
        """How long what is heard or silent is: an hour at least."""
        return self.step_of(self.question)

    @staticmethod
    def step_of(question: SeriesQuestion) -> Step:
        """Return the same of *question*."""
        return "hour" if question.step == "minute" else question.step

    @staticmethod
    def key(question: SeriesQuestion, split: str, start_ms: int) -> tuple[str, int]:
        """Return what tells where something came."""
        return "" if question.by == "kind" else split, step_start(start_ms, _HeardBuckets.step_of(question))


def _heard(question: SeriesQuestion, found: Sequence[Bucket]) -> _HeardBuckets:
    return _HeardBuckets(question, frozenset(_HeardBuckets.key(question, split, start) for split, start, _ in found))


def _lines(question: SeriesQuestion, metric: MetricId, found: Sequence[Bucket]) -> tuple[SeriesLine, ...]:
    points: dict[str, list[Point]] = defaultdict(list)
    for split, start_ms, values in found:
        point = Point(start_ms, *values[metric])
        if point.n:
            points[split].append(point)
    return tuple(SeriesLine(by=by_of(question.by, split), points=tuple(shown)) for split, shown in points.items())


def by_of(dimension: Dimension | None, split: str) -> dict[str, str]:
    """Return what a line is about."""
    return {dimension: split} if dimension else {}


def _all_dense(
    context: QueryContext,
    question: SeriesQuestion,
    lines: Mapping[MetricId, tuple[SeriesLine, ...]],
    heard: _HeardBuckets,
) -> dict[MetricId, tuple[SeriesLine, ...]]:
    """Return *lines* with a point for every bucket up to now. Raises `TooManyPointsError` before any is made."""
    until = Interval(question.interval.from_ms, min(question.interval.to_ms, context.now_ms))
    buckets = max(0, until.to_ms - step_start(until.from_ms, question.step)) // STEP_MS[question.step] + 1
    if buckets * sum(map(len, lines.values())) > context.max_points:
        raise TooManyPointsError(context.max_points)
    return {
        metric: tuple(SeriesLine(by=line.by, points=_dense(line, metric, until, heard)) for line in found)
        for metric, found in lines.items()
    }


def _dense(line: SeriesLine, metric: MetricId, until: Interval, heard: _HeardBuckets) -> tuple[Point, ...]:
    counts = isinstance(METRICS[metric].rule, SumRule | DistinctRule)
    known = {point.start_ms: point for point in line.points}
    # Of a day by the minute there are thousands: what is the same for all of a line is worked out once.
    came, step = heard.starts(line) if counts else frozenset(), heard.step
    return tuple(
        known.get(start) or Point(start, 0 if step_start(start, step) in came else None, 0)
        for start in starts(until, heard.question.step)
    )


def _due_shares(context: QueryContext, question: SeriesQuestion, metric: MetricId) -> tuple[SeriesLine, ...]:
    rule = METRICS[metric].rule
    if not isinstance(rule, DueShareRule):
        raise TypeError(f"{metric} comes from cells")
    found = presence.shares(context, question.trial_id, question.interval, rule.share)
    lines = presence.lines(context.directory, found, question.by, question.step)
    return tuple(SeriesLine(by=by_of(question.by, split), points=points) for split, points in lines.items() if points)
