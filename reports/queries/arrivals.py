"""How a trial's events came: how many are stored, late, repeated, settled; nothing of another trial's is told."""

from dataclasses import dataclass

from reports.queries.context import QueryContext, moment
from reports.queries.freshness import accounts_of
from reports.queries.model import Interval
from schemas.timing import BLOCK_MS, Timing, block_of


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
        "graces_ms": [epoch.grace_ms for epoch in epochs] or [Timing().grace_ms],
        "grace_ms": Timing().grace_ms,
    }
    (found,) = context.rows("arrivals_stored", parameters)
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
    ((blocks, settled, touched, settled_rows),) = context.rows("arrivals_blocks", parameters)
    ((events,),) = context.rows("arrivals_of_product", parameters)
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
    ((found,),) = context.rows("arrivals_duplicates", parameters)
    return int(found)
