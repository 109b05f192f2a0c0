"""Exposure, start, completion, order: how many events, and how many people went on from step to step, in that order."""

from collections.abc import Sequence

from reports.queries import cells
from reports.queries.daily_rollups import DAYS, RollupSplit, split_interval
from reports.queries.model import Dimension, Funnel, FunnelStep, Interval, QueryContext
from reports.queries.sql import MILLISECOND, fill, happened, rows, within
from schemas.timing import DAY_MS

STEPS = ("exposure", "use.started", "use.completed", "order.paid")
WINDOW_MS = DAY_MS
"""A person goes on within a day of the first step: a visit to the street, not two."""

_SQL = """
SELECT
    split,
    sum(parts.exposures), sum(parts.starts), sum(parts.completions), sum(parts.orders),
    uniqExactArray(arrayConcat(reached_1, reached_2, reached_3, reached_4)),
    uniqExactArray(arrayConcat(reached_2, reached_3, reached_4)),
    uniqExactArray(arrayConcat(reached_3, reached_4)),
    uniqExactArray(reached_4)
FROM (#source#) AS parts
GROUP BY split
ORDER BY split
"""
# windowFunnel counts how far each person came in order; people without a subject are in the events alone. A person came
# as far as from any exposure, so that days and ranges may be looked at apart: an exposure in its own, what follows it
# in its window.
_EVENTS = """
    SELECT
        split, sum(people.exposures) AS exposures, sum(people.starts) AS starts,
        sum(people.completions) AS completions, sum(people.orders) AS orders,
        groupArrayIf(person, level = 1) AS reached_1, groupArrayIf(person, level = 2) AS reached_2,
        groupArrayIf(person, level = 3) AS reached_3, groupArrayIf(person, level = 4) AS reached_4
    FROM (
        SELECT
            #split# AS split,
            reinterpretAsUInt128(sipHash128(subject)) AS person,
            if(subject = '', 0, windowFunnel({window:UInt64})(
                toUInt64(toUnixTimestamp64Milli(occurred_at)),
                kind = 'exposure' AND own,
                kind = 'use.started',
                kind = 'use.completed' AND outcome = 'ok',
                kind = 'order.paid'
            )) AS level,
            countIf(own AND kind = 'exposure') AS exposures,
            countIf(own AND kind = 'use.started') AS starts,
            countIf(own AND kind = 'use.completed' AND outcome = 'ok') AS completions,
            countIf(own AND kind = 'order.paid') AS orders,
            countIf(own) AS own_events
        FROM (
            SELECT platform, placement_id, arm, kind, outcome, occurred_at, subject, #own# AS own
            FROM pilot_events FINAL
            WHERE trial_id = {trial:String} AND #when#
              AND kind IN ('exposure', 'use.started', 'use.completed', 'order.paid')
        ) AS source
        GROUP BY split, subject
    ) AS people
    GROUP BY split
    HAVING sum(people.own_events) > 0"""
_DAYS = """
    SELECT arm AS split, exposures, starts, completions, orders, reached_1, reached_2, reached_3, reached_4
    FROM funnels_daily FINAL
    WHERE #days#"""


def funnel(context: QueryContext, trial_id: str, interval: Interval, by: Dimension | None = None) -> tuple[Funnel, ...]:
    """Return a funnel for each value of *by* (any but kind), from stored events; one where nothing is split.

    Raises `ValueError` where *by* is kind: the steps are kinds.
    """
    if by == "kind":
        raise ValueError("a funnel's steps are kinds")
    source = _source(context, trial_id, interval, by)
    found = {
        str(split): _steps([int(number) for number in numbers])
        for split, *numbers in rows(context, fill(_SQL, source=source.sql), source.parameters)
    }
    if not found and by is None:
        found[""] = _steps([0] * 2 * len(STEPS))
    return tuple(Funnel(by={by: split} if by else {}, steps=steps) for split, steps in found.items())


def _source(context: QueryContext, trial_id: str, interval: Interval, by: Dimension | None) -> cells.Subquery:
    product_id = context.span(trial_id).product_id
    # Days are summed by arm; whatever else is asked is read from events.
    whole = (
        split_interval(context, product_id, interval, "funnels") if by == "arm" else RollupSplit((), (), (interval,))
    )
    own, parameters = within("occurred_at", MILLISECOND, "own", [(r.from_ms, r.to_ms) for r in whole.unrolled])
    reach = [(r.from_ms, min(r.to_ms + WINDOW_MS + 1, interval.to_ms)) for r in whole.unrolled]
    when, more = happened("events", reach)
    parameters |= more | {"product": product_id, "trial": trial_id, "window": WINDOW_MS}
    parts = {"split": cells.COLUMN[by] if by else "''", "own": own, "when": when}
    return cells.with_days(cells.Subquery(fill(_EVENTS, **parts), parameters), whole, fill(_DAYS, days=DAYS), {})


def _steps(numbers: Sequence[int]) -> tuple[FunnelStep, ...]:
    """Return the steps from their events, followed by their people."""
    steps: list[FunnelStep] = []
    for kind, events, people in zip(STEPS, numbers[: len(STEPS)], numbers[len(STEPS) :], strict=True):
        before = steps[-1].subjects if steps else 0
        steps.append(FunnelStep(kind=kind, events=events, subjects=people, share=people / before if before else None))
    return tuple(steps)
