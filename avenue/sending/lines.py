"""Cuts a stream of NDJSON into batches, bounded by count and bytes."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# The server takes 8 MiB; half leaves room for one that is set tighter.
MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class NumberedLine:
    """A line with its number in the file, from 1; as it stands there, without its end."""

    number: int
    content: bytes


@dataclass(frozen=True, slots=True)
class RequestBatch:
    """Lines of one request: at least one."""

    lines: tuple[NumberedLine, ...]

    @property
    def body(self) -> bytes:
        """The body, unpacked."""
        return b"".join([line.content + b"\n" for line in self.lines])

    def halves(self) -> "tuple[RequestBatch, RequestBatch]":
        """Return two batches in its place; it has at least two lines."""
        middle = len(self.lines) // 2
        return RequestBatch(self.lines[:middle]), RequestBatch(self.lines[middle:])


def numbered(stream: Iterable[bytes]) -> Iterator[NumberedLine]:
    """Yield the lines that are not blank, as the server numbers them: it skips blank ones too."""
    for number, line in enumerate(stream, 1):
        # The server skips the mark before a body; a first line of nothing else is blank.
        content = (line.removeprefix(BOM_UTF8) if number == 1 else line).removesuffix(b"\n").removesuffix(b"\r")
        if content.strip():
            yield NumberedLine(number, content)


def batches(lines: Iterable[NumberedLine], *, max_events: int, max_bytes: int = MAX_BYTES) -> Iterator[RequestBatch]:
    """Yield batches of at most *max_events* and *max_bytes*; a larger line goes alone, for the server to judge."""
    held: list[NumberedLine] = []
    size = 0
    for line in lines:
        length = len(line.content) + 1
        if held and (len(held) >= max_events or size + length > max_bytes):
            yield RequestBatch(tuple(held))
            held, size = [], 0
        held.append(line)
        size += length
    if held:
        yield RequestBatch(tuple(held))
