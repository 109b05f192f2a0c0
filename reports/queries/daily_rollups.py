"""Which days of a product's past stand summed in the store and hold by now; the rest is read as it came.

A day holds where as many rows came and the same settlement was the last as when it was summed: then its sums are what
its settled cells and stored events come to, and nothing newer is missed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from reports.queries.context import QueryContext
from reports.queries.model import Interval
from reports.queries.spans import step_start
from schemas.timing import DAY_MS

Rollup = Literal["cells", "funnels"]

MAX_RANGES = 24
"""More gaps than this between summed days are read as one: a condition is as long as there are gaps."""


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
    first = step_start(interval.from_ms + DAY_MS - 1, "day")
    whole = [day for day in sorted(runs) if first <= day and day + reach <= interval.to_ms]
    unrolled = _between(interval, whole)
    if len(unrolled) > MAX_RANGES:
        # The last ranges are the newest days, where gaps belong; what is older is read as one.
        cut = unrolled[-MAX_RANGES].to_ms
        whole = [day for day in whole if day >= cut]
        unrolled = _between(interval, whole)
    return RollupSplit(tuple(whole), tuple(runs[day] for day in whole), unrolled)


def _whole_days(interval: Interval) -> bool:
    return step_start(interval.from_ms + DAY_MS - 1, "day") + DAY_MS <= interval.to_ms


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
