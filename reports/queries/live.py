"""What happened in the last minutes: live cells, so what came late is not in it until its block is settled."""

from collections.abc import Iterable

from reports.queries import sources
from reports.queries.context import QueryContext, moment
from reports.queries.metric_columns import estimate
from reports.queries.model import Interval, KindCount, LiveCounts, Point
from reports.queries.spans import starts, step_start
from schemas.timing import DAY_MS, MINUTE_MS, minute_of


def live_counts(context: QueryContext, trial_id: str, minutes: int = 15) -> LiveCounts:
    """Return what came in the last *minutes*, up to the end of this one (partners' clocks may be ahead)."""
    end = minute_of(context.now_ms) + MINUTE_MS
    interval = Interval(end - minutes * MINUTE_MS, end)
    by_kind: dict[str, tuple[int, int]] = {}
    by_minute: dict[int, int] = {}
    ranks: dict[int, int] = {}
    source = sources.by_minute(context.span(trial_id), [interval])
    for kind, minute, events, last_ms, registers in source.rows(context, "live_kinds"):
        _take_in(ranks, registers)
        before = by_kind.get(str(kind), (0, 0))
        by_kind[str(kind)] = (before[0] + int(events), max(before[1], int(last_ms)))
        by_minute[int(minute)] = by_minute.get(int(minute), 0) + int(events)
    events = sum(by_minute.values())
    people = estimate(len(ranks), sum(2.0**-rank for rank in ranks.values()))
    return LiveCounts(
        interval=interval,
        events=events,
        subjects=people if ranks or not events else None,
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
    """Return when the trial's latest event until now occurred, or None before the first."""
    until_ms = minute_of(context.now_ms) + MINUTE_MS
    given = {"product": context.span(trial_id).product_id, "trial": trial_id, "until": moment(until_ms)}
    # Nearly always it is of the last days, and a question about all months opens the files of all.
    since = moment(step_start(context.now_ms - DAY_MS, "day"))
    ((at_ms, cells_seen),) = context.rows("live_last", {**given, "since": since}, recent=True)
    if not cells_seen:
        ((at_ms, cells_seen),) = context.rows("live_last", given, recent=False)
    return min(int(at_ms), context.now_ms) if cells_seen else None
