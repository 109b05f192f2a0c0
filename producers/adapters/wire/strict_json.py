"""Reading JSON that has one meaning only: what another reader could take otherwise is not read at all."""

import json
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from producers.parsing.any_json import BYTE_ORDER_MARK, TOKENS

MAX_DEPTH = 64
"""Levels of nesting; the platforms use four. Bounded before parsing, since the parser recurses."""
# Python reads no longer integer from text; one that long is kept in no field.
_MAX_INT_DIGITS = 300


class UnreadableError(Exception):
    """Bytes that cannot be read; the message says why, without quoting them."""


def read_json(body: bytes | str) -> object:
    """Return the value *body* holds, a byte-order mark before it skipped.

    Numbers with a fraction or exponent, and integers of hundreds of digits, are `Decimal`, as exact as they were sent.
    Texts may hold half a surrogate pair, which the grammar allows: whoever keeps a text has to ask.
    Raises `UnreadableError` where it is not UTF-8, not one JSON value, has a duplicate key, NaN or Infinity, or is
    nested deeper than `MAX_DEPTH`.
    """
    try:
        text = (body if isinstance(body, str) else body.decode("utf-8")).removeprefix(BYTE_ORDER_MARK.decode())
        _check_depth(text.encode("utf-8", "surrogatepass"))
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_exact, parse_int=_integer
        )
    except UnicodeDecodeError as error:
        raise UnreadableError("not UTF-8") from error
    except json.JSONDecodeError as error:
        # Quotes nothing of the body.
        raise UnreadableError(f"not JSON: {error.msg}") from error


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for token in TOKENS.finditer(body):
        mark = body[token.start()]
        if mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
        if depth > MAX_DEPTH:
            raise UnreadableError(f"nested deeper than {MAX_DEPTH} levels")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError("an object with a duplicate key")
    return found


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        # An exponent of too many digits: infinite, or nothing.
        return Decimal(float(text))


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= _MAX_INT_DIGITS else Decimal(text)


def _no_constant(_name: str) -> NoReturn:
    raise UnreadableError("NaN or Infinity, which JSON does not have")
