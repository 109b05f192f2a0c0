"""What happened in the last minutes: live cells, so what came late is not in it until its block is settled."""

from reports.queries import cells
from reports.queries.model import Interval, KindCount, NowAnswer, Point, QueryContext
from reports.queries.sql import fill, rows
from reports.sketches import estimate
from reports.spans import starts
from schemas.timing import MINUTE_MS, minute_of

_KINDS_SQL = """
SELECT kind, toUnixTimestamp(at) * 1000 AS minute, sum(events), max(last_ms)
FROM (#source#) AS cells
WHERE events > 0
GROUP BY kind, minute
"""
_PEOPLE_SQL = """
SELECT count(), sum(exp2(-toFloat64(rank)))
FROM (
    SELECT bitShiftRight(register, 6) AS place, max(bitAnd(register, 63)) AS rank
    FROM (#source#) AS cells
    ARRAY JOIN subjects AS register
    GROUP BY place
) AS registers
"""
_LAST_SQL = """
SELECT max(latest.last_ms), count()
FROM (
    SELECT last_ms FROM (
        SELECT minute, last_ms FROM cells_live
        WHERE product_id = {product:String} AND trial_id = {trial:String}
        ORDER BY minute DESC LIMIT 100
    )
    UNION ALL
    SELECT last_ms FROM (
        SELECT minute, last_ms FROM cells_settled
        WHERE product_id = {product:String} AND trial_id = {trial:String} AND events > 0
        ORDER BY minute DESC LIMIT 100
    )
) AS latest
"""
# 100 rows from the end of each key hold the latest minute's cells: kinds x placements x sources, rarely near that.


def now(context: QueryContext, trial_id: str, minutes: int = 15) -> NowAnswer:
    """Return what came in the last *minutes*, up to the end of this one (partners' clocks may be ahead)."""
    end = minute_of(context.now_ms) + MINUTE_MS
    interval = Interval(end - minutes * MINUTE_MS, end)
    source = cells.by_minute(context, trial_id, interval)
    by_kind: dict[str, tuple[int, int]] = {}
    by_minute: dict[int, int] = {}
    for kind, minute, events, last_ms in rows(context, fill(_KINDS_SQL, source=source.sql), source.parameters):
        before = by_kind.get(str(kind), (0, 0))
        by_kind[str(kind)] = (before[0] + int(events), max(before[1], int(last_ms)))
        by_minute[int(minute)] = by_minute.get(int(minute), 0) + int(events)
    (people,) = rows(context, fill(_PEOPLE_SQL, source=source.sql), source.parameters)
    return NowAnswer(
        interval=interval,
        events=sum(by_minute.values()),
        subjects=estimate(int(people[0]), float(people[1] or 0)),
        kinds=tuple(KindCount(kind, *counts) for kind, counts in sorted(by_kind.items())),
        minutes=tuple(
            Point(start, by_minute.get(start, 0), by_minute.get(start, 0)) for start in starts(interval, "minute")
        ),
        last_ms=last_event_ms(context, trial_id),
    )


def last_event_ms(context: QueryContext, trial_id: str) -> int | None:
    """Return when the trial's latest event occurred, or None before the first."""
    parameters = {"product": context.span(trial_id).product_id, "trial": trial_id}
    ((at_ms, cells_seen),) = rows(context, _LAST_SQL, parameters)
    return int(at_ms) if cells_seen else None
