"""Reading JSON that has one meaning only: what another reader could take otherwise is not read at all."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

MAX_DEPTH = 64
"""Levels of nesting; the platforms use four. Bounded before parsing, since the parser recurses."""
# The closing quote is optional, so that a text without one is read once and not from each of its escaped quotes.
_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class UnreadableError(Exception):
    """Bytes that cannot be read; the message says why, without quoting them."""


def read_json(body: bytes) -> Any:
    """Return the value *body* holds; numbers with a fraction or exponent are `Decimal`, as exact as they were sent.

    Raises `UnreadableError` where it is not UTF-8, not one JSON value, has a duplicate key, NaN or Infinity, half a
    surrogate pair, an integer of thousands of digits, or is nested deeper than `MAX_DEPTH`.
    """
    _check_depth(body)
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_exact
        )
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError("not UTF-8") from error
    except UnicodeEncodeError as error:
        raise UnreadableError("half a surrogate pair") from error
    except ValueError as error:
        # The decoder's own message quotes nothing of the body; a bare ValueError is an integer beyond Python's limit.
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number of too many digits"
        raise UnreadableError(f"not JSON: {reason}") from error
    return value


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _TOKENS.finditer(body):
        mark = body[token.start()]
        if mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
        if depth > MAX_DEPTH:
            raise UnreadableError(f"nested deeper than {MAX_DEPTH} levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError("an object with a duplicate key")
    return found


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise UnreadableError("a number with an exponent of too many digits") from error


def _no_constant(_name: str) -> NoReturn:
    raise UnreadableError("NaN or Infinity, which JSON does not have")
