"""How a trial's events came: how many are stored, late, repeated, settled; nothing of another trial's is told."""

from dataclasses import dataclass

from reports.queries.freshness import accounts_of
from reports.queries.model import Interval, QueryContext
from reports.queries.sql import moment, rows
from schemas.timing import BLOCK_MS, Timing, block_of

# Late as in `schemas.timing`: received past the end of its minute and its epoch's grace.
_STORED_SQL = """
SELECT
    count(),
    countIf(arm = ''),
    countIf(toUnixTimestamp64Milli(received_at) > intDiv(toUnixTimestamp64Milli(occurred_at), 60000) * 60000 + 60000
        + transform(toInt64(epoch), {epochs:Array(Int64)}, {graces:Array(Int64)}, {grace:Int64})),
    max(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(occurred_at)),
    max(toUnixTimestamp64Milli(received_at))
FROM pilot_events FINAL
WHERE trial_id = {trial:String}
  AND occurred_at >= {from:DateTime64(3, 'UTC')} AND occurred_at < {to:DateTime64(3, 'UTC')}
  AND toStartOfHour(occurred_at) >= toStartOfHour({from:DateTime64(3, 'UTC')})
  AND toStartOfHour(occurred_at) <= toStartOfHour({to:DateTime64(3, 'UTC')})
"""
_OF_PRODUCT_SQL = """
SELECT count()
FROM pilot_events FINAL
WHERE product_id = {product:String}
  AND occurred_at >= {from:DateTime64(3, 'UTC')} AND occurred_at < {to:DateTime64(3, 'UTC')}
"""
# A block is settled where its last settlement saw every row that it has by now, and explained what differed.
_BLOCKS_SQL = """
SELECT
    count(),
    countIf(settlements.runs > 0 AND seen = touched AND unexplained = 0),
    sum(touched),
    sumIf(touched, settlements.runs > 0 AND seen = touched AND unexplained = 0)
FROM (
    SELECT block, sum(touched_blocks.rows) AS touched
    FROM touched_blocks
    WHERE product_id = {product:String} AND block >= {from:DateTime('UTC')} AND block < {to:DateTime('UTC')}
    GROUP BY block
) AS touches
LEFT JOIN (
    SELECT
        block,
        count() AS runs,
        argMax(settled_blocks.rows, run) AS seen,
        argMax(settled_blocks.unexplained, run) AS unexplained
    FROM settled_blocks
    WHERE product_id = {product:String} AND block >= {from:DateTime('UTC')} AND block < {to:DateTime('UTC')}
    GROUP BY block
) AS settlements USING (block)
"""
_DUPLICATES_SQL = """
SELECT sum(duplicate)
FROM pilot_deliveries FINAL
WHERE account_id IN {accounts:Array(String)} AND NOT replay
  AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
"""


@dataclass(frozen=True, slots=True)
class ArrivalSummary:
    """What came of a trial in an interval of its events' own times."""

    stored: int
    """Events, each once."""
    unassigned: int
    """Of these, in no arm: in the totals, in no comparison."""
    baseline_period: int
    """Events of the time before the start, which are outside every figure of a report."""
    late: int
    longest_delay_ms: int | None
    """Between an event and its receipt."""
    last_received_ms: int | None
    repeats: int
    """Rows that came again into the store, of the product's five-minute blocks; each event is counted once."""
    answered_duplicate: int | None
    """Repeats refused at the door; None where an account also reports other products, whose it may have been."""
    blocks: int
    settled_blocks: int
    settled_share: float | None
    """Share of the rows that lie in settled blocks; None where there are none."""


def arrival_summary(context: QueryContext, trial_id: str, interval: Interval) -> ArrivalSummary:
    """Return how the trial's events of *interval* came, from stored rows."""
    stored, unassigned, late, longest_delay, last_received = _stored(context, trial_id, interval)
    repeats, blocks, settled, share = _blocks(context, trial_id, interval)
    return ArrivalSummary(
        stored=stored,
        unassigned=unassigned,
        baseline_period=_baseline(context, trial_id),
        late=late,
        longest_delay_ms=longest_delay if stored else None,
        last_received_ms=last_received if stored else None,
        repeats=repeats,
        answered_duplicate=_duplicates(context, trial_id, interval),
        blocks=blocks,
        settled_blocks=settled,
        settled_share=share,
    )


def _stored(context: QueryContext, trial_id: str, interval: Interval) -> tuple[int, ...]:
    if interval.empty:
        return (0, 0, 0, 0, 0)
    epochs = context.directory.epochs
    parameters = {
        "trial": trial_id,
        "from": moment(interval.from_ms),
        "to": moment(interval.to_ms),
        "epochs": [epoch.number for epoch in epochs] or [0],
        "graces": [epoch.grace_ms for epoch in epochs] or [Timing().grace_ms],
        "grace": Timing().grace_ms,
    }
    (found,) = rows(context, _STORED_SQL, parameters)
    return tuple(int(number) for number in found)


def _baseline(context: QueryContext, trial_id: str) -> int:
    span = context.span(trial_id)
    if span.baseline_from_ms is None:
        return 0
    return _stored(context, trial_id, Interval(span.baseline_from_ms, span.starts_ms))[0]


def _blocks(context: QueryContext, trial_id: str, interval: Interval) -> tuple[int, int, int, float | None]:
    """Return repeats, blocks, settled ones, and the share of rows in these; over whole blocks of the product."""
    if interval.empty:
        return 0, 0, 0, None
    whole = Interval(block_of(interval.from_ms), block_of(interval.to_ms - 1) + BLOCK_MS)
    parameters = {
        "product": context.span(trial_id).product_id,
        "from": moment(whole.from_ms),
        "to": moment(whole.to_ms),
    }
    ((blocks, settled, touched, settled_rows),) = rows(context, _BLOCKS_SQL, parameters)
    ((events,),) = rows(context, _OF_PRODUCT_SQL, parameters)
    share = int(settled_rows) / int(touched) if touched else None
    return max(0, int(touched) - int(events)), int(blocks), int(settled), share


def _duplicates(context: QueryContext, trial_id: str, interval: Interval) -> int | None:
    own = {context.span(trial_id).product_id}
    accounts = accounts_of(context.directory, trial_id)
    if not accounts or any(set(context.directory.products_of(account)) - own for account in accounts):
        return None
    parameters = {
        "accounts": list(accounts),
        "from": moment(interval.from_ms),
        "to": moment(max(interval.to_ms, interval.from_ms)),
    }
    ((found,),) = rows(context, _DUPLICATES_SQL, parameters)
    return int(found)
