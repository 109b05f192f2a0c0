"""Any JSON text that RFC 8259's grammar allows, read to say what is wrong with it, where the fast reader gives up.

Numbers have any size, texts half surrogate pairs, names come twice, and nesting has any depth. Nothing that is read
here is stored: an event with any of these is refused, or is read again by the fast reader.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import NoReturn

MAX_DEPTH = 16
"""What lies deeper is read as empty: an event has three levels, and the parser recurses."""
MAX_BRACKETS = 65_536
"""Of one text that is nested too deep: walking costs 0.2 µs a bracket. An event that may be taken has fewer bytes."""
# The closing quote is optional, so that a text without one is read once and not from each of its escaped quotes.
TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
_MAX_DIGITS = 18
BEYOND = 10**20
"""Stands for any integer of more digits: no field takes one so large."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class NotJsonError(Exception):
    """Bytes that are no JSON text; the message says why, without quoting them."""


class TooManyBracketsError(NotJsonError):
    """A text that is nested too deep and too long to be walked."""


@dataclass(frozen=True, slots=True)
class ParsedJson:
    """What a JSON text holds."""

    value: object
    """Integers of more than 18 digits are `BEYOND`, or its negative."""
    repeated: str | None
    """A name that one of its objects has twice; of such names only the last value is in `value`."""


def read_any(raw: bytes) -> ParsedJson:
    """Return what *raw* holds. Raises `NotJsonError` where it is not one JSON text in UTF-8."""
    repeated: list[str] = []

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(items)
        if len(found) != len(items) and not repeated:
            counts = Counter(name for name, _ in items)
            repeated.append(next(name for name, times in counts.items() if times > 1))
        return found

    try:
        text = _without_depths(raw).decode("utf-8")
        value = json.loads(text, object_pairs_hook=pairs, parse_int=_integer, parse_constant=refuse_constant)
    except UnicodeDecodeError as error:
        raise NotJsonError("it is not UTF-8") from error
    except RecursionError as error:
        raise NotJsonError("it is nested too deep") from error
    except ValueError as error:
        raise NotJsonError("it is not one JSON value") from error
    return ParsedJson(value, repeated[0] if repeated else None)


def refuse_constant(_name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python's reader takes and JSON does not have. Raises `ValueError`."""
    raise ValueError("NaN or Infinity, which JSON does not have")


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        return -BEYOND if text.startswith("-") else BEYOND
    return int(text)


def _without_depths(raw: bytes) -> bytes:
    """Return *raw* with every list and object below `MAX_DEPTH` levels emptied."""
    brackets = raw.count(b"[") + raw.count(b"{")
    if brackets <= MAX_DEPTH:
        return raw
    if brackets > MAX_BRACKETS:
        raise TooManyBracketsError("it has too many brackets")
    kept: list[bytes] = []
    depth = begin = 0
    for token in TOKENS.finditer(raw):
        mark = raw[token.start()]
        step = (mark in b"[{") - (mark in b"]}")
        depth += step
        if step > 0 and depth == MAX_DEPTH + 1:
            kept.append(raw[begin : token.end()])
        elif step < 0 and depth == MAX_DEPTH:
            begin = token.start()
    if depth <= MAX_DEPTH:
        kept.append(raw[begin:])
    return b"".join(kept)


_SURROGATE = re.compile(r"[\ud800-\udfff]")


def has_half_pair(text: str) -> bool:
    """Tell whether *text* has half a surrogate pair: no UTF-8 can say it, so it cannot be stored."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def whole_characters(text: str) -> str:
    """Return *text* with U+FFFD in the place of each half surrogate pair."""
    return _SURROGATE.sub("\ufffd", text)
