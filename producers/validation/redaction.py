"""What is kept of a reject: enough to mend and replay it, and nothing that names a person.

Every name and value is looked at for itself, whatever the event was refused for.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from itertools import islice

import msgspec

from producers.parsing.any_json import NotJsonError, has_half_pair, read_any
from producers.validation.pii import IsId, find_pii, find_pii_in_id, find_pii_value, no_ids
from schemas.event import (
    EVENT_ID_PATTERN,
    MAX_AMOUNT_FEN,
    MAX_ATTRIBUTE_NUMBER,
    MAX_ATTRIBUTE_TEXT_CHARS,
    MAX_ATTRIBUTES,
    MAX_DURATION_MS,
    PilotEvent,
)

HashSubject = Callable[[str], str]
"""First-step hash of a subject or session: 32 hex digits."""

# Hashed with the account's key, so that a replay can take the second step.
HASHED = {"subject": "subject_hash", "session_id": "session_hash"}
MAX_CLEAR_TEXT_CHARS = 64
MAX_PAYLOAD_BYTES = 16_384
MAX_TIME_MS = 10**13
# A native message's time is Unix milliseconds.
_LARGEST = {"duration_ms": MAX_DURATION_MS, "amount_fen": MAX_AMOUNT_FEN, "rating": 5, "occurred_at": MAX_TIME_MS}
_EVENT_ID = re.compile(EVENT_ID_PATTERN)
_KEY = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")

_KINDS = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
_MASKED_NAME = re.compile(r"\([0-9]+ characters\)\Z")
_encode = msgspec.json.Encoder().encode


def redact_event(fields: Mapping[str, object], hash_subject: HashSubject, is_id: IsId = no_ids) -> dict[str, object]:
    """Return the event *fields* as they may be redacted: subjects hashed, personal values and other types masked.

    What *is_id* names among its attributes may look like a card number.
    """
    redacted: dict[str, object] = {}
    for name, value in islice(fields.items(), 2 * MAX_ATTRIBUTES):
        if value is None and name in PilotEvent.model_fields:
            continue
        if name in HASHED and isinstance(value, str):
            redacted[HASHED[name]] = hash_subject(value)
        elif name in HASHED or name not in PilotEvent.model_fields:
            redacted[_redact_name(name)] = mask(value)
        elif name == "attributes" and isinstance(value, dict):
            redacted[name] = _redact_attributes(value, is_id)
        elif name == "event_id":
            redacted[name] = harmless_id(value) if isinstance(value, str) and harmless_id(value) else mask(value)
        elif _is_beyond(name, value):
            redacted[name] = mask(value)
        else:
            redacted[name] = _redact_leaf(value, MAX_CLEAR_TEXT_CHARS)
    return redacted


def _is_beyond(name: str, value: object) -> bool:
    """Tell whether *value* is a number where its field takes none, or none so large: then it may be anything."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not 0 <= value <= _LARGEST.get(name, -1)


def redact_unreadable(raw: bytes, hash_subject: HashSubject, is_id: IsId = no_ids) -> dict[str, object]:
    """Return what may be kept of *raw*, which is no event: known fields in harmless forms, else type and length."""
    try:
        text = read_any(raw)
    except NotJsonError:
        return redact_bytes(raw)
    if text.repeated is not None:
        return redact_bytes(raw)
    if not isinstance(text.value, dict):
        return {"value": mask(text.value)}
    return redact_event(text.value, hash_subject, is_id)


def redact_match(match: tuple[Mapping[str, str], ...]) -> list[dict[str, object]]:
    """Return the placement keys of a native message as they may be redacted: what is no id is masked.

    A platform's device or shop is a word of letters and digits; what else stands there may be anybody's name.
    """
    return [{name: value if _is_key(value) else mask(value) for name, value in keys.items()} for keys in match]


def _is_key(text: str) -> bool:
    return _KEY.match(text) is not None and find_pii(text, cards=False) is None


def harmless_id(text: str) -> str:
    """Return *text* where it is an event id that names nobody, else ''."""
    return text if _EVENT_ID.match(text) and find_pii_in_id(text) is None else ""


def redact_bytes(raw: bytes) -> dict[str, object]:
    """Return length and SHA-256 of bytes that nobody could read."""
    return {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def mask(value: object) -> dict[str, object]:
    """Return the type and length of *value* in its place."""
    masked: dict[str, object] = {"type": _KINDS.get(type(value), "null")}
    if isinstance(value, (str, list, dict)):
        masked["length"] = len(value)
    return masked


def is_masked(value: Mapping[str, object]) -> bool:
    """Tell whether *value* stands in a kept payload for one that was not redacted."""
    kind = value.get("type")
    return value.keys() <= {"type", "length"} and isinstance(kind, str) and kind in {*_KINDS.values(), "null"}


def is_masked_name(name: str) -> bool:
    """Tell whether *name* stands in a kept payload for one that was not redacted."""
    return _MASKED_NAME.match(name) is not None


def payload_text(payload: Mapping[str, object]) -> str:
    """Return *payload* as JSON text; one too long leaves its size only."""
    encoded = _encode(payload)
    if len(encoded) > MAX_PAYLOAD_BYTES:
        encoded = _encode({"bytes": len(encoded), "too_long": True})
    return encoded.decode()


def _redact_attributes(attributes: Mapping[str, object], is_id: IsId) -> dict[str, object]:
    return {
        _redact_name(key): _redact_leaf(value, MAX_ATTRIBUTE_TEXT_CHARS, cards=not is_id(key))
        for key, value in islice(attributes.items(), 2 * MAX_ATTRIBUTES)
    }


def _redact_name(name: str) -> str:
    """Return *name*, or its length where it is long, personal or no whole text."""
    if len(name) > MAX_CLEAR_TEXT_CHARS or has_half_pair(name) or find_pii(name):
        return f"({len(name)} characters)"
    return name


def _redact_leaf(value: object, max_chars: int, *, cards: bool = True) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        whole = -MAX_ATTRIBUTE_NUMBER <= value <= MAX_ATTRIBUTE_NUMBER
        return value if whole and find_pii_value(value, cards=cards) is None else mask(value)
    if not isinstance(value, str) or len(value) > max_chars or has_half_pair(value):
        return mask(value)
    return value if find_pii(value, cards=cards) is None else mask(value)
