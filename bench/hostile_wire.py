"""Requests that no HTTP client would write, byte by byte: lengths that contradict each other, floods, and slow bodies.

They go to the project's own server on loopback, and what is asked of it is a verdict, or a clean refusal: a 4xx, a 501
or 505, or a connection that ends. It may neither fall silent nor answer with more responses than requests were sent.
"""

import asyncio
import gzip
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

ANSWER_S = 20.0
LINGER_S = 0.1
CLOSED = "closed"
SILENT = "silent"
REFUSED = frozenset({"400", "401", "404", "405", "408", "411", "413", "414", "415", "417", "426", "431", "501", "505"})
FLOOD = 400
"""Header lines of a flood; and as many KiB in one header of another."""
BOMB_MIB = 64
"""What the bombs would unpack to: eight times what the gateway takes by default."""
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


@dataclass(frozen=True, slots=True)
class WireShape:
    """A request as it goes over the wire, in parts with a pause between them; then the sender waits, or hangs up."""

    name: str
    parts: tuple[bytes, ...]
    pause_s: float = 0.0
    requests: int = 1
    """More answers than this would mean that a body was taken for a request."""
    accepted: frozenset[str] = frozenset()
    """Statuses beside a refusal with which it may be answered."""
    hangs_up: bool = False


def shapes(key: str, event: bytes, *, slow_s: float = 0.0) -> Iterator[WireShape]:
    """Yield every shape: *event* is a sound one in an array, *key* a pushing key.

    *slow_s* is how long the server waits for a body; bodies that come slower are among the shapes where it is given.
    """
    head = f"POST /v1/events HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\n".encode()
    head += b"content-type: application/json\r\n"
    yield from _lengths(head, event)
    yield from _floods(head, event)
    yield from _bombs(head)
    if slow_s:
        yield from _slow(head, event, slow_s)


def _lengths(head: bytes, event: bytes) -> Iterator[WireShape]:
    size, chunked = len(event), b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event)
    taken = frozenset({"200"})

    def shape(name: str, fields: bytes, body: bytes, accepted: frozenset[str] = frozenset()) -> WireShape:
        return WireShape(name, (head + fields + b"\r\n" + body,), accepted=accepted)

    yield shape("two lengths", b"content-length: %d\r\ncontent-length: %d\r\n" % (size, size + 7), event)
    yield shape("a list of lengths", b"content-length: %d, %d\r\n" % (size, size + 1), event)
    # RFC 9112 lets a server take the coding and drop the length.
    yield shape("length and coding", b"content-length: 4\r\ntransfer-encoding: chunked\r\n", chunked, taken)
    yield shape("coding and length", b"transfer-encoding: chunked\r\ncontent-length: 4\r\n", chunked, taken)
    for name, value in (("signed", b"+%d"), ("negative", b"-%d"), ("hexadecimal", b"0x%x"), ("fraction", b"%d.0")):
        yield shape(f"a {name} length", b"content-length: " + value % size + b"\r\n", event)
    yield shape("an endless length", b"content-length: " + b"9" * 40 + b"\r\n", event)
    yield shape("another coding", b"transfer-encoding: xchunked\r\n", chunked)
    yield shape("a coding after chunked", b"transfer-encoding: chunked, identity\r\n", chunked)
    yield shape("a blank before the colon", b"transfer-encoding : chunked\r\n", chunked)
    yield shape("a folded header", b"content-length:\r\n %d\r\n" % size, event, taken)
    yield shape("a chunk's size of no number", b"transfer-encoding: chunked\r\n", b"zz\r\n%b\r\n0\r\n\r\n" % event)
    yield shape("a chunk's size of 20 digits", b"transfer-encoding: chunked\r\n", b"f" * 20 + b"\r\n" + event)
    yield shape(
        "a chunk that is longer than it says", b"transfer-encoding: chunked\r\n", b"2\r\n%b\r\n0\r\n\r\n" % event
    )
    yield shape("a NUL in a header", b"x-note: a\0b\r\ncontent-length: %d\r\n" % size, event)
    yield shape("a bare line feed in a header", b"x-note: a\nx-other: b\r\ncontent-length: %d\r\n" % size, event, taken)
    yield WireShape("no request at all", (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",))
    yield WireShape("a method of its own", (head.replace(b"POST", b"PUSH", 1) + b"content-length: 0\r\n\r\n",))
    yield WireShape("HTTP/9.9", (head.replace(b"HTTP/1.1", b"HTTP/9.9", 1) + b"content-length: 0\r\n\r\n",))
    whole = b"content-length: %d\r\n\r\n%b" % (size, event)
    yield WireShape("no host", (head.replace(b"host: gateway\r\n", b"") + whole,), accepted=taken)


def _floods(head: bytes, event: bytes) -> Iterator[WireShape]:
    ending = b"content-length: %d\r\n\r\n%b" % (len(event), event)
    many = b"".join(b"x-h%d: %b\r\n" % (at, b"v" * 60) for at in range(FLOOD))
    yield WireShape("many headers", (head + many + ending,), accepted=frozenset({"200"}))
    yield WireShape(
        "the same header again and again", (head + b"x-h: v\r\n" * FLOOD + ending,), accepted=frozenset({"200"})
    )
    yield WireShape(
        "one header of many KiB",
        (head + b"x-h: " + b"v" * FLOOD * 1024 + b"\r\n" + ending,),
        accepted=frozenset({"200"}),
    )
    long = head.replace(b"/v1/events", b"/v1/events?q=" + b"v" * 100_000, 1)
    yield WireShape("a long address", (long + ending,), accepted=frozenset({"200"}))
    yield WireShape("headers without an end", (head + b"x-h: v\r\n" * 4000,), hangs_up=True)


@cache
def _packed() -> tuple[bytes, bytes]:
    """Return zeros packed once and twice: a second of work, which a run does once."""
    once = gzip.compress(bytes(BOMB_MIB << 20), mtime=0)
    return once, gzip.compress(once, mtime=0)


def _bombs(head: bytes) -> Iterator[WireShape]:
    packed, twice = _packed()
    for name, coding, body in (
        ("a bomb in gzip", b"gzip", packed),
        ("a bomb in gzip in gzip", b"gzip", twice),
        ("a bomb of two codings", b"gzip, gzip", twice),
        ("a bomb that says deflate", b"deflate", packed),
        ("gzip that is none", b"gzip", b"x" * 100),
        ("gzip cut in the middle", b"gzip", packed[:200]),
    ):
        fields = b"content-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (coding, len(body))
        yield WireShape(name, (head + fields + body,))


def _slow(head: bytes, event: bytes, slow_s: float) -> Iterator[WireShape]:
    whole = head + b"content-length: %d\r\n\r\n" % len(event) + event
    yield WireShape("a body that never ends", (head + b"content-length: %d\r\n\r\n%b" % (len(event) + 50, event),))
    yield WireShape(
        "a body byte by byte",
        (whole[: -len(event)], *(event[at : at + 1] for at in range(len(event)))),
        pause_s=slow_s / len(event) * 2,
    )
    yield WireShape("a chunked body that never ends", (head + b"transfer-encoding: chunked\r\n\r\n5\r\n[    \r\n",))
    yield WireShape("hung up in the body", (whole[:-5],), hangs_up=True)
    yield WireShape("hung up in the head", (whole[:40],), hangs_up=True)


async def outcome(host: str, port: int, shape: WireShape, *, answer_s: float = ANSWER_S) -> list[str]:
    """Send *shape*; return the status of every answer, then `closed`, or `silent` where neither came in time."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        reading = asyncio.create_task(_read(reader, answer_s))
        await _write(writer, shape)
        if shape.hangs_up:
            writer.close()
        return await reading
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _write(writer: asyncio.StreamWriter, shape: WireShape) -> None:
    try:
        for part in shape.parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(shape.pause_s)
    except OSError:
        # The server has refused before it had read all of it.
        return


async def _read(reader: asyncio.StreamReader, answer_s: float) -> list[str]:
    got, ended = bytearray(), ""
    try:
        async with asyncio.timeout(answer_s):
            while more := await reader.read(65_536):
                got += more
                if _STATUS.search(got) and _whole(bytes(got)):
                    got += await _more(reader)
                    break
            else:
                ended = CLOSED
    except TimeoutError:
        ended = SILENT
    except OSError:
        ended = CLOSED
    statuses = [status.decode() for status in _STATUS.findall(bytes(got))]
    return [*statuses, ended] if ended and not statuses else statuses


async def _more(reader: asyncio.StreamReader) -> bytes:
    """Return what comes after a whole answer: a second one, where a body was taken for a request."""
    try:
        async with asyncio.timeout(LINGER_S):
            return await reader.read(65_536)
    except TimeoutError:
        return b""


def _whole(got: bytes) -> bool:
    head, found, rest = got.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return bool(found) and length is not None and len(rest) >= int(length[1])


def fault(shape: WireShape, found: list[str]) -> str:
    """Return what is wrong with *found* as the outcome of *shape*; empty: nothing."""
    if len(found) > shape.requests:
        return f"{len(found)} answers to {shape.requests} request(s)"
    if found == [CLOSED]:
        return ""
    status = found[0]
    if status in REFUSED or status in shape.accepted:
        return ""
    return f"answered {status}"
