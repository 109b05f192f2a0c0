"""What is counted exactly, by day, arm and placement: summed days where they hold, stored events elsewhere."""

from collections.abc import Collection, Mapping
from typing import Literal

from reports.queries.cells import Source, with_days
from reports.queries.model import Dimension, Interval, QueryContext
from reports.queries.past import DAYS, past
from reports.queries.sql import fill, happened

Column = Literal["subjects", "sessions"]
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
_PEOPLE: Mapping[Column, str] = {
    "subjects": "groupUniqArrayIf(reinterpretAsUInt128(sipHash128(subject)), subject != '')",
    "sessions": "groupUniqArrayIf(reinterpretAsUInt128(sipHash128(session_id)), session_id != '')",
}
_LIVE_SETS = f""",
        groupArrayIf(toUInt32(assumeNotNull(duration_ms)), kind = 'use.completed' AND isNotNull(duration_ms))
            AS durations,
        {_PEOPLE["subjects"]} AS subjects,
        {_PEOPLE["sessions"]} AS sessions"""


def events(trial_id: str, interval: Interval) -> Source:
    """Return the stored events of *interval*, each once."""
    when, parameters = happened("events", [(interval.from_ms, interval.to_ms)])
    return Source(fill(EVENTS, when=when), parameters | {"trial": trial_id})


def by_unit(context: QueryContext, trial_id: str, interval: Interval, *, sets: bool) -> Source:
    """Return rows of day (`at`), arm, placement and kind with the sums of cells.

    With *sets* also `durations` of uses, `subjects` and `sessions` as hashes; summed days have them in rows of no kind.
    """
    parts = {"sums": _SUMS, "no_sums": _NO_SUMS, "sets": _SETS, "no_sets": f", {_NO_SETS}" if sets else ""}
    live_sql = fill(_LIVE, live_sets=_LIVE_SETS if sets else "", events=EVENTS)
    return _two_parts(context, trial_id, interval, fill(_DAY_SUMS + (_DAY_SETS if sets else ""), **parts), live_sql)


def seen_by_unit(context: QueryContext, trial_id: str, interval: Interval) -> Source:
    """Return day (`at`), arm and placement of whatever sent an event."""
    return _two_parts(context, trial_id, interval, _SEEN_DAYS, fill(_SEEN_LIVE, events=EVENTS))


def people(context: QueryContext, trial_id: str, interval: Interval, columns: Collection[Column]) -> Source:
    """Return rows of arm with *columns* as hashes; someone may stand in several rows."""
    live = ", ".join(f"{_PEOPLE[column]} AS {column}" for column in columns)
    parts = fill(_PEOPLE_DAYS, columns=", ".join(columns)), fill(_PEOPLE_LIVE, columns=live, events=EVENTS)
    return _two_parts(context, trial_id, interval, *parts)


def _two_parts(context: QueryContext, trial_id: str, interval: Interval, days_sql: str, live_sql: str) -> Source:
    """Return *days_sql* over the days that are summed, and *live_sql* over the events of what is not."""
    span = context.span(trial_id)
    parted = past(context, span.product_id, interval)
    when, parameters = happened("events", [(r.from_ms, r.to_ms) for r in parted.ranges])
    rest = Source(fill(live_sql, when=when), {**parameters, "product": span.product_id, "trial": trial_id})
    return with_days(rest, parted, fill(days_sql, days=DAYS), {})
