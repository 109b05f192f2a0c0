"""Lines of one request that wait until what they cause is acknowledged (ADR 15)."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from producers.publisher import LineBatch, Publisher
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.effects import EventEffect
from runtime.clock import Clock

RecordAck = asyncio.Future[bool]
"""Whether the broker has a record."""


@dataclass(frozen=True, slots=True)
class HeldBatch:
    """Lines of one partition that are held, and what their publishing will come to."""

    partition: int
    lines: LineBatch
    published: RecordAck

    def resolve_with(self, records: set[RecordAck]) -> None:
        """Let what the lines come to be what all *records* come to, on which they are now."""
        left = len(records)

        def done(_record: RecordAck) -> None:
            nonlocal left
            left -= 1
            if not left:
                self.published.set_result(all(record.result() for record in records))

        for record in records:
            record.add_done_callback(done)


class HeldLines:
    """The effects of one request, and the lines that must not be published before them, in order by partition.

    The ids of a held line are claimed, so that another event of the same id waits for its outcome. Bytes held count
    towards the publisher's budget. Whoever holds lines calls `release` or `abandon` in the end.
    """

    def __init__(self, publisher: Publisher, duplicates: DuplicateWindow, clock: Clock) -> None:
        self._publisher = publisher
        self._duplicates = duplicates
        self._clock = clock
        self._effects: list[RecordAck] = []
        self._held: list[HeldBatch] = []
        self._partitions: set[int] = set()

    def publish_effects(self, effects: Iterable[EventEffect], received_ms: int) -> None:
        """Publish *effects*; `release` waits for them."""
        self._effects += [self._publisher.publish_effect(effect, received_ms) for effect in effects]

    def holds(self, partition: int) -> bool:
        """Tell whether lines of *partition* are held: one more has to go behind them."""
        return partition in self._partitions

    def hold(self, partition: int, lines: LineBatch) -> None:
        """Hold *lines*, and claim their ids."""
        published = self._publisher.new_acknowledgement()
        self._duplicates.claim(lines.account_id, lines.ids, published)
        self._publisher.count_held(_size(lines))
        self._held.append(HeldBatch(partition, lines, published))
        self._partitions.add(partition)

    async def release(self) -> list[HeldBatch] | None:
        """Wait for the effects, and return what may be published now.

        None where an effect was not acknowledged: every line is given up, and has to be brought again.
        """
        for effect in self._effects:
            # Shielded: the record goes its way though this sender hangs up.
            if not await asyncio.shield(effect):
                self.abandon()
                return None
        self._effects.clear()
        return self._take_out()

    def _take_out(self) -> list[HeldBatch]:
        released, self._held = self._held, []
        self._partitions.clear()
        for batch in released:
            self._publisher.count_held(-_size(batch.lines))
        return released

    def abandon(self) -> None:
        """Give up what is still held: its ids are unknown again, and what waits for one is the next in line."""
        for batch in self._take_out():
            lines = batch.lines
            self._duplicates.settle(lines.account_id, lines.ids, acknowledged=False, now_ms=self._clock.now_ms())
            batch.published.set_result(False)


def _size(lines: LineBatch) -> int:
    return sum(map(len, lines.values))
