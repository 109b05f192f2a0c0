"""Which cells hold: settled ones where a block was settled, hours and days where they are summed, live ones elsewhere.

What they come to in SQL stands in `cells.sql`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from registry.directory import TrialSpan
from reports.metrics import METRICS, DueShareRule
from reports.queries.context import QueryContext, Subquery, range_parameters
from reports.queries.daily_rollups import split_interval
from reports.queries.metric_columns import mergeable_columns
from reports.queries.model import Dimension, Interval, Step
from schemas.timing import BLOCK_MS, DAY_MS, HOUR_MS, block_of, minute_of

COLUMN: dict[Dimension, str] = {"platform": "platform", "placement": "placement_id", "arm": "arm", "kind": "kind"}

SHORT_MS = 2 * DAY_MS
"""So much is read by the minute at once: to find out which hours are summed costs as much as it would save."""

_ALL_COLUMNS = mergeable_columns(tuple(m for m in METRICS if not isinstance(METRICS[m].rule, DueShareRule)))
_UNROLLED_KEYS = ("bucket", "platform", "placement", "arm")
UNROLLED_SPLITS: frozenset[Dimension] = frozenset({"platform", "placement", "arm"})
"""How `unrolled_rows` can be split."""


class CellSources(NamedTuple):
    """A trial's cells in two parts that share no day: of summed days, and of everything else; None holds nothing."""

    summed: Subquery | None
    unrolled: Subquery | None

    @property
    def parts(self) -> tuple[Subquery, ...]:
        """Those that hold something."""
        return tuple(part for part in self if part is not None)


def by_step(
    context: QueryContext, trial_id: str, interval: Interval, step: Step, by: Sequence[Dimension] = ()
) -> CellSources:
    """Return the cells of whole minutes, from that of the start until before the end, for whoever groups by *step*.

    The coarser the step, the fewer rows. Of summed days other columns than those of *by* and kind may be empty, and
    people and sessions stand in rows of no kind; more than one split has no days.
    """
    span, whole = context.span(trial_id), whole_minutes(interval)
    if step == "minute":
        return CellSources(None, by_minute(span, [whole]))
    if step == "hour" or len(by) > 1:
        return CellSources(None, _by_hour(span, [whole]))
    split = split_interval(context, span.product_id, whole)
    given = {"product": span.product_id, "trial": trial_id, "split": by[0] if by else "", **split.parameters}
    summed = Subquery("cells", {"resolution": "day"}, given, summed=True) if split.days else None
    return CellSources(summed, by_ranges(span, split.unrolled) if split.unrolled or not split.days else None)


def unrolled_rows(
    context: QueryContext, source: Subquery, keys: Sequence[str]
) -> Mapping[tuple[Any, ...], list[Mapping[str, Any]]]:
    """Return rows of the mergeable columns of every metric, by their values of *keys*: bucket (the day) and splits.

    Read once for whoever asks next: a page splits them four ways, and the statement is the same whatever is asked.
    """
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in source.rows(context, "unrolled_rows", columns=_ALL_COLUMNS):
        key = dict(zip(_UNROLLED_KEYS, row, strict=False))
        found[tuple(key[name] for name in keys)].append(_ALL_COLUMNS.named(row[len(_UNROLLED_KEYS) :]))
    return found


def by_ranges(span: TrialSpan, ranges: Sequence[Interval]) -> Subquery:
    """Return the cells of *ranges*, by the hour where that is worth asking for."""
    whole = [whole_minutes(r) for r in ranges]
    left_ms = sum(part.to_ms - part.from_ms for part in whole)
    return (by_minute if left_ms <= SHORT_MS else _by_hour)(span, whole)


def by_minute(span: TrialSpan, ranges: Sequence[Interval]) -> Subquery:
    """Return the cells of *ranges* by the minute."""
    whole = [whole_minutes(r) for r in ranges]
    blocks = [Interval(block_of(r.from_ms), block_of(r.to_ms) + BLOCK_MS) for r in whole]
    parameters = {
        "product": span.product_id,
        "trial": span.trial_id,
        **range_parameters("minutes", whole),
        **range_parameters("blocks", blocks),
    }
    return Subquery("cells", {"resolution": "minute", "minutes": len(whole)}, parameters)


def whole_minutes(interval: Interval) -> Interval:
    """Return the whole minutes that hold cells of *interval*; its end is a second's."""
    from_ms = minute_of(interval.from_ms)
    return Interval(from_ms, -(-max(interval.to_ms, from_ms) // 1000) * 1000)


def _by_hour(span: TrialSpan, ranges: Sequence[Interval]) -> Subquery:
    minutes = by_minute(span, ranges)
    hours = [Interval(-(-r.from_ms // HOUR_MS) * HOUR_MS, r.to_ms // HOUR_MS * HOUR_MS) for r in ranges]
    hours = [one for one in hours if not one.empty]
    parts = {**minutes.parts, "resolution": "hour", "hours": len(hours)}
    return Subquery("cells", parts, {**minutes.parameters, **range_parameters("hours", hours)})
