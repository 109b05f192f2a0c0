"""What is counted exactly, by day, arm and placement: summed days where they hold, stored events elsewhere."""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Literal

from reports.queries.context import QueryContext, Subquery, range_parameters
from reports.queries.metric_columns import DURATIONS, columns_of
from reports.queries.model import Dimension, Interval
from reports.queries.sources import RollupSplit, split_interval
from schemas.registry import MetricId

PeopleColumn = Literal["subjects", "sessions"]
SPLITS: frozenset[Dimension] = frozenset({"arm", "placement"})
"""How a source of `by_unit` can be split."""

_SET_NAMES = ("d_subjects", "d_sessions", "timed")


def events(trial_id: str, interval: Interval) -> Subquery:
    """Return the stored events of *interval*, each once."""
    return events_of(trial_id, (interval,))


def events_of(trial_id: str, ranges: tuple[Interval, ...]) -> Subquery:
    """Return the stored events of *ranges*, which share no time, each once."""
    return Subquery("exact_events", {"events": len(ranges)}, {"trial": trial_id, **range_parameters("events", ranges)})


def by_unit(context: QueryContext, trial_id: str, interval: Interval, *, sets: bool) -> Subquery:
    """Return rows of day (`at`), arm, placement and kind with the sums of cells, as `exact_cells.sql` says."""
    parts, parameters = summed_and_events(context, trial_id, interval)
    return Subquery("exact_cells", {**parts, "sets": sets}, parameters)


def summed_and_events(
    context: QueryContext, trial_id: str, interval: Interval
) -> tuple[dict[str, Hashable], dict[str, Any]]:
    """Return the parts and parameters of a statement over the summed days and the events of what is not summed."""
    split = split_interval(context, context.span(trial_id).product_id, interval)
    rest = events_of(trial_id, split.unrolled)
    return {"days": bool(split.days), **rest.parts}, {**_of_days(context, trial_id, split), **rest.parameters}


def unit_rows(
    context: QueryContext, trial_id: str, interval: Interval, metrics: tuple[MetricId, ...], *, sets: bool
) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """Give arm, placement, day (Unix seconds) and values, in one row or two: the measures of *metrics* by name.

    With *sets* also `d_subjects` and `d_sessions`, how many different ones, and `timed`, the durations of uses.
    """
    split = split_interval(context, context.span(trial_id).product_id, interval)
    given = _of_days(context, trial_id, split)
    if split.days:
        summed = columns_of(metrics, "units")
        days = Subquery("exact_cells", {"days": True, "events": 0, "sets": False}, given, summed=True)
        for arm, placement, day_s, *numbers in days.rows(context, "unit_sums", columns=summed):
            yield arm, placement, day_s, dict(zip(summed.sums, numbers, strict=True))
    if split.days and sets:
        for arm, placement, day_s, *values in context.cached_rows("unit_sets", given):
            yield arm, placement, day_s, dict(zip(_SET_NAMES, values, strict=True))
    if split.unrolled:
        columns = columns_of((*metrics, "subjects", "sessions") if sets else metrics, "events")
        names = (*columns.sums, *(("timed",) if sets else ()))
        source = events_of(trial_id, split.unrolled)
        rows = source.rows(context, "unit_events", columns=columns, durations=DURATIONS if sets else "")
        for arm, placement, day_s, *values in rows:
            yield arm, placement, day_s, dict(zip(names, values, strict=True))


def seen_by_unit(context: QueryContext, trial_id: str, interval: Interval) -> Iterator[Sequence[Any]]:
    """Give arm, placement, day (Unix ms) and number of events of whatever sent any; a day may come in two parts."""
    split = split_interval(context, context.span(trial_id).product_id, interval)
    if split.days:
        yield from context.cached_rows("unit_seen", _of_days(context, trial_id, split), summed=True)
    if split.unrolled:
        yield from events_of(trial_id, split.unrolled).rows(context, "unit_seen", summed=False)


def _of_days(context: QueryContext, trial_id: str, split: RollupSplit) -> dict[str, Any]:
    return {"product": context.span(trial_id).product_id, "trial": trial_id, **split.parameters}
