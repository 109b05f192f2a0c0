"""Exposure, start, completion, order: how far each person came, in order and within a day of the exposure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reports.verification.event_table import EventTable
from schemas.timing import DAY_MS

STEPS = ("exposure", "use.started", "use.completed", "order.paid")
WINDOW_MS = DAY_MS


def funnels(events: EventTable) -> list[dict[str, Any]]:
    """Return the funnel of each arm that has an event of a step."""
    return [_funnel(str(arm), own) for (arm,), own in _steps(events).by("arm")]


def _steps(events: EventTable) -> EventTable:
    """Return the events of steps, with the step's number; a use that did not go well is none."""
    step = np.full(len(events), -1, dtype=np.int64)
    for number, kind in enumerate(STEPS):
        step[events.of("kind", kind)] = number
    step[(step == STEPS.index("use.completed")) & ~events.of("outcome", "ok")] = -1
    stepped = EventTable({**events.columns, "step": step}, events.names)
    return stepped.where(step >= 0)


def _funnel(arm: str, events: EventTable) -> dict[str, Any]:
    counts = np.bincount(events["step"], minlength=len(STEPS)).tolist()
    reached = [0] * len(STEPS)
    for (subject,), own in events.by("subject"):
        if subject:
            for step in range(_level(own)):
                reached[step] += 1
    people = zip(reached, [0, *reached], strict=False)
    shares = [came / before if before else None for came, before in people]
    steps = [
        {"kind": kind, "events": count, "people": came, "share": share}
        for kind, count, came, share in zip(STEPS, counts, reached, shares, strict=True)
    ]
    return {"by": {"arm": arm}, "steps": steps}


def _level(events: EventTable) -> int:
    """Return how many steps a person took, each not before the one before, all within the window of the first."""
    order = np.lexsort((events["step"], events["occurred_at"]))
    begun: list[int | None] = [None] * len(STEPS)
    for at, step in _pairs(events, order):
        if step == 0:
            begun[0] = at
            continue
        since = begun[step - 1]
        if since is not None and at <= since + WINDOW_MS:
            begun[step] = since
    return max((step + 1 for step, since in enumerate(begun) if since is not None), default=0)


def _pairs(events: EventTable, order: Any) -> Sequence[tuple[int, int]]:
    return list(zip(events["occurred_at"][order].tolist(), events["step"][order].tolist(), strict=True))
