"""What is wrong with some events of a batch, and the reason the server must name for each."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from avenue.simulator.messages.base import ExpectedEvent
from avenue.simulator.messages.sessions import BatchLine, Fields, SimulatedPlacement, line_of, rfc3339
from schemas.codec import encode
from schemas.outcomes import RejectReason
from schemas.timing import DAY_MS, HOUR_MS

UNKNOWN_PLACEMENT = "p-not-registered"
UNKNOWN_PRODUCT = "product-not-registered"


@dataclass(frozen=True, slots=True)
class FlawContext:
    """A sound event to spoil, and what the flaws must know beside it."""

    rng: random.Random
    next_id: Callable[[], str]
    placement: SimulatedPlacement
    at_ms: int
    max_age_ms: int
    foreign_product: str
    """A product that the account may not name; '' where it may name all."""

    def fields(self, **more: object) -> Fields:
        """Return a sound `interaction`, with *more* over it."""
        base: Fields = {
            "event_id": self.next_id(),
            "kind": "interaction",
            "occurred_at": rfc3339(self.at_ms),
            "placement_id": self.placement.placement_id,
        }
        return {**base, **more}


def _spoilt(context: FlawContext, fields: Fields, reason: RejectReason, at_ms: int | None = None) -> list[BatchLine]:
    when = context.at_ms if at_ms is None else at_ms
    wire = encode(fields)
    event_id, kind = str(fields.get("event_id", "")), str(fields.get("kind", ""))
    return [BatchLine(wire, ExpectedEvent(event_id, kind, when, "rejected", reason, reason.value, wire))]


def _malformed(context: FlawContext) -> list[BatchLine]:
    wire = encode(context.fields())
    cut = wire[: context.rng.randint(2, len(wire) - 1)]
    return [BatchLine(cut, ExpectedEvent("", "", None, "rejected", RejectReason.MALFORMED, "malformed", cut))]


def _not_an_object(context: FlawContext) -> list[BatchLine]:
    wire = context.rng.choice((b'"use.completed"', b"42", b"true"))
    return [BatchLine(wire, ExpectedEvent("", "", None, "rejected", RejectReason.NOT_AN_OBJECT, "not_an_object", wire))]


def _missing_field(context: FlawContext) -> list[BatchLine]:
    fields = context.fields()
    del fields[context.rng.choice(("kind", "occurred_at", "event_id"))]
    return _spoilt(context, fields, RejectReason.MISSING_FIELD)


def _missing_outcome(context: FlawContext) -> list[BatchLine]:
    return _spoilt(context, context.fields(kind="use.completed", duration_ms=900), RejectReason.MISSING_FIELD)


def _unknown_field(context: FlawContext) -> list[BatchLine]:
    return _spoilt(context, context.fields(duration=900), RejectReason.UNKNOWN_FIELD)


def _invalid_value(context: FlawContext) -> list[BatchLine]:
    wrong = context.rng.choice(({"rating": 9}, {"outcome": "done"}, {"duration_ms": -1}, {"kind": "used"}))
    return _spoilt(context, context.fields(**wrong), RejectReason.INVALID_VALUE)


def _future(context: FlawContext) -> list[BatchLine]:
    at_ms = context.at_ms + 4 * HOUR_MS
    return _spoilt(context, context.fields(occurred_at=rfc3339(at_ms)), RejectReason.OCCURRED_AT_IN_FUTURE, at_ms)


def _too_old(context: FlawContext) -> list[BatchLine]:
    at_ms = context.at_ms - context.max_age_ms - 2 * DAY_MS
    return _spoilt(context, context.fields(occurred_at=rfc3339(at_ms)), RejectReason.OCCURRED_AT_TOO_OLD, at_ms)


def _unknown_product(context: FlawContext) -> list[BatchLine]:
    fields = context.fields(product_id=UNKNOWN_PRODUCT)
    del fields["placement_id"]
    return _spoilt(context, fields, RejectReason.UNKNOWN_PRODUCT)


def unknown_placement(context: FlawContext) -> list[BatchLine]:
    """Return an event of a placement that is not registered yet."""
    return _spoilt(context, context.fields(placement_id=UNKNOWN_PLACEMENT), RejectReason.UNKNOWN_PLACEMENT)


def _too_large(context: FlawContext) -> list[BatchLine]:
    attributes = {f"note_{index}": "x" * 240 for index in range(24)}
    return _spoilt(context, context.fields(attributes=attributes), RejectReason.TOO_LARGE)


def _personal(context: FlawContext) -> list[BatchLine]:
    # A number from the range that is kept for films: personal by its form, nobody's in fact.
    return _spoilt(context, context.fields(attributes={"note": "tel 13800138000"}), RejectReason.PERSONAL_DATA)


def _withdrawn(context: FlawContext) -> list[BatchLine]:
    """A person withdraws consent, and an event of that person comes after it."""
    subject = f"withdrawn-{context.next_id()}"
    first = context.fields(kind="consent.withdrawn", subject=subject)
    later = context.fields(subject=subject, occurred_at=rfc3339(context.at_ms + 1))
    spoilt = _spoilt(context, later, RejectReason.CONSENT_WITHDRAWN, context.at_ms + 1)
    return [line_of(first, context.at_ms), *spoilt]


def _outside_trial(context: FlawContext) -> list[BatchLine]:
    at_ms = context.placement.from_ms - HOUR_MS
    if at_ms < context.at_ms - context.max_age_ms + DAY_MS:
        return _unknown_field(context)
    return _spoilt(context, context.fields(occurred_at=rfc3339(at_ms)), RejectReason.OUTSIDE_TRIAL, at_ms)


def _not_yours(context: FlawContext) -> list[BatchLine]:
    if not context.foreign_product:
        return _unknown_product(context)
    fields = context.fields(product_id=context.foreign_product)
    del fields["placement_id"]
    return _spoilt(context, fields, RejectReason.NOT_YOUR_PRODUCT)


FLAWS: tuple[Callable[[FlawContext], list[BatchLine]], ...] = (
    _malformed,
    _not_an_object,
    _missing_field,
    _missing_outcome,
    _unknown_field,
    _invalid_value,
    _future,
    _too_old,
    _unknown_product,
    _too_large,
    _personal,
    _withdrawn,
    _outside_trial,
    _not_yours,
)
