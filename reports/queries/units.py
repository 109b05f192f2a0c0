"""What a trial is judged on: places by the day. A unit holds what one place gave in one arm on one Shanghai day."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reports.metrics import METRICS, Amount, Distinct, Ratio
from reports.queries import exact, presence
from reports.queries.cells import Source
from reports.queries.model import Interval, Number, QueryContext
from reports.queries.sql import fill, rows
from reports.queries.sums import columns_of, named, selected
from reports.spans import by_step, due_spans
from schemas.registry import MetricId

_SQL = """
SELECT arm, place, day #derived#
FROM (
    SELECT
        arm,
        transform(placement_id, {placements:Array(String)}, {places:Array(String)}, placement_id) AS place,
        toUnixTimestamp(at) * 1000 AS day
        #sums#
    FROM (#source#) AS source
    WHERE arm != ''
    GROUP BY arm, place, day
) AS units
ORDER BY arm, place, day
"""
_AT_MOST_SQL = """
SELECT
    arm,
    transform(placement_id, {placements:Array(String)}, {places:Array(String)}, placement_id) AS place,
    toUnixTimestamp(at) * 1000 AS day,
    sum(arrayCount(duration -> duration <= transform(arm, {arms:Array(String)}, {limits:Array(UInt32)}, 0), durations)),
    sum(length(durations)) AS uses
FROM (#source#) AS source
WHERE arm IN {arms:Array(String)}
GROUP BY arm, place, day
HAVING uses > 0
ORDER BY place, day
"""
_RANKED_SQL = """
SELECT arm, arrayMap(rank -> durations[rank], {ranks:Array(UInt64)})
FROM (
    SELECT arm, arraySort(groupArrayArray(source.durations)) AS durations
    FROM (#source#) AS source
    WHERE arm IN {arms:Array(String)}
    GROUP BY arm
) AS sorted
"""

_ADDED = tuple(metric for metric in METRICS if isinstance(METRICS[metric].rule, Amount | Ratio))


@dataclass(frozen=True, slots=True)
class UnitKey:
    """Which unit: an arm, a place ('' where the event named none), the start of a Shanghai day."""

    arm: str
    place: str
    day_ms: int


Parts = tuple[Number, Number]
"""The numerator and the denominator that a unit adds to a metric; the denominator of a count is 1, the unit itself."""


def parts_by_metric(
    context: QueryContext, trial_id: str, interval: Interval, metrics: Iterable[MetricId]
) -> Mapping[MetricId, Mapping[UnitKey, Parts]]:
    """Return what each unit that sent an event adds to each of *metrics*, exactly, from stored events.

    A unit without events is absent: silent is not unused. Quantiles have no parts; uptime and coverage have due time.
    """
    wanted = tuple(metrics)
    # All that is merely added up, whatever was asked of it: the page asks twice, and reads once.
    single = tuple(m for m in wanted if isinstance(METRICS[m].rule, Distinct))
    columns = columns_of((*_ADDED, *single), "units")
    source = exact.by_unit(context, trial_id, interval, sets=bool(single))
    sql = fill(_SQL, source=source.sql, sums=selected(columns.sums), derived=selected(columns.derived))
    found: dict[MetricId, dict[UnitKey, Parts]] = {metric: {} for metric in wanted}
    for row in rows(context, sql, _parameters(context, trial_id, source)):
        values = named(("arm", "place", "day"), columns, row)
        key = UnitKey(str(values["arm"]), str(values["place"]), int(values["day"]))
        for metric in wanted:
            match METRICS[metric].rule:
                case Amount(measure):
                    found[metric][key] = (int(values[f"m_{measure}"]), 1)
                case Ratio(top, bottom):
                    found[metric][key] = (int(values[f"m_{top}"]), int(values[f"m_{bottom}"]))
                case Distinct(column):
                    found[metric][key] = (int(values[f"d_{column}"]), 1)
                case _:
                    pass
    for metric in wanted:
        if metric in {"uptime", "coverage"}:
            found[metric] = _reported(context, trial_id, interval, metric)
    return found


def due_units(context: QueryContext, trial_id: str, interval: Interval) -> frozenset[UnitKey]:
    """Return the units of which the registry says that they were to report."""
    return frozenset(
        UnitKey(context.directory.placed[placement_id].arm, context.directory.placed[placement_id].place_id, day)
        for placement_id in presence.placements_of(context.directory, trial_id)
        for day, _ in by_step(due_spans(context.directory, placement_id, interval), "day")
    )


def shares_at_most(
    context: QueryContext, trial_id: str, interval: Interval, limits_ms: Mapping[str, int]
) -> Mapping[UnitKey, Parts]:
    """Return for each unit of the arms in *limits_ms* how many timed uses took at most so long, and how many were."""
    source = exact.by_unit(context, trial_id, interval, sets=True)
    parameters = {**_parameters(context, trial_id, source), "arms": list(limits_ms), "limits": list(limits_ms.values())}
    answer = rows(context, fill(_AT_MOST_SQL, source=source.sql), parameters)
    return {UnitKey(str(a), str(place), int(day)): (int(top), int(bottom)) for a, place, day, top, bottom in answer}


def ranked_durations(
    context: QueryContext, trial_id: str, interval: Interval, ranks_of: Mapping[str, list[int]]
) -> Mapping[str, Mapping[int, int]]:
    """Return the durations of the ranks, from 1, that *ranks_of* names among the timed uses of each arm."""
    ranks = sorted({rank for found in ranks_of.values() for rank in found})
    if not ranks:
        return {}
    source = exact.by_unit(context, trial_id, interval, sets=True)
    parameters = {**source.parameters, "arms": list(ranks_of), "ranks": ranks}
    answer = rows(context, fill(_RANKED_SQL, source=source.sql), parameters)
    return {str(arm): dict(zip(ranks, (int(ms) for ms in found), strict=True)) for arm, found in answer}


def _parameters(context: QueryContext, trial_id: str, source: Source) -> dict[str, Any]:
    placed = [context.directory.placed[p] for p in presence.placements_of(context.directory, trial_id)]
    return {
        **source.parameters,
        "placements": [p.placement_id for p in placed],
        "places": [p.place_id for p in placed],
    }


def _reported(context: QueryContext, trial_id: str, interval: Interval, metric: MetricId) -> dict[UnitKey, Parts]:
    top: dict[UnitKey, int] = defaultdict(int)
    bottom: dict[UnitKey, int] = defaultdict(int)
    share: presence.Share = "uptime" if metric == "uptime" else "coverage"
    for found in presence.shares(context, trial_id, interval, share):
        placed = context.directory.placed[found.placement_id]
        for day, ms in by_step(found.due, "day"):
            bottom[UnitKey(placed.arm, placed.place_id, day)] += ms
        for day, ms in by_step(found.met, "day"):
            top[UnitKey(placed.arm, placed.place_id, day)] += ms
    return {key: (top[key], ms) for key, ms in bottom.items()}
