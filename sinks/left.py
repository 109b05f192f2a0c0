"""What a settlement leaves of its blocks for the sums, so that they need not read the events again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.clickhouse import Client
from sinks.blocks import Block, block_parameters
from sinks.clickhouse.sql import query
from sinks.compare import REPEATED, Difference


@dataclass(slots=True)
class Left:
    """A block's stored events by source and account, and what its differences explain of the sum of stored lines."""

    sources: list[tuple[int, int, str, int, int]] = field(default_factory=list)
    """Epoch, partition, account, stored events, late ones of them."""
    listed: int = 0

    @property
    def late_events(self) -> int:
        """The block's late events."""
        return sum(source[4] for source in self.sources)


def leave(
    client: Client, blocks: Collection[Block], lateness: Mapping[str, Any], differences: Iterable[Difference]
) -> dict[Block, Left]:
    """Return what is left of *blocks*: their stored events counted now, and their *differences*.

    The touches of the blocks must have been read before: what comes meanwhile, counted or not, then shows as a touch.
    """
    left: defaultdict[Block, Left] = defaultdict(Left)
    for product_id, start_s, epoch, partition, account_id, events, late in count_events(client, blocks, lateness):
        left[Block(product_id, start_s)].sources.append((epoch, partition, account_id, events, late))
    for item in differences:
        if REPEATED in item.explanation.split("+"):
            left[item.block].listed += item.live_events - item.recomputed_events
    return left


def count_events(
    client: Client, blocks: Collection[Block], lateness: Mapping[str, Any]
) -> Iterable[tuple[str, int, int, int, str, int, int]]:
    """Yield product, block, epoch, partition, account, stored events and late ones of *blocks*."""
    parameters = {**block_parameters(blocks), **lateness}
    for row in client.query(query("block_sources"), parameters=parameters).result_rows:
        product_id, start_s, epoch, partition, account_id, events, late = row
        yield str(product_id), int(start_s), int(epoch), int(partition), str(account_id), int(events), int(late)
