"""Frames of the live rooms' WebSocket: a header of sixteen bytes and a body, which may hold packed frames.

All numbers are big-endian: length of the whole (4 bytes), of the header (2), version of the body (2), operation (4),
sequence (4). Version 0 is JSON, 1 a number or nothing, 2 zlib and 3 brotli over more frames of the same form.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import brotli

from runtime.errors import PipelineError

HEADER = struct.Struct(">IHHII")
OP_HEARTBEAT = 2
OP_MESSAGE = 5
OP_AUTH = 7
OP_AUTH_REPLY = 8
VERSION_NUMBER = 1
VERSION_ZLIB = 2
VERSION_BROTLI = 3
MAX_UNPACKED_BYTES = 8_000_000
"""Of one frame: rooms send kilobytes; a bomb must not fill the memory."""


class FrameError(PipelineError):
    """Bytes that are no frames: the connection is of no more use."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that is not packed."""

    operation: int
    body: bytes


def encode_frame(operation: int, body: bytes = b"", *, version: int = VERSION_NUMBER) -> bytes:
    """Return a frame as a client sends it."""
    return HEADER.pack(HEADER.size + len(body), HEADER.size, version, operation, 1) + body


def decode_frames(data: bytes) -> Iterator[Frame]:
    """Yield the frames in *data*, packed ones unpacked. Raises `FrameError`."""
    for version, frame in _split(data):
        unpack = _UNPACK.get(version)
        if unpack is None:
            yield frame
            continue
        for inner_version, inner in _split(unpack(frame.body)):
            # Packed once is all that the platform does; more is a bomb.
            if inner_version in _UNPACK:
                raise FrameError("a packed frame holds another packed frame")
            yield inner


def _split(data: bytes) -> Iterator[tuple[int, Frame]]:
    start = 0
    while start < len(data):
        if len(data) - start < HEADER.size:
            raise FrameError(f"{len(data) - start} bytes at the end are no header")
        length, header, version, operation, _ = HEADER.unpack_from(data, start)
        if not HEADER.size <= header <= length <= len(data) - start:
            raise FrameError(f"a frame of {length} bytes with a header of {header} does not fit in what came")
        yield version, Frame(operation, data[start + header : start + length])
        start += length


def _unzip(body: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(body, MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise FrameError(f"a zlib body cannot be read: {error}") from error
    return _whole(found, finished=unpacker.eof)


def _unbrotli(body: bytes) -> bytes:
    unpacker = brotli.Decompressor()
    try:
        found: bytes = unpacker.process(body, output_buffer_limit=MAX_UNPACKED_BYTES)
    except brotli.error as error:
        raise FrameError(f"a brotli body cannot be read: {error}") from error
    return _whole(found, finished=unpacker.is_finished())


def _whole(found: bytes, *, finished: bool) -> bytes:
    # brotli ends a block after its bound, not at it.
    if not finished or len(found) > MAX_UNPACKED_BYTES:
        raise FrameError(f"a packed body is cut short, or larger than {MAX_UNPACKED_BYTES} bytes")
    return found


_UNPACK: dict[int, Callable[[bytes], bytes]] = {VERSION_ZLIB: _unzip, VERSION_BROTLI: _unbrotli}
