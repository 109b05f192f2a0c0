"""Which placement-days a trial is judged on, and the rows that `reports.stats.judge` takes of them.

A unit is what one place gave in one arm on one whole Shanghai day. In no unit are: events that name no place or no
arm (they are in totals), a day that is not over, a day on which a place had two arms, and those after a change of
arm that the trial leaves out. A silent day is no unit
either, since silent is not unused; what was due and silent is told apart.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from reports.queries.carry_over import left_out_days
from reports.queries.context import QueryContext
from reports.queries.model import Interval
from reports.queries.spans import step_start
from reports.queries.units import Parts, UnitKey, arrived, due_units
from reports.stats.trial_rows import UnitRow
from schemas.timing import DAY_MS, SHANGHAI_MS

PlaceDay = tuple[str, int]
"""A place and the start of a Shanghai day."""


@dataclass(frozen=True, slots=True)
class TrialUnits:
    """A trial's placement-days so far, by what becomes of them."""

    arms: tuple[str, ...]
    counted: frozenset[UnitKey]
    """The units: over, of one arm, with an event."""
    silent: frozenset[UnitKey]
    """Over, due, and without any event."""
    unfinished: frozenset[UnitKey]
    """With an event, of a day that is not over."""
    changed: frozenset[PlaceDay]
    """On which a place had two arms: they are in none."""
    left_out: frozenset[UnitKey]
    """Over, with an event, and left out since the place had changed its arm: the trial's `carry_over`."""
    outside_events: int
    """Events that name no place, or no arm: in totals, in no unit."""

    @property
    def due(self) -> frozenset[UnitKey]:
        """What was to report by now: all that did, and the silent ones."""
        return self.counted | self.silent

    def by_arm(self, units: Iterable[UnitKey]) -> dict[str, int]:
        """Return how many of *units* each of the trial's arms has."""
        counts = dict.fromkeys(self.arms, 0)
        for unit in units:
            counts[unit.arm] += 1
        return counts

    def places(self, arm: str) -> int:
        """Return at how many places *arm* has units."""
        return len({unit.place for unit in self.counted if unit.arm == arm})


def so_far(context: QueryContext, trial_id: str) -> Interval:
    """Return the trial from its start until now, or its end."""
    span = context.span(trial_id)
    return Interval(span.starts_ms, max(span.starts_ms, min(span.ends_ms, context.now_ms)))


def trial_units(context: QueryContext, trial_id: str) -> TrialUnits:
    """Return the units of the trial so far; an answer works them out once."""
    interval = so_far(context, trial_id)
    key = "trial units", trial_id, interval
    if key not in context.memo:
        context.memo[key] = _trial_units(context, trial_id, interval)
    found: TrialUnits = context.memo[key]
    return found


def _trial_units(context: QueryContext, trial_id: str, interval: Interval) -> TrialUnits:
    events, arms = arrived(context, trial_id, interval), context.span(trial_id).arms
    seen = {unit for unit in events if unit.place and unit.arm in arms}
    due = due_units(context, trial_id, interval)
    # By the name it had then: an arm that was renamed or taken out is one all the same.
    changed = _of_two_arms([unit for unit in events if unit.place and unit.arm]) | _of_two_arms(due)
    carried = left_out_days(context.directory, trial_id)
    single = {unit for unit in seen if (unit.place, unit.day_ms) not in changed}
    over = frozenset(unit for unit in single if is_over(context, trial_id, unit.day_ms))
    # A place that reported in another arm than the registry has by now, or has no more, was not silent.
    reported = {(unit.place, unit.day_ms) for unit in events if unit.place}
    return TrialUnits(
        arms=arms,
        counted=frozenset(unit for unit in over if (unit.place, unit.day_ms) not in carried),
        silent=frozenset(
            unit
            for unit in due
            if (unit.place, unit.day_ms) not in reported | changed | carried and is_over(context, trial_id, unit.day_ms)
        ),
        unfinished=frozenset(single - over),
        changed=frozenset(day for day in changed if is_over(context, trial_id, day[1])),
        left_out=frozenset(unit for unit in over if (unit.place, unit.day_ms) in carried),
        outside_events=sum(n for unit, n in events.items() if not unit.place or unit.arm not in arms),
    )


def is_over(context: QueryContext, trial_id: str, day_ms: int) -> bool:
    """Tell whether nothing more can happen on the Shanghai day that starts at *day_ms*, as far as the trial goes."""
    return min(day_ms + DAY_MS, context.span(trial_id).ends_ms) <= context.now_ms


def before_interval(context: QueryContext, trial_id: str) -> Interval | None:
    """Return the whole days before the trial's start that were registered for comparison, or None without any.

    The day that the start cuts is the trial's.
    """
    span = context.span(trial_id)
    if span.baseline_from_ms is None:
        return None
    found = Interval(span.baseline_from_ms, step_start(min(span.starts_ms, context.now_ms), "day"))
    return None if found.empty else found


@dataclass(frozen=True, slots=True)
class RowFrame:
    """The units in the order of `judge`'s rows, each with what its row begins with; made once for all metrics."""

    counted: tuple["FramedUnit", ...]
    due: tuple["FramedUnit", ...]
    before: tuple["FramedUnit", ...]

    def rows(
        self, trial: Mapping[UnitKey, Parts], before: Mapping[UnitKey, Parts], *, silent: bool = False
    ) -> list[UnitRow]:
        """Return the rows of one metric, from what units add to it; *silent*: of silent days, too."""
        return [
            *_rows(self.before, before),
            *_rows(self.due if silent else self.counted, trial),
        ]


FramedUnit = tuple[UnitKey, tuple[str, str, str, int]]


def row_frame(units: TrialUnits, before: Iterable[UnitKey]) -> RowFrame:
    """Return the frame of the rows of *units*, and of those *before* the trial."""
    arm_of = _arms_by_place(units)

    def framed(keys: Iterable[UnitKey], period: str) -> tuple[FramedUnit, ...]:
        found = (
            (
                key,
                (
                    period,
                    arm_of.get(key.place, "") if period == "before" else key.arm,
                    key.place,
                    day_number(key.day_ms),
                ),
            )
            for key in keys
        )
        return tuple(sorted(found, key=lambda one: (one[1][1] and units.arms.index(one[1][1]), *one[1][2:])))

    return RowFrame(
        counted=framed(units.counted, "trial"),
        due=framed(units.due, "trial"),
        before=framed((key for key in before if key.place), "before"),
    )


def _rows(framed: Iterable[FramedUnit], parts: Mapping[UnitKey, Parts]) -> list[UnitRow]:
    # Looked up once a unit: this is done for each metric, and a key of three parts costs more than the rest.
    telling = [(key, first, part) for key, first in framed if (part := parts.get(key)) is not None]
    if any(top and not bottom for _, _, (top, bottom) in telling):
        given = _with_denominators({key: part for key, _, part in telling})
        telling = [(key, first, given[key]) for key, first, _ in telling]
    return [UnitRow._make(first + part) for _, first, part in telling if part[1]]


def _with_denominators(parts: Mapping[UnitKey, Parts]) -> dict[UnitKey, Parts]:
    """Return *parts* so that no numerator stands without a denominator.

    A refund on a day without orders is of an order before: it goes to its place's last day of that arm that had any,
    else to the first.
    """
    found = dict(parts)
    for unit in (unit for unit, (top, bottom) in parts.items() if top and not bottom):
        days = [k for k, (_, bottom) in parts.items() if bottom and (k.arm, k.place) == (unit.arm, unit.place)]
        earlier = max((k for k in days if k.day_ms < unit.day_ms), default=None, key=_day)
        taker = earlier or min(days, default=None, key=_day)
        if taker is not None:
            found[taker] = found[taker][0] + parts[unit][0], found[taker][1]
    return found


def _day(unit: UnitKey) -> int:
    return unit.day_ms


def _arms_by_place(units: TrialUnits) -> dict[str, str]:
    """Return the arm of each place that had one only."""
    arms: dict[str, set[str]] = defaultdict(set)
    for unit in units.due:
        arms[unit.place].add(unit.arm)
    return {place: next(iter(found)) for place, found in arms.items() if len(found) == 1}


def day_number(day_ms: int) -> int:
    """Return the number of the Shanghai day that starts at *day_ms*, from that of 1970-01-01."""
    return (day_ms + SHANGHAI_MS) // DAY_MS


def _of_two_arms(units: Collection[UnitKey]) -> set[PlaceDay]:
    arms: dict[PlaceDay, set[str]] = defaultdict(set)
    for unit in units:
        arms[unit.place, unit.day_ms].add(unit.arm)
    return {day for day, found in arms.items() if len(found) > 1}


def planned_rows(context: QueryContext, trial_id: str) -> list[UnitRow]:
    """Return a row for each arm and period that the registry gives a place, whatever has come: what is planned."""
    span = context.span(trial_id)
    before_ms = span.starts_ms if span.baseline_from_ms is None else span.baseline_from_ms
    found: dict[tuple[str, str, str], None] = {}
    for placed in context.directory.placed.values():
        if placed.trial_id != trial_id:
            continue
        if max(placed.from_ms, before_ms) < min(placed.until_ms, span.starts_ms):
            found["before", "", placed.place_id] = None
        during = max(placed.from_ms, span.starts_ms), min(placed.until_ms, span.ends_ms)
        for arm, _ in placed.by_arm([during] if during[0] < during[1] else []):
            found["trial", arm, placed.place_id] = None
    return [UnitRow(period, arm, place, 0, 0.0, 1.0) for period, arm, place in found]
