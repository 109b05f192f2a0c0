"""Weeks of the street, from Monday, and what a statement gives of each; what past weeks gave is kept in the process."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from reports.queries import exact
from reports.queries.context import QueryContext, Rows
from reports.queries.model import Interval
from reports.queries.sources import split_interval
from reports.queries.spans import merged
from schemas.timing import DAY_MS, SHANGHAI_MS

WEEK_MS = 7 * DAY_MS
_THURSDAY_MS = 3 * DAY_MS
"""1970-01-01 was one: so far into its week."""

Row = Sequence[Any]


def week_start(at_ms: int) -> int:
    """Return the start, in Unix ms, of the Shanghai week that holds *at_ms*: Monday, midnight."""
    return at_ms - (at_ms + SHANGHAI_MS + _THURSDAY_MS) % WEEK_MS


def weeks_of(interval: Interval) -> tuple[int, ...]:
    """Return the starts of the weeks that *interval* touches."""
    if interval.empty:
        return ()
    return tuple(range(week_start(interval.from_ms), interval.to_ms, WEEK_MS))


def weekly_rows(context: QueryContext, trial_id: str, interval: Interval, statement: str) -> Mapping[int, list[Row]]:
    """Return the rows of `<statement>.sql` over the stored events of *interval* by week, without their first column.

    The statement groups by week and gives its start first. A week may come in two parts: of days that are summed, whose
    events were looked at once for each run of theirs, and of the others.
    """
    split = split_interval(context, context.span(trial_id).product_id, interval)
    runs: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for day, run in zip(split.days, split.runs, strict=True):
        runs[week_start(day)].append((day, run))
    found: dict[int, list[Row]] = defaultdict(list)
    for week, rows in _of_summed_days(context, trial_id, statement, runs):
        found[week] += rows
    if any(not one.empty for one in split.unrolled):
        for week, *row in exact.events_of(trial_id, split.unrolled).rows(context, statement):
            found[int(week)].append(row)
    return found


def _of_summed_days(
    context: QueryContext, trial_id: str, statement: str, runs: Mapping[int, Sequence[tuple[int, int]]]
) -> Iterator[tuple[int, Rows]]:
    keys: dict[int, Hashable] = {week: (statement, trial_id, tuple(days)) for week, days in runs.items()}
    known = {week: context.rollup_cache.get(key) for week, key in keys.items()}
    missing = [week for week, rows in known.items() if rows is None]
    if missing:
        days = merged((day, day + DAY_MS) for week in missing for day, _ in runs[week])
        asked = exact.events_of(trial_id, tuple(Interval(*span) for span in days)).rows(context, statement)
        for week in missing:
            rows = [row[1:] for row in asked if int(row[0]) == week]
            known[week] = context.rollup_cache.put(keys[week], rows)
    yield from ((week, rows) for week, rows in known.items() if rows is not None)
