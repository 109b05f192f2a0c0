"""Live cells against the stored events, as settlement found them: where they differ, and what explains it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from runtime.clickhouse import Client
from schemas.timing import Timing
from schemas.topics import Topic
from sinks.clickhouse.sql import query
from sinks.settlement.blocks import Block, block_parameters

UNEXPLAINED = "unexplained"
REPEATED = "repeat_across_sources"
REASONS = ("disorder_beyond_slack", "final_row_kept_back")
# A run that finds more is a fault of the whole, not of cells; the others are found when their blocks are touched.
LIMIT = 10_000


class CellKey(NamedTuple):
    """A cell."""

    product_id: str
    trial_id: str
    platform: str
    placement_id: str
    arm: str
    kind: str
    minute_s: int


@dataclass(frozen=True, slots=True)
class LiveCellDifference:
    """A cell whose live version is not what its events come to."""

    cell: CellKey
    block: Block
    live_events: int
    recomputed_events: int
    explanation: str = UNEXPLAINED
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SourceShare:
    """One source's part of a cell: what its live row says, and what became of its stored events."""

    epoch: int
    partition: int
    version: int
    live_events: int
    counted: int
    reasons: tuple[int, ...]
    """In the order of REASONS."""


def compare_cells(
    client: Client, blocks: Collection[Block], lateness: Mapping[str, Any], timing: Timing
) -> list[LiveCellDifference]:
    """Return the cells of *blocks* whose live version was found to differ when they were settled, each explained."""
    rows = client.query(query("differing_cells"), parameters={**block_parameters(blocks), "limit": LIMIT}).result_rows
    found = [_difference(row) for row in rows]
    if not found:
        return []
    shares = _shares(client, {item.block for item in found}, lateness, timing)
    return [explain(item, shares.get(item.cell, ())) for item in found]


def explain(difference: LiveCellDifference, shares: Sequence[SourceShare]) -> LiveCellDifference:
    """Return *difference* with what its sources' *shares* (in the order of the log) say, or as unexplained.

    It is explained where each source's live row counts exactly those of its stored events for which nothing else is
    known, or more of them in a later source: a repeat that the store keeps under the earlier one.
    """
    reasons: list[str] = []
    detail: list[str] = []
    stored_before = False
    for share in shares:
        known = [name for name, count in zip(REASONS, share.reasons, strict=True) if count]
        if share.live_events > share.counted and stored_before:
            known.append(REPEATED)
        elif share.live_events != share.counted:
            known = [UNEXPLAINED]
        reasons += known
        stored_before = stored_before or share.counted > 0
        if known:
            detail.append(_detail(share))
    if UNEXPLAINED in reasons or not reasons:
        return _explained(difference, UNEXPLAINED, detail)
    return _explained(difference, "+".join(dict.fromkeys(reasons)), detail)


def _explained(difference: LiveCellDifference, explanation: str, detail: Sequence[str]) -> LiveCellDifference:
    return LiveCellDifference(
        difference.cell,
        difference.block,
        difference.live_events,
        difference.recomputed_events,
        explanation,
        "; ".join(detail),
    )


def _detail(share: SourceShare) -> str:
    said = {name: count for name, count in zip(REASONS, share.reasons, strict=True) if count}
    others = "".join(f", {name} {count}" for name, count in said.items())
    return (
        f"source {share.epoch}/{share.partition} up to offset {share.version}: "
        f"live {share.live_events}, stored {share.counted}{others}"
    )


def _difference(row: Sequence[Any]) -> LiveCellDifference:
    product_id, block_s, trial_id, platform, placement_id, arm, kind, minute_s, live, recomputed = row
    cell = CellKey(product_id, trial_id, platform, placement_id, arm, kind, int(minute_s))
    return LiveCellDifference(cell, Block(product_id, int(block_s)), int(live), int(recomputed))


def _shares(
    client: Client, blocks: Collection[Block], lateness: Mapping[str, Any], timing: Timing
) -> dict[CellKey, list[SourceShare]]:
    parameters = {
        **block_parameters(blocks),
        **lateness,
        "topic": Topic.EVENTS.value,
        "span_ms": timing.span_ms,
        "slack_ms": timing.slack_ms,
        "lead_ms": timing.lead_ms,
    }
    shares: dict[CellKey, list[SourceShare]] = defaultdict(list)
    for row in client.query(query("explain_cells"), parameters=parameters).result_rows:
        product_id, trial_id, platform, placement_id, arm, kind, minute_s = row[:7]
        cell = CellKey(product_id, trial_id, platform, placement_id, arm, kind, int(minute_s))
        epoch, partition, version, live, counted, *reasons = (int(value) for value in row[7:])
        shares[cell].append(SourceShare(epoch, partition, version, live, counted, tuple(reasons)))
    return shares
