"""The bytes of an event's line on `pilot-events.v1`: every one of them is made here.

A line is encoded whole (`encode_line`), or put together from parts that many events share: what the account, the
place, the subject, the session and the request decide is encoded once and written many times, at a fifth of the cost.
A test holds the two to the same bytes.
"""

from collections.abc import Iterable

import msgspec

from producers.validation.placement import ResolvedPlacement
from schemas.codec import encode
from schemas.event import KINDS, USE_OUTCOMES
from schemas.event_struct import Attributes, EventStruct
from schemas.lines import StoredEvent
from schemas.registry import Account

NO_PART = b""
"""Stands in a line for what an event does not have."""

_encode_lines = msgspec.json.Encoder().encode_lines
_KIND_PARTS = {kind: b'"%b","occurred_ms":' % kind.encode() for kind in KINDS}
_OUTCOME_PARTS: dict[str | None, bytes] = {name: b',"outcome":"%b"' % name.encode() for name in USE_OUTCOMES}
_OUTCOME_PARTS[None] = NO_PART
_NO_ATTRIBUTES: Attributes = {}


class PlacementParts(msgspec.Struct, frozen=True, gc=False):
    """What an account and a place decide of a line."""

    head: bytes
    """From the event id's closing quote to the kind."""
    tail: bytes
    """Placement and arm, where there are any."""


def encode_line(event: StoredEvent) -> bytes:
    """Return the line of *event*."""
    return encode(event)


def encode_attributes(events: Iterable[EventStruct | None]) -> bytes:
    """Return the attributes of each of *events* as they stand in its line, each with a line feed behind it."""
    return _encode_lines([None if event is None else event.attributes or _NO_ATTRIBUTES for event in events])


def placement_parts(account: Account, located: ResolvedPlacement) -> PlacementParts:
    """Return what *account* and the place *located* decide of a line."""
    head = (
        f'","account_id":{_text(account.id)},"platform":{_text(account.platform)}'
        f',"product_id":{_text(located.product_id)},"trial_id":{_text(located.trial_id)},"kind":'
    )
    given = (("placement_id", located.placement_id), ("arm", located.arm))
    tail = "".join(f',"{name}":{_text(value)}' for name, value in given if value)
    return PlacementParts(head.encode(), tail.encode())


def subject_part(pseudonym: str) -> bytes:
    """Return what a subject of this *pseudonym*, 32 hex digits, decides of a line."""
    return b',"subject":"%b"' % pseudonym.encode()


def session_part(pseudonym: str) -> bytes:
    """Return what a session of this *pseudonym* decides of a line."""
    return b',"session_id":"%b"' % pseudonym.encode()


class LineTemplate:
    """The lines of one request."""

    def __init__(self, *, received_ms: int, delivery_id: str) -> None:
        self._stamp = b',"received_ms":%d,"delivery_id":%b,"attributes":' % (received_ms, encode(delivery_id))

    def fill(self, event: EventStruct, occurred_ms: int, attributes: bytes, place: PlacementParts, who: bytes) -> bytes:
        """Return the line of *event*, whose *attributes* are encoded; *who*: `subject_part` and `session_part`."""
        return b'{"event_id":"%b%b%b%d%b%b%b%b%b%b}' % (
            event.event_id.encode(), place.head, _KIND_PARTS[event.kind], occurred_ms, self._stamp, attributes,
            place.tail, _OUTCOME_PARTS[event.outcome], who, _numbers(event),
        )  # fmt: skip


def _numbers(event: EventStruct) -> bytes:
    """Return duration, amount and rating as they are stored."""
    if event.duration_ms is event.amount_fen is event.rating is None:
        return NO_PART
    part = NO_PART if event.duration_ms is None else b',"duration_ms":%d' % event.duration_ms
    if event.amount_fen is not None:
        part += b',"amount_fen":%d' % event.amount_fen
    return part if event.rating is None else part + b',"rating":%d' % event.rating


def _text(value: str) -> str:
    return encode(value).decode()
