"""One event in, exactly one outcome out: accepted, duplicate, waiting for its twin, or rejected with a reason.

Pure but for what it is given: the registry in force, the duplicate window, the consent ledger. No I/O.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgspec

from producers.adapters.base import Mapped, Unmapped
from producers.consent.ledger import ConsentChange, ConsentLedger, consent_effects, consent_key
from producers.orders.ledger import OrderLedger, OrderPart, amount_effect, waiting_effect
from producers.validation.decode import Decoded, Fault, decode_event
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.effects import Effect
from producers.validation.pii import (
    IsId,
    find_personal,
    find_personal_attribute,
    is_personal_id,
    may_be_personal,
    names_an_id,
)
from producers.validation.placement import Place, TimeWindow, place
from producers.validation.placement_cache import Spots
from producers.validation.pseudonym_cache import Pseudonymiser, RecentPseudonyms
from producers.validation.redaction import harmless_id, keep_event, keep_match, keep_unreadable, payload_text
from registry.directory import Directory
from runtime.errors import ProtocolError, UnavailableError
from schemas.event import CONSENT_KINDS, MAX_ATTRIBUTES_BYTES, MAX_EVENT_BYTES
from schemas.event_struct import FastEvent
from schemas.lines import RejectLine, StoredEvent
from schemas.outcomes import RejectReason
from schemas.registry import Account
from schemas.topics import partition_of

_encode = msgspec.json.Encoder().encode
# A consent change is the subject's word, wherever the device stood that passed it on.
_CONSENT_HOLDS_DESPITE = frozenset(
    {RejectReason.UNKNOWN_PRODUCT, RejectReason.UNKNOWN_PLACEMENT, RejectReason.OUTSIDE_TRIAL}
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """To be published: its encoded line and where it goes. Accepted only once the broker has acknowledged it."""

    event_id: str
    partition: int
    line: bytes
    alias: str = ""
    """An id by which redeliveries with other bytes are known; remembered with the event."""
    effects: tuple[Effect, ...] = ()
    """To be acknowledged before the line is published."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Its id has been accepted before."""

    event_id: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event of its id is on its way: duplicate if that one is acknowledged, else to be judged again."""

    event_id: str
    twin: asyncio.Future[bool]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not accepted, and kept."""

    fault: Fault
    line: RejectLine
    effects: tuple[Effect, ...] = ()
    """To be acknowledged before the answer."""


Judgement = Accepted | Duplicate | Waiting | Rejected


class Memory:
    """What one request's judgement leaves to the next, so that it need not be found again; never an outcome."""

    def __init__(self, recent: RecentPseudonyms) -> None:
        self.recent = recent
        self._spots: dict[str, Spots] = {}
        self._directory: Directory | None = None

    def spots(self, directory: Directory, account: Account, partitions: int) -> Spots:
        """Return where the account's events belong by *directory*; what was remembered of another one is forgotten."""
        if self._directory is not directory:
            self._directory, self._spots = directory, {}
        if account.id not in self._spots:
            self._spots[account.id] = Spots(directory, account, partitions)
        return self._spots[account.id]


@dataclass(frozen=True, slots=True)
class IntakeParts:
    """What the intake stands on."""

    directory: Directory
    partitions: int
    duplicates: DuplicateWindow
    consent: ConsentLedger
    orders: OrderLedger
    pseudonyms: Pseudonymiser
    memory: Memory


class Intake:
    """Judges the events of one request: one account, one flow, one time of receipt.

    Raises `UnavailableError` from any method where a hash key is not here yet, since nothing may be stored unhashed,
    and where no more consent states can be held.
    """

    def __init__(
        self, parts: IntakeParts, account: Account, flow: str, *, delivery_id: str, window: TimeWindow
    ) -> None:
        self.parts = parts
        self.account = account
        self.window = window
        self.received_ms = window.now_ms
        """What accepted events are stamped with."""
        self.delivery_id = delivery_id
        self.taken: set[str] = set()
        """The ids and aliases of what this request has brought already, where it was accepted."""
        self._directory = parts.directory
        self._partitions = parts.partitions
        self._duplicates = parts.duplicates
        self._consent = parts.consent
        self._pseudonyms = parts.pseudonyms
        self._account_id = account.id
        self._platform = account.platform
        self._flow = flow
        self._is_id: IsId = frozenset(account.id_attributes).__contains__ if flow == BATCH_FLOW else names_an_id
        self._products = parts.directory.products_of(account.id)
        self._own_changes: dict[str, list[tuple[int, ConsentChange]]] = {}

    def allows(self, key: str, occurred_ms: int, index: int) -> bool:
        """Tell whether the event with *index*, of consent *key*, may be taken.

        A change that this request brings takes hold from its line on, also where an event before it is judged later.
        """
        later = [change for line, change in self._own_changes.get(key, ()) if line > index]
        return self._consent.allows(key, occurred_ms, but=later)

    def by_clock(self, window: TimeWindow) -> "Intake":
        """Return an intake of the same request, with the same stamp, that judges times by *window*."""
        other = copy(self)
        other.window = window
        return other

    def judge_bytes(self, raw: bytes, index: int) -> Judgement:
        """Return the outcome of one element of a batch push."""
        decoded = decode_event(raw)
        if isinstance(decoded, Fault):
            return self._reject(decoded, index, raw, keep_unreadable(raw, self._hash, self._is_id))
        known = self._known(decoded.event.event_id)
        if known is not None:
            return known
        facts = _Facts(index, len(raw), suspect=may_be_personal(raw))
        outcome = self._judge(decoded, facts, self._locate(decoded))
        if isinstance(outcome, Fault):
            fault = replace(outcome, event_id=decoded.event.event_id)
            rejected = self._reject(fault, index, raw, {"event": self._keep(decoded)})
            return replace(rejected, effects=self._effects_despite(fault, decoded, index))
        return outcome

    def judge_mapped(self, message: Mapped, index: int, body: bytes) -> Judgement:
        """Return the outcome of one message that a native push was taken apart into."""
        kept = {
            "event": keep_event(message.fields, self._hash, self._is_id),
            "match": keep_match(message.match),
            "message": self._hash_payload(message.payload),
            **({"alias": message.alias} if message.alias else {}),
        }
        part = self.parts.orders.part_of(self._account_id, message.order_id, message.fields)
        amount = {} if part is None or part.amount_fen is None else {"amount_fen": part.amount_fen}
        decoded = _from_fields({**message.fields, **amount})
        if isinstance(decoded, Fault):
            return self._reject(decoded, index, body, kept)
        known = self._known(decoded.event.event_id)
        if known is None and message.alias:
            known = self._known(alias_id(message.alias))
        if known is not None:
            return replace(known, event_id=decoded.event.event_id)
        candidates = next(
            (found for keys in message.match if (found := self._directory.match(self._account_id, keys))), ()
        )
        located = place(decoded.event, decoded.occurred_ms, self._directory, self.window, candidates)
        outcome = self._judge(decoded, _Facts(index, 0, suspect=True, part=part), located)
        if isinstance(outcome, Fault):
            rejected = self._reject(replace(outcome, event_id=decoded.event.event_id), index, body, kept)
            despite = self._effects_despite(outcome, decoded, index)
            return replace(rejected, effects=(*despite, *self._wait_for_order(part, rejected)))
        return self._with_alias(outcome, message.alias) if message.alias else outcome

    def _with_alias(self, accepted: Accepted, alias: str) -> Accepted:
        """Return *accepted* under its *alias* too: another message of this request that bears it is a duplicate."""
        self.taken.add(alias_id(alias))
        return replace(accepted, alias=alias_id(alias))

    def judge_unmapped(self, message: Unmapped, index: int, body: bytes) -> Rejected:
        """Return the reject of a signed message that becomes no event."""
        fault = Fault(message.reason, message.field, message.message, message.event_id)
        return self._reject(fault, index, body, {"message": self._hash_payload(message.payload)})

    def _known(self, event_id: str) -> Duplicate | Waiting | None:
        if event_id in self.taken or self._duplicates.holds(self._account_id, event_id):
            return Duplicate(event_id)
        twin = self._duplicates.pending(self._account_id, event_id)
        return Waiting(event_id, twin) if twin is not None else None

    def _locate(self, decoded: Decoded) -> Place | Fault:
        located = place(decoded.event, decoded.occurred_ms, self._directory, self.window)
        if (
            isinstance(located, Fault)
            and located.reason is RejectReason.INVALID_VALUE
            and located.field == "product_id"
            and not self._may_name_either(decoded.event)
        ):
            return Fault(RejectReason.NOT_YOUR_PRODUCT, "product_id", _NOT_YOURS)
        return located

    def _may_name_either(self, event: Any) -> bool:
        spot = self._directory.placed.get(event.placement_id)
        return event.product_id in self._products or (spot is not None and spot.product_id in self._products)

    def _judge(self, decoded: Decoded, facts: "_Facts", located: Place | Fault) -> Accepted | Fault:
        event = decoded.event
        first = self._hash(event.subject) if event.subject is not None else ""
        if isinstance(located, Fault):
            return located
        fault = self._content_fault(decoded, facts, located, first)
        if fault is not None:
            return fault
        effects = (*self._note_consent(decoded, first, facts.line), *self._note_order(facts.part))
        self.taken.add(event.event_id)
        partition = partition_of(located.product_id, self._partitions)
        return Accepted(event.event_id, partition, self._line(decoded, located, first), effects=effects)

    def _content_fault(self, decoded: Decoded, facts: "_Facts", located: Place, first: str) -> Fault | None:
        event = decoded.event
        if located.product_id not in self._products:
            return Fault(RejectReason.NOT_YOUR_PRODUCT, "product_id", _NOT_YOURS)
        if facts.size > MAX_ATTRIBUTES_BYTES and (fault := _too_large(event, facts.size)) is not None:
            return fault
        if facts.suspect and (field := _personal_field(event, self._is_id)) is not None:
            return Fault(RejectReason.PERSONAL_DATA, field, _PERSONAL)
        if (
            first
            and event.kind not in CONSENT_KINDS
            and not self.allows(consent_key(self._account_id, first), decoded.occurred_ms, facts.line)
        ):
            return Fault(
                RejectReason.CONSENT_WITHDRAWN, "subject", "this subject has withdrawn consent; send nothing of it"
            )
        if event.amount_fen is None and event.kind in _ORDER_KINDS:
            waits = facts.part is not None and facts.part.waits
            return Fault(RejectReason.UNSUPPORTED_EVENT, "amount_fen", _ORDER_AWAITED if waits else _NO_AMOUNT)
        return None

    def _effects_despite(self, fault: Fault, decoded: Decoded, index: int) -> tuple[Effect, ...]:
        """Return what an event causes though it is rejected."""
        subject = decoded.event.subject
        if not subject or fault.reason not in _CONSENT_HOLDS_DESPITE:
            return ()
        return self._note_consent(decoded, self._hash(subject), index)

    def _note_consent(self, decoded: Decoded, first: str, index: int) -> tuple[Effect, ...]:
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

    def _note_order(self, part: OrderPart | None) -> tuple[Effect, ...]:
        if part is None or part.amount_fen is None:
            return ()
        self.parts.orders.note(part.key, part.amount_fen, here=True)
        return (amount_effect(part.key, part.amount_fen),)

    @staticmethod
    def _wait_for_order(part: OrderPart | None, rejected: Rejected) -> tuple[Effect, ...]:
        """Return what a refund leaves that is rejected for no other reason than that its order is not known."""
        if part is None or rejected.fault.message != _ORDER_AWAITED:
            return ()
        return (waiting_effect(part.key._replace(sort="waiting"), rejected.line),)

    def _line(self, decoded: Decoded, located: Place, first: str) -> bytes:
        event = decoded.event
        second_step = self._pseudonyms.second_step
        return _encode(
            StoredEvent(
                event_id=event.event_id,
                account_id=self._account_id,
                platform=self._platform,
                product_id=located.product_id,
                trial_id=located.trial_id,
                kind=event.kind,
                occurred_ms=decoded.occurred_ms,
                received_ms=self.received_ms,
                delivery_id=self.delivery_id,
                attributes=event.attributes or {},
                placement_id=located.placement_id,
                arm=located.arm,
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

    def _hash_payload(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        kept = dict(payload)
        # A subject that is no text stays, as type and length: a replay must not take the message for one without.
        if isinstance(subject := payload.get("subject"), str):
            del kept["subject"]
            kept["subject_hash"] = self._hash(subject)
        return kept

    def _keep(self, decoded: Decoded) -> dict[str, Any]:
        fields = {name: getattr(decoded.event, name) for name in decoded.event.__struct_fields__}
        return keep_event(fields, self._hash, self._is_id)

    def _reject(self, fault: Fault, index: int, raw: bytes, kept: Mapping[str, Any]) -> Rejected:
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
            payload=payload_text(kept),
            received_ms=self.window.now_ms,
            delivery_id=self.delivery_id,
            index=index,
        )
        return Rejected(fault, line)


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


class _Facts(NamedTuple):
    """An event's line in the request; what its raw bytes tell: their number, and whether they may be personal."""

    line: int
    size: int
    suspect: bool
    part: OrderPart | None = None
    """What a native message is to its order."""


def _personal_field(event: Any, is_id: IsId) -> str | None:
    if is_personal_id(event.event_id) is not None:
        return "event_id"
    return find_personal_attribute(event.attributes, is_id) if event.attributes else None


def _tellable(fault: Fault) -> Fault:
    """Return *fault* with nothing personal in what it tells: whoever made it may have overlooked something."""
    if find_personal(fault.field) is None and find_personal(fault.message) is None:
        return fault
    return replace(fault, field="", message="what is wrong with it cannot be told without repeating personal data")


def _too_large(event: Any, size: int) -> Fault | None:
    if size > MAX_EVENT_BYTES:
        return Fault(RejectReason.TOO_LARGE, "", f"an event has at most {MAX_EVENT_BYTES} bytes; this one has {size}")
    if event.attributes and len(_encode(event.attributes)) > MAX_ATTRIBUTES_BYTES:
        return Fault(
            RejectReason.TOO_LARGE, "attributes", f"attributes have at most {MAX_ATTRIBUTES_BYTES} bytes in all"
        )
    return None


def _from_fields(fields: Mapping[str, Any]) -> Decoded | Fault:
    """Return an adapter's *fields* as an event; the time is already Unix milliseconds."""
    event_id = fields.get("event_id", "")
    occurred_ms = fields["occurred_at"]
    try:
        event = msgspec.convert({**fields, "occurred_at": ""}, FastEvent)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        field = path.rstrip("`").split(".")[0].split("[")[0]
        return Fault(
            RejectReason.INVALID_VALUE, field, message.replace("`", ""), event_id if isinstance(event_id, str) else ""
        )
    return Decoded(event, occurred_ms)
