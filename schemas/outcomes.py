"""What becomes of an event: exactly one of accepted, duplicate, or rejected with a reason of a closed set."""

from enum import StrEnum
from typing import Literal

import msgspec

Verdict = Literal["accepted", "duplicate", "rejected"]


class RejectReason(StrEnum):
    """Why an event was not accepted; where several hold, the first in this order is named."""

    MALFORMED = "malformed"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    INVALID_VALUE = "invalid_value"
    OCCURRED_AT_IN_FUTURE = "occurred_at_in_future"
    OCCURRED_AT_TOO_OLD = "occurred_at_too_old"
    UNKNOWN_PRODUCT = "unknown_product"
    UNKNOWN_PLACEMENT = "unknown_placement"
    OUTSIDE_TRIAL = "outside_trial"
    NOT_YOUR_PRODUCT = "not_your_product"
    TOO_LARGE = "too_large"
    PERSONAL_DATA = "personal_data"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    UNSUPPORTED_EVENT = "unsupported_event"
    INTERNAL_ERROR = "internal_error"


REASON_ORDER: dict[RejectReason, int] = {reason: rank for rank, reason in enumerate(RejectReason)}


def help_link(reason: RejectReason) -> str:
    """Return the path of *reason*'s explanation on the server's docs page."""
    return f"/docs/rejects#{reason.value}"


class ReplayedReject(msgspec.Struct, frozen=True):
    """What became of one reject: `accepted`, `duplicate`, `rejected` again with why, or `not_replayable`."""

    reject_id: str
    outcome: str
    event_id: str = ""
    reason: str = ""
    field: str = ""
    message: str = ""
    delivery_id: str = ""
    """The delivery that it was replayed in; '' where nothing was published."""
