"""How far to trust an answer: up to when the store is complete for a trial, what was refused, what may still change."""

from collections.abc import Mapping
from typing import Any

from registry.directory import Directory
from reports.queries.model import FlaggedBlock, Freshness, Interval, QueryContext
from reports.queries.past import settled_quietly
from reports.queries.sql import SECOND, fill, moment, rows, within
from schemas.timing import block_of, minute_of
from schemas.topics import Topic, partition_of

LISTED = 100
"""Flagged blocks named in an answer; all are counted."""

# The sink has stored what it has read; what it has read to the end of is complete up to then.
_STORED_SQL = """
SELECT
    max(next_offset),
    toUnixTimestamp64Milli(greatest(max(watermark_at), max(read_to_end_at)))
FROM sink_sources
WHERE topic = {topic:String} AND epoch = {epoch:UInt16} AND partition = {partition:UInt16}
HAVING count() > 0
"""
_COUNTED_SQL = """
SELECT max(next_offset), argMax(watermark_ms, version)
FROM worker_sources
WHERE epoch = {epoch:UInt16} AND partition = {partition:UInt16}
HAVING count() > 0
"""
# Stored, and not in the live cells yet: everything before the first of these is.
_UNCOUNTED_SQL = """
SELECT toUnixTimestamp64Milli(min(stamped_at))
FROM log_records
WHERE topic = {topic:String} AND epoch = {epoch:UInt16} AND partition = {partition:UInt16}
  AND offset >= {counted:UInt64}
HAVING count() > 0
"""
# A reject that names another trial's product or placement is not this one's; what names nothing is the account's.
_REJECTED_SQL = """
SELECT reason, count()
FROM pilot_rejects FINAL
WHERE account_id IN {accounts:Array(String)}
  AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
  AND named_product NOT IN {other_products:Array(String)}
  AND named_placement NOT IN {other_placements:Array(String)}
GROUP BY reason
ORDER BY count() DESC, reason
"""
# Of many trials at once, each with an interval of its own.
_REJECTED_OF_MANY_SQL = """
SELECT
    account_id, named_product, named_placement,
    sumForEach(arrayMap(
        (from_ms, to_ms) -> toUInt64(received_ms >= from_ms AND received_ms < to_ms),
        {from_ms:Array(Int64)}, {to_ms:Array(Int64)}
    ))
FROM (
    SELECT account_id, named_product, named_placement, toUnixTimestamp64Milli(received_at) AS received_ms
    FROM pilot_rejects FINAL
    WHERE account_id IN {accounts:Array(String)}
) AS rejects
GROUP BY account_id, named_product, named_placement
"""
_FLAGGED_SQL = """
SELECT toUnixTimestamp(block) * 1000, unexplained > 0
FROM (
    SELECT block, argMax(settled_blocks.rows, run) AS seen, argMax(settled_blocks.unexplained, run) AS unexplained
    FROM settled_blocks
    WHERE product_id = {product:String} AND #blocks#
    GROUP BY block
) AS settled
LEFT JOIN (
    SELECT block, sum(touched_blocks.rows) AS touched
    FROM touched_blocks
    WHERE product_id = {product:String} AND #blocks#
    GROUP BY block
) AS touches USING (block)
WHERE unexplained > 0 OR touched != seen
ORDER BY block
"""


def freshness(context: QueryContext, trial_id: str, interval: Interval) -> Freshness:
    """Return how fresh the trial's numbers are; rejects and flagged blocks are those of *interval*."""
    as_of_ms = complete_until(context, context.span(trial_id).product_id)
    flagged = _flagged(context, trial_id, interval)
    return Freshness(
        as_of_ms=as_of_ms,
        lag_s=lag(context, as_of_ms),
        rejected=sum(rejects_by_reason(context, trial_id, interval).values()),
        flagged_windows=len(flagged),
        flagged=flagged[:LISTED],
    )


def lag(context: QueryContext, as_of_ms: int | None) -> float | None:
    """Return how long ago *as_of_ms* is, in seconds; None where nothing has come yet."""
    return None if as_of_ms is None else max(0.0, (context.now_ms - as_of_ms) / 1000)


def complete_until(context: QueryContext, product_id: str) -> int | None:
    """Return up to when every event of the product that was acknowledged is stored and counted; None before any.

    A product lives in one source: the partition of its id in the newest epoch. Where the worker has counted all that
    is stored, its cells are as complete as the rows are, however long ago the last event was.
    """
    epoch = context.directory.epoch
    if epoch is None:
        return None
    source = {"epoch": epoch.number, "partition": partition_of(product_id, epoch.partitions)}
    stored = rows(context, _STORED_SQL, {**source, "topic": Topic.EVENTS.value})
    if not stored:
        return None
    ((stored_offset, stored_ms),) = stored
    counted = rows(context, _COUNTED_SQL, source)
    counted_offset, counted_ms = counted[0] if counted else (0, 0)
    if counted_offset >= stored_offset:
        return int(stored_ms)
    uncounted = rows(context, _UNCOUNTED_SQL, {**source, "topic": Topic.EVENTS.value, "counted": counted_offset})
    # The last counted record may be hours old where nothing came since; the first uncounted one says more.
    counted_ms = int(uncounted[0][0]) - 1 if uncounted else int(counted_ms)
    return min(int(stored_ms), counted_ms) or None


def _flagged(context: QueryContext, trial_id: str, interval: Interval) -> tuple[FlaggedBlock, ...]:
    product_id = context.span(trial_id).product_id
    # A day that was summed and holds has no block that waits.
    whole = Interval(block_of(interval.from_ms), minute_of(interval.to_ms))
    open_days = settled_quietly(context, product_id, whole).ranges
    blocks, parameters = within("block", SECOND, "blocks", [(r.from_ms, r.to_ms) for r in open_days])
    found = rows(context, fill(_FLAGGED_SQL, blocks=blocks), parameters | {"product": product_id})
    return tuple(
        FlaggedBlock(int(start_ms), "unexplained" if unexplained else "waiting") for start_ms, unexplained in found
    )


def rejects_by_reason(context: QueryContext, trial_id: str, interval: Interval) -> dict[str, int]:
    """Return how many kept rejects received in *interval* may concern the trial, by reason, the commonest first."""
    parameters: dict[str, Any] = {
        "accounts": list(accounts_of(context.directory, trial_id)),
        "from": moment(interval.from_ms),
        "to": moment(max(interval.to_ms, interval.from_ms)),
        "other_products": [p for p in context.directory.products if p != context.span(trial_id).product_id],
        "other_placements": [p.placement_id for p in context.directory.placed.values() if p.trial_id != trial_id],
    }
    return {str(reason): int(count) for reason, count in rows(context, _REJECTED_SQL, parameters)}


def rejected_of_many(context: QueryContext, intervals: Mapping[str, Interval]) -> dict[str, int]:
    """Return for each trial of *intervals* how many kept rejects of its interval may concern it, as above."""
    accounts = {trial_id: set(accounts_of(context.directory, trial_id)) for trial_id in intervals}
    parameters: dict[str, Any] = {
        "accounts": sorted(set().union(*accounts.values())),
        "from_ms": [interval.from_ms for interval in intervals.values()],
        "to_ms": [interval.to_ms for interval in intervals.values()],
    }
    found = dict.fromkeys(intervals, 0)
    for account, product, placement, counts in rows(context, _REJECTED_OF_MANY_SQL, parameters) if intervals else ():
        placed = context.directory.placed.get(str(placement))
        for trial_id, count in zip(intervals, counts, strict=True):
            own = context.span(trial_id).product_id
            named_another = product != own and product in context.directory.products
            placed_elsewhere = placed is not None and placed.trial_id != trial_id
            if account in accounts[trial_id] and not named_another and not placed_elsewhere:
                found[trial_id] += int(count)
    return found


def accounts_of(directory: Directory, trial_id: str) -> tuple[str, ...]:
    """Return the accounts that may send for the trial: those of its placements, and those that may name its product."""
    product_id = directory.trial_spans[trial_id].product_id
    placed = {p.account_id for p in directory.placed.values() if p.trial_id == trial_id and p.account_id}
    naming = {account for account in directory.accounts if product_id in directory.products_of(account)}
    return tuple(sorted(placed | naming))
