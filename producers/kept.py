"""What is kept of a reject: enough to mend and replay it, and nothing that names a person."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from producers.personal import find_personal, is_personal_id
from schemas.event import MAX_ATTRIBUTE_TEXT_CHARS, MAX_ATTRIBUTES, PilotEvent

HashSubject = Callable[[str], str]
"""First-step hash of a subject or session: 32 hex digits."""

# Hashed with the account's key, so that a replay can take the second step.
HASHED = {"subject": "subject_hash", "session_id": "session_hash"}
MAX_KEPT_TEXT_CHARS = 64
MAX_PAYLOAD_BYTES = 16_384

_KINDS = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
_MASKED_NAME = re.compile(r"\([0-9]+ characters\)\Z")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def keep_event(fields: Mapping[str, Any], hash_subject: HashSubject) -> dict[str, Any]:
    """Return the event *fields* (well-formed ones) as they may be kept: subjects hashed, personal values masked."""
    kept: dict[str, Any] = {}
    for name, value in fields.items():
        if value is None:
            continue
        if name in HASHED:
            kept[HASHED[name]] = hash_subject(value)
        elif name == "attributes":
            kept[name] = _keep_attributes(value)
        elif name == "event_id":
            kept[name] = mask(value) if is_personal_id(value) else value
        else:
            kept[name] = value
    return kept


def keep_unreadable(raw: bytes, hash_subject: HashSubject) -> dict[str, Any]:
    """Return what may be kept of *raw*, which is no event: known fields in harmless forms, else type and length."""
    try:
        value = _decode(raw)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return keep_bytes(raw)
    if not isinstance(value, dict):
        return {"value": mask(value)}
    kept: dict[str, Any] = {}
    for name, inner in list(value.items())[: 2 * MAX_ATTRIBUTES]:
        if name in HASHED and isinstance(inner, str):
            kept[HASHED[name]] = hash_subject(inner)
        elif name in HASHED:
            # A number as a subject is refused for its type, and names somebody all the same.
            kept[name] = None if inner is None else mask(inner)
        elif name == "attributes" and isinstance(inner, dict):
            kept[name] = _keep_attributes(inner)
        elif name in PilotEvent.model_fields:
            kept[name] = _keep_leaf(inner, MAX_KEPT_TEXT_CHARS)
        else:
            kept[_keep_name(name)] = mask(inner)
    return kept


def keep_bytes(raw: bytes) -> dict[str, Any]:
    """Return length and SHA-256 of bytes that nobody could read."""
    return {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def mask(value: Any) -> dict[str, Any]:
    """Return the type and length of *value* in its place."""
    masked: dict[str, Any] = {"type": _KINDS.get(type(value), "null")}
    if isinstance(value, (str, list, dict)):
        masked["length"] = len(value)
    return masked


def is_masked(value: Mapping[str, Any]) -> bool:
    """Tell whether *value* stands in a kept payload for one that was not kept."""
    kind = value.get("type")
    return value.keys() <= {"type", "length"} and isinstance(kind, str) and kind in {*_KINDS.values(), "null"}


def is_masked_name(name: str) -> bool:
    """Tell whether *name* stands in a kept payload for one that was not kept."""
    return _MASKED_NAME.match(name) is not None


def payload_text(payload: Mapping[str, Any]) -> str:
    """Return *payload* as JSON text; one too long leaves its size only."""
    encoded = _encode(payload)
    if len(encoded) > MAX_PAYLOAD_BYTES:
        encoded = _encode({"bytes": len(encoded), "too_long": True})
    return encoded.decode()


def _keep_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _keep_name(key): _keep_leaf(value, MAX_ATTRIBUTE_TEXT_CHARS)
        for key, value in list(attributes.items())[: 2 * MAX_ATTRIBUTES]
    }


def _keep_name(name: str) -> str:
    """Return *name*, or its length where it is long or personal."""
    if len(name) > MAX_KEPT_TEXT_CHARS or find_personal(name):
        return f"({len(name)} characters)"
    return name


def _keep_leaf(value: Any, max_chars: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return mask(value) if find_personal(format(value, "f").rstrip("0").rstrip(".")) else value
    if isinstance(value, str) and len(value) <= max_chars and find_personal(value) is None:
        return value
    return mask(value)
