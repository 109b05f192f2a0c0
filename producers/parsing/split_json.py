"""A JSON array, or an object with one under `events`, split into the bytes of its elements, whatever is in them.

Slower than the fast reader and more patient: an element may hold half a surrogate pair, bytes that are no UTF-8, or
thousands of levels. That is its own fault and not its neighbours'.
"""

import json
import re

from producers.parsing.any_json import MAX_BRACKETS, NotJsonError, refuse_constant

_BLANKS = re.compile(r"[ \t\n\r]*")
_TOKENS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


class TooManyElementsError(Exception):
    """More elements than are taken."""


def split_any(text: bytes, *, max_elements: int) -> list[bytes]:
    """Return the elements of *text*: of an array, or of an object's `events`; an object without is one element.

    Raises `NotJsonError` where *text* is not of JSON's grammar or `events` is no array or comes twice,
    `TooManyElementsError` where there are more than *max_elements*.
    """
    # Bytes that are no UTF-8 pass through as they are, and come out the same.
    splitter = _JsonSplitter(text.decode("utf-8", "surrogateescape"), max_elements)
    found, end = splitter.array(0) if text.startswith(b"[") else splitter.envelope()
    splitter.expect_end(end)
    return [text] if found is None else found


def _nothing(_value: object) -> None:
    return None


# Only where each value ends is asked, so nothing is made of it: a number may have any number of digits.
_scan = json.JSONDecoder(
    object_pairs_hook=_nothing, parse_int=_nothing, parse_float=_nothing, parse_constant=refuse_constant
).raw_decode


class _JsonSplitter:
    def __init__(self, text: str, max_elements: int) -> None:
        self._text = text
        self._max_elements = max_elements

    def array(self, at: int) -> tuple[list[bytes], int]:
        """Return the elements of the array that begins *at*, and where it ends."""
        elements: list[bytes] = []
        at = self._blanks(at + 1)
        if self._mark(at) == "]":
            return elements, at + 1
        while True:
            end = self._value(at)
            elements.append(self._text[at:end].encode("utf-8", "surrogateescape"))
            if len(elements) > self._max_elements:
                raise TooManyElementsError
            at = self._blanks(end)
            if self._mark(at) == "]":
                return elements, at + 1
            at = self._blanks(self._past(at, ","))

    def envelope(self) -> tuple[list[bytes] | None, int]:
        """Return the elements under the object's `events`, None where there is none, and where the object ends."""
        found: list[bytes] | None = None
        at = self._blanks(1)
        if self._mark(at) == "}":
            return found, at + 1
        while True:
            name, end = self._name(at)
            at = self._blanks(self._past(self._blanks(end), ":"))
            if name == "events":
                if found is not None:
                    raise NotJsonError("events is given twice; which was meant?")
                if self._mark(at) != "[":
                    raise NotJsonError("events must be an array of events")
                found, end = self.array(at)
            else:
                end = self._value(at)
            at = self._blanks(end)
            if self._mark(at) == "}":
                return found, at + 1
            at = self._blanks(self._past(at, ","))

    def expect_end(self, at: int) -> None:
        """Raise `NotJsonError` where something follows."""
        if self._blanks(at) != len(self._text):
            raise NotJsonError("something follows its end")

    def _blanks(self, at: int) -> int:
        found = _BLANKS.match(self._text, at)
        return at if found is None else found.end()

    def _mark(self, at: int) -> str:
        return self._text[at : at + 1]

    def _past(self, at: int, mark: str) -> int:
        if self._mark(at) != mark:
            raise NotJsonError(f"a {mark} is missing at character {at}")
        return at + 1

    def _name(self, at: int) -> tuple[str, int]:
        if self._mark(at) != '"':
            raise NotJsonError(f"a name is missing at character {at}")
        try:
            name, end = _scan(self._text, at)
        except ValueError as error:
            raise NotJsonError(f"a text without an end begins at character {at}") from error
        return name, end

    def _value(self, at: int) -> int:
        """Return where the value that begins *at* ends."""
        try:
            return _scan(self._text, at)[1]
        except RecursionError:
            return self._deep_value(at)
        except ValueError as error:
            place = getattr(error, "pos", at)
            raise NotJsonError(f"it is broken at character {place}") from error

    def _deep_value(self, at: int) -> int:
        depth = 0
        for count, token in enumerate(_TOKENS.finditer(self._text, at)):
            if count > MAX_BRACKETS:
                break
            mark = self._text[token.start()]
            depth += (mark in "[{") - (mark in "]}")
            if depth == 0:
                return token.end()
        raise NotJsonError("it is nested too deep")
