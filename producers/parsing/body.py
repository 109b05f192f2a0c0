"""A batch push's body: unpacked within a bound, and split into the bytes of its elements."""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import zstandard

from producers.parsing.any_json import BYTE_ORDER_MARK, NotJsonError
from producers.parsing.split_json import TooManyElementsError, split_any

_CHUNK_BYTES = 65_536
_ZSTD_BITE_BYTES = 256
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
JSON_TYPES = frozenset({"application/json", ""})

Element = bytes
"""Of one event, whatever is in it."""


@dataclass(frozen=True, slots=True)
class BodyProblem:
    """Why a body as a whole is refused: an HTTP status and a sentence."""

    status: int
    detail: str


class _BatchEnvelope(msgspec.Struct):
    events: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


_ENVELOPE = re.compile(rb'\{[ \t\n\r]*"events"[ \t\n\r]*:[ \t\n\r]*(?=\[)')
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_envelope = msgspec.json.Decoder(_BatchEnvelope).decode


def unpack(body: bytes, encoding: str, *, max_bytes: int) -> bytes | BodyProblem:
    """Return *body* without its content *encoding*; refused as soon as it grows beyond *max_bytes*."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body if len(body) <= max_bytes else _too_large(max_bytes)
    if name not in {"gzip", "x-gzip", "zstd"}:
        return BodyProblem(415, f"content-encoding {name[:20]!r} is not taken; use gzip, zstd or none")
    unpacked = bytearray()
    try:
        for chunk in _gunzip(body) if name != "zstd" else _unzstd(body):
            unpacked += chunk
            if len(unpacked) > max_bytes:
                return _too_large(max_bytes)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        return BodyProblem(400, f"the body is not whole {name}: {error}")
    return bytes(unpacked)


def _too_large(max_bytes: int) -> BodyProblem:
    return BodyProblem(413, f"at most {max_bytes} bytes unpacked are taken; send smaller batches")


def _gunzip(body: bytes) -> Iterator[bytes]:
    rest = body
    while rest:
        # 16: with a gzip header. A gzip file may hold several members.
        unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
        while rest and not unzip.eof:
            yield unzip.decompress(rest, _CHUNK_BYTES)
            rest = unzip.unconsumed_tail
        if not unzip.eof:
            raise EOFError("it ends early")
        rest = unzip.unused_data


def _unzstd(body: bytes) -> Iterator[bytes]:
    # Frames that ask for more window than any bound of ours are refused by the library.
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 23)
    rest = body
    while rest:
        frame, position = unpacker.decompressobj(), 0
        while position < len(rest) and not frame.eof:
            # A few bytes may stand for a block of 128 KiB: small bites keep one step's output bounded.
            yield frame.decompress(rest[position : position + _ZSTD_BITE_BYTES])
            position += _ZSTD_BITE_BYTES
        if not frame.eof:
            raise EOFError("it ends early")
        rest = frame.unused_data + rest[position:]


def split(body: bytes, content_type: str, *, max_events: int) -> list[Element] | BodyProblem:
    """Return the bytes of each element: of a JSON array, of `{"events": […]}`, of one object, or of NDJSON lines.

    What is wrong with one element is left to whoever reads it; a body is refused where it is no JSON as a whole.
    """
    media = content_type.partition(";")[0].strip().lower()
    body = body.removeprefix(BYTE_ORDER_MARK)
    if media in NDJSON_TYPES:
        elements = [line for line in body.split(b"\n") if line.strip()]
    elif media in JSON_TYPES:
        found = _split_json(body.strip(), max_events)
        if isinstance(found, BodyProblem):
            return found
        elements = found
    else:
        return BodyProblem(
            415, f"content-type {media[:60]!r} is not taken; use application/json or application/x-ndjson"
        )
    return _too_many(max_events, len(elements)) if len(elements) > max_events else elements


def _too_many(max_events: int, count: int | None = None) -> BodyProblem:
    told = "has more" if count is None else f"has {count}"
    return BodyProblem(413, f"at most {max_events} events a request are taken; this one {told}")


def _split_json(text: bytes, max_events: int) -> list[Element] | BodyProblem:
    envelope = _ENVELOPE.match(text) if text.endswith(b"}") else None
    try:
        if envelope is not None or text.startswith(b"["):
            # Where the inside of the braces is one list, `events` stands there alone and once.
            found = _decode_list(text if envelope is None else text[envelope.end() : -1].rstrip())
            return list(map(bytes, found)) if len(found) <= max_events else _too_many(max_events, len(found))
        if text.startswith(b"{") and isinstance(_decode_envelope(text).events, msgspec.UnsetType):
            return [text]
    except (msgspec.MsgspecError, RecursionError):
        # One event's fault, or no JSON at all: told apart at a tenth of the speed.
        pass
    if text[:1] in {b"[", b"{"}:
        return _split_with_care(text, max_events)
    if not text:
        return BodyProblem(400, "the body is empty; send a JSON array of events, or NDJSON")
    return BodyProblem(400, "the body must be a JSON array, an object with events, one event, or NDJSON")


def _split_with_care(text: bytes, max_events: int) -> list[Element] | BodyProblem:
    try:
        return split_any(text, max_elements=max_events)
    except TooManyElementsError:
        return _too_many(max_events)
    except NotJsonError as error:
        return BodyProblem(400, f"the body is not readable as JSON: {error}")
