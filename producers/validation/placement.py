"""Where an event belongs: placement, product, trial and arm, or why nowhere."""

from dataclasses import dataclass
from typing import NamedTuple

from producers.validation.decode import EventFault
from registry.directory import Directory, PlacementSpan, TrialSpan
from schemas.event import SANDBOX_PREFIX
from schemas.event_struct import EventStruct
from schemas.outcomes import RejectReason


class ResolvedPlacement(NamedTuple):
    """Where an accepted event is stored."""

    placement_id: str
    product_id: str
    trial_id: str
    arm: str


def sandboxed(located: ResolvedPlacement) -> ResolvedPlacement:
    """Return where an event is stored that belongs to *located* and is to be in none of its numbers."""
    return located._replace(
        placement_id=located.placement_id and SANDBOX_PREFIX + located.placement_id,
        product_id=SANDBOX_PREFIX + located.product_id,
        trial_id=SANDBOX_PREFIX + located.trial_id,
    )


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The times that are taken: Unix milliseconds, both ends included."""

    oldest_ms: int
    newest_ms: int
    now_ms: int


def resolve_placement(
    event: EventStruct,
    occurred_ms: int,
    directory: Directory,
    window: TimeWindow,
    candidates: tuple[PlacementSpan, ...] | None = None,
) -> ResolvedPlacement | EventFault:
    """Return where *event* at *occurred_ms* belongs, or the first fault in the order of reasons.

    *candidates*: the placements that a native push's keys match, whatever their times; None for a batch push, which
    names its place itself. Whether the account may name the product is not asked here.
    """
    if candidates is None:
        placed = directory.placed.get(event.placement_id) if event.placement_id is not None else None
    else:
        placed = next((p for p in candidates if p.covers(occurred_ms)), candidates[0] if candidates else None)
    if event.trial_id is not None or event.arm is not None or event.product_id is not None:
        fault = _contradiction(event, occurred_ms, directory, placed)
        if fault is not None:
            return fault
    if not window.oldest_ms <= occurred_ms <= window.newest_ms:
        return _outside_window(occurred_ms, window)
    if event.product_id is not None and event.product_id not in directory.products:
        return EventFault(RejectReason.UNKNOWN_PRODUCT, "product_id", "no product of this id is registered")
    if placed is None:
        return _place_by_trial(event, occurred_ms, directory, native=candidates is not None)
    span = directory.trial_spans[placed.trial_id]
    if not (placed.covers(occurred_ms) and span.covers(occurred_ms)):
        return EventFault(
            RejectReason.OUTSIDE_TRIAL, "occurred_at", f"{placed.placement_id} takes part in no trial at that time"
        )
    arm = "" if span.in_baseline(occurred_ms) else placed.arm_at(occurred_ms)
    return ResolvedPlacement(placed.placement_id, placed.product_id, placed.trial_id, arm)


def _outside_window(occurred_ms: int, window: TimeWindow) -> EventFault:
    if occurred_ms > window.newest_ms:
        return EventFault(
            RejectReason.OCCURRED_AT_IN_FUTURE,
            "occurred_at",
            f"{_span_text(occurred_ms - window.now_ms)} ahead of the server; check the device's clock",
        )
    age, limit = _span_text(window.now_ms - occurred_ms), _span_text(window.now_ms - window.oldest_ms)
    return EventFault(RejectReason.OCCURRED_AT_TOO_OLD, "occurred_at", f"{age} old; at most {limit} is taken")


def _span_text(ms: int) -> str:
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if ms >= length:
            return f"{ms // length} {unit}"
    return f"{ms // 1000} s"


def _place_by_trial(
    event: EventStruct, occurred_ms: int, directory: Directory, *, native: bool
) -> ResolvedPlacement | EventFault:
    if native or event.placement_id is not None:
        return EventFault(
            RejectReason.UNKNOWN_PLACEMENT,
            "placement_id",
            "no placement of this account matches; register it, then replay the reject"
            if native
            else "no placement of this id is registered; register it, then replay the reject",
        )
    span = _running(event, occurred_ms, directory)
    if span is None:
        return EventFault(RejectReason.OUTSIDE_TRIAL, "occurred_at", f"{event.product_id} is in no trial at that time")
    arm = event.arm or (span.arms[0] if len(span.arms) == 1 else "")
    return ResolvedPlacement("", span.product_id, span.trial_id, "" if span.in_baseline(occurred_ms) else arm)


def _running(event: EventStruct, occurred_ms: int, directory: Directory) -> TrialSpan | None:
    """Return the trial that *event* names, or its product's, where it runs at that time."""
    if event.trial_id is not None:
        span = directory.trial_spans.get(event.trial_id)
        return span if span is not None and span.covers(occurred_ms) else None
    spans = () if event.product_id is None else directory.trials_of_product.get(event.product_id, ())
    return next((span for span in spans if span.covers(occurred_ms)), None)


def _contradiction(
    event: EventStruct, occurred_ms: int, directory: Directory, placed: PlacementSpan | None
) -> EventFault | None:
    product_id, trial_id = event.product_id, event.trial_id
    if placed is not None and product_id is not None and product_id != placed.product_id:
        return EventFault(RejectReason.INVALID_VALUE, "product_id", f"{placed.placement_id} holds another product")
    if trial_id is not None:
        span = directory.trial_spans.get(trial_id)
        if span is None:
            return EventFault(RejectReason.INVALID_VALUE, "trial_id", "no trial of this id is registered")
        expected = product_id if placed is None else placed.product_id
        if (placed is not None and placed.trial_id != trial_id) or (
            expected is not None and span.product_id != expected
        ):
            return EventFault(
                RejectReason.INVALID_VALUE, "trial_id", "this trial is not the one of the place or product"
            )
    if event.arm is not None:
        return _arm_contradiction(event, occurred_ms, directory, placed)
    return None


def _arm_contradiction(
    event: EventStruct, occurred_ms: int, directory: Directory, placed: PlacementSpan | None
) -> EventFault | None:
    if placed is not None:
        if event.arm != placed.arm_at(occurred_ms):
            return EventFault(RejectReason.INVALID_VALUE, "arm", f"{placed.placement_id} is in another arm")
        return None
    span = _running(event, occurred_ms, directory)
    if span is not None and event.arm not in span.arms:
        return EventFault(RejectReason.INVALID_VALUE, "arm", f"must be one of the trial's arms: {', '.join(span.arms)}")
    return None
