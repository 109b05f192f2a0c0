"""A metric over one whole interval, split by arm, platform, placement or kind: from cells, or exactly from events."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reports.metrics import METRICS, DueShareRule
from reports.queries import cells, exact, presence, refunds
from reports.queries.metric_columns import (
    Layer,
    columns_of,
    merged,
    named,
    needs_sets,
    selected,
    to_be_merged,
    value_of,
)
from reports.queries.model import MetricTotal, QueryContext, TotalsQuestion
from reports.queries.sql import fill, rows
from reports.queries.unrolled import SPLITS, unrolled_rows
from schemas.registry import MetricId

_SQL = """
#with#
SELECT #keys# #derived#
FROM (
    SELECT #keys# #sums#
    FROM (#source#) AS source
    #group#
) AS grouped
#order#
"""

_CELLS_SQL = """
#with#
SELECT #keys# #sums#
FROM (#source#) AS source
#group#
"""


def totals(context: QueryContext, question: TotalsQuestion) -> tuple[MetricTotal, ...]:
    """Return every metric asked for, for each value of the split that has something to say, in the order asked.

    Without a split there is one total for each metric, 0 or None where nothing came.
    """
    counted = tuple(m for m in question.metrics if not isinstance(METRICS[m].rule, DueShareRule))
    found = _from_rows(context, question, counted) if counted and not question.interval.empty else {}
    answer: list[MetricTotal] = []
    for metric in question.metrics:
        rule = METRICS[metric].rule
        answer += _reported(context, question, metric) if isinstance(rule, DueShareRule) else found.get(metric, [])
    silent = refunds.unreported(context, question.trial_id) if refunds.METRIC in question.metrics else ()
    return tuple(_known(total, silent) if total.metric == refunds.METRIC else total for total in answer)


def _known(total: MetricTotal, silent: tuple[str, ...]) -> MetricTotal:
    return replace(total, value=refunds.known(total.value, total.by, silent))


def _from_rows(
    context: QueryContext, question: TotalsQuestion, metrics: tuple[MetricId, ...]
) -> dict[MetricId, list[MetricTotal]]:
    layer, source = _source(context, question, metrics)
    # A constant key where nothing is split, so that the SELECT lists never begin with a comma.
    keys = ", ".join(cells.COLUMN[dimension] for dimension in question.by) or "1 AS whole"
    parts = {"keys": keys, "group": f"GROUP BY {keys}" if question.by else ""}
    names: tuple[str, ...] = question.by or ("whole",)
    if layer == "cells":
        answer = _merged(context, question, source, metrics, parts)
    else:
        columns = columns_of(metrics, layer)
        sql = fill(
            _SQL,
            **{"with": source.ctes},
            **parts,
            source=source.sql,
            sums=selected(columns.sums),
            derived=selected(columns.derived),
            order=f"ORDER BY {keys}" if question.by else "",
        )
        answer = [named(names, columns, row) for row in rows(context, sql, source.parameters)]
    return {metric: _totals(metric, question, answer, layer) for metric in metrics}


def _merged(
    context: QueryContext,
    question: TotalsQuestion,
    source: cells.Subquery,
    metrics: tuple[MetricId, ...],
    parts: dict[str, str],
) -> list[dict[str, Any]]:
    """Return rows of the split and sums: those of summed days, which are kept, with what came since."""
    columns = to_be_merged(metrics)
    template = fill(_CELLS_SQL, **parts, sums=selected(columns))
    found: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    apart = source.days is not None and SPLITS.issuperset(question.by)
    for row in (cells.rows_of_days if apart else cells.rows_apart)(context, template, source):
        key = tuple(str(value) for value in row[: len(question.by)])
        found[key].append(dict(zip(columns, row[max(1, len(question.by)) :], strict=True)))
    if apart:
        for key, more in unrolled_rows(context, source, question.by).items():
            found[key] += more
    return [{**dict(zip(question.by, key, strict=True)), **merged(metrics, found[key])} for key in sorted(found)]


def _source(
    context: QueryContext, question: TotalsQuestion, metrics: tuple[MetricId, ...]
) -> tuple[Layer, cells.Subquery]:
    asked = context, question.trial_id, question.interval
    if not question.exact:
        if len(question.by) > 1:
            return "cells", cells.by_hour(*asked)
        return "cells", cells.by_day(*asked, question.by[0] if question.by else None)
    if exact.SPLITS.issuperset(question.by):
        return "units", exact.by_unit(*asked, sets=needs_sets(metrics))
    return "events", exact.events(question.trial_id, question.interval)


def _totals(
    metric: MetricId, question: TotalsQuestion, answer: list[dict[str, Any]], layer: Layer
) -> list[MetricTotal]:
    found = []
    for values in answer:
        value, n = value_of(metric, values, layer)
        if n or not question.by:
            found.append(MetricTotal(metric=metric, by=_by(question, values), value=value, n=n))
    return found


def _by(question: TotalsQuestion, values: Mapping[str, Any]) -> dict[str, str]:
    return {dimension: str(values[dimension]) for dimension in question.by}


def _reported(context: QueryContext, question: TotalsQuestion, metric: MetricId) -> list[MetricTotal]:
    rule = METRICS[metric].rule
    if not isinstance(rule, DueShareRule):
        raise TypeError(f"{metric} comes from cells")
    found = presence.shares(context, question.trial_id, question.interval, rule.share)
    points = presence.whole(context.directory, found, question.by)
    if not points and not question.by:
        return [MetricTotal(metric=metric, by={}, value=None, n=0)]
    return [
        MetricTotal(metric=metric, by=dict(zip(question.by, key, strict=True)), value=point.value, n=point.n)
        for key, point in points.items()
    ]
