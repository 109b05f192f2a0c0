"""Exposure, start, completion, order: how many events, and how many people went on from step to step, in that order."""

from collections.abc import Sequence

from reports.queries.context import QueryContext, range_parameters
from reports.queries.model import Dimension, Funnel, FunnelStep, Interval
from reports.queries.sources import COLUMN, RollupSplit, split_interval
from schemas.timing import DAY_MS

STEPS = ("exposure", "use.started", "use.completed", "order.paid")
WINDOW_MS = DAY_MS
"""A person goes on within a day of the first step: a visit to the street, not two."""


def funnel(context: QueryContext, trial_id: str, interval: Interval, by: Dimension | None = None) -> tuple[Funnel, ...]:
    """Return a funnel for each value of *by* (any but kind), from stored events; one where nothing is split.

    Raises `ValueError` where *by* is kind: the steps are kinds.
    """
    if by == "kind":
        raise ValueError("a funnel's steps are kinds")
    product_id = context.span(trial_id).product_id
    # Days are summed by arm; whatever else is asked is read from events.
    split = (
        split_interval(context, product_id, interval, "funnels") if by == "arm" else RollupSplit((), (), (interval,))
    )
    # What follows an exposure may lie past the end of its range, in its window.
    reached = [Interval(r.from_ms, min(r.to_ms + WINDOW_MS + 1, interval.to_ms)) for r in split.unrolled]
    answer = context.rows(
        "funnel",
        {
            "product": product_id,
            "trial": trial_id,
            "window": WINDOW_MS,
            **split.parameters,
            **range_parameters("own", split.unrolled),
            **range_parameters("events", reached),
        },
        split=COLUMN[by] if by else "''",
        days=bool(split.days),
        events=len(reached),
    )
    found = {str(value): _steps([int(number) for number in numbers]) for value, *numbers in answer}
    if not found and by is None:
        found[""] = _steps([0] * 2 * len(STEPS))
    return tuple(Funnel(by={by: value} if by else {}, steps=steps) for value, steps in found.items())


def _steps(numbers: Sequence[int]) -> tuple[FunnelStep, ...]:
    """Return the steps from their events, followed by their people."""
    steps: list[FunnelStep] = []
    for kind, events, people in zip(STEPS, numbers[: len(STEPS)], numbers[len(STEPS) :], strict=True):
        before = steps[-1].subjects if steps else 0
        steps.append(FunnelStep(kind=kind, events=events, subjects=people, share=people / before if before else None))
    return tuple(steps)
