"""How far to trust an answer: up to when the store is complete for a trial, what was refused, what may still change."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from registry.directory import Directory
from reports.queries.daily_rollups import split_without_differences
from reports.queries.model import FlaggedBlock, Freshness, Interval, QueryContext
from reports.queries.sql import SECOND, fill, moment, rows, within
from schemas.timing import block_of, minute_of
from schemas.topics import Topic, partition_of

LISTED = 100
"""Flagged blocks named in an answer; all are counted."""

# The sink has stored what it has read; what it has read to the end of is complete up to then. Of all partitions at
# once: there are few, and one answer asks it once for all its products.
_SOURCES_SQL = """
SELECT 'stored', partition, max(next_offset), toUnixTimestamp64Milli(greatest(max(watermark_at), max(read_to_end_at)))
FROM sink_sources
WHERE topic = {topic:String} AND epoch = {epoch:UInt16}
GROUP BY partition
UNION ALL
SELECT 'counted', partition, max(next_offset), argMax(watermark_ms, version)
FROM worker_sources
WHERE epoch = {epoch:UInt16}
GROUP BY partition
"""
# Stored, and not in the live cells yet: everything before the first of these is.
_UNCOUNTED_SQL = """
SELECT toUnixTimestamp64Milli(min(stamped_at))
FROM log_records
WHERE topic = {topic:String} AND epoch = {epoch:UInt16} AND partition = {partition:UInt16}
  AND offset >= {counted:UInt64}
HAVING count() > 0
"""
# By what they name, which tells below whose they are. The same reject always names the same product, so those of other
# products are left out before repeats are merged: of all trials' rejects few are one's own. What a replay has made an
# event of is none any more.
_REJECTED_SQL = """
SELECT reason, named_product, named_placement, count()
FROM pilot_rejects FINAL
PREWHERE named_product NOT IN {other_products:Array(String)}
WHERE account_id IN {accounts:Array(String)}
  AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
  AND reject_id NOT IN (SELECT reject_id FROM replayed_rejects WHERE verdict IN ('accepted', 'duplicate'))
GROUP BY reason, named_product, named_placement
"""
# Of many trials at once, in each of the intervals that they have.
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
      AND reject_id NOT IN (SELECT reject_id FROM replayed_rejects WHERE verdict IN ('accepted', 'duplicate'))
) AS rejects
GROUP BY account_id, named_product, named_placement
"""
# A block counts as settled where it has a run.
_FLAGGED_SQL = """
SELECT toUnixTimestamp(block) * 1000, max(wrong) > 0
FROM (
    SELECT block, 1 AS runs, argMax(s.rows, run) AS seen, 0 AS touched, argMax(s.unexplained, run) AS wrong
    FROM settled_blocks AS s
    WHERE product_id = {product:String} AND #blocks#
    GROUP BY block
    UNION ALL
    SELECT block, 0 AS runs, 0 AS seen, sum(t.rows) AS touched, 0 AS wrong
    FROM touched_blocks AS t
    WHERE product_id = {product:String} AND #blocks#
    GROUP BY block
)
GROUP BY block
HAVING max(runs) AND (max(wrong) > 0 OR max(seen) != max(touched))
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
    partition = partition_of(product_id, epoch.partitions)
    asked = {"epoch": epoch.number, "topic": Topic.EVENTS.value}
    sources = {(side, number): (int(at), int(ms)) for side, number, at, ms in rows(context, _SOURCES_SQL, asked)}
    if ("stored", partition) not in sources:
        return None
    stored_offset, stored_ms = sources["stored", partition]
    counted_offset, counted_ms = sources.get(("counted", partition), (0, 0))
    if counted_offset >= stored_offset:
        return stored_ms
    uncounted = rows(context, _UNCOUNTED_SQL, {**asked, "partition": partition, "counted": counted_offset})
    # The last counted record may be hours old where nothing came since; the first uncounted one says more.
    counted_ms = int(uncounted[0][0]) - 1 if uncounted else counted_ms
    return min(stored_ms, counted_ms) or None


def _flagged(context: QueryContext, trial_id: str, interval: Interval) -> tuple[FlaggedBlock, ...]:
    product_id = context.span(trial_id).product_id
    # A day that was summed and holds has no block that waits.
    whole = Interval(block_of(interval.from_ms), minute_of(interval.to_ms))
    open_days = split_without_differences(context, product_id, whole).unrolled
    blocks, parameters = within("block", SECOND, "blocks", [(r.from_ms, r.to_ms) for r in open_days])
    found = rows(context, fill(_FLAGGED_SQL, blocks=blocks), parameters | {"product": product_id})
    return tuple(
        FlaggedBlock(int(start_ms), "unexplained" if unexplained else "waiting") for start_ms, unexplained in found
    )


def rejects_by_reason(context: QueryContext, trial_id: str, interval: Interval) -> dict[str, int]:
    """Return how many kept rejects received in *interval* may concern the trial, by reason, the commonest first.

    Rejects that a replay has made events of are left out.
    """
    parameters: dict[str, Any] = {
        "accounts": list(accounts_of(context.directory, trial_id)),
        "from": moment(interval.from_ms),
        "to": moment(max(interval.to_ms, interval.from_ms)),
        "other_products": [p for p in context.directory.products if p != context.span(trial_id).product_id],
    }
    found: dict[str, int] = defaultdict(int)
    for reason, product, placement, count in rows(context, _REJECTED_SQL, parameters):
        if _may_concern(context, trial_id, str(product), str(placement)):
            found[str(reason)] += int(count)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _may_concern(context: QueryContext, trial_id: str, product: str, placement: str) -> bool:
    """Tell whether a reject that names these may be the trial's: it is not where it names another's."""
    directory = context.directory
    if product != context.span(trial_id).product_id and product in directory.products:
        return False
    placed = directory.placed.get(placement)
    return placed is None or placed.trial_id == trial_id


def rejected_of_many(context: QueryContext, intervals: Mapping[str, Interval]) -> dict[str, int]:
    """Return for each trial of *intervals* how many kept rejects of its interval may concern it, as above."""
    accounts = {trial_id: set(accounts_of(context.directory, trial_id)) for trial_id in intervals}
    # Trials often run at the same time, and a row is held against each interval.
    number_of = {interval: number for number, interval in enumerate(dict.fromkeys(intervals.values()))}
    parameters: dict[str, Any] = {
        "accounts": sorted(set().union(*accounts.values())),
        "from_ms": [interval.from_ms for interval in number_of],
        "to_ms": [interval.to_ms for interval in number_of],
    }
    found = dict.fromkeys(intervals, 0)
    for account, product, placement, counts in rows(context, _REJECTED_OF_MANY_SQL, parameters) if intervals else ():
        for trial_id, interval in intervals.items():
            if account in accounts[trial_id] and _may_concern(context, trial_id, str(product), str(placement)):
                found[trial_id] += int(counts[number_of[interval]])
    return found


def accounts_of(directory: Directory, trial_id: str) -> tuple[str, ...]:
    """Return the accounts that may send for the trial: those of its placements, and those that may name its product."""
    product_id = directory.trial_spans[trial_id].product_id
    placed = {p.account_id for p in directory.placed.values() if p.trial_id == trial_id and p.account_id}
    naming = {account for account in directory.accounts if product_id in directory.products_of(account)}
    return tuple(sorted(placed | naming))
