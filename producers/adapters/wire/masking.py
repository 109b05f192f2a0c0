"""What may be kept of a message: fields on the flow's allow-list, other leaves as type and length.

The subject stands under `subject` and nowhere else; the gateway replaces it by its hash. A person's number or address
is no id, time, status or amount, wherever it stands.
"""

import re
from collections.abc import Mapping, Sized
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from producers.parsing.any_json import has_half_pair
from producers.validation.pii import find_pii_value


class ValueFormat(Enum):
    """The form an allow-listed value must have to be kept: free text does not slip through a known name."""

    ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
    MARKED_ID = re.compile(r"@?[A-Za-z0-9._:/+=-]{1,128}\Z")
    """An id that a platform may mark with an `@` before it; an e-mail address has its `@` inside."""
    WORD = re.compile(r"(?!.*[0-9]{11})[A-Za-z0-9][A-Za-z0-9 ._:,+/()-]{0,63}\Z")
    """A status, type, model or version; never as many digits as a telephone number has."""
    TIME = re.compile(r"[0-9]{10}|[0-9]{13}|[0-9]{4}-[0-9]{2}-[0-9]{2}[ Tt][0-9:.]{5,18}(?:[Zz]|[+-][0-9:]{5})?\Z")
    NUMBER = re.compile(r"-?[0-9]{1,19}(?:\.[0-9]{1,9})?\Z")
    AMOUNT = re.compile(r"-?(?:[￥¥] ?)?-?[0-9]{1,13}(?:,[0-9]{3})*(?:\.[0-9]{1,9})?(?: ?元)?\Z")
    """A number, or money as paper shows it."""
    SUBJECT = re.compile(r"(?s).+\Z")


# Recursive, so quoted; a list is never kept element by element.
AllowList: TypeAlias = "Mapping[str, ValueFormat | AllowList]"

MAX_LEAVES = 64
"""Leaves named with type and length; those beyond, and those whose name could itself tell something, are counted."""
COUNTED = "_unnamed"
_NAME = re.compile(r"(?!(?:[^0-9]*[0-9]){5})[A-Za-z][A-Za-z0-9_-]{0,39}\Z")
_TYPES = frozenset({"string", "number", "boolean", "null", "array", "object"})
MAX_NUMBER = 2**63


def mask_document(document: Mapping[str, object], allowed: AllowList) -> dict[str, object]:
    """Return what may be kept of *document*. The same again on what was kept gives the same."""
    kept: dict[str, object] = {}
    unnamed = 0
    leaves = 0
    for name, value in document.items():
        rule = allowed.get(name)
        if isinstance(rule, ValueFormat):
            kept[name] = _plain(value) if _fits(value, rule) else _leaf(value)
        elif rule is not None:
            kept[name] = (
                mask_document(value, rule) if isinstance(value, Mapping) and not is_leaf(value) else _leaf(value)
            )
        elif name == COUNTED and type(value) is int and 0 <= value < MAX_NUMBER:
            unnamed += value
        elif leaves < MAX_LEAVES and _NAME.match(name):
            leaves += 1
            kept[name] = _leaf(value)
        else:
            unnamed += 1
    return kept | ({COUNTED: unnamed} if unnamed else {})


def _fits(value: object, shape: ValueFormat) -> bool:
    if isinstance(value, bool):
        return shape is ValueFormat.WORD
    if isinstance(value, str):
        if shape is ValueFormat.SUBJECT:
            return value != "" and not has_half_pair(value)
        plain = shape.value.match(value) is not None
    elif shape is ValueFormat.SUBJECT or not isinstance(value, int | float | Decimal):
        return False
    else:
        plain = -MAX_NUMBER < value < MAX_NUMBER and ValueFormat.NUMBER.value.match(str(value)) is not None
        # Kept as text, and read as one in a replay.
        plain = plain and (not isinstance(value, Decimal) or shape.value.match(str(value)) is not None)
    # An id may look like a card number, and like nothing else that is a person's.
    return plain and find_pii_value(value, cards=shape not in {ValueFormat.ID, ValueFormat.MARKED_ID}) is None


def _plain(value: object) -> object:
    """Spell a `Decimal` as text, exact, so that whatever writes JSON can write it."""
    return str(value) if isinstance(value, Decimal) else value


def _leaf(value: object) -> object:
    if is_leaf(value):
        return value
    if value is None or isinstance(value, bool):
        return {"type": "null" if value is None else "boolean", "length": 1}
    if isinstance(value, str):
        return {"type": "string", "length": len(value)}
    if isinstance(value, int | float | Decimal):
        return {"type": "number", "length": len(str(value))}
    return {
        "type": "array" if isinstance(value, list) else "object",
        "length": len(value) if isinstance(value, Sized) else 1,
    }


def is_leaf(value: object) -> bool:
    """Tell whether *value* is a leaf masked before."""
    return (
        isinstance(value, Mapping)
        and value.keys() == {"type", "length"}
        and isinstance(value["type"], str)
        and value["type"] in _TYPES
        and type(value["length"]) is int
        and 0 <= value["length"] < MAX_NUMBER
    )
