"""Signs of life of a trial's placements, and their switches: from summed days where they hold, else as they came."""

from collections.abc import Mapping

from reports.queries.cells import Source, rest_by_hour, rest_by_minute, with_days
from reports.queries.model import Interval, QueryContext
from reports.queries.past import DAYS, past
from reports.queries.sql import fill, happened

_REST = "SELECT at, placement_id, events FROM (#source#) AS cells"
_HOURS = """
    SELECT hour AS at, placement_id, hour_count AS events
    FROM places_daily FINAL ARRAY JOIN hours AS hour, hour_events AS hour_count
    WHERE #days#"""

_SWITCHED_DAYS = """
    SELECT placement_id, switched_ms AS at_ms, switched_on AS is_on
    FROM places_daily FINAL ARRAY JOIN switches_ms AS switched_ms, switches_on AS switched_on
    WHERE #days#"""
_SWITCHED = """
    SELECT placement_id, toUnixTimestamp64Milli(occurred_at) AS at_ms, toUInt8(kind = 'device.online') AS is_on
    FROM pilot_events FINAL
    WHERE trial_id = {trial:String} AND #when# AND kind IN ('device.online', 'device.offline')"""

# What lies no further apart than the placement's silence is one span: merging it here or later comes to the same.
_SPANS = """
    SELECT placement_id, span.1 AS first_ms, span.2 AS last_ms
    FROM (
        SELECT
            placement_id,
            transform(placement_id, {silent_placements:Array(String)}, {silences_ms:Array(Int64)}, toInt64(0))
                AS silence_ms,
            arrayMap(
                (first, before) -> first - before > silence_ms, firsts_ms, arrayShiftRight(lasts_ms, 1, toInt64(0))
            ) AS begins,
            arrayZip(
                arrayFilter((first, begin) -> begin, firsts_ms, begins),
                arrayFilter((last, end) -> end, lasts_ms, arrayShiftLeft(begins, 1, toUInt8(1)))
            ) AS spans
        FROM places_daily FINAL
        WHERE #days# AND placement_id IN {silent_placements:Array(String)}
    ) ARRAY JOIN spans AS span"""
_MINUTES = """
    SELECT placement_id, min(first_ms) AS first_ms, max(last_ms) AS last_ms
    FROM (SELECT placement_id, at, cells.first_ms AS first_ms, cells.last_ms AS last_ms FROM (#source#) AS cells
          WHERE placement_id IN {silent_placements:Array(String)} AND events > 0) AS minutes
    GROUP BY placement_id, at"""


def hours(context: QueryContext, trial_id: str, interval: Interval) -> Source:
    """Return how many events came in each hour (`at`) and placement; an hour may stand in several rows."""
    parted, rest = rest_by_hour(context, trial_id, interval)
    shorter = Source(fill(_REST, source=rest.sql), rest.parameters, rest.ctes)
    return with_days(shorter, parted, fill(_HOURS, days=DAYS), {})


def switches(context: QueryContext, trial_id: str, until_ms: int) -> Source:
    """Return what was switched before *until_ms*: `placement_id`, `at_ms`, and in `is_on` whether on or off."""
    product_id = context.span(trial_id).product_id
    parted = past(context, product_id, Interval(0, until_ms))
    when, parameters = happened("events", [(r.from_ms, r.to_ms) for r in parted.ranges])
    live = Source(fill(_SWITCHED, when=when), {**parameters, "product": product_id, "trial": trial_id})
    return with_days(live, parted, fill(_SWITCHED_DAYS, days=DAYS), {})


def spans(context: QueryContext, trial_id: str, interval: Interval, silences_ms: Mapping[str, int]) -> Source:
    """Return spans (`placement_id`, `first_ms`, `last_ms`) that hold no silence longer than the placement's.

    They follow from minutes; neighbours may belong together. Placements without one of *silences_ms* are left out.
    """
    parted, rest = rest_by_minute(context, trial_id, interval)
    silent = {"silent_placements": list(silences_ms), "silences_ms": list(silences_ms.values())}
    minutes = Source(fill(_MINUTES, source=rest.sql), rest.parameters | silent)
    return with_days(minutes, parted, fill(_SPANS, days=DAYS), silent)
