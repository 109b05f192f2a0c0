"""Which placement-days a trial is judged on, worked out anew from the extract's events and the registry's snapshot."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from reports.stats.trial_rows import UnitRow
from reports.verification import due_time
from reports.verification.event_table import EventTable
from reports.verification.snapshot import PlacementSnapshot, TrialSnapshot
from schemas.event import parse_time_ms
from schemas.timing import DAY_MS, SHANGHAI_MS, day_of


class PlaceDay(NamedTuple):
    """A place's day (its start) in one arm."""

    arm: str
    place: str
    day_ms: int

    @property
    def spot(self) -> tuple[str, int]:
        """Place and day, whatever the arm."""
        return self.place, self.day_ms

    @property
    def number(self) -> int:
        """The day's number, from that of 1970-01-01."""
        return (self.day_ms + SHANGHAI_MS) // DAY_MS


@dataclass(frozen=True)
class TrialDays:
    """A trial's placement-days until before the moment of its report."""

    trial: TrialSnapshot
    during: Mapping[PlaceDay, EventTable]
    """The events of the trial's time, by place, day and the arm that they name."""
    before: Mapping[PlaceDay, EventTable]
    """Those of the whole days before it that are for comparison."""
    counted: frozenset[PlaceDay]
    silent: frozenset[PlaceDay]
    unfinished: frozenset[PlaceDay]
    left_out: frozenset[PlaceDay]
    changed: frozenset[tuple[str, int]]
    outside_events: int

    @property
    def due(self) -> frozenset[PlaceDay]:
        """What was to report by now."""
        return self.counted | self.silent

    def by_arm(self, days: Iterable[PlaceDay]) -> dict[str, int]:
        """Return how many of *days* each arm has."""
        found = dict.fromkeys(self.trial.arms, 0)
        for day in days:
            found[day.arm] += 1
        return found

    def arm_of(self, place: str) -> str:
        """Return the arm of a place that has one only, else nothing."""
        arms = {day.arm for day in self.due if day.place == place}
        return arms.pop() if len(arms) == 1 else ""


def trial_days(trial: TrialSnapshot, events: EventTable, to_ms: int) -> TrialDays:
    """Return the placement-days of *trial* by what becomes of them."""
    found = with_places(trial, events)
    during = _by_day(found.between(trial.starts_ms, to_ms))
    seen = {day for day in during if day.place and day.arm in trial.arms}
    due = _due(trial, to_ms)
    changed = _of_two_arms([day for day in during if day.place and day.arm]) | _of_two_arms(due)
    carried = _after_changes(trial)
    own = {day for day in seen if day.spot not in changed}
    over = {day for day in own if _is_over(trial, day.day_ms, to_ms)}
    known = {day.spot for day in during if day.place} | changed | carried
    return TrialDays(
        trial=trial,
        during=during,
        before=_by_day(found.between(trial.baseline_from_ms, day_of(min(trial.starts_ms, to_ms)))),
        counted=frozenset(day for day in over if day.spot not in carried),
        silent=frozenset(day for day in due if day.spot not in known and _is_over(trial, day.day_ms, to_ms)),
        unfinished=frozenset(own - over),
        left_out=frozenset(day for day in over if day.spot in carried),
        changed=frozenset(spot for spot in changed if _is_over(trial, spot[1], to_ms)),
        outside_events=sum(len(own) for day, own in during.items() if not day.place or day.arm not in trial.arms),
    )


def with_places(trial: TrialSnapshot, events: EventTable) -> EventTable:
    """Return *events* with the place of each; a placement that the trial does not know is its own."""
    place_of = {placement.id: placement.place for placement in trial.placements}
    named = [place_of.get(name, name) for name in events.names["placement"]]
    names = list(dict.fromkeys(named))
    numbers = np.array([names.index(name) for name in named], dtype=np.int64)
    places = numbers[events["placement"]] if len(events) else events["placement"]
    return EventTable({**events.columns, "place": places}, {**events.names, "place": names})


def _by_day(events: EventTable) -> dict[PlaceDay, EventTable]:
    return {PlaceDay(*key): own for key, own in events.by("arm", "place", "day")}


def _due(trial: TrialSnapshot, to_ms: int) -> set[PlaceDay]:
    return {
        PlaceDay(placement.arm_at(day), placement.place, day)
        for placement in trial.placements
        for day in due_time.by_day(due_time.due_spans(trial, placement, trial.starts_ms, to_ms))
    }


def _is_over(trial: TrialSnapshot, day_ms: int, to_ms: int) -> bool:
    return min(day_ms + DAY_MS, trial.ends_ms) <= to_ms


def _of_two_arms(days: Collection[PlaceDay]) -> set[tuple[str, int]]:
    arms: dict[tuple[str, int], set[str]] = defaultdict(set)
    for day in days:
        arms[day.spot].add(day.arm)
    return {spot for spot, found in arms.items() if len(found) > 1}


def _after_changes(trial: TrialSnapshot) -> set[tuple[str, int]]:
    """Return the places and days that are left out since the place changed its arm then or shortly before."""
    found = set()
    by_place: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for placement in trial.placements:
        by_place[placement.place] += _stretches(trial, placement)
    for place, stretches in by_place.items():
        # Of two that begin at one moment the registry's later one stands.
        ordered = sorted(dict(stretches).items())
        for (_, earlier), (start, arm) in pairwise(ordered):
            if arm != earlier:
                found |= {(place, day_of(start) + n * DAY_MS) for n in range(trial.carry_over_days or 0)}
    return found


def _stretches(trial: TrialSnapshot, placement: PlacementSnapshot) -> list[tuple[int, str]]:
    """Return since when *placement* is in which arm, in the trial's time."""
    start = max(parse_time_ms(placement.from_), trial.starts_ms)
    end = min(parse_time_ms(placement.until), trial.ends_ms)
    moments = [start, *range(day_of(start) + DAY_MS, end, DAY_MS)] if start < end else []
    return [(moment, placement.arm_at(day_of(moment))) for moment in moments]


def planned(trial: TrialSnapshot) -> list[UnitRow]:
    """Return a row for each arm and time that the registry gives a place, whatever has come."""
    found = []
    for placement in trial.placements:
        start, end = parse_time_ms(placement.from_), parse_time_ms(placement.until)
        if max(start, trial.baseline_from_ms) < min(end, trial.starts_ms):
            found.append(UnitRow("before", "", placement.place, 0, 0.0, 1.0))
        arms = dict.fromkeys(arm for _, arm in _stretches(trial, placement))
        found += [UnitRow("trial", arm, placement.place, 0, 0.0, 1.0) for arm in arms]
    return found
