"""What an account's own questions come to; times are the street's, aware, so that they are told as RFC 3339."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from reports.queries.spans import SHANGHAI

Window = Literal["5m", "1h", "24h", "7d"]
ClosedBy = Literal["accepted", "duplicate", "corrected"]
HopName = Literal["received", "validated", "acknowledged", "stored", "counted", "visible"]
VerdictName = Literal["accepted", "duplicate", "rejected"]


def told(at_ms: int) -> datetime:
    """Return *at_ms*, Unix ms, as the street's time."""
    return datetime.fromtimestamp(at_ms // 1000, SHANGHAI).replace(microsecond=at_ms % 1000 * 1000)


def told_or_none(at_ms: int | None) -> datetime | None:
    """Return the same, None where nothing was."""
    return told(at_ms) if at_ms else None


class AccountCounts(msgspec.Struct, frozen=True):
    """Events of one period: every one received has one of the three verdicts; `visible` are those that readers see."""

    requests: int = 0
    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    visible: int = 0
    refused_requests: int = 0
    """Whole requests of which nothing was taken in."""


class RefusedRequests(msgspec.Struct, frozen=True):
    """Requests refused alike; `flow` is '' where the address named none."""

    flow: str
    status: int
    detail: str
    requests: int
    last_at: datetime


class KeptReject(msgspec.Struct, frozen=True):
    """One kept reject: of its payload other leaves are type and length, pseudonyms left out."""

    reject_id: str
    flow: str
    message: str
    event_id: str
    payload: Any
    received_at: datetime
    delivery_id: str
    closed: ClosedBy | None = None
    """By a replay that made an event of it or found one, or by the corrected event under the same id."""
    closed_by: str = ""
    """The delivery that closed it."""
    closed_at: datetime | None = None


class RejectGroup(msgspec.Struct, frozen=True):
    """Kept rejects of one reason and field, the newest few of them first."""

    reason: str
    field: str
    count: int
    open: int
    last_at: datetime
    help: str
    samples: list[KeptReject]


class RejectReplay(msgspec.Struct, frozen=True):
    """One replay of an account's rejects; `asked_by` is the id of a key."""

    delivery_id: str
    at: datetime
    asked_by: str
    flow: str
    received: int
    accepted: int
    duplicate: int
    rejected: int


class ReasonCount(msgspec.Struct, frozen=True):
    """Rejects of one reason, in this period and the one before."""

    reason: str
    now: int
    before: int


class CredentialUse(msgspec.Struct, frozen=True):
    """A signing secret or key of the account, and the beginning of the last hour in which it was used.

    `last_used_hour` is None where it was not used yet, or not since this is written down.
    """

    credential: Literal["secret", "key"]
    flow: str
    """Of a secret: which flow's."""
    name: str
    """Of a key its id; of a secret its number, the oldest of its flow's being 1."""
    expires_at: datetime | None
    last_used_hour: datetime | None


class ConflictingEvent(msgspec.Struct, frozen=True):
    """One of the events under an id."""

    delivery_id: str
    kind: str
    occurred_at: datetime
    received_at: datetime
    counted: bool
    """False where it has trial and millisecond of the first under its id: that one alone stands."""


class ConflictingId(msgspec.Struct, frozen=True):
    """An id under which several events stand: it was used again when nobody remembered the first."""

    event_id: str
    events: list[ConflictingEvent]


class FlowSeen(msgspec.Struct, frozen=True):
    """When a flow last brought an event, and how long ago that is."""

    flow: str
    last_at: datetime
    silent_s: float


class Scorecard(msgspec.Struct, frozen=True):
    """How an account sends: shares are None where there is nothing to share."""

    on_time_share: float | None
    """Of the visible events, those received within their minute and the grace: what counts live."""
    on_time_within_s: int
    lag_s_p50: float | None
    lag_s_p95: float | None
    lag_s_max: float | None
    """From what happened to its receipt; negative where a clock is ahead."""
    rejected_share: float | None
    duplicate_share: float | None
    ahead_share: float | None
    """Of the visible events, those that had not happened yet by our clock when they came."""
    ahead_s_max: float | None
    flows: list[FlowSeen]


class AccountOverview(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What came of an account in a window that ends now, against the same time before it."""

    account: str
    window: Window
    from_: datetime
    to: datetime
    now: AccountCounts
    before: AccountCounts
    reasons: list[ReasonCount]
    rejects: list[RejectGroup]
    refused: list[RefusedRequests]
    scorecard: Scorecard
    conflicts: list[ConflictingId]
    credentials: list[CredentialUse]


class CallVerdict(msgspec.Struct, frozen=True):
    """What became of one event that was not accepted."""

    index: int
    event_id: str
    verdict: VerdictName
    reason: str
    reject_id: str


class AccountCall(msgspec.Struct, frozen=True, kw_only=True):
    """One request: what was answered, and where it is in the sample, what was sent, masked."""

    delivery_id: str
    flow: str
    status: int
    received_at: datetime
    answered_in_ms: int
    received: int
    accepted: int
    duplicate: int
    rejected: int
    reasons: dict[str, int]
    others: list[CallVerdict]
    """The first that were not accepted."""
    body_bytes: int
    replay: bool
    requests: int
    """More than one where refused requests that are alike are told together."""
    detail: str
    call: Any
    """What was sent, masked, what it was understood as, and a platform's answer; None where it is in no sample."""


class DeliveryHop(msgspec.Struct, frozen=True):
    """One step of a delivery; `at` is None where it has not come there yet, need not, or its time is no longer kept."""

    hop: HopName
    at: datetime | None
    after_ms: int | None
    """Since it was received."""
    events: int
    """How many of its events have come so far."""
    reached: bool
    """Whether all of it has come there, or need not."""


class DeliveredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a delivery: its verdict, and as what it was understood. No pseudonym."""

    event_id: str
    verdict: VerdictName
    index: int | None = None
    reason: str = ""
    field: str = ""
    message: str = ""
    reject_id: str = ""
    kind: str = ""
    product_id: str = ""
    trial_id: str = ""
    placement_id: str = ""
    arm: str = ""
    occurred_at: datetime | None = None
    attributes: Any = None


class DeliveryWay(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery, hop by hop, and what became of each of its events."""

    delivery_id: str
    account: str
    platform: str
    flow: str
    status: int
    requests: int
    detail: str
    received: int
    accepted: int
    duplicate: int
    rejected: int
    body_bytes: int
    replay: bool
    asked_by: str
    complete: bool
    """Whether all that was accepted is counted and visible."""
    hops: list[DeliveryHop]
    events: list[DeliveredEvent]
    listed_all: bool
    call: Any
