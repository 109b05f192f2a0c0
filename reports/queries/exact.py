"""What is counted exactly, by day, arm and placement: summed days where they hold, stored events elsewhere."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from reports.queries.cells import Subquery, rows_kept, with_days
from reports.queries.daily_rollups import DAYS, split_interval
from reports.queries.metric_columns import DURATIONS, columns_of, selected
from reports.queries.model import Dimension, Interval, QueryContext
from reports.queries.sql import fill, happened, rows
from schemas.registry import MetricId

PeopleColumn = Literal["subjects", "sessions"]
SPLITS: frozenset[Dimension] = frozenset({"arm", "placement"})
"""How a source of `by_unit` can be split."""

EVENTS = """
    SELECT platform, placement_id, arm, kind, outcome, occurred_at, subject, session_id, duration_ms, amount_fen, rating
    FROM events
    WHERE trial_id = {trial:String} AND #when#"""
"""The stored events of a trial in ranges of time, each once, as a subquery."""

_SUMS = (
    "arm, placement_id, kind, events, failed, abandoned, duration_count, duration_ms_sum, amount_fen_sum, "
    "rating_count, rating_sum"
)
_NO_SUMS = (
    "arm, placement_id, '' AS kind, 0 AS events, 0 AS failed, 0 AS abandoned, 0 AS duration_count, "
    "0 AS duration_ms_sum, 0 AS amount_fen_sum, 0 AS rating_count, 0 AS rating_sum"
)
_SETS = "durations, subjects, sessions"
_NO_SETS = (
    "CAST([], 'Array(UInt32)') AS durations, CAST([], 'Array(UInt128)') AS subjects, "
    "CAST([], 'Array(UInt128)') AS sessions"
)
_SEEN_DAYS = """
    SELECT DISTINCT day AS at, arm, placement_id
    FROM cells_daily FINAL
    WHERE split = 'unit' AND events > 0 AND #days#"""
_SEEN_LIVE = """
    SELECT DISTINCT toDateTime(toStartOfDay(occurred_at, 'Asia/Shanghai'), 'UTC') AS at, arm, placement_id
    FROM (#events#) AS live"""
_PEOPLE_DAYS = "SELECT arm, #columns# FROM units_daily FINAL WHERE #days#"
_PEOPLE_LIVE = "SELECT arm, #columns# FROM (#events#) AS live GROUP BY arm"
_DAY_SUMS = """
    SELECT day AS at, #sums# #no_sets#
    FROM cells_daily FINAL
    WHERE split = 'unit' AND #days#"""
_DAY_SETS = """
    UNION ALL
    SELECT day AS at, #no_sums#, #sets#
    FROM units_daily FINAL
    WHERE #days#"""
_LIVE = """
    SELECT
        toDateTime(toStartOfDay(occurred_at, 'Asia/Shanghai'), 'UTC') AS at, arm, placement_id, kind,
        count() AS events,
        countIf(outcome = 'failed') AS failed,
        countIf(outcome = 'abandoned') AS abandoned,
        count(duration_ms) AS duration_count,
        sum(toUInt64(ifNull(duration_ms, 0))) AS duration_ms_sum,
        sum(toInt64(ifNull(amount_fen, 0))) AS amount_fen_sum,
        count(rating) AS rating_count,
        sum(toUInt64(ifNull(rating, 0))) AS rating_sum
        #live_sets#
    FROM (#events#) AS live
    GROUP BY at, arm, placement_id, kind"""
# Of units: sums of their summed days, what is counted of these, and both of whatever is not summed.
_UNIT_SUMS = """
SELECT arm, placement_id, toUnixTimestamp(at) #sums#
FROM (#source#) AS source
WHERE arm != ''
GROUP BY arm, placement_id, at
"""
_UNIT_SETS = """
SELECT arm, placement_id, toUnixTimestamp(day), length(subjects), length(sessions), durations
FROM (#source#) AS source
WHERE arm != ''
"""
_UNIT_DAYS = "SELECT day, arm, placement_id, subjects, sessions, durations FROM units_daily FINAL WHERE #days#"
_UNIT_LIVE = """
SELECT arm, placement_id, toUnixTimestamp(toStartOfDay(occurred_at, 'Asia/Shanghai')) AS day_s #sums#
FROM (#events#) AS live
WHERE arm != ''
GROUP BY arm, placement_id, day_s
"""
_SET_NAMES = ("d_subjects", "d_sessions", "timed")
_PEOPLE: Mapping[PeopleColumn, str] = {
    "subjects": "groupUniqArrayIf(reinterpretAsUInt128(sipHash128(subject)), subject != '')",
    "sessions": "groupUniqArrayIf(reinterpretAsUInt128(sipHash128(session_id)), session_id != '')",
}
_LIVE_SETS = f""",
        groupArrayIf(toUInt32(assumeNotNull(duration_ms)), kind = 'use.completed' AND isNotNull(duration_ms))
            AS durations,
        {_PEOPLE["subjects"]} AS subjects,
        {_PEOPLE["sessions"]} AS sessions"""


def events(trial_id: str, interval: Interval) -> Subquery:
    """Return the stored events of *interval*, each once."""
    when, parameters = happened("events", [(interval.from_ms, interval.to_ms)])
    return Subquery(fill(EVENTS, when=when), parameters | {"trial": trial_id})


def by_unit(context: QueryContext, trial_id: str, interval: Interval, *, sets: bool) -> Subquery:
    """Return rows of day (`at`), arm, placement and kind with the sums of cells.

    With *sets* also `durations` of uses, `subjects` and `sessions` as hashes; summed days have them in rows of no kind.
    """
    parts = {"sums": _SUMS, "no_sums": _NO_SUMS, "sets": _SETS, "no_sets": f", {_NO_SETS}" if sets else ""}
    live_sql = fill(_LIVE, live_sets=_LIVE_SETS if sets else "", events=EVENTS)
    return _two_parts(context, trial_id, interval, fill(_DAY_SUMS + (_DAY_SETS if sets else ""), **parts), live_sql)


def unit_rows(
    context: QueryContext, trial_id: str, interval: Interval, metrics: tuple[MetricId, ...], *, sets: bool
) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """Give arm, placement, day (Unix seconds) and values, in one row or two: the measures of *metrics* by name.

    With *sets* also `d_subjects` and `d_sessions`, how many different ones, and `timed`, the durations of uses.
    """
    span = context.span(trial_id)
    split = split_interval(context, span.product_id, interval)
    given = {"product": span.product_id, "trial": trial_id}
    if split.days:
        summed = columns_of(metrics, "units").sums
        days = Subquery(fill(_DAY_SUMS, sums=_SUMS, no_sets="", days=DAYS), given | split.parameters)
        for arm, placement, day_s, *numbers in rows_kept(context, fill(_UNIT_SUMS, sums=selected(summed)), days):
            yield arm, placement, day_s, dict(zip(summed, numbers, strict=True))
    if split.days and sets:
        days = Subquery(fill(_UNIT_DAYS, days=DAYS), given | split.parameters)
        for arm, placement, day_s, *values in rows_kept(context, _UNIT_SETS, days):
            yield arm, placement, day_s, dict(zip(_SET_NAMES, values, strict=True))
    if split.unrolled:
        when, parameters = happened("events", [(r.from_ms, r.to_ms) for r in split.unrolled])
        counted = columns_of((*metrics, "subjects", "sessions") if sets else metrics, "events").sums
        sums = {**counted, **({"timed": DURATIONS} if sets else {})}
        sql = fill(_UNIT_LIVE, sums=selected(sums), events=fill(EVENTS, when=when))
        for arm, placement, day_s, *values in rows(context, sql, given | parameters):
            yield arm, placement, day_s, dict(zip(sums, values, strict=True))


def seen_by_unit(context: QueryContext, trial_id: str, interval: Interval) -> Subquery:
    """Return day (`at`), arm and placement of whatever sent an event."""
    return _two_parts(context, trial_id, interval, _SEEN_DAYS, fill(_SEEN_LIVE, events=EVENTS))


def people(context: QueryContext, trial_id: str, interval: Interval, columns: Collection[PeopleColumn]) -> Subquery:
    """Return rows of arm with *columns* as hashes; someone may stand in several rows."""
    live = ", ".join(f"{_PEOPLE[column]} AS {column}" for column in columns)
    parts = fill(_PEOPLE_DAYS, columns=", ".join(columns)), fill(_PEOPLE_LIVE, columns=live, events=EVENTS)
    return _two_parts(context, trial_id, interval, *parts)


def _two_parts(context: QueryContext, trial_id: str, interval: Interval, days_sql: str, live_sql: str) -> Subquery:
    """Return *days_sql* over the days that are summed, and *live_sql* over the events of what is not."""
    span = context.span(trial_id)
    split = split_interval(context, span.product_id, interval)
    when, parameters = happened("events", [(r.from_ms, r.to_ms) for r in split.unrolled])
    rest = Subquery(fill(live_sql, when=when), {**parameters, "product": span.product_id, "trial": trial_id})
    return with_days(rest, split, fill(days_sql, days=DAYS), {})
