"""Whether an event's JSON gives each name once, told from the number of its quotation marks.

The decoder keeps the last of two values under one name and says nothing. What it dropped is in the bytes, though: a
name has two quotation marks, and so has a text. As many as the decoded event accounts for, and nothing was dropped.
"""

import re
from collections.abc import Sequence

import msgspec

from schemas.event_struct import EventStruct

_encode = msgspec.json.Encoder().encode
# Fields that say that they are absent. No text can hold this: its quotation marks would have a backslash before them.
_NULL_FIELD = re.compile(rb'"([a-z_]+)"\s*:\s*null\b')
ESCAPED_MARK = b'\\"'
"""In encoded attributes; the same may have been sent as an escape without a quotation mark."""


def are_written_once(raw: bytes, event: EventStruct) -> bool:
    """Tell whether *raw*, of which *event* was decoded, plainly gives each name once.

    False where it cannot be told at a glance: a text with a quotation mark in it.
    """
    text = b"" if event.attributes is None else _encode(event.attributes)
    named = (event.placement_id, event.product_id, event.trial_id, event.arm)
    return ESCAPED_MARK not in text and is_written_once(raw, event, text, marks_of(named))


def marks_of(named: Sequence[str | None]) -> int:
    """Return the quotation marks of the fields that every event has, and of those that name its place."""
    always = ("event_id", "kind", "occurred_at")
    return 4 * (len(always) + sum(value is not None for value in named))


def is_written_once(raw: bytes, event: EventStruct, text: bytes, marks: int) -> bool:
    """As `are_written_once`, by its attributes' encoded *text* without `ESCAPED_MARK`, and *marks* as of `marks_of`."""
    if event.attributes is not None:
        marks += 2 + text.count(b'"')
    if event.subject is not None:
        marks += 4
    if event.session_id is not None:
        marks += 4
    if event.outcome is not None:
        marks += 4
    if event.duration_ms is not None:
        marks += 2
    if event.amount_fen is not None:
        marks += 2
    if event.rating is not None:
        marks += 2
    found = raw.count(b'"')
    return found == marks or _with_nulls(raw, event, found - marks)


def _with_nulls(raw: bytes, event: EventStruct, surplus: int) -> bool:
    names = _NULL_FIELD.findall(raw)
    return (
        surplus == 2 * len(names) == 2 * len(set(names))
        and len(names) > 0
        and all(getattr(event, name.decode(), event) is None for name in names)
    )
