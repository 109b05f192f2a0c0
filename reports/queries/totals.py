"""A metric over one whole interval, split by arm, platform, placement or kind: from cells, or exactly from events."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reports.metrics import METRICS, DueShareRule
from reports.queries import exact, presence, refunds, sources
from reports.queries.context import QueryContext, Rows
from reports.queries.metric_columns import MetricValue, columns_of, mergeable_columns, needs_sets
from reports.queries.model import MetricTotal, TotalsQuestion
from schemas.registry import MetricId

Row = tuple[tuple[str, ...], dict[MetricId, MetricValue]]
"""Values of the splits, and what is to say of them."""


def totals(context: QueryContext, question: TotalsQuestion) -> tuple[MetricTotal, ...]:
    """Return every metric asked for, for each value of the split that has something to say, in the order asked.

    Without a split there is one total for each metric, 0 or None where nothing came.
    """
    counted = tuple(m for m in question.metrics if not isinstance(METRICS[m].rule, DueShareRule))
    rows: list[Row] = []
    if counted and question.interval.empty:
        # Before a trial's start: nothing came, which is 0 or None as in any other interval.
        rows = [] if question.by else [((), mergeable_columns(counted).values(()))]
    elif counted:
        rows = list((_from_events if question.exact else _from_cells)(context, question, counted))
    answer: list[MetricTotal] = []
    for metric in question.metrics:
        if isinstance(METRICS[metric].rule, DueShareRule):
            answer += _due_shares(context, question, metric)
            continue
        for splits, values in rows:
            value, n = values[metric]
            if n or not question.by:
                answer.append(MetricTotal(metric, dict(zip(question.by, splits, strict=True)), value, n))
    silent = refunds.unreported(context, question.trial_id) if refunds.METRIC in question.metrics else ()
    return tuple(_known(total, silent) if total.metric == refunds.METRIC else total for total in answer)


def _from_cells(context: QueryContext, question: TotalsQuestion, metrics: tuple[MetricId, ...]) -> Iterator[Row]:
    """Give the sums of rolled-up days, cached in the process, with the cells of everything outside them."""
    cells = sources.by_step(context, question.trial_id, question.interval, "day", question.by)
    columns = mergeable_columns(metrics)
    found: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for source in cells.parts:
        rows = source.rows(context, "totals", columns=columns, keys=_keys(question), grouped=bool(question.by))
        for splits, row in _grouped(rows, question):
            found[splits].append(dict(zip(columns.sums, row, strict=True)))
    for splits, parts in sources.shared_rows(context, cells, question.by).items():
        found[splits] += parts
    return ((splits, columns.values(found[splits])) for splits in sorted(found))


def _from_events(context: QueryContext, question: TotalsQuestion, metrics: tuple[MetricId, ...]) -> Iterator[Row]:
    """Give the same from what is counted exactly: by day, arm and placement, or by event where that is too coarse."""
    if exact.SPLITS.issuperset(question.by):
        columns = columns_of(metrics, "units")
        source = exact.by_unit(context, question.trial_id, question.interval, sets=needs_sets(metrics))
    else:
        columns = columns_of(metrics, "events")
        source = exact.events(question.trial_id, question.interval)
    rows = source.rows(context, "exact_totals", columns=columns, keys=_keys(question), grouped=bool(question.by))
    return ((splits, columns.values(row)) for splits, row in _grouped(rows, question))


def _keys(question: TotalsQuestion) -> str:
    """Return by what a statement groups; a constant where nothing is split, so that no SELECT list begins empty."""
    return ", ".join(sources.COLUMN[dimension] for dimension in question.by) or "1 AS whole"


def _grouped(rows: Rows, question: TotalsQuestion) -> Iterator[tuple[tuple[str, ...], Sequence[Any]]]:
    """Give the values of the splits and the columns of each of *rows*."""
    splits = len(question.by)
    for row in rows:
        yield tuple(map(str, row[:splits])), row[max(1, splits) :]


def _known(total: MetricTotal, silent: tuple[str, ...]) -> MetricTotal:
    return replace(total, value=refunds.known(total.value, total.by, silent))


def _due_shares(context: QueryContext, question: TotalsQuestion, metric: MetricId) -> list[MetricTotal]:
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
