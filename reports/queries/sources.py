"""Where a question about an interval is read: days from their sums while these hold, the rest from cells.

A day holds where as many rows came and the same settlement was the last as when it was summed: then its sums are what
its settled cells and stored events come to, and nothing newer is missed. Of cells the settled ones hold where a block
was settled, hours where they are summed, live ones elsewhere; what that comes to in SQL stands in `cells.sql`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from registry.directory import TrialSpan
from reports.metrics import METRICS, DueShareRule
from reports.queries.context import QueryContext, Subquery, range_parameters
from reports.queries.metric_columns import mergeable_columns
from reports.queries.model import Dimension, Interval, Step
from schemas.timing import BLOCK_MS, DAY_MS, HOUR_MS, block_of, day_of, minute_of

Rollup = Literal["cells", "funnels"]

MAX_RANGES = 24
"""More gaps than this between summed days are read as one: a condition is as long as there are gaps."""

COLUMN: dict[Dimension, str] = {"platform": "platform", "placement": "placement_id", "arm": "arm", "kind": "kind"}

SHORT_MS = 2 * DAY_MS
"""So much is read by the minute at once: to find out which hours are summed costs as much as it would save."""

_ALL_COLUMNS = mergeable_columns(tuple(m for m in METRICS if not isinstance(METRICS[m].rule, DueShareRule)))
_SHARED_KEYS = ("bucket", "platform", "placement", "arm")
_SHARED_SPLITS: frozenset[Dimension] = frozenset({"platform", "placement", "arm"})


class RollupInputs(NamedTuple):
    """What the sums of a day were made of."""

    run: int
    rows: int
    settled_run: int


@dataclass(frozen=True, slots=True)
class RollupDay:
    """What the store says of a day: what came, the last settlement; what was summed."""

    rows: int
    settled_run: int
    cells: RollupInputs
    unexplained: int
    funnels: RollupInputs


@dataclass(frozen=True, slots=True)
class RollupSplit:
    """An interval in two parts: whole days that are read summed, with the runs that hold, and ranges that are not."""

    days: tuple[int, ...]
    runs: tuple[int, ...]
    unrolled: tuple[Interval, ...]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of `rolled_days.sql`."""
        return {"rolled_days": [day // 1000 for day in self.days], "rolled_runs": list(self.runs)}


def split_interval(context: QueryContext, product_id: str, interval: Interval, rollup: Rollup = "cells") -> RollupSplit:
    """Return *interval* in whole days that hold and the ranges between them."""
    if not _whole_days(interval):
        return RollupSplit((), (), _between(interval, ()))
    days = _days(context, product_id)
    held = _funnel_run if rollup == "funnels" else _cells_run
    return _split_runs(interval, {day: run for day in days if (run := held(days, day))}, rollup)


def split_without_differences(context: QueryContext, product_id: str, interval: Interval) -> RollupSplit:
    """Return *interval* likewise; days with blocks that differ unexplained are among the ranges."""
    if not _whole_days(interval):
        return RollupSplit((), (), _between(interval, ()))
    days = _days(context, product_id)
    runs = {day: run for day in days if not days[day].unexplained and (run := _cells_run(days, day))}
    return _split_runs(interval, runs, "cells")


def load_day_states(context: QueryContext, products: Collection[str]) -> None:
    """Ask at once for all *products* what an answer about each of them would ask."""
    found: dict[str, dict[int, dict[str, Sequence[int]]]] = {product_id: defaultdict(dict) for product_id in products}
    for product_id, rollup, day_s, *numbers in context.rows("daily_rollups", {"products": sorted(products)}):
        found[product_id][day_s * 1000][rollup] = numbers
    for product_id, days in found.items():
        context.memo["days", product_id] = {day: _day(said) for day, said in days.items()}


def _day(said: Mapping[str, Sequence[int]]) -> RollupDay:
    cells, funnels = (said.get(rollup, (0, 0, 0, 0)) for rollup in ("cells", "funnels"))
    return RollupDay(
        rows=said["came"][0] if "came" in said else 0,
        settled_run=said["settled"][0] if "settled" in said else 0,
        cells=RollupInputs(*cells[:3]),
        unexplained=cells[3],
        funnels=RollupInputs(*funnels[:3]),
    )


def unrolled_days(context: QueryContext, product_id: str, split: RollupSplit) -> int:
    """Return on how many days of the ranges of *split* something came."""
    came = [day for day, said in _days(context, product_id).items() if said.rows]
    return sum(any(day < r.to_ms and r.from_ms < day + DAY_MS for r in split.unrolled) for day in came)


def _days(context: QueryContext, product_id: str) -> Mapping[int, RollupDay]:
    if ("days", product_id) not in context.memo:
        load_day_states(context, (product_id,))
    found: Mapping[int, RollupDay] = context.memo["days", product_id]
    return found


def _cells_run(days: Mapping[int, RollupDay], day: int) -> int:
    """Return the run of the day's sums where they hold, else 0."""
    known = days[day]
    return known.cells.run if known.cells[1:] == (known.rows, known.settled_run) else 0


def _funnel_run(days: Mapping[int, RollupDay], day: int) -> int:
    """Return the run of the funnels begun on the day where they hold, else 0: they go on into the next day."""
    known, following = days[day], days.get(day + DAY_MS)
    rows_now = known.rows + (following.rows if following else 0)
    settled_run = max(known.settled_run, following.settled_run if following else 0)
    return known.funnels.run if known.funnels[1:] == (rows_now, settled_run) else 0


def _split_runs(interval: Interval, runs: Mapping[int, int], rollup: Rollup) -> RollupSplit:
    reach = DAY_MS * (2 if rollup == "funnels" else 1)
    first = day_of(interval.from_ms + DAY_MS - 1)
    whole = [day for day in sorted(runs) if first <= day and day + reach <= interval.to_ms]
    unrolled = _between(interval, whole)
    if len(unrolled) > MAX_RANGES:
        # The last ranges are the newest days, where gaps belong; what is older is read as one.
        cut = unrolled[-MAX_RANGES].to_ms
        whole = [day for day in whole if day >= cut]
        unrolled = _between(interval, whole)
    return RollupSplit(tuple(whole), tuple(runs[day] for day in whole), unrolled)


def _whole_days(interval: Interval) -> bool:
    return day_of(interval.from_ms + DAY_MS - 1) + DAY_MS <= interval.to_ms


def _between(interval: Interval, days: Iterable[int]) -> tuple[Interval, ...]:
    found: list[Interval] = []
    at_ms = interval.from_ms
    for day in days:
        if day > at_ms:
            found.append(Interval(at_ms, day))
        at_ms = day + DAY_MS
    if interval.to_ms > at_ms:
        found.append(Interval(at_ms, interval.to_ms))
    return tuple(found)


class CellSources(NamedTuple):
    """A trial's cells in parts that share no day."""

    parts: tuple[Subquery, ...]
    """Whoever asks groups them."""
    shared: Subquery | None = None
    """What is read once for all questions of an answer, by `shared_rows`: a page splits it four ways."""


def by_step(
    context: QueryContext, trial_id: str, interval: Interval, step: Step, by: Sequence[Dimension] = ()
) -> CellSources:
    """Return the cells of whole minutes, from that of the start until before the end, for whoever groups by *step*.

    The coarser the step, the fewer rows. Of summed days other columns than those of *by* and kind may be empty, and
    people and sessions stand in rows of no kind; more than one split has no days.
    """
    span, whole = context.span(trial_id), whole_minutes(interval)
    if step == "minute":
        return CellSources((by_minute(span, [whole]),))
    if step == "hour" or len(by) > 1:
        return CellSources((_by_hour(span, [whole]),))
    split = split_interval(context, span.product_id, whole)
    if not split.days:
        return CellSources((by_ranges(span, split.unrolled),))
    given = {"product": span.product_id, "trial": trial_id, "split": by[0] if by else "", **split.parameters}
    summed = Subquery("cells", {"resolution": "day"}, given, summed=True)
    if not split.unrolled:
        return CellSources((summed,))
    rest = by_ranges(span, split.unrolled)
    return CellSources((summed,), rest) if _SHARED_SPLITS.issuperset(by) else CellSources((summed, rest))


def shared_rows(
    context: QueryContext, sources: CellSources, keys: Sequence[str]
) -> Mapping[tuple[Any, ...], list[Mapping[str, Any]]]:
    """Return the shared part's rows of the mergeable columns of every metric, by their values of *keys*.

    *keys* are of bucket (the day) and the splits. The statement is the same whatever is asked.
    """
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    if sources.shared is not None:
        for row in sources.shared.rows(context, "unrolled_rows", columns=_ALL_COLUMNS):
            named = dict(zip((*_SHARED_KEYS, *_ALL_COLUMNS.sums), row, strict=True))
            found[tuple(named[key] for key in keys)].append(named)
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
