"""What a trial is judged on: places by the day. A unit holds what one place gave in one arm on one Shanghai day."""

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from reports.metrics import METRICS, DistinctRule, DueShareRule, QuantileRule, RatioRule, SumRule, percent_rank
from reports.queries import exact, presence
from reports.queries.context import QueryContext
from reports.queries.exact import PeopleColumn
from reports.queries.metric_columns import columns_of, needs_sets, value_of
from reports.queries.model import Interval, Number
from reports.queries.spans import by_step, due_spans
from schemas.registry import MetricId

_ADDED = tuple(metric for metric in METRICS if isinstance(METRICS[metric].rule, SumRule | RatioRule))


class UnitKey(NamedTuple):
    """Which unit: an arm and a place ('' where the event named none), the start of a Shanghai day."""

    arm: str
    place: str
    day_ms: int


WHOLE = ""
"""In place of an arm: all of them."""
Parts = tuple[Number, Number]
"""The numerator and the denominator that a unit adds to a metric; the denominator of a count is 1, the unit itself."""


@dataclass(frozen=True, slots=True)
class PlacementDay:
    """What the events of one unit come to: sums and numbers of people by name, durations of its uses in order."""

    key: UnitKey
    values: Mapping[str, Any]
    durations: NDArray[Any]
    """Empty where they were not asked for."""


_NO_DURATIONS: NDArray[Any] = np.empty(0, dtype=np.uint32)


def units(context: QueryContext, trial_id: str, interval: Interval, *, sets: bool) -> tuple[PlacementDay, ...]:
    """Return every unit that sent an event in *interval*, in order of arm, place and day, exactly.

    Without *sets* there are no people and no durations, only what is merely added up.
    """
    # With them there is all that there is without.
    sets = sets or ("units", trial_id, interval, True) in context.memo
    key = "units", trial_id, interval, sets
    if key not in context.memo:
        context.memo[key] = _units(context, trial_id, interval, sets=sets)
    found: tuple[PlacementDay, ...] = context.memo[key]
    return found


def _units(context: QueryContext, trial_id: str, interval: Interval, *, sets: bool) -> tuple[PlacementDay, ...]:
    places = _places(context, trial_id)
    names = [*columns_of(_ADDED, "units").sums, *(f"d_{column}" for column in get_args(PeopleColumn) if sets)]
    values: dict[UnitKey, dict[str, Any]] = defaultdict(lambda: dict.fromkeys(names, 0))
    durations: dict[UnitKey, list[NDArray[Any]]] = defaultdict(list)
    came: dict[UnitKey, set[str]] = defaultdict(set)
    for arm, placement, day_s, row in exact.unit_rows(context, trial_id, interval, _ADDED, sets=sets):
        key = UnitKey(arm, places.get(placement, placement), day_s * 1000)
        came[key].add(placement)
        durations[key].append(np.asarray(row.pop("timed", _NO_DURATIONS), dtype=np.uint32))
        for name, number in row.items():
            values[key][name] += number
    if sets and any(len(placements) > 1 for placements in came.values()):
        _count_shared(context, trial_id, interval, values)
    return tuple(PlacementDay(key, values[key], np.sort(np.concatenate(durations[key]))) for key in sorted(values))


def _count_shared(
    context: QueryContext, trial_id: str, interval: Interval, values: Mapping[UnitKey, dict[str, Any]]
) -> None:
    """Put the numbers of different people and sessions of each unit in its place in *values*."""
    source = exact.by_unit(context, trial_id, interval, sets=True)
    places = _places(context, trial_id)
    given = {"placements": list(places), "places": list(places.values())}
    for arm, place, day_s, subjects, sessions in source.rows(context, "unit_shared", given):
        values[UnitKey(arm, place, day_s * 1000)].update(d_subjects=subjects, d_sessions=sessions)


def arrived(context: QueryContext, trial_id: str, interval: Interval) -> Mapping[UnitKey, int]:
    """Return how many events came in *interval*, by arm, place and day; arm or place are '' where they named none."""
    for sets in (True, False):
        if ("units", trial_id, interval, sets) in context.memo:
            return {unit.key: int(unit.values["m_events"]) for unit in units(context, trial_id, interval, sets=sets)}
    places = _places(context, trial_id)
    found: dict[UnitKey, int] = defaultdict(int)
    for arm, placement, day, events in exact.seen_by_unit(context, trial_id, interval):
        found[UnitKey(str(arm), places.get(placement, str(placement)), int(day))] += int(events)
    return found


def parts_by_metric(
    context: QueryContext, trial_id: str, interval: Interval, metrics: Iterable[MetricId]
) -> Mapping[MetricId, Mapping[UnitKey, Parts]]:
    """Return what each unit that sent an event adds to each of *metrics*, exactly, from stored events.

    A unit without events is absent: silent is not unused. Quantiles have no parts; uptime and coverage have due time.
    """
    wanted = tuple(metrics)
    days = units(context, trial_id, interval, sets=needs_sets(wanted))
    found: dict[MetricId, dict[UnitKey, Parts]] = {}
    for metric in wanted:
        match METRICS[metric].rule:
            case SumRule(measure):
                found[metric] = _counted(days, f"m_{measure}")
            case RatioRule(top, bottom):
                names = f"m_{top}", f"m_{bottom}"
                found[metric] = {day.key: (int(day.values[names[0]]), int(day.values[names[1]])) for day in days}
            case DistinctRule(column):
                found[metric] = _counted(days, f"d_{column}")
            case DueShareRule():
                found[metric] = _reported(context, trial_id, interval, metric)
            case _:
                found[metric] = {}
    return found


def _counted(days: Iterable[PlacementDay], name: str) -> dict[UnitKey, Parts]:
    return {day.key: (int(day.values[name]), 1) for day in days}


def totals_by_arm(
    context: QueryContext,
    trial_id: str,
    interval: Interval,
    metrics: Iterable[MetricId],
    counted: Container[UnitKey] | None = None,
) -> Mapping[tuple[MetricId, str], tuple[Number | None, int]]:
    """Return value and n of each arm that has something to say, exactly, of those *metrics* that units add up to.

    Only of the units in *counted*, where it is given.
    """
    wanted = tuple(metrics)
    by_arm: dict[str, list[PlacementDay]] = defaultdict(list)
    for unit in units(context, trial_id, interval, sets=needs_sets(wanted)):
        if counted is None or unit.key in counted:
            by_arm[unit.key.arm].append(unit)
    found: dict[tuple[MetricId, str], tuple[Number | None, int]] = {}
    added = tuple(metric for metric in wanted if metric in _ADDED)
    names = dict.fromkeys(("m_timed_uses", *columns_of(added, "units").sums))
    for arm, arms_units in by_arm.items():
        row = {name: sum(int(u.values[name]) for u in arms_units) for name in names}
        durations = sorted_durations(arms_units) if needs_sets(wanted) else _NO_DURATIONS
        for metric in wanted:
            rule = METRICS[metric].rule
            if isinstance(rule, QuantileRule) and durations.size:
                row[f"q_{rule.percent}"] = int(durations[percent_rank(durations.size, rule.percent) - 1])
            value, n = value_of(metric, row, "units")
            if n:
                found[metric, arm] = value, n
    return found


def sorted_durations(of: Iterable[PlacementDay]) -> NDArray[Any]:
    """Return the durations of all uses of the units *of*, in order."""
    return np.sort(np.concatenate([_NO_DURATIONS, *(unit.durations for unit in of)]))


def due_units(context: QueryContext, trial_id: str, interval: Interval) -> frozenset[UnitKey]:
    """Return the units of which the registry says that they were to report."""
    placed = context.directory.placed
    return frozenset(
        UnitKey(placed[placement_id].arm_at(day), placed[placement_id].place_id, day)
        for placement_id in presence.placements_of(context.directory, trial_id)
        for day, _ in by_step(due_spans(context.directory, placement_id, interval), "day")
    )


def people_by_arm(
    context: QueryContext, trial_id: str, interval: Interval, columns: Collection[PeopleColumn]
) -> Mapping[PeopleColumn, Mapping[str, int]]:
    """Return how many different subjects or sessions each arm of the trial has seen, exactly.

    Whoever came to two units is one. Under `WHOLE` stand those of them all, in which whoever came to two arms is one.
    """
    found: dict[PeopleColumn, dict[str, int]] = {column: {} for column in columns}
    if not columns or interval.empty:
        return found
    parts, parameters = exact.summed_and_events(context, trial_id, interval)
    parameters = {**parameters, "arms": list(context.span(trial_id).arms)}
    for arm, *numbers in context.rows("unit_people", parameters, columns=tuple(found), **parts):
        for column, number in zip(found, numbers, strict=True):
            found[column][str(arm)] = int(number)
    return found


def _places(context: QueryContext, trial_id: str) -> dict[str, str]:
    """Return where each of the trial's placements stands."""
    return {p: context.directory.placed[p].place_id for p in presence.placements_of(context.directory, trial_id)}


def _reported(context: QueryContext, trial_id: str, interval: Interval, metric: MetricId) -> dict[UnitKey, Parts]:
    top: dict[UnitKey, int] = defaultdict(int)
    bottom: dict[UnitKey, int] = defaultdict(int)
    share: presence.Share = "uptime" if metric == "uptime" else "coverage"
    for found in presence.shares(context, trial_id, interval, share):
        placed = context.directory.placed[found.placement_id]
        for day, ms in by_step(found.due, "day"):
            bottom[UnitKey(placed.arm_at(day), placed.place_id, day)] += ms
        for day, ms in by_step(found.met, "day"):
            top[UnitKey(placed.arm_at(day), placed.place_id, day)] += ms
    return {key: (top[key], ms) for key, ms in bottom.items()}
