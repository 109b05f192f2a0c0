"""Bytes to event: the fast decoder decides, pydantic explains what it refused."""

import difflib
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import ValidationError

from schemas.event import KINDS, PilotEvent, missing_field, parse_time_ms
from schemas.fast import decode_fast
from schemas.outcomes import REASON_ORDER, RejectReason

FIELDS: tuple[str, ...] = tuple(PilotEvent.model_fields)
MAX_ECHO_CHARS = 64

_decode_any = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Fault:
    """Why bytes are no event: the first reason in order, its field, and a sentence that says the way out."""

    reason: RejectReason
    field: str
    message: str
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A well-formed event; `occurred_ms` is its time in Unix milliseconds."""

    event: Any
    """A `schemas.fast.FastEvent`."""
    occurred_ms: int


def decode_event(raw: bytes | msgspec.Raw) -> Decoded | Fault:
    """Return the event that *raw* holds, or what is wrong with it; never raise on any bytes."""
    try:
        event = decode_fast(raw)
        occurred_ms = parse_time_ms(event.occurred_at)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _explain(bytes(raw))
    if (name := missing_field(event)) is not None:
        return Fault(RejectReason.MISSING_FIELD, name, _missing_message(name, event.kind), event.event_id)
    return Decoded(event, occurred_ms)


def _missing_message(name: str, kind: str) -> str:
    if name == "placement_id":
        return "give placement_id or product_id; at least one is needed"
    return f"{name} is required for {kind}"


def _explain(raw: bytes) -> Fault:
    try:
        PilotEvent.model_validate_json(raw)
    except ValidationError as error:
        faults = [_fault(item) for item in error.errors(include_url=False)]
    else:
        # The fast decoder is stricter here than the model: a defect of ours, so keep the event for replay.
        return Fault(RejectReason.INTERNAL_ERROR, "", "the event could not be read; it is kept and will be replayed")
    event_id = _event_id(raw)
    # Where a required field is misspelt, 'missing' comes first in the fixed order of reasons, so it carries the hint.
    first = min(faults, key=lambda fault: REASON_ORDER[fault.reason])
    return Fault(first.reason, first.field, first.message + _meant_hint(first, faults), event_id)


def _meant_hint(first: Fault, faults: list[Fault]) -> str:
    """Return what the missing field may have been misspelt as, '' where nothing comes near."""
    if first.reason is not RejectReason.MISSING_FIELD:
        return ""
    unknown = [fault.field for fault in faults if fault.reason is RejectReason.UNKNOWN_FIELD]
    near = difflib.get_close_matches(first.field, unknown, n=1, cutoff=0.5)
    return f"; {near[0]} is no field of an event: is it meant for {first.field}?" if near else ""


def _event_id(raw: bytes) -> str:
    """Return the event's id where it can be told, for the answer; '' else."""
    try:
        value = _decode_any(raw)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return ""
    found = value.get("event_id") if isinstance(value, dict) else None
    return found[:MAX_ECHO_CHARS] if isinstance(found, str) else ""


def _fault(item: Any) -> Fault:
    kind, path = item["type"], [str(part) for part in item["loc"]]
    field = path[0][:MAX_ECHO_CHARS] if path else ""
    if kind == "json_invalid":
        return Fault(RejectReason.MALFORMED, "", "not readable as JSON; send one UTF-8 JSON object per event")
    if kind == "model_type" or (kind == "model_attributes_type" and not path):
        return Fault(RejectReason.NOT_AN_OBJECT, "", 'an event is a JSON object, like {"event_id": …}')
    if kind == "missing":
        return Fault(RejectReason.MISSING_FIELD, field, f"{field} is required")
    if kind == "missing_for_kind":
        name = item["ctx"]["field"]
        return Fault(RejectReason.MISSING_FIELD, name, _missing_message(name, "this kind"))
    if kind == "extra_forbidden":
        return Fault(RejectReason.UNKNOWN_FIELD, field, _unknown_message(field))
    return Fault(RejectReason.INVALID_VALUE, field, _invalid_message(field, item))


def _unknown_message(field: str) -> str:
    near = difflib.get_close_matches(field, FIELDS, n=1, cutoff=0.5)
    if near:
        return f"{field} is no field of an event; did you mean {near[0]}?"
    return f"{field} is no field of an event; put what is your own into attributes"


def _invalid_message(field: str, item: Any) -> str:
    """Return what is wrong with a value, without the value: it may be personal."""
    if field == "kind":
        given = item["input"]
        near = difflib.get_close_matches(given, KINDS, n=1, cutoff=0.5) if isinstance(given, str) else []
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"kind must be one of {', '.join(KINDS)}{hint}"
    if field == "event_id":
        return "event_id must be 1 to 64 of A-Z a-z 0-9 . _ : -"
    if item["type"] == "value_error" and field == "occurred_at":
        return "occurred_at must be a real RFC 3339 time with an offset, like 2026-11-22T10:15:30.123+08:00"
    message = item["msg"]
    return f"{field}: {message[0].lower()}{message[1:]}"
