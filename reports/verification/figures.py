"""A metric over events, by its definition: every rule but those of due time."""

from collections.abc import Callable, Mapping

import numpy as np

from reports.metrics import METRICS, USE, DistinctRule, QuantileRule, RatioRule, SumRule, percent_rank
from reports.verification.event_table import NO_VALUE, EventTable, Ints
from schemas.registry import MetricId

Value = float | int | None
_PERSON = {"subjects": "subject", "sessions": "session"}


def _count(kind: str, outcome: str = "") -> Callable[[EventTable], int]:
    def count(events: EventTable) -> int:
        found = events.of("kind", kind)
        return int(np.count_nonzero(found & events.of("outcome", outcome) if outcome else found))

    return count


def _amounts(events: EventTable, kind: str) -> int:
    amounts = events["amount_fen"][events.of("kind", kind)]
    return int(amounts[amounts != NO_VALUE].sum())


def durations(events: EventTable) -> Ints:
    """Return the durations of uses, in order."""
    found = events["duration_ms"][events.of("kind", USE)]
    ordered: Ints = np.sort(found[found != NO_VALUE])
    return ordered


def _ratings(events: EventTable) -> Ints:
    found: Ints = events["rating"][events["rating"] != NO_VALUE]
    return found


MEASURE: Mapping[str, Callable[[EventTable], int]] = {
    "events": len,
    "exposures": _count("exposure"),
    "interactions": _count("interaction"),
    "starts": _count("use.started"),
    "uses": _count(USE),
    "ok": _count(USE, "ok"),
    "failed": _count(USE, "failed"),
    "abandoned": _count(USE, "abandoned"),
    "timed_uses": lambda events: len(durations(events)),
    "duration_ms": lambda events: int(durations(events).sum()),
    "orders": _count("order.paid"),
    "refunds": _count("order.refunded"),
    "orders_and_refunds": lambda events: int(np.count_nonzero(events.of("kind", "order.paid", "order.refunded"))),
    "revenue_fen": lambda events: _amounts(events, "order.paid") - _amounts(events, "order.refunded"),
    "trade_ins": _count("trade_in.completed"),
    "ratings": lambda events: len(_ratings(events)),
    "stars": lambda events: int(_ratings(events).sum()),
}
"""Each measure of `reports.metrics`, of single events."""


def different(events: EventTable, column: str) -> int:
    """Return how many different *column*, "subjects" or "sessions", there are."""
    found = np.unique(events[_PERSON[column]])
    return int(np.count_nonzero(found))


def figure(metric: MetricId, events: EventTable) -> tuple[Value, int]:
    """Return the value and n of *metric*. Raises `KeyError` of one that is a share of due time."""
    match METRICS[metric].rule:
        case SumRule(measure, of):
            return MEASURE[measure](events), MEASURE[of](events)
        case RatioRule(top, bottom):
            n = MEASURE[bottom](events)
            return (MEASURE[top](events) / n if n else None), n
        case DistinctRule(column):
            return different(events, column), len(events)
        case QuantileRule(percent):
            found = durations(events)
            return (int(found[percent_rank(len(found), percent) - 1]) if len(found) else None), len(found)
        case _:
            raise KeyError(metric)
