"""Which cells hold: settled ones where a block was settled, hours and days where they are summed, live ones elsewhere.

A block's settled cells are written at once, tombstones of vanished ones included, so a block is settled or live as a
whole. ClickHouse reads one snapshot of each table within a query: no block is in both halves or in neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from registry.directory import TrialSpan
from reports.queries.daily_rollups import DAYS, RollupSplit, split_interval
from reports.queries.model import Dimension, Interval, QueryContext
from reports.queries.sql import SECOND, fill, rows, within
from schemas.timing import BLOCK_MS, DAY_MS, HOUR_MS, block_of, minute_of

COLUMN: dict[Dimension, str] = {"platform": "platform", "placement": "placement_id", "arm": "arm", "kind": "kind"}

SHORT_MS = 2 * DAY_MS
"""So much is read by the minute at once: to find out which hours are summed costs as much as it would save."""

_COLUMNS = (
    "platform, placement_id, arm, kind, events, failed, abandoned, duration_count, duration_ms_sum, duration_bins, "
    "duration_counts, amount_fen_sum, rating_count, rating_sum, subjects, sessions, first_ms, last_ms"
)

_MINUTES = """
    SELECT minute AS at, #columns#
    FROM cells_settled FINAL
    WHERE product_id = {product:String} AND #minutes# AND trial_id = {trial:String}
      #unrolled#
    UNION ALL
    SELECT minute AS at, #columns#
    FROM cells_live FINAL
    WHERE product_id = {product:String} AND #minutes# AND trial_id = {trial:String}
      AND toStartOfFiveMinutes(minute) NOT IN (
          SELECT toStartOfFiveMinutes(minute)
          FROM cells_settled
          WHERE product_id = {product:String} AND #blocks#
      )
      #unrolled#"""

_UNROLLED = "AND toStartOfHour(minute) NOT IN (SELECT rolled_hour FROM rolled)"

_HOURS = """
    UNION ALL
    SELECT hour AS at, #columns#
    FROM cells_hourly FINAL
    WHERE product_id = {product:String} AND #hours# AND hour IN (SELECT rolled_hour FROM rolled)
      AND trial_id = {trial:String}"""

# A rolled hour that is older than a settlement of one of its blocks is out of date: its minutes are read instead.
_ROLLED = """WITH
    rolled AS (
        SELECT rolled_hour
        FROM (
            SELECT hour AS rolled_hour, max(rolled_at) AS at
            FROM rolled_hours
            WHERE product_id = {product:String} AND #hours#
            GROUP BY hour
        ) AS rolls
        LEFT JOIN (
            SELECT toStartOfHour(block) AS settled_hour, max(settled_at) AS last
            FROM settled_blocks
            WHERE product_id = {product:String} AND #hour_blocks#
            GROUP BY settled_hour
        ) AS settlements ON rolled_hour = settled_hour
        WHERE at >= last
    )"""

_DAYS = """
    SELECT day AS at, #columns#
    FROM cells_daily FINAL
    WHERE split = {split:String} AND #days#"""


@dataclass(frozen=True, slots=True)
class Subquery:
    """A trial's cells as a subquery: `at` and the columns of cells, what goes before the SELECT, the parameters."""

    sql: str
    parameters: dict[str, Any]
    ctes: str = ""
    days: "Subquery | None" = None
    """Where summed days are in it: these alone, and in `rest` what else there is."""
    rest: "Subquery | None" = None


def by_minute(context: QueryContext, trial_id: str, interval: Interval) -> Subquery:
    """Return the cells of whole minutes, from that of the start until before the end."""
    span = context.span(trial_id)
    return _by_minute(span, [whole_minutes(interval)])


def by_hour(context: QueryContext, trial_id: str, interval: Interval) -> Subquery:
    """Return the same in fewer rows, for whoever asks by the hour or more."""
    return _by_hour(context.span(trial_id), [whole_minutes(interval)])


def by_day(context: QueryContext, trial_id: str, interval: Interval, by: Dimension | None) -> Subquery:
    """Return the same in fewer rows still, for whoever asks by the day or more, and splits by *by* alone.

    Other columns than that of *by* and kind may be empty; people and sessions stand in rows of no kind.
    """
    split, rest = rest_by_hour(context, trial_id, interval)
    return with_days(rest, split, fill(_DAYS, columns=_COLUMNS, days=DAYS), {"split": by or ""})


def rest_by_hour(context: QueryContext, trial_id: str, interval: Interval) -> tuple[RollupSplit, Subquery]:
    """Return *interval* with the past's days set apart, and the cells of what is left, by the hour or the minute."""
    span = context.span(trial_id)
    split = split_interval(context, span.product_id, whole_minutes(interval))
    return split, by_ranges_or_hours(span, split.unrolled)


def by_ranges(span: TrialSpan, ranges: Sequence[Interval]) -> Subquery:
    """Return the cells of *ranges* by the minute."""
    return _by_minute(span, [whole_minutes(r) for r in ranges])


def by_ranges_or_hours(span: TrialSpan, ranges: Sequence[Interval]) -> Subquery:
    """Return the same, by the hour where that is worth asking for."""
    whole = [whole_minutes(r) for r in ranges]
    left_ms = sum(part.to_ms - part.from_ms for part in whole)
    return (_by_minute if left_ms <= SHORT_MS else _by_hour)(span, whole)


def with_days(rest: Subquery, split: RollupSplit, days_sql: str, parameters: dict[str, Any]) -> Subquery:
    """Return *rest*, which reads the past's ranges, and beside it *days_sql*, which reads its days."""
    if not split.days:
        return rest
    given = {**split.parameters, **parameters}
    # The product and the trial are among the rest's.
    days = Subquery(days_sql, {**{name: rest.parameters[name] for name in ("product", "trial")}, **given})
    if not split.unrolled:
        return replace(days, days=days)
    sql = f"{days_sql} UNION ALL {rest.sql}"
    return Subquery(sql, {**rest.parameters, **given}, rest.ctes, days, rest)


def rows_apart(
    context: QueryContext, template: str, source: Subquery, parameters: dict[str, Any] | None = None
) -> list[Sequence[Any]]:
    """Return the rows of *template* over *source* in no order, for a SELECT that never groups two days in one row.

    Those of summed days are asked once in this process: their runs are among the parameters. Lists in them are arrays.
    """
    more = parameters or {}
    if source.days is None:
        return list(rows_of(context, template, source, more))
    found = rows_of_days(context, template, source, more)
    return [*found, *(rows_of(context, template, source.rest, more) if source.rest else ())]


def rows_of_days(
    context: QueryContext, template: str, source: Subquery, parameters: dict[str, Any] | None = None
) -> Sequence[Sequence[Any]]:
    """Return the rows of *template* over the summed days of *source* alone, asked once in this process."""
    return () if source.days is None else rows_kept(context, template, source.days, parameters)


def rows_kept(
    context: QueryContext, template: str, days: Subquery, parameters: dict[str, Any] | None = None
) -> Sequence[Sequence[Any]]:
    """Return the rows of *template* over *days*, which are summed and name their runs, asked once in this process."""
    more = parameters or {}
    key = fill(template, source=days.sql), repr(days.parameters | more)
    found = context.rollup_cache.get(key)
    return context.rollup_cache.put(key, rows_of(context, template, days, more)) if found is None else found


def rows_of(
    context: QueryContext, template: str, source: Subquery, parameters: dict[str, Any] | None = None
) -> Sequence[Sequence[Any]]:
    """Return the rows of *template* over *source*."""
    sql = fill(template, **{"with": source.ctes}, source=source.sql)
    return rows(context, sql, source.parameters | (parameters or {}))


def whole_minutes(interval: Interval) -> Interval:
    """Return the whole minutes that hold cells of *interval*; its end is a second's."""
    from_ms = minute_of(interval.from_ms)
    return Interval(from_ms, -(-max(interval.to_ms, from_ms) // 1000) * 1000)


def _by_minute(span: TrialSpan, ranges: Sequence[Interval]) -> Subquery:
    parts, parameters = _conditions(span, ranges)
    return Subquery(fill(_MINUTES, columns=_COLUMNS, unrolled="", **parts), parameters)


def _by_hour(span: TrialSpan, ranges: Sequence[Interval]) -> Subquery:
    parts, parameters = _conditions(span, ranges)
    hours = [(-(-r.from_ms // HOUR_MS) * HOUR_MS, r.to_ms // HOUR_MS * HOUR_MS) for r in ranges]
    hours = [(first, last) for first, last in hours if first < last]
    parts["hours"], more = within("hour", SECOND, "hours", hours)
    parts["hour_blocks"], _ = within("block", SECOND, "hours", hours)
    sql = fill(_MINUTES + _HOURS, columns=_COLUMNS, unrolled=_UNROLLED, **parts)
    return Subquery(sql, parameters | more, fill(_ROLLED, **parts))


def _conditions(span: TrialSpan, ranges: Sequence[Interval]) -> tuple[dict[str, str], dict[str, Any]]:
    minutes, parameters = within("minute", SECOND, "minutes", [(r.from_ms, r.to_ms) for r in ranges])
    whole = [(block_of(r.from_ms), block_of(r.to_ms) + BLOCK_MS) for r in ranges]
    blocks, more = within("minute", SECOND, "blocks", whole)
    parameters |= more | {"product": span.product_id, "trial": span.trial_id}
    return {"minutes": minutes, "blocks": blocks}, parameters
