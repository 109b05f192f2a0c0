"""Form and query parameters, as bytes until the signature is checked: signed is what was sent, readable or not."""

from collections.abc import Iterable, Sequence
from urllib.parse import unquote_to_bytes

from producers.adapters.wire.strict_json import UnreadableError

Pair = tuple[bytes, bytes]


def parse_pairs(wire: bytes) -> list[Pair]:
    """Return names and values of a query or an `application/x-www-form-urlencoded` body, decoded once, in order."""
    return [
        (decode(name), decode(value)) for name, _, value in (part.partition(b"=") for part in wire.split(b"&") if part)
    ]


def decode(value: bytes) -> bytes:
    """Return *value* with `+` as a blank and percent-encoding undone, once."""
    return unquote_to_bytes(value.replace(b"+", b" "))


def single(pairs: Sequence[Pair], name: bytes) -> str | None:
    """Return the value of *name*, or None where it is absent, repeated or not UTF-8."""
    found = [value for key, value in pairs if key == name]
    if len(found) != 1:
        return None
    try:
        return found[0].decode("utf-8")
    except UnicodeDecodeError:
        return None


def join(pairs: Iterable[Pair]) -> bytes:
    """Return *pairs* sorted, as `k=v` joined with `&`."""
    return b"&".join(b"%b=%b" % pair for pair in sorted(pairs))


def as_text(pairs: Sequence[Pair]) -> dict[str, str]:
    """Return *pairs* as text by name; bytes that are not UTF-8 become halves of surrogate pairs, which no id may hold.

    So a remark cut in the middle of a character costs the remark and not the order. Raises `UnreadableError` where a
    name is repeated: which one was meant?
    """
    found = {name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape") for name, value in pairs}
    if len(found) != len(pairs):
        raise UnreadableError("a parameter is repeated")
    return found
