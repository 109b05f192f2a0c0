"""What a settlement leaves of its blocks for the sums, so that they need not read the events again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runtime.clickhouse import Client
from sinks.clickhouse.sql import query
from sinks.settlement.blocks import Block, block_parameters
from sinks.settlement.compare import REPEATED, LiveCellDifference

Counted = tuple[str, int, int, int, str, int, int]
"""Product, block, epoch, partition, account, stored events, late ones of them."""


@dataclass(slots=True)
class BlockTotals:
    """A block's stored events by source and account, and what its differences explain of the sum of stored lines."""

    sources: list[tuple[int, int, str, int, int]] = field(default_factory=list)
    """Epoch, partition, account, stored events, late ones of them."""
    listed: int = 0

    @property
    def late_events(self) -> int:
        """The block's late events."""
        return sum(source[4] for source in self.sources)


def read_block_totals(
    client: Client, blocks: Collection[Block], differences: Iterable[LiveCellDifference]
) -> dict[Block, BlockTotals]:
    """Return the totals of *blocks*, whose cells were just settled: whose events they hold, and their *differences*.

    The touches of the blocks must have been read before their cells were settled: what comes meanwhile, counted or not,
    then shows as a touch.
    """
    totals: defaultdict[Block, BlockTotals] = defaultdict(BlockTotals)
    rows = client.query(query("cell_sources"), parameters=block_parameters(blocks)).result_rows
    for product_id, start_s, epoch, partition, account_id, events, late in _counted(rows):
        totals[Block(product_id, start_s)].sources.append((epoch, partition, account_id, events, late))
    for item in differences:
        if REPEATED in item.explanation.split("+"):
            totals[item.block].listed += item.live_events - item.recomputed_events
    return totals


def count_events(client: Client, blocks: Collection[Block], lateness: Mapping[str, Any]) -> Iterator[Counted]:
    """Yield the stored events of *blocks*, counted anew: what a settlement would leave of them."""
    parameters = {**block_parameters(blocks), **lateness}
    return _counted(client.query(query("block_sources"), parameters=parameters).result_rows)


def _counted(rows: Iterable[Sequence[Any]]) -> Iterator[Counted]:
    for product_id, start_s, epoch, partition, account_id, events, late in rows:
        yield str(product_id), int(start_s), int(epoch), int(partition), str(account_id), int(events), int(late)
