"""What was read and is not committed yet: rows by table, and the positions they go up to."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.topics import Topic
from sinks.consumer.positions import PartitionKey, RecordPosition
from sinks.consumer.rows import TableRows
from sinks.consumer.tables import StoreTable


class WaitingRows(NamedTuple):
    """Rows that are inserted together: those of one table, a history's apart from what readers wait for."""

    table: StoreTable
    background: bool = False


# Readers wait for these; the others only have to stand before their offsets are committed.
IMMEDIATE = (WaitingRows(StoreTable.EVENTS), WaitingRows(StoreTable.CELLS))
DEFERRED = (
    WaitingRows(StoreTable.EVENTS, background=True),
    WaitingRows(StoreTable.REJECTS),
    WaitingRows(StoreTable.DELIVERIES),
    WaitingRows(StoreTable.LOG),
    WaitingRows(StoreTable.PROGRESS),
    WaitingRows(StoreTable.REGISTRY),
    # Last: it says that the cells before it stand.
    WaitingRows(StoreTable.SOURCES),
)


@dataclass(slots=True)
class PartitionProgress:
    """How far a partition is in the batch."""

    epoch: int
    first: int
    next_offset: int
    watermark_ms: int


@dataclass(slots=True)
class RowBatch:
    """Rows that wait. Bounded by the caller: it flushes when `rows` or `size` reach its limits."""

    rows: int = 0
    size: int = 0
    first_at: float | None = None
    """When the oldest row that readers wait for came in."""
    progress: dict[PartitionKey, PartitionProgress] = field(default_factory=dict)
    stamps: list[int] = field(default_factory=list)
    """When the records of events that readers wait for were received, Unix ms."""
    background_stamps: list[int] = field(default_factory=list)
    """The same of a history's."""
    _waiting: dict[WaitingRows, list[TableRows]] = field(default_factory=lambda: defaultdict(list))

    def add(self, position: RecordPosition, rows: Iterable[TableRows], *, now: float) -> None:
        """Take in the *rows* of one record."""
        background = False
        for item in rows:
            kind = WaitingRows(item.table, item.background)
            self._waiting[kind].append(item)
            background |= item.background
            self.rows += item.count
            self.size += len(item.body)
            if self.first_at is None and kind in IMMEDIATE:
                self.first_at = now
        if position.topic is Topic.EVENTS:
            (self.background_stamps if background else self.stamps).append(position.stamped_ms)
        self._note(position)

    def take(self, kinds: Iterable[WaitingRows]) -> list[tuple[TableRows, str]]:
        """Return the rows of *kinds*, joined, each with its insert token, and forget them."""
        taken = []
        for kind in kinds:
            if waiting := self._waiting.pop(kind, None):
                body, count = b"\n".join(item.body for item in waiting), sum(item.count for item in waiting)
                rows = TableRows(kind.table, body, count, kind.background)
                self.rows -= rows.count
                self.size -= sum(len(item.body) for item in waiting)
                taken.append((rows, self._token(rows)))
        return taken

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be inserted or committed."""
        return not self.progress

    def _note(self, position: RecordPosition) -> None:
        key = (position.topic, position.partition)
        known = self.progress.get(key)
        if known is None or known.epoch != position.epoch:
            self.progress[key] = PartitionProgress(
                position.epoch, position.offset, position.offset + 1, position.stamped_ms
            )
            return
        known.next_offset = max(known.next_offset, position.offset + 1)
        known.watermark_ms = max(known.watermark_ms, position.stamped_ms)

    def _token(self, rows: TableRows) -> str:
        """Return the hash of what the insert holds: table and lane, the ranges read since the last commit, its size.

        A further try of the same rows has the same token; other rows never have it, as a position enters a range once.
        """
        text = f"{rows.table} {rows.background:d} {rows.count} {len(rows.body)}" + "".join(
            f" {topic}/{part.epoch}/{partition}:{part.first}-{part.next_offset}"
            for (topic, partition), part in sorted(self.progress.items())
        )
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
