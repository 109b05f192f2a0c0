"""What an adapter is given and what it gives: the port between a platform's native push and the gateway.

An adapter is pure: no I/O, no clock, no registry. It never raises on what a sender may send.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

from producers.validation.pii import find_pii
from schemas.event import Kind
from schemas.event_struct import Attributes, UseOutcome
from schemas.outcomes import RejectReason
from schemas.registry import Account

MAX_EVENT_ID = 64


@dataclass(frozen=True, slots=True)
class PlatformAnswer:
    """An HTTP answer, body as the platform wants it."""

    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class NativePush:
    """One request as it came: raw bytes, nothing re-serialised. Header names are lower-case."""

    method: str
    path: str
    """As in the request line, without the query: `/in/{account}/{flow}`."""
    query: bytes
    headers: Mapping[str, str]
    body: bytes
    received_ms: int
    account: Account
    flow: str
    secrets: tuple[bytes, ...]
    """Valid now for this flow, newest first; a PEM public key selects the flow's RSA mode."""


class WhatHappened(TypedDict):
    """What an event of a message says but for its id, as fields of `PilotEvent`; no place."""

    kind: Kind
    occurred_at: int
    """Unix milliseconds."""
    outcome: NotRequired[UseOutcome]
    subject: NotRequired[str]
    amount_fen: NotRequired[int]
    attributes: NotRequired[Attributes]


class MappedFields(WhatHappened):
    """The fields of an event that a message becomes."""

    event_id: str


@dataclass(frozen=True, slots=True)
class MappedMessage:
    """A message understood: the event's fields as a partner would send them, without place."""

    fields: MappedFields
    match: tuple[Mapping[str, str], ...]
    """Placement keys to look up, tried in order; the first that matches a placement decides."""
    payload: Mapping[str, object]
    """What may be kept of the message should it be rejected: allow-listed fields only."""
    alias: str = ""
    """An unsigned id of the platform's: joins redeliveries whose bytes differ.

    A message is a duplicate where an *accepted* event of the same account bore its alias. A duplicate leaves no alias
    behind: a replay under another alias must not shadow a message yet to come.
    """
    order_id: str = ""
    """The platform's order this message belongs to, in the form `<platform prefix>:<id>`.

    An `order.paid` with it is remembered with its amount; an `order.refunded` without `amount_fen` takes the amount
    from it.
    """


@dataclass(frozen=True, slots=True)
class UnmappedMessage:
    """A signed message that becomes no event: kept with its reason."""

    reason: RejectReason
    field: str
    message: str
    payload: Mapping[str, object]
    event_id: str = ""


PlatformMessage = MappedMessage | UnmappedMessage


@dataclass(frozen=True, slots=True)
class RefusedPush:
    """Signature wrong, missing or too old: 401, nothing is stored. `message` says what to check, never a secret."""

    message: str


@dataclass(frozen=True, slots=True)
class PlatformHandshake:
    """A probe of the platform's: answered, nothing is stored."""

    answer: PlatformAnswer


@dataclass(frozen=True, slots=True)
class VerifiedPush:
    """A push whose signature holds, and its messages: at least one."""

    messages: tuple[PlatformMessage, ...]


AdapterResult = RefusedPush | PlatformHandshake | VerifiedPush


@dataclass(frozen=True, slots=True)
class MappingContext:
    """What a message's meaning depends on besides itself."""

    account: Account
    flow: str
    """The URL's flow."""
    received_ms: int
    """Of the first receipt, also in a replay."""


class Adapter(Protocol):
    """One platform's flow. Read-only members, so that an implementation may be frozen."""

    @property
    def platform(self) -> str:
        """As in the registry."""
        ...

    @property
    def flow(self) -> str:
        """As in the registry's `secrets`."""
        ...

    @property
    def fast(self) -> bool:
        """Whether the platform hangs up after 2 s."""
        ...

    @property
    def positive(self) -> PlatformAnswer:
        """What is answered when every message has its outcome safe, whatever it is."""
        ...

    @property
    def negative(self) -> PlatformAnswer:
        """What is answered when Kafka could not take it in time, so that the platform retries."""
        ...

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document*, a message or the payload kept of one, by today's rules: so a reject is replayed. Total.

        `document["subject"]` is passed on as it is: in a kept payload it is a hash already.
        """
        ...

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total: any bytes give an `AdapterResult`, never an exception."""
        ...


def bounded_event_id(prefix: str, rest: str) -> str:
    """Return `prefix + rest` as an event id.

    One too long, with other characters, or with what could be a person's number in it becomes prefix + 32 hex digits
    of its SHA-256. The digest is of the whole id, so that the same message gives the same id. Like a card number an id
    may look: one in some hundred order ids does.
    """
    whole = prefix + rest
    plain = len(whole) <= MAX_EVENT_ID and all(c.isascii() and (c.isalnum() or c in "._:-") for c in whole)
    if plain and find_pii(whole, cards=False) is None:
        return whole
    return prefix + hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def unreadable(body: bytes, reason: RejectReason, message: str) -> UnmappedMessage:
    """Return the reject of bytes that cannot be read: only their length and SHA-256 are kept."""
    payload = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return UnmappedMessage(reason, "", message, payload)
