"""One event in, exactly one outcome out: accepted, duplicate, on its way already, or rejected with a reason.

Pure but for what it is given: the registry in force, the duplicate window, the consent ledger. No I/O.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from producers.adapters.base import MappedMessage, UnmappedMessage
from producers.consent.ledger import ConsentChange, ConsentLedger, consent_effects, consent_key
from producers.orders.ledger import OrderFact, OrderLedger, amount_effect, waiting_effect
from producers.validation.decode import DecodedEvent, EventFault, decode_event
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.effects import EventEffect
from producers.validation.line_template import encode_attributes, encode_line
from producers.validation.pii import (
    IsId,
    find_pii,
    find_pii_attribute,
    find_pii_in_id,
    may_hold_pii,
    names_an_id,
)
from producers.validation.placement import ResolvedPlacement, TimeWindow, resolve_placement, sandboxed
from producers.validation.placement_cache import PlacementCache
from producers.validation.pseudonym_cache import PseudonymCache, Pseudonymiser
from producers.validation.redaction import harmless_id, payload_text, redact_event, redact_match, redact_unreadable
from registry.directory import Directory
from runtime.errors import ProtocolError, UnavailableError
from schemas.event import CONSENT_KINDS, MAX_ATTRIBUTES_BYTES, MAX_EVENT_BYTES
from schemas.event_struct import EventStruct
from schemas.lines import RejectLine, StoredEvent
from schemas.outcomes import RejectReason
from schemas.registry import Account
from schemas.topics import partition_of

# A consent change is the subject's word, wherever the device stood that passed it on.
_CONSENT_HOLDS_DESPITE = frozenset(
    {RejectReason.UNKNOWN_PRODUCT, RejectReason.UNKNOWN_PLACEMENT, RejectReason.OUTSIDE_TRIAL}
)


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """To be published: its encoded line and where it goes. Accepted only once the broker has acknowledged it."""

    event_id: str
    partition: int
    line: bytes
    alias: str = ""
    """An id by which redeliveries with other bytes are known; remembered with the event."""
    effects: tuple[EventEffect, ...] = ()
    """To be acknowledged before the line is published."""


@dataclass(frozen=True, slots=True)
class DuplicateEvent:
    """Its id has been accepted before."""

    event_id: str


@dataclass(frozen=True, slots=True)
class InFlightDuplicate:
    """An event of its id is on its way: duplicate if that one is acknowledged, else to be judged again."""

    event_id: str
    original: asyncio.Future[bool]


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """Not accepted, and kept."""

    fault: EventFault
    line: RejectLine
    effects: tuple[EventEffect, ...] = ()
    """To be acknowledged before the answer."""


ValidationResult = AcceptedEvent | DuplicateEvent | InFlightDuplicate | RejectedEvent


class RequestCaches:
    """What one request leaves to the next, so that it need not be found again; never an outcome."""

    def __init__(self, pseudonyms: PseudonymCache) -> None:
        self.pseudonyms = pseudonyms
        self._placements: dict[tuple[str, bool], PlacementCache] = {}
        self._directory: Directory | None = None

    def placements(self, directory: Directory, account: Account, partitions: int) -> PlacementCache:
        """Return where the account's events belong by *directory*; what was remembered of another one is forgotten."""
        if self._directory is not directory:
            self._directory, self._placements = directory, {}
        # A test event of an account that is no sandbox is judged as if it were one.
        key = (account.id, account.sandbox)
        if key not in self._placements:
            self._placements[key] = PlacementCache(directory, account, partitions)
        return self._placements[key]


@dataclass(frozen=True, slots=True)
class ValidatorDeps:
    """What a validator stands on."""

    directory: Directory
    partitions: int
    duplicates: DuplicateWindow
    consent: ConsentLedger
    orders: OrderLedger
    pseudonyms: Pseudonymiser
    caches: RequestCaches


class EventValidator:
    """Judges the events of one request: one account, one flow, one time of receipt.

    Raises `UnavailableError` from any method where a hash key is not here yet, since nothing may be stored unhashed,
    and where no more consent states can be held.
    """

    def __init__(
        self, deps: ValidatorDeps, account: Account, flow: str, *, delivery_id: str, window: TimeWindow
    ) -> None:
        self.deps = deps
        self.account = account
        self.window = window
        self.received_ms = window.now_ms
        """What accepted events are stamped with."""
        self.delivery_id = delivery_id
        self.taken: set[str] = set()
        """The ids and aliases of what this request has brought already, where it was accepted."""
        self._directory = deps.directory
        self._partitions = deps.partitions
        self._duplicates = deps.duplicates
        self._consent = deps.consent
        self._pseudonyms = deps.pseudonyms
        self._account_id = account.id
        self._platform = account.platform
        self._flow = flow
        self._is_id: IsId = frozenset(account.id_attributes).__contains__ if flow == BATCH_FLOW else names_an_id
        self._products = deps.directory.products_of(account.id)
        self._own_changes: dict[str, list[tuple[int, ConsentChange]]] = {}

    def allows(self, key: str, occurred_ms: int, index: int) -> bool:
        """Tell whether the event with *index*, of consent *key*, may be taken.

        A change that this request brings takes hold from its line on, also where an event before it is judged later.
        """
        later = [change for line, change in self._own_changes.get(key, ()) if line > index]
        return self._consent.allows(key, occurred_ms, but=later)

    def with_window(self, window: TimeWindow) -> "EventValidator":
        """Return a validator of the same request, with the same stamp, that takes times by *window*."""
        other = copy(self)
        other.window = window
        return other

    def validate_bytes(self, raw: bytes, index: int) -> ValidationResult:
        """Return the outcome of one element of a batch push."""
        decoded = decode_event(raw)
        if isinstance(decoded, EventFault):
            return self._reject(decoded, index, raw, redact_unreadable(raw, self._hash, self._is_id))
        duplicate = self._find_duplicate(decoded.event.event_id)
        if duplicate is not None:
            return duplicate
        facts = _RawFacts(index, len(raw), suspect=may_hold_pii(raw))
        outcome = self._validate(decoded, facts, self._locate(decoded))
        if isinstance(outcome, EventFault):
            fault = replace(outcome, event_id=decoded.event.event_id)
            rejected = self._reject(fault, index, raw, {"event": self._keep(decoded)})
            return replace(rejected, effects=self._effects_despite(fault, decoded, index))
        return outcome

    def validate_mapped(self, message: MappedMessage, index: int, body: bytes) -> ValidationResult:
        """Return the outcome of one message that a native push was taken apart into."""
        redacted = {
            "event": redact_event(message.fields, self._hash, self._is_id),
            "match": redact_match(message.match),
            "message": self._hash_payload(message.payload),
            **({"alias": message.alias} if message.alias else {}),
        }
        fact = self.deps.orders.fact_of(self._account_id, message.order_id, message.fields)
        amount = {} if fact is None or fact.amount_fen is None else {"amount_fen": fact.amount_fen}
        decoded = _from_fields({**message.fields, **amount})
        if isinstance(decoded, EventFault):
            return self._reject(decoded, index, body, redacted)
        duplicate = self._find_duplicate(decoded.event.event_id)
        if duplicate is None and message.alias:
            duplicate = self._find_duplicate(alias_id(message.alias))
        if duplicate is not None:
            return replace(duplicate, event_id=decoded.event.event_id)
        candidates = next(
            (found for keys in message.match if (found := self._directory.match(self._account_id, keys))), ()
        )
        located = resolve_placement(decoded.event, decoded.occurred_ms, self._directory, self.window, candidates)
        outcome = self._validate(decoded, _RawFacts(index, 0, suspect=True, fact=fact), located)
        if isinstance(outcome, EventFault):
            rejected = self._reject(replace(outcome, event_id=decoded.event.event_id), index, body, redacted)
            despite = self._effects_despite(outcome, decoded, index)
            return replace(rejected, effects=(*despite, *self._wait_for_order(fact, rejected)))
        return self._with_alias(outcome, message.alias) if message.alias else outcome

    def _with_alias(self, accepted: AcceptedEvent, alias: str) -> AcceptedEvent:
        """Return *accepted* under its *alias* too: another message of this request that bears it is a duplicate."""
        self.taken.add(alias_id(alias))
        return replace(accepted, alias=alias_id(alias))

    def validate_unmapped(self, message: UnmappedMessage, index: int, body: bytes) -> RejectedEvent:
        """Return the reject of a signed message that becomes no event."""
        fault = EventFault(message.reason, message.field, message.message, message.event_id)
        return self._reject(fault, index, body, {"message": self._hash_payload(message.payload)})

    def _find_duplicate(self, event_id: str) -> DuplicateEvent | InFlightDuplicate | None:
        if event_id in self.taken or self._duplicates.holds(self._account_id, event_id):
            return DuplicateEvent(event_id)
        original = self._duplicates.pending(self._account_id, event_id)
        return InFlightDuplicate(event_id, original) if original is not None else None

    def _locate(self, decoded: DecodedEvent) -> ResolvedPlacement | EventFault:
        located = resolve_placement(decoded.event, decoded.occurred_ms, self._directory, self.window)
        if (
            isinstance(located, EventFault)
            and located.reason is RejectReason.INVALID_VALUE
            and located.field == "product_id"
            and not self._may_name_either(decoded.event)
        ):
            return EventFault(RejectReason.NOT_YOUR_PRODUCT, "product_id", _NOT_YOURS)
        return located

    def _may_name_either(self, event: EventStruct) -> bool:
        placed = None if event.placement_id is None else self._directory.placed.get(event.placement_id)
        return event.product_id in self._products or (placed is not None and placed.product_id in self._products)

    def _validate(
        self, decoded: DecodedEvent, facts: "_RawFacts", located: ResolvedPlacement | EventFault
    ) -> AcceptedEvent | EventFault:
        event = decoded.event
        first = self._hash(event.subject) if event.subject is not None else ""
        if isinstance(located, EventFault):
            return located
        fault = self._content_fault(decoded, facts, located, first)
        if fault is not None:
            return fault
        effects = (*self._note_consent(decoded, first, facts.line), *self._note_order(facts.fact))
        self.taken.add(event.event_id)
        partition = partition_of(self._stored(located).product_id, self._partitions)
        return AcceptedEvent(event.event_id, partition, self._line(decoded, located, first), effects=effects)

    def _content_fault(
        self, decoded: DecodedEvent, facts: "_RawFacts", located: ResolvedPlacement, first: str
    ) -> EventFault | None:
        event = decoded.event
        if located.product_id not in self._products:
            return EventFault(RejectReason.NOT_YOUR_PRODUCT, "product_id", _NOT_YOURS)
        if facts.size > MAX_ATTRIBUTES_BYTES and (fault := _too_large(event, facts.size)) is not None:
            return fault
        if facts.suspect and (field := _personal_field(event, self._is_id)) is not None:
            return EventFault(RejectReason.PERSONAL_DATA, field, _PERSONAL)
        if (
            first
            and event.kind not in CONSENT_KINDS
            and not self.allows(consent_key(self._account_id, first), decoded.occurred_ms, facts.line)
        ):
            return EventFault(
                RejectReason.CONSENT_WITHDRAWN, "subject", "this subject has withdrawn consent; send nothing of it"
            )
        if event.amount_fen is None and event.kind in _ORDER_KINDS:
            waits = facts.fact is not None and facts.fact.waits
            return EventFault(RejectReason.UNSUPPORTED_EVENT, "amount_fen", _ORDER_AWAITED if waits else _NO_AMOUNT)
        return None

    def _effects_despite(self, fault: EventFault, decoded: DecodedEvent, index: int) -> tuple[EventEffect, ...]:
        """Return what an event causes though it is rejected."""
        subject = decoded.event.subject
        if not subject or fault.reason not in _CONSENT_HOLDS_DESPITE:
            return ()
        return self._note_consent(decoded, self._hash(subject), index)

    def _note_consent(self, decoded: DecodedEvent, first: str, index: int) -> tuple[EventEffect, ...]:
        kind = decoded.event.kind
        if not first or kind not in CONSENT_KINDS:
            return ()
        change = ConsentChange(decoded.occurred_ms, kind == "consent.granted")
        key = consent_key(self._account_id, first)
        try:
            merged = self._consent.merge(key, (change,))
        except ProtocolError as error:
            raise UnavailableError(str(error)) from error
        if change in merged.added:
            self._own_changes.setdefault(key, []).append((index, change))
        return consent_effects(key, change, merged)

    def _note_order(self, fact: OrderFact | None) -> tuple[EventEffect, ...]:
        if fact is None or fact.amount_fen is None:
            return ()
        self.deps.orders.note(fact.key, fact.amount_fen, here=True)
        return (amount_effect(fact.key, fact.amount_fen),)

    @staticmethod
    def _wait_for_order(fact: OrderFact | None, rejected: RejectedEvent) -> tuple[EventEffect, ...]:
        """Return what a refund leaves that is rejected for no other reason than that its order is not known."""
        if fact is None or rejected.fault.message != _ORDER_AWAITED:
            return ()
        return (waiting_effect(fact.key._replace(fact_type="waiting"), rejected.line),)

    def _stored(self, located: ResolvedPlacement) -> ResolvedPlacement:
        return sandboxed(located) if self.account.sandbox else located

    def _line(self, decoded: DecodedEvent, located: ResolvedPlacement, first: str) -> bytes:
        event, stored = decoded.event, self._stored(located)
        second_step = self._pseudonyms.second_step
        return encode_line(
            StoredEvent(
                event_id=event.event_id,
                account_id=self._account_id,
                platform=self._platform,
                product_id=stored.product_id,
                trial_id=stored.trial_id,
                kind=event.kind,
                occurred_ms=decoded.occurred_ms,
                received_ms=self.received_ms,
                delivery_id=self.delivery_id,
                attributes=event.attributes or {},
                placement_id=stored.placement_id,
                arm=stored.arm,
                outcome=event.outcome or "",
                subject=second_step(located.trial_id, first) if first else "",
                session_id=second_step(located.trial_id, self._hash(event.session_id)) if event.session_id else "",
                duration_ms=event.duration_ms,
                amount_fen=event.amount_fen,
                rating=event.rating,
            )
        )

    def _hash(self, subject: str) -> str:
        return self._pseudonyms.first_step(self._account_id, subject) if subject else ""

    def _hash_payload(self, payload: Mapping[str, object]) -> dict[str, object]:
        redacted = dict(payload)
        # A subject that is no text stays, as type and length: a replay must not take the message for one without.
        if isinstance(subject := payload.get("subject"), str):
            del redacted["subject"]
            redacted["subject_hash"] = self._hash(subject)
        return redacted

    def _keep(self, decoded: DecodedEvent) -> dict[str, object]:
        fields = {name: getattr(decoded.event, name) for name in decoded.event.__struct_fields__}
        return redact_event(fields, self._hash, self._is_id)

    def _reject(self, fault: EventFault, index: int, raw: bytes, redacted: Mapping[str, object]) -> RejectedEvent:
        fault = _tellable(replace(fault, event_id=harmless_id(fault.event_id)))
        identity = hashlib.sha256(
            b"\0".join((self._account_id.encode(), self._flow.encode(), fault.reason.encode(), raw))
        )
        # The elements of one native body share its bytes; each is a reject of its own.
        identity.update(b"\0%d" % (index if self._flow != BATCH_FLOW else 0))
        line = RejectLine(
            reject_id=identity.hexdigest()[:32],
            account_id=self._account_id,
            platform=self._platform,
            flow=self._flow,
            reason=fault.reason.value,
            field=fault.field,
            message=fault.message,
            event_id=fault.event_id,
            payload=payload_text(redacted),
            received_ms=self.window.now_ms,
            delivery_id=self.delivery_id,
            index=index,
        )
        return RejectedEvent(fault, line)


BATCH_FLOW = "events"


def alias_id(alias: str) -> str:
    """Return *alias* in a form that no event id can have."""
    return f"alias {alias}"


_ORDER_KINDS = frozenset({"order.paid", "order.refunded"})
_ORDER_AWAITED = "names no amount, and its order has not come yet; it is counted as soon as the order is"
_NO_AMOUNT = "names no amount, and no order that it could be taken from"
_NOT_YOURS = "this account may not report this product; ask the avenue to add it"
_PERSONAL = (
    "holds personal data (a phone, identity or card number, or an e-mail address); send it as subject, or leave it out"
)


class _RawFacts(NamedTuple):
    """An event's line in the request; what its raw bytes tell: their number, and whether they may be personal."""

    line: int
    size: int
    suspect: bool
    fact: OrderFact | None = None
    """What a native message is to its order."""


def _personal_field(event: EventStruct, is_id: IsId) -> str | None:
    if find_pii_in_id(event.event_id) is not None:
        return "event_id"
    return find_pii_attribute(event.attributes, is_id) if event.attributes else None


def _tellable(fault: EventFault) -> EventFault:
    """Return *fault* with nothing personal in what it tells: whoever made it may have overlooked something."""
    if find_pii(fault.field) is None and find_pii(fault.message) is None:
        return fault
    return replace(fault, field="", message="what is wrong with it cannot be told without repeating personal data")


def _too_large(event: EventStruct, size: int) -> EventFault | None:
    if size > MAX_EVENT_BYTES:
        return EventFault(
            RejectReason.TOO_LARGE, "", f"an event has at most {MAX_EVENT_BYTES} bytes; this one has {size}"
        )
    if event.attributes and len(encode_attributes([event])) - 1 > MAX_ATTRIBUTES_BYTES:
        return EventFault(
            RejectReason.TOO_LARGE, "attributes", f"attributes have at most {MAX_ATTRIBUTES_BYTES} bytes in all"
        )
    return None


def _from_fields(fields: Mapping[str, object]) -> DecodedEvent | EventFault:
    """Return an adapter's *fields* as an event; the time is already Unix milliseconds."""
    event_id = fields.get("event_id", "")
    try:
        occurred_ms = msgspec.convert(fields["occurred_at"], int)
        event = msgspec.convert({**fields, "occurred_at": ""}, EventStruct)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        # Only the time is looked at by itself, and so has no path.
        field = path.rstrip("`").split(".")[0].split("[")[0] or "occurred_at"
        return EventFault(
            RejectReason.INVALID_VALUE, field, message.replace("`", ""), event_id if isinstance(event_id, str) else ""
        )
    return DecodedEvent(event, occurred_ms)
