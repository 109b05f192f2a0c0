"""Bytes to event: the fast decoder decides, pydantic explains what it refused."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import msgspec
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from producers.parsing.any_json import NotJsonError, TooManyBracketsError, has_half_pair, read_any, whole_characters
from producers.parsing.written_once import are_written_once
from producers.validation.pii import find_pii
from schemas.event import (
    KINDS,
    MAX_ATTRIBUTE_KEY_CHARS,
    MAX_ATTRIBUTE_NUMBER,
    MAX_ATTRIBUTE_TEXT_CHARS,
    MAX_ATTRIBUTES,
    MAX_EVENT_BYTES,
    PilotEvent,
    missing_field,
    parse_time_ms,
)
from schemas.event_struct import EventStruct, decode_event_struct
from schemas.outcomes import REASON_ORDER, RejectReason

FIELDS: tuple[str, ...] = tuple(PilotEvent.model_fields)
MAX_ECHO_CHARS = 64
# Unknown fields that are looked at; a sender who has more has one of them named.
_MAX_UNKNOWN = 64
_LONG_RUN = re.compile(r"[0-9]{11}")
_NOT_WHOLE = "holds half a surrogate pair (a text cut in the middle of a character); cut between characters"


@dataclass(frozen=True, slots=True)
class EventFault:
    """Why bytes are no event: the first reason in order, its field, and a sentence that says the way out."""

    reason: RejectReason
    field: str
    message: str
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class DecodedEvent:
    """A well-formed event; `occurred_ms` is its time in Unix milliseconds."""

    event: EventStruct
    occurred_ms: int


def decode_event(raw: bytes) -> DecodedEvent | EventFault:
    """Return the event that *raw* holds, or what is wrong with it; never raise on any bytes.

    No fault names a value, nor a name that could be a person's number or address.
    """
    try:
        event = decode_event_struct(raw)
        occurred_ms = parse_time_ms(event.occurred_at)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _explain(raw)
    if missing_field(event) is not None or not are_written_once(raw, event):
        return _explain(raw)
    return DecodedEvent(event, occurred_ms)


def _missing_message(name: str, kind: str) -> str:
    if name == "placement_id":
        return "give placement_id or product_id; at least one is needed"
    return f"{name} is required for {kind}"


def _explain(raw: bytes) -> DecodedEvent | EventFault:
    """Return what is wrong with *raw*; the event after all where only the fast decoder could not read it."""
    try:
        text = read_any(raw)
    except TooManyBracketsError:
        return EventFault(
            RejectReason.TOO_LARGE, "", f"an event has at most {MAX_EVENT_BYTES} bytes; this one has {len(raw)}"
        )
    except NotJsonError:
        return EventFault(RejectReason.MALFORMED, "", "not readable as JSON; send one UTF-8 JSON object per event")
    if not isinstance(text.value, dict):
        return EventFault(RejectReason.NOT_AN_OBJECT, "", 'an event is a JSON object, like {"event_id": …}')
    event_id = _event_id(text.value)
    if text.repeated is not None:
        named = "one name" if is_untellable(text.repeated) else text.repeated[:MAX_ECHO_CHARS]
        return EventFault(
            RejectReason.MALFORMED, "", f"{named} is given twice in one object; which was meant?", event_id
        )
    faults = [*_faults(text.value)]
    if not faults:
        return _after_all(text.value)
    # Where a required field is misspelt, 'missing' comes first in the fixed order of reasons, so it carries the hint.
    first = min(faults, key=lambda fault: REASON_ORDER[fault.reason])
    return EventFault(first.reason, first.field, first.message + _meant_hint(first, text.value), event_id)


def _after_all(fields: Mapping[str, object]) -> DecodedEvent | EventFault:
    try:
        event = msgspec.convert(fields, EventStruct)
        return DecodedEvent(event, parse_time_ms(event.occurred_at))
    except (msgspec.MsgspecError, ValueError):
        # Model and Struct differ: a defect of ours, so keep the event for replay.
        return EventFault(
            RejectReason.INTERNAL_ERROR, "", "the event could not be read; it is kept and will be replayed"
        )


def _faults(fields: Mapping[str, object]) -> Iterator[EventFault]:
    """Yield everything that is wrong with an event's *fields*."""
    unknown = _unknown(fields)
    if unknown:
        yield EventFault(RejectReason.UNKNOWN_FIELD, *_unknown_field(unknown[0], [*fields].index(unknown[0])))
    known = {name: fields[name] for name in FIELDS if name in fields}
    for name, value in known.items():
        if isinstance(value, str) and has_half_pair(value):
            yield EventFault(RejectReason.INVALID_VALUE, name, f"{name} {_NOT_WHOLE}")
            known[name] = whole_characters(value)
    if isinstance(attributes := known.get("attributes"), dict):
        if (fault := _attributes_fault(attributes)) is not None:
            yield fault
        # Those are explained already; the model would name each of thousands.
        del known["attributes"]
    if isinstance(kind := known.get("kind"), str) and (lacking := missing_field(SimpleNamespace(**known))) is not None:
        yield EventFault(
            RejectReason.MISSING_FIELD, lacking, _missing_message(lacking, kind if kind in KINDS else "this kind")
        )
    try:
        PilotEvent.model_validate(known)
    except ValidationError as error:
        yield from (fault for item in error.errors(include_url=False) if (fault := _fault(item)) is not None)


def _unknown(fields: Mapping[str, object]) -> list[str]:
    found: list[str] = []
    for name in fields:
        if name not in FIELDS:
            found.append(name)
            if len(found) == _MAX_UNKNOWN:
                break
    return found


def _meant_hint(first: EventFault, fields: Mapping[str, object]) -> str:
    """Return what the missing field may have been misspelt as, '' where nothing comes near."""
    if first.reason is not RejectReason.MISSING_FIELD:
        return ""
    tellable = [name for name in _unknown(fields) if len(name) <= MAX_ECHO_CHARS and not is_untellable(name)]
    near = difflib.get_close_matches(first.field, tellable, n=1, cutoff=0.5)
    return f"; {near[0]} is no field of an event: is it meant for {first.field}?" if near else ""


def _event_id(fields: Mapping[str, object]) -> str:
    """Return the event's id where it can be told, for the answer; '' else."""
    found = fields.get("event_id")
    return found[:MAX_ECHO_CHARS] if isinstance(found, str) else ""


def _fault(item: ErrorDetails) -> EventFault | None:
    kind, path = item["type"], [str(part) for part in item["loc"]]
    field = path[0] if path else ""
    if kind == "missing":
        return EventFault(RejectReason.MISSING_FIELD, field, f"{field} is required")
    if kind == "missing_for_kind":
        # Asked before, whatever else is wrong.
        return None
    return EventFault(RejectReason.INVALID_VALUE, field, _invalid_message(field, item))


def is_untellable(name: str) -> bool:
    """Tell whether *name*, given by a sender, may not be repeated: a person's number may be in it, or no whole text."""
    if len(name) > MAX_ATTRIBUTE_TEXT_CHARS:
        return True
    return has_half_pair(name) or find_pii(name) is not None or _LONG_RUN.search(name) is not None


def _unknown_field(name: str, place: int) -> tuple[str, str]:
    if is_untellable(name):
        return f"[{place}]", f"the name in place {place} is no field of an event; put what is your own into attributes"
    shown = name[:MAX_ECHO_CHARS]
    near = difflib.get_close_matches(shown, FIELDS, n=1, cutoff=0.5)
    if near:
        return shown, f"{shown} is no field of an event; did you mean {near[0]}?"
    return shown, f"{shown} is no field of an event; put what is your own into attributes"


def _attributes_fault(attributes: Mapping[str, object]) -> EventFault | None:
    """Return the first attribute that the model does not take, named by its place where its name may not be told."""
    if len(attributes) > MAX_ATTRIBUTES:
        message = f"attributes: at most {MAX_ATTRIBUTES}; these are {len(attributes)}"
        return EventFault(RejectReason.INVALID_VALUE, "attributes", message)
    for place, (key, value) in enumerate(attributes.items()):
        named = len(key) <= MAX_ATTRIBUTE_KEY_CHARS and not is_untellable(key)
        field = f"attributes.{key}" if named else f"attributes[{place}]"
        if len(key) > MAX_ATTRIBUTE_KEY_CHARS:
            return EventFault(
                RejectReason.INVALID_VALUE, field, f"{field}: a name has at most {MAX_ATTRIBUTE_KEY_CHARS} characters"
            )
        why = f"its name {_NOT_WHOLE}" if has_half_pair(key) else _attribute_problem(value)
        if why:
            return EventFault(RejectReason.INVALID_VALUE, field, f"{field}: {why}")
    return None


def _attribute_problem(value: object) -> str:
    if isinstance(value, bool):
        return ""
    if isinstance(value, str):
        if has_half_pair(value):
            return _NOT_WHOLE
        longest = MAX_ATTRIBUTE_TEXT_CHARS
        return "" if len(value) <= longest else f"text has at most {longest} characters; this one has {len(value)}"
    if not isinstance(value, int | float):
        return "must be text, a number or a boolean"
    if -MAX_ATTRIBUTE_NUMBER <= value <= MAX_ATTRIBUTE_NUMBER:
        return ""
    return f"beyond {MAX_ATTRIBUTE_NUMBER} (2^53 - 1), up or down, readers keep no number exactly; send it as text"


def _invalid_message(field: str, item: ErrorDetails) -> str:
    """Return what is wrong with a value, without the value: it may be personal."""
    if field == "kind":
        given = item["input"]
        near = difflib.get_close_matches(
            given[:MAX_ECHO_CHARS] if isinstance(given, str) else "", KINDS, n=1, cutoff=0.5
        )
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"kind must be one of {', '.join(KINDS)}{hint}"
    if field == "event_id":
        return "event_id must be 1 to 64 of A-Z a-z 0-9 . _ : -"
    if item["type"] == "value_error" and field == "occurred_at":
        return "occurred_at must be a real RFC 3339 time with an offset, like 2026-11-22T10:15:30.123+08:00"
    message = item["msg"]
    return f"{field}: {message[0].lower()}{message[1:]}"
