"""What is wrong with some events of a batch, and the reason the server must name for each."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from avenue.simulator.messages.base import Sent
from avenue.simulator.messages.sessions import Fields, Line, Spot, line_of, rfc3339
from schemas.codec import encode
from schemas.outcomes import RejectReason
from schemas.timing import DAY_MS, HOUR_MS

UNKNOWN_PLACEMENT = "p-not-registered"
UNKNOWN_PRODUCT = "product-not-registered"


@dataclass(frozen=True, slots=True)
class Blank:
    """A sound event to spoil, and what the flaws must know beside it."""

    rng: random.Random
    next_id: Callable[[], str]
    spot: Spot
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
            "placement_id": self.spot.placement_id,
        }
        return {**base, **more}


def _spoilt(blank: Blank, fields: Fields, reason: RejectReason, at_ms: int | None = None) -> list[Line]:
    when = blank.at_ms if at_ms is None else at_ms
    wire = encode(fields)
    event_id, kind = str(fields.get("event_id", "")), str(fields.get("kind", ""))
    return [Line(wire, Sent(event_id, kind, when, "rejected", reason, reason.value, wire))]


def _malformed(blank: Blank) -> list[Line]:
    wire = encode(blank.fields())
    cut = wire[: blank.rng.randint(2, len(wire) - 1)]
    return [Line(cut, Sent("", "", None, "rejected", RejectReason.MALFORMED, "malformed", cut))]


def _not_an_object(blank: Blank) -> list[Line]:
    wire = blank.rng.choice((b'"use.completed"', b"42", b"true"))
    return [Line(wire, Sent("", "", None, "rejected", RejectReason.NOT_AN_OBJECT, "not_an_object", wire))]


def _missing_field(blank: Blank) -> list[Line]:
    fields = blank.fields()
    del fields[blank.rng.choice(("kind", "occurred_at", "event_id"))]
    return _spoilt(blank, fields, RejectReason.MISSING_FIELD)


def _missing_outcome(blank: Blank) -> list[Line]:
    return _spoilt(blank, blank.fields(kind="use.completed", duration_ms=900), RejectReason.MISSING_FIELD)


def _unknown_field(blank: Blank) -> list[Line]:
    return _spoilt(blank, blank.fields(duration=900), RejectReason.UNKNOWN_FIELD)


def _invalid_value(blank: Blank) -> list[Line]:
    wrong = blank.rng.choice(({"rating": 9}, {"outcome": "done"}, {"duration_ms": -1}, {"kind": "used"}))
    return _spoilt(blank, blank.fields(**wrong), RejectReason.INVALID_VALUE)


def _future(blank: Blank) -> list[Line]:
    at_ms = blank.at_ms + 4 * HOUR_MS
    return _spoilt(blank, blank.fields(occurred_at=rfc3339(at_ms)), RejectReason.OCCURRED_AT_IN_FUTURE, at_ms)


def _too_old(blank: Blank) -> list[Line]:
    at_ms = blank.at_ms - blank.max_age_ms - 2 * DAY_MS
    return _spoilt(blank, blank.fields(occurred_at=rfc3339(at_ms)), RejectReason.OCCURRED_AT_TOO_OLD, at_ms)


def _unknown_product(blank: Blank) -> list[Line]:
    fields = blank.fields(product_id=UNKNOWN_PRODUCT)
    del fields["placement_id"]
    return _spoilt(blank, fields, RejectReason.UNKNOWN_PRODUCT)


def unknown_placement(blank: Blank) -> list[Line]:
    """Return an event of a placement that is not registered yet."""
    return _spoilt(blank, blank.fields(placement_id=UNKNOWN_PLACEMENT), RejectReason.UNKNOWN_PLACEMENT)


def _too_large(blank: Blank) -> list[Line]:
    attributes = {f"note_{index}": "x" * 240 for index in range(24)}
    return _spoilt(blank, blank.fields(attributes=attributes), RejectReason.TOO_LARGE)


def _personal(blank: Blank) -> list[Line]:
    # A number from the range that is kept for films: personal by its form, nobody's in fact.
    return _spoilt(blank, blank.fields(attributes={"note": "tel 13800138000"}), RejectReason.PERSONAL_DATA)


def _withdrawn(blank: Blank) -> list[Line]:
    """A person withdraws consent, and an event of that person comes after it."""
    subject = f"withdrawn-{blank.next_id()}"
    first = blank.fields(kind="consent.withdrawn", subject=subject)
    later = blank.fields(subject=subject, occurred_at=rfc3339(blank.at_ms + 1))
    spoilt = _spoilt(blank, later, RejectReason.CONSENT_WITHDRAWN, blank.at_ms + 1)
    return [line_of(first, blank.at_ms), *spoilt]


def _outside_trial(blank: Blank) -> list[Line]:
    at_ms = blank.spot.from_ms - HOUR_MS
    if at_ms < blank.at_ms - blank.max_age_ms + DAY_MS:
        return _unknown_field(blank)
    return _spoilt(blank, blank.fields(occurred_at=rfc3339(at_ms)), RejectReason.OUTSIDE_TRIAL, at_ms)


def _not_yours(blank: Blank) -> list[Line]:
    if not blank.foreign_product:
        return _unknown_product(blank)
    fields = blank.fields(product_id=blank.foreign_product)
    del fields["placement_id"]
    return _spoilt(blank, fields, RejectReason.NOT_YOUR_PRODUCT)


FLAWS: tuple[Callable[[Blank], list[Line]], ...] = (
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
