"""Exposure, start, completion, order: how many events, and how many people went on from step to step, in that order."""

from collections import defaultdict

from reports.queries import cells, exact
from reports.queries.model import Dimension, Funnel, FunnelStep, Interval, QueryContext
from reports.queries.past import DAYS, Past, past
from reports.queries.sql import MILLISECOND, fill, rows, within
from schemas.timing import DAY_MS

STEPS = ("exposure", "use.started", "use.completed", "order.paid")
WINDOW_MS = DAY_MS
"""A person goes on within a day of the first step: a visit to the street, not two."""

_SQL = """
SELECT split, level, count() AS people, sum(person_exposures), sum(person_starts), sum(person_completions),
    sum(person_orders)
FROM (
    SELECT
        split, person, max(part_level) AS level, sum(exposures) AS person_exposures, sum(starts) AS person_starts,
        sum(completions) AS person_completions, sum(orders) AS person_orders
    FROM (#source#) AS parts
    GROUP BY split, person
) AS people
GROUP BY split, level
ORDER BY split, level
"""
# windowFunnel counts how far each person came in order; people without a subject are in the events alone. A person's
# level is the highest of all exposures', so that days and ranges may be looked at apart: each exposure within its own,
# what follows it within its window.
_EVENTS = """
    SELECT
        #split# AS split,
        if(subject = '', 0, reinterpretAsUInt128(sipHash128(subject))) AS person,
        if(subject = '', 0, windowFunnel({window:UInt64})(
            toUInt64(toUnixTimestamp64Milli(occurred_at)),
            kind = 'exposure' AND own,
            kind = 'use.started',
            kind = 'use.completed' AND outcome = 'ok',
            kind = 'order.paid'
        )) AS part_level,
        countIf(own AND kind = 'exposure') AS exposures,
        countIf(own AND kind = 'use.started') AS starts,
        countIf(own AND kind = 'use.completed' AND outcome = 'ok') AS completions,
        countIf(own AND kind = 'order.paid') AS orders
    FROM (
        SELECT *, #own# AS own FROM (#events#) AS reach
        WHERE kind IN ('exposure', 'use.started', 'use.completed', 'order.paid')
    ) AS source
    GROUP BY split, subject
    HAVING part_level > 0 OR exposures + starts + completions + orders > 0"""
_DAYS = """
    SELECT arm AS split, toUInt128(0) AS person, 0 AS part_level, exposures, starts, completions, orders
    FROM funnels_daily FINAL
    WHERE #days#
    UNION ALL
    SELECT split, arrayJoin(people) AS person, part_level, 0, 0, 0, 0
    FROM (
        SELECT arm AS split, people, part_level
        FROM funnels_daily FINAL
            ARRAY JOIN [reached_1, reached_2, reached_3, reached_4] AS people, [1, 2, 3, 4] AS part_level
        WHERE #days#
    ) AS rolled"""


def funnel(context: QueryContext, trial_id: str, interval: Interval, by: Dimension | None = None) -> tuple[Funnel, ...]:
    """Return a funnel for each value of *by* (any but kind), from stored events; one where nothing is split.

    Raises `ValueError` where *by* is kind: the steps are kinds.
    """
    if by == "kind":
        raise ValueError("a funnel's steps are kinds")
    found: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    source = _source(context, trial_id, interval, by)
    for split, *numbers in rows(context, fill(_SQL, source=source.sql), source.parameters):
        found[str(split)].append(tuple(int(number) for number in numbers))
    if not found and by is None:
        found[""] = []
    return tuple(Funnel(by={by: split} if by else {}, steps=_steps(levels)) for split, levels in found.items())


def _source(context: QueryContext, trial_id: str, interval: Interval, by: Dimension | None) -> cells.Source:
    product_id = context.span(trial_id).product_id
    # Days are summed by arm; whatever else is asked is read from events.
    whole = past(context, product_id, interval, "funnels") if by == "arm" else Past((), (), (interval,))
    own, parameters = within("occurred_at", MILLISECOND, "own", [(r.from_ms, r.to_ms) for r in whole.ranges])
    reach = [(r.from_ms, min(r.to_ms + WINDOW_MS + 1, interval.to_ms)) for r in whole.ranges]
    when, more = within("occurred_at", MILLISECOND, "events", reach)
    parameters |= more | {"product": product_id, "trial": trial_id, "window": WINDOW_MS}
    parts = {"split": cells.COLUMN[by] if by else "''", "own": own, "events": fill(exact.EVENTS, when=when)}
    return cells.with_days(cells.Source(fill(_EVENTS, **parts), parameters), whole, fill(_DAYS, days=DAYS), {})


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
