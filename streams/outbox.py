"""The messages of a flush: rows and rejects packed into Kafka messages of bounded size."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from schemas.cells import METRICS_KEY_CELLS, METRICS_KEY_PROGRESS, METRICS_KEY_REPEATS, METRICS_KEY_SOURCE
from schemas.codec import encode
from schemas.lines import HEADER_ACCOUNTS, HEADER_SCHEMA, SCHEMA_VERSION, RejectLine
from schemas.topics import Topic
from streams.state import SourceFlush

MAX_LINES = 500
MAX_BYTES = 1_048_576
"""As the records of the gateway: bounds the memory of whoever reads one."""


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One Kafka message to be sent and confirmed."""

    topic: Topic
    partition: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes] = field(default_factory=dict)


def row_messages(flushes: Iterable[SourceFlush]) -> Iterator[OutboxMessage]:
    """Yield the messages of cells, progress and repeats: to be confirmed before anything says that they are there."""
    for flush in flushes:
        yield from _rows(flush, METRICS_KEY_CELLS, map(encode, flush.cells))
        yield from _rows(flush, METRICS_KEY_PROGRESS, map(encode, flush.progress))
        yield from _rows(flush, METRICS_KEY_REPEATS, map(encode, flush.repeats))


def source_messages(flushes: Iterable[SourceFlush]) -> Iterator[OutboxMessage]:
    """Yield the messages that say how far each source has come."""
    for flush in flushes:
        yield from _rows(flush, METRICS_KEY_SOURCE, [encode(flush.source)])


def reject_messages(rejects: Sequence[RejectLine]) -> Iterator[OutboxMessage]:
    """Yield the messages of *rejects*, counted by account in their headers."""
    for start in range(0, len(rejects), MAX_LINES):
        part = rejects[start : start + MAX_LINES]
        headers = {
            HEADER_SCHEMA: SCHEMA_VERSION,
            HEADER_ACCOUNTS: encode(Counter(reject.account_id for reject in part)),
        }
        yield OutboxMessage(Topic.REJECTS, 0, None, b"\n".join(map(encode, part)), headers)


def _rows(flush: SourceFlush, row_type: bytes, rows: Iterable[bytes]) -> Iterator[OutboxMessage]:
    key = b"%b:%d:%d" % (row_type, flush.epoch, flush.partition)
    for value in packed(rows):
        yield OutboxMessage(Topic.METRICS, flush.partition, key, value)


def packed(rows: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *rows* joined by newlines, at most 500 rows and 1 MiB at a time; a larger row stands alone."""
    lines: list[bytes] = []
    size = 0
    for row in rows:
        if lines and (len(lines) == MAX_LINES or size + len(row) + 1 > MAX_BYTES):
            yield b"\n".join(lines)
            lines, size = [], 0
        lines.append(row)
        size += len(row) + 1
    if lines:
        yield b"\n".join(lines)
