"""Exposure, start, completion, order: how many events, and how many people went on from step to step, in that order."""

from collections import defaultdict

from reports.queries import cells
from reports.queries.model import Dimension, Funnel, FunnelStep, Interval, QueryContext
from reports.queries.sql import fill, moment, rows
from reports.queries.totals import EVENTS
from schemas.timing import DAY_MS

STEPS = ("exposure", "use.started", "use.completed", "order.paid")
WINDOW_MS = DAY_MS
"""A person goes on within a day of the first step: a visit to the street, not two."""

# windowFunnel counts how far each person came in order; people without a subject are in the events alone.
_SQL = """
SELECT split, level, count() AS people, sum(exposures), sum(starts), sum(completions), sum(orders)
FROM (
    SELECT
        #split# AS split,
        subject,
        if(subject = '', 0, windowFunnel({window:UInt64})(
            toUInt64(toUnixTimestamp64Milli(occurred_at)),
            kind = 'exposure',
            kind = 'use.started',
            kind = 'use.completed' AND outcome = 'ok',
            kind = 'order.paid'
        )) AS level,
        countIf(kind = 'exposure') AS exposures,
        countIf(kind = 'use.started') AS starts,
        countIf(kind = 'use.completed' AND outcome = 'ok') AS completions,
        countIf(kind = 'order.paid') AS orders
    FROM (#source#) AS source
    WHERE kind IN ('exposure', 'use.started', 'use.completed', 'order.paid')
    GROUP BY split, subject
) AS people
GROUP BY split, level
ORDER BY split, level
"""


def funnel(context: QueryContext, trial_id: str, interval: Interval, by: Dimension | None = None) -> tuple[Funnel, ...]:
    """Return a funnel for each value of *by* (any but kind), from stored events; one where nothing is split.

    Raises `ValueError` where *by* is kind: the steps are kinds.
    """
    if by == "kind":
        raise ValueError("a funnel's steps are kinds")
    found: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    parameters = {
        "trial": trial_id,
        "from": moment(interval.from_ms),
        "to": moment(interval.to_ms),
        "window": WINDOW_MS,
    }
    sql = fill(_SQL, split=cells.COLUMN[by] if by else "''", source=EVENTS)
    for split, *numbers in rows(context.client, sql, parameters):
        found[str(split)].append(tuple(int(number) for number in numbers))
    if not found and by is None:
        found[""] = []
    return tuple(Funnel(by={by: split} if by else {}, steps=_steps(levels)) for split, levels in found.items())


def _steps(levels: list[tuple[int, ...]]) -> tuple[FunnelStep, ...]:
    steps: list[FunnelStep] = []
    for number, kind in enumerate(STEPS, start=1):
        people = sum(level[1] for level in levels if level[0] >= number)
        before = steps[-1].subjects if steps else 0
        steps.append(
            FunnelStep(
                kind=kind,
                events=sum(level[number + 1] for level in levels),
                subjects=people,
                share=people / before if before else None,
            )
        )
    return tuple(steps)
