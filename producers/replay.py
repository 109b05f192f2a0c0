"""Kept rejects once more: what was kept of each is read again by today's registry and rules, or it is said why not.

Pure. What a kept payload does not hold cannot be replayed: a replay never makes an event up.
"""

import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from producers.adapters.base import MappedMessage, MappingContext, PlatformMessage
from producers.adapters.catalogue import adapter_for
from producers.adapters.wire.masking import is_leaf
from producers.consent.ledger import ConsentChange, ConsentLedger, ConsentMerge
from producers.orders.ledger import waiting_as
from producers.validation.placement import TimeWindow
from producers.validation.pseudonym_cache import Pseudonymiser
from producers.validation.redaction import HASHED, is_masked, is_masked_name
from producers.validation.validator import BATCH_FLOW, EventValidator, RejectedEvent, ValidationResult
from registry.pseudonyms import TwoSteps
from schemas.foreign import FOREIGN_FLOW
from schemas.lines import RejectLine
from schemas.outcomes import RejectReason
from schemas.registry import Account

_HASH = re.compile(r"(?:[0-9a-f]{32})?\Z")
_AGAIN = "send the event again"
_decode = msgspec.json.Decoder(dict[str, object]).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ReadableReject:
    """A reject whose kept payload says all that the event said."""

    line: RejectLine
    event: PlatformMessage | bytes
    """A native message by today's mapping, or a batch's element; subjects are first-step hashes already."""


@dataclass(frozen=True, slots=True)
class NotReplayable:
    """A reject of which too little was kept; *why* names what is lacking and the way out."""

    line: RejectLine
    why: str


class PrehashedPseudonyms:
    """Pseudonyms of what was kept: the first step was taken at the first receipt, only the second is left."""

    def __init__(self, pseudonyms: Pseudonymiser) -> None:
        self._pseudonyms = pseudonyms

    def first_step(self, account_id: str, subject: str) -> str:  # noqa: ARG002 - the port has it
        """Return *subject*: it is the hash with the account's key."""
        return subject

    def second_step(self, trial_id: str, first_step: str) -> str:
        """Return the hash of *first_step* with the trial's key. Raises `UnavailableError` where it is not here."""
        return self._pseudonyms.second_step(trial_id, first_step)

    def two_steps(self, account_id: str, trial_id: str) -> TwoSteps:
        """Return both steps. Raises `UnavailableError` likewise."""
        return self._pseudonyms.two_steps(account_id, trial_id)


class DryRunConsent(ConsentLedger):
    """Changes of consent that are only tried: laid over *ledger*, which stays as it is."""

    def __init__(self, ledger: ConsentLedger) -> None:
        # No more than one request's changes.
        super().__init__(max_subjects=sys.maxsize)
        self._ledger = ledger

    def allows(self, key: str, occurred_ms: int, *, but: Collection[ConsentChange] = ()) -> bool:
        """Tell whether an event may be taken, by what is known and what was tried."""
        allows = super().allows if key in self.subjects else self._ledger.allows
        return allows(key, occurred_ms, but=but)

    def merge(self, key: str, changes: Iterable[ConsentChange]) -> ConsentMerge:
        """Add *changes* to what is tried."""
        if key not in self.subjects:
            super().merge(key, self._ledger.changes(key))
        return super().merge(key, changes)


def reread_reject(line: RejectLine, account: Account | None) -> ReadableReject | NotReplayable:
    """Return what *line*, a kept reject, says when it is read again. Total.

    *account*: as the registry has it today; None where it no longer does.
    """
    payload = _payload(line)
    if (why := _why_gone(line, payload, account)) or account is None:
        return NotReplayable(line, why or "")
    return _reread_element(line, payload) if line.flow == BATCH_FLOW else _reread_native(line, payload, account)


def revalidate(validator: EventValidator, reject: ReadableReject, window: TimeWindow, index: int) -> ValidationResult:
    """Return the outcome of *reject*, the one with *index*, by *window*, the clock of its first receipt.

    One rejected again keeps its line as it was, with its id and first reason, so that it is kept once.
    """
    by_first_receipt = validator.with_window(window)
    if isinstance(reject.event, bytes):
        outcome = by_first_receipt.validate_bytes(reject.event, index)
    elif isinstance(reject.event, MappedMessage):
        outcome = by_first_receipt.validate_mapped(reject.event, index, b"")
    else:
        outcome = by_first_receipt.validate_unmapped(reject.event, index, b"")
    if not isinstance(outcome, RejectedEvent):
        return outcome
    return replace(outcome, line=reject.line, effects=waiting_as(reject.line, outcome.effects))


def _payload(line: RejectLine) -> dict[str, object]:
    try:
        return _decode(line.payload or "{}")
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return {}


def _why_gone(line: RejectLine, payload: Mapping[str, object], account: Account | None) -> str:
    """Return why *line* cannot be replayed whatever its fields, '' where it may."""
    message = payload.get("message")
    parts = (payload, message if isinstance(message, Mapping) else {})
    if line.flow == FOREIGN_FLOW or not line.account_id:
        return "the gateway did not write this line, and nothing of it was kept"
    if line.reason == RejectReason.PERSONAL_DATA:
        return f"personal data is not kept; {_AGAIN} without it"
    if any("sha256" in part and "bytes" in part for part in parts):
        return f"it could not be read, so only its length and SHA-256 were kept; {_AGAIN}"
    if "too_long" in payload or (line.reason == RejectReason.TOO_LARGE and not line.field):
        return f"it was too large to be kept whole; {_AGAIN}, smaller"
    if not payload:
        return f"nothing was kept of it; {_AGAIN}"
    return f"account {line.account_id} is no longer in the registry" if account is None else ""


def _reread_element(line: RejectLine, payload: Mapping[str, object]) -> ReadableReject | NotReplayable:
    inner = payload.get("event")
    # What was no event was kept field by field; what was one, under a name of its own.
    well_formed = isinstance(inner, Mapping) and "kind" in inner
    fields: Mapping[str, object] = inner if isinstance(inner, Mapping) and well_formed else payload
    if (name := _lacking_field(fields, well_formed=well_formed)) is not None:
        return _not_kept(line, name)
    subjects = {kept: name for name, kept in HASHED.items()}
    return ReadableReject(line, _encode({subjects.get(name, name): value for name, value in fields.items()}))


def _lacking_field(fields: Mapping[str, object], *, well_formed: bool) -> str | None:
    """Return the first of an event's *fields* that was not kept as it was, or None."""
    for name, value in fields.items():
        if name == "attributes" and isinstance(value, Mapping) and (well_formed or not is_masked(value)):
            found = _lacking_attribute(value)
            if found is not None:
                return found
        elif is_masked_name(name) or isinstance(value, Mapping) or not _is_hash_where_due(name, value):
            return name
    return None


def _lacking_attribute(attributes: Mapping[str, object]) -> str | None:
    return next(
        (
            f"attributes.{name}"
            for name, value in attributes.items()
            if is_masked_name(name) or isinstance(value, Mapping)
        ),
        None,
    )


def _is_hash_where_due(name: str, value: object) -> bool:
    return name not in HASHED.values() or (isinstance(value, str) and _HASH.match(value) is not None)


def _not_kept(line: RejectLine, name: str) -> NotReplayable:
    return NotReplayable(line, f"{name} was kept as type and length only; {_AGAIN}")


def _reread_native(line: RejectLine, payload: Mapping[str, object], account: Account) -> ReadableReject | NotReplayable:
    adapter = adapter_for(account.platform, line.flow)
    if adapter is None or line.platform != account.platform:
        return NotReplayable(line, f"account {account.id} has no flow {line.flow} of {line.platform} any more")
    kept = payload.get("message")
    if not isinstance(kept, Mapping):
        return NotReplayable(line, f"nothing was kept of the message; {_AGAIN}")
    if "subject" in kept:
        return _not_kept(line, "the subject")
    document = {("subject" if name == HASHED["subject"] else name): value for name, value in kept.items()}
    message = adapter.interpret(document, MappingContext(account, line.flow, line.received_ms))
    if not isinstance(message, MappedMessage):
        return (
            _not_kept(line, message.field) if _is_masked_at(document, message.field) else ReadableReject(line, message)
        )
    alias = payload.get("alias")
    return ReadableReject(line, replace(message, alias=alias) if isinstance(alias, str) else message)


def _is_masked_at(document: Mapping[str, object], path: str) -> bool:
    """Tell whether *document* has a masked leaf under a name that leads to *path*, the field that a mapping lacked."""
    names = set(path.split("."))
    return any(is_leaf(value) and name in names for name, value in _leaves(document))


def _leaves(document: Mapping[str, object]) -> Sequence[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    stack = [document]
    while stack:
        tree = stack.pop()
        for name, value in tree.items():
            if isinstance(value, Mapping) and not is_leaf(value):
                stack.append(value)
            else:
                found.append((name, value))
    return found
