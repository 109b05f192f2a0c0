"""Stored events by source and account: what settlements left of their blocks, and a count of those that wait."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from runtime.clickhouse import Client
from schemas.timing import DAY_MS
from sinks.clickhouse.sql import query
from sinks.settlement.block_totals import count_events
from sinks.settlement.blocks import Block, BlockActivity, block_parameters
from sinks.settlement.retired import SourceAccount

DAY_S = DAY_MS // 1000
# So many blocks are put into one query.
CHUNK = 1000
NO_SOURCE = -1

UtcDay = tuple[str, int]
"""A product, and the start of a day of UTC, Unix seconds: only how much is read again after a settlement."""
Counts = Counter[tuple[SourceAccount, int]]
"""By key and column: 0 stored events, 1 late ones."""


class SettledSums:
    """Sums of settled days, in memory; a day that was settled again is read again. Some 100 bytes a day and source."""

    def __init__(self) -> None:
        self.forget()

    @property
    def listed(self) -> int:
        """What settlements found to be counted in two sources."""
        return sum(self._listed.values())

    def forget(self) -> None:
        """Know nothing: everything is read at the next time."""
        self._days: dict[UtcDay, Counts] = {}
        self._all: Counts = Counter()
        self._listed: dict[UtcDay, int] = {}
        self._settled: set[UtcDay] | None = None
        """Days that were settled since they were read; None: nothing was read yet."""
        self._counted: dict[Block, tuple[BlockActivity, Counts]] = {}

    def note(self, blocks: Iterable[Block]) -> None:
        """Remember that *blocks* were settled."""
        if self._settled is not None:
            self._settled |= {(block.product_id, block.start_s - block.start_s % DAY_S) for block in blocks}

    def sums(
        self, client: Client, waiting: Mapping[Block, BlockActivity], lateness: Mapping[str, Any]
    ) -> dict[SourceAccount, tuple[int, int]]:
        """Return stored events and late ones by key. Raises `ClickHouseError`.

        A block that waits is counted by its events; its touch was read before them, so that an event that comes
        meanwhile has it counted again.
        """
        self._read(client)
        self._count(client, waiting, lateness)
        found = self._all.copy()
        for _, counts in self._counted.values():
            found.update(counts)
        return {key: (found[key, 0], found[key, 1]) for key, _ in found}

    def _read(self, client: Client) -> None:
        """Take in the days that were settled since the last time."""
        if self._settled is None:
            self._take(client.query(query("settled_sums", which="everything")).result_rows)
            self._settled = set()
        for some in _chunks(sorted(self._settled)):
            until_s = max(start_s for _, start_s in some) + DAY_S
            parameters = block_parameters([Block(*day) for day in some]) | {"until_s": until_s}
            rows = client.query(query("settled_sums", which="chosen_settled_days"), parameters=parameters).result_rows
            for day in some:
                self._all.subtract(self._days.pop(day, Counter()))
                self._listed.pop(day, None)
            self._take(rows)
            self._settled -= set(some)

    def _take(self, rows: Iterable[Sequence[Any]]) -> None:
        for product_id, day_s, epoch, partition, account_id, events, late in rows:
            day = (str(product_id), int(day_s))
            if int(epoch) == NO_SOURCE:
                self._listed[day] = int(events)
                continue
            counts = _counts(epoch, partition, account_id, events, late)
            self._days.setdefault(day, Counter()).update(counts)
            self._all.update(counts)

    def _count(self, client: Client, waiting: Mapping[Block, BlockActivity], lateness: Mapping[str, Any]) -> None:
        """Count what waits and was not counted since its last touch, less what its settlement left."""
        self._counted = {block: known for block, known in self._counted.items() if waiting.get(block) == known[0]}
        for some in _chunks([block for block in waiting if block not in self._counted]):
            found: dict[Block, Counts] = {block: Counter() for block in some}
            for product_id, start_s, *row in count_events(client, some, lateness):
                found[Block(product_id, start_s)].update(_counts(*row))
            before = [block for block in some if waiting[block].settled_before]
            for block, counts in _left_before(client, before):
                found[block].subtract(counts)
            self._counted |= {block: (waiting[block], counts) for block, counts in found.items()}


def all_activity(client: Client) -> dict[Block, BlockActivity]:
    """Return every block that has rows which its settlement has not seen."""
    rows = client.query(query("touched_blocks", which="everything")).result_rows
    return {Block(row[0], int(row[1])): BlockActivity(*(int(value) for value in row[2:])) for row in rows}


def unfilled(client: Client) -> list[int]:
    """Return the days, Unix seconds, with blocks that were settled before settlements left anything of them."""
    return [int(day_s) for (day_s,) in client.query(query("unfilled_days")).result_rows]


def _left_before(client: Client, blocks: Sequence[Block]) -> Iterator[tuple[Block, Counts]]:
    if not blocks:
        return
    rows = client.query(query("settled_sources"), parameters=block_parameters(blocks)).result_rows
    for product_id, start_s, *row in rows:
        yield Block(str(product_id), int(start_s)), _counts(*row)


def _counts(epoch: Any, partition: Any, account_id: Any, events: Any, late: Any) -> Counts:
    key = ((int(epoch), int(partition)), str(account_id))
    return Counter({(key, 0): int(events), (key, 1): int(late)})


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
