"""The lines of the topics: one JSON object a line, several lines a Kafka record, read by Python and ClickHouse alike.

A record of `pilot-events.v1` is a micro-batch of one partition. Its lines begin with a placeholder for their
position, which the sink fills in by one replacement of bytes per record, without decoding.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.event import MAX_AMOUNT_FEN, MAX_DURATION_MS, MAX_ID_CHARS, SANDBOX_PREFIX, Kind

POSITION_PLACEHOLDER = b'{"epoch":0,"line":'
SCHEMA_VERSION = b"1"
HEADER_SCHEMA = "schema-version"
OTHERS_LISTED = 100
"""Verdicts that one delivery names beside its counts: a page of them; at most some 10 KB of a line."""
HEADER_ACCOUNTS = "accounts"
"""JSON object, account id to number of lines: lets the sink count what it does not decode."""
HEADER_LANE = "lane"
BACKGROUND_LANE = b"background"
"""Of records that nobody waits for, a history's: no reader's row waits for theirs. Absent: somebody may wait."""


class StoredEvent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, kw_only=True):
    """One accepted event on `pilot-events.v1`: placed, pseudonymised, stamped.

    Times are Unix milliseconds UTC, money is integer fen, hashes are 32 hex digits, absent text is ''.
    """

    event_id: str
    account_id: str
    platform: str
    product_id: str
    trial_id: str
    kind: Kind
    occurred_ms: int
    received_ms: int
    delivery_id: str
    attributes: dict[str, str | bool | int | float]
    placement_id: str = ""
    arm: str = ""
    outcome: str = ""
    subject: str = ""
    session_id: str = ""
    duration_ms: int | None = None
    amount_fen: int | None = None
    rating: int | None = None


_ShortText = Annotated[str, Meta(max_length=MAX_ID_CHARS)]
_MarkedId = Annotated[str, Meta(max_length=MAX_ID_CHARS + len(SANDBOX_PREFIX))]
_HashText = Annotated[str, Meta(max_length=32)]
_TimeMs = Annotated[int, Meta(ge=0, lt=10_000_000_000_000)]


class CountedEvent(msgspec.Struct, frozen=True, gc=False):
    """The fields of a `StoredEvent` that the live metrics need; the rest of the line is skipped unread.

    The ranges are the gateway's: a foreign line beyond them could overflow a column or a message, so it is refused.
    They cost 0.08 µs an event; a pattern on the hashes would cost 1.5 µs.
    """

    event_id: _ShortText
    account_id: _ShortText
    platform: _ShortText
    product_id: _MarkedId
    trial_id: _MarkedId
    kind: Kind
    occurred_ms: _TimeMs
    received_ms: _TimeMs
    placement_id: _MarkedId = ""
    arm: _ShortText = ""
    outcome: _ShortText = ""
    subject: _HashText = ""
    session_id: _HashText = ""
    duration_ms: Annotated[int, Meta(ge=0, le=MAX_DURATION_MS)] | None = None
    amount_fen: Annotated[int, Meta(ge=0, le=MAX_AMOUNT_FEN)] | None = None
    rating: Annotated[int, Meta(ge=1, le=5)] | None = None


class RejectLine(msgspec.Struct, frozen=True, kw_only=True):
    """One kept reject on `pilot-rejects.v1`; `reject_id` is the same for the same account, flow, reason and bytes."""

    reject_id: str
    account_id: str
    platform: str
    flow: str
    reason: str
    field: str = ""
    message: str = ""
    event_id: str = ""
    payload: str = ""
    """JSON text: allow-listed fields only, the subject as its first-step hash, other leaves as type and length."""
    received_ms: int
    delivery_id: str = ""
    index: int = 0


class DeliveryLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one request was answered, on `pilot-deliveries.v1`; the source of every 'received' and 'accepted'.

    A refused request has no events and no line of its own: those alike are counted in one, with their status.
    """

    delivery_id: str
    account_id: str
    platform: str
    flow: str
    status: int
    received: int
    accepted: int
    duplicate: int
    rejected: int
    reasons: dict[str, int] = {}
    body_bytes: int = 0
    received_ms: int
    answered_ms: int
    replay: bool = False
    """True: kept rejects judged once more, at an operator's word."""
    replays: list[tuple[str, str, str]] = []
    """Of a replay: each reject's id, its verdict now, and the reason where it was rejected again."""
    asked_by: str = ""
    """Of a replay: the id of the key that asked for it."""
    validated_ms: int = 0
    """When every event had its outcome; 0 where that was not told."""
    others: list[tuple[int, str, str, str, str]] = []
    """Of the first `OTHERS_LISTED` events that were not accepted: index, verdict, event id, reason, reject id."""
    requests: int = 1
    """How many requests it stands for: one, but for refused ones."""
    detail: str = ""
    """Of refused requests: why, in our own words."""
    call: str = ""
    """The request as it may be kept, JSON text, where it is in the sample: masked, people not at all."""


def encode_record(lines: Iterable[bytes]) -> bytes:
    """Return the value of an events record: *lines* (encoded `StoredEvent`s) with their position placeholders."""
    events = [line[1:] for line in lines]
    pieces = [b""] * (2 * len(events))
    # Rounded up, so that few sizes are remembered.
    pieces[0::2] = _placeholders(-(-len(events) // 512) * 512)[: len(events)]
    pieces[1::2] = events
    return b"".join(pieces)[1:]


@lru_cache(maxsize=8)
def _placeholders(count: int) -> list[bytes]:
    """Return what stands before each of *count* lines: the end of the line before, and its own position."""
    return [b"\n%b%d," % (POSITION_PLACEHOLDER, index) for index in range(count)]


def fill_positions(value: bytes, *, epoch: int, partition: int, offset: int) -> tuple[bytes, int]:
    """Return record *value* with the position of each line in place of the placeholder, and how many lines had one.

    Text inside a line cannot hold the placeholder: JSON escapes its quotes.
    """
    place = b'{"epoch":%d,"partition":%d,"offset":%d,"line":' % (epoch, partition, offset)
    filled = value.replace(POSITION_PLACEHOLDER, place)
    return filled, (len(filled) - len(value)) // (len(place) - len(POSITION_PLACEHOLDER))
