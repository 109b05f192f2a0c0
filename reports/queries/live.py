"""What happened in the last minutes: live cells, so what came late is not in it until its block is settled."""

from collections.abc import Iterable
from typing import Any

from reports.queries import cells
from reports.queries.model import Interval, KindCount, LiveCounts, Point, QueryContext
from reports.queries.spans import starts, step_start
from reports.queries.sql import fill, moment, rows
from reports.sketches import estimate
from schemas.timing import DAY_MS, MINUTE_MS, minute_of

_KINDS_SQL = """
SELECT kind, toUnixTimestamp(at) * 1000 AS minute, sum(events), max(last_ms), groupUniqArrayArray(subjects)
FROM (#source#) AS cells
WHERE events > 0
GROUP BY kind, minute
"""
_LAST_SQL = """
SELECT max(latest.last_ms), count()
FROM (
    SELECT last_ms FROM (
        SELECT minute, last_ms FROM cells_live
        WHERE product_id = {product:String} AND trial_id = {trial:String} AND #since#
        ORDER BY minute DESC LIMIT 100
    )
    UNION ALL
    SELECT last_ms FROM (
        SELECT minute, last_ms FROM cells_settled
        WHERE product_id = {product:String} AND trial_id = {trial:String} AND #since# AND events > 0
        ORDER BY minute DESC LIMIT 100
    )
) AS latest
"""
# 100 rows from the end of each key hold the latest minute's cells: kinds x placements x sources, rarely near that.


def live_counts(context: QueryContext, trial_id: str, minutes: int = 15) -> LiveCounts:
    """Return what came in the last *minutes*, up to the end of this one (partners' clocks may be ahead)."""
    end = minute_of(context.now_ms) + MINUTE_MS
    interval = Interval(end - minutes * MINUTE_MS, end)
    source = cells.by_minute(context, trial_id, interval)
    by_kind: dict[str, tuple[int, int]] = {}
    by_minute: dict[int, int] = {}
    ranks: dict[int, int] = {}
    answer = rows(context, fill(_KINDS_SQL, source=source.sql), source.parameters)
    for kind, minute, events, last_ms, registers in answer:
        _take_in(ranks, registers)
        before = by_kind.get(str(kind), (0, 0))
        by_kind[str(kind)] = (before[0] + int(events), max(before[1], int(last_ms)))
        by_minute[int(minute)] = by_minute.get(int(minute), 0) + int(events)
    return LiveCounts(
        interval=interval,
        events=sum(by_minute.values()),
        subjects=estimate(len(ranks), sum(2.0**-rank for rank in ranks.values())),
        kinds=tuple(KindCount(kind, *counts) for kind, counts in sorted(by_kind.items())),
        minutes=tuple(
            Point(start, by_minute.get(start, 0), by_minute.get(start, 0)) for start in starts(interval, "minute")
        ),
        last_ms=last_event_ms(context, trial_id),
    )


def _take_in(ranks: dict[int, int], registers: Iterable[int]) -> None:
    """Keep the highest rank of each of *registers*, packed as `schemas.cells` says, in *ranks*."""
    for register in registers:
        place, rank = register >> 6, register & 63
        ranks[place] = max(rank, ranks.get(place, 0))


def last_event_ms(context: QueryContext, trial_id: str) -> int | None:
    """Return when the trial's latest event occurred, or None before the first."""
    # Nearly always it is of the last days, and a question about all months opens the files of all.
    since = step_start(context.now_ms - DAY_MS, "day")
    recent = _last_ms(context, trial_id, "minute >= {since:DateTime('UTC')}", {"since": moment(since)})
    return recent if recent is not None else _last_ms(context, trial_id, "1", {})


def _last_ms(context: QueryContext, trial_id: str, since: str, parameters: dict[str, Any]) -> int | None:
    given = {"product": context.span(trial_id).product_id, "trial": trial_id, **parameters}
    ((at_ms, cells_seen),) = rows(context, fill(_LAST_SQL, since=since), given)
    return int(at_ms) if cells_seen else None
