"""Lines of one request that wait until what they cause is acknowledged (ADR 15)."""

import asyncio
from collections.abc import Iterable

from producers.publisher import LineBatch, Publisher
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.effects import EventEffect
from runtime.clock import Clock
from schemas.topics import Topic

Record = asyncio.Future[bool]


class HeldLines:
    """The effects of one request, and the lines that must not be published before them, in order by partition.

    The ids of a held line are claimed, so that a twin waits for its outcome. Bytes held count towards the publisher's
    budget. Whoever holds lines calls `release` or `let_go` in the end.
    """

    def __init__(self, publisher: Publisher, duplicates: DuplicateWindow, clock: Clock) -> None:
        self._publisher = publisher
        self._duplicates = duplicates
        self._clock = clock
        self._caused: list[Record] = []
        self._lines: list[tuple[int, LineBatch, Record]] = []
        self._partitions: set[int] = set()

    def cause(self, effects: Iterable[EventEffect], received_ms: int) -> None:
        """Publish *effects*; `release` waits for them."""
        self._caused += [self._publisher.cause(effect, received_ms) for effect in effects]

    def holds(self, partition: int) -> bool:
        """Tell whether lines of *partition* are held: one more has to go behind them."""
        return partition in self._partitions

    def take(self, partition: int, lines: LineBatch) -> None:
        """Hold *lines*, and claim their ids."""
        published = self._publisher.promise()
        self._duplicates.claim(lines.account_id, lines.ids, published)
        self._publisher.hold(_size(lines))
        self._lines.append((partition, lines, published))
        self._partitions.add(partition)

    async def release(self) -> set[Record] | None:
        """Wait for the effects, publish the lines and return what their records will come to.

        None where an effect was not acknowledged: every line is let go, and has to be brought again.
        """
        for caused in self._caused:
            # Shielded: the record goes its way though this sender hangs up.
            if not await asyncio.shield(caused):
                self.let_go()
                return None
        self._caused.clear()
        records: set[Record] = set()
        lines, self._lines = self._lines, []
        self._partitions.clear()
        for partition, held, published in lines:
            records |= self._publish(partition, held, published)
        return records

    def _publish(self, partition: int, lines: LineBatch, published: Record) -> set[Record]:
        self._publisher.hold(-_size(lines))
        records: set[Record] = set()
        for taken, record in self._publisher.add(Topic.EVENTS, partition, lines):
            if not record.done():
                self._duplicates.claim(lines.account_id, taken.ids, record)
            records.add(record)
        _resolve_with(published, records)
        return records

    def let_go(self) -> None:
        """Give up what is still held: its ids are unknown again, and a twin that waits for one is the next in line."""
        lines, self._lines = self._lines, []
        self._partitions.clear()
        for _, held, published in lines:
            self._publisher.hold(-_size(held))
            self._duplicates.settle(held.account_id, held.ids, acknowledged=False, now_ms=self._clock.now_ms())
            published.set_result(False)


def _resolve_with(published: Record, records: set[Record]) -> None:
    """Let *published* come to what all *records* come to: whoever waits for it asks the window again otherwise."""
    left = len(records)

    def done(_record: Record) -> None:
        nonlocal left
        left -= 1
        if not left:
            published.set_result(all(record.result() for record in records))

    for record in records:
        record.add_done_callback(done)


def _size(lines: LineBatch) -> int:
    return sum(map(len, lines.values))
