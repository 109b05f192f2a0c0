"""A trial's rota: which place is in which arm on which days, drawn by lottery from a seed that is registered.

Anybody can draw it again, without this code: of each block of days the places are put in the order of the SHA-256 of
`seed/trial/block/place:ID`, the arms in that of `seed/trial/block/arm:ID`, blocks numbered from 0; the place of rank
i is in the period of number j within the block in the arm of rank (i + j) modulo the number of arms. So each place has
each arm once in a block, and in each period arms have equally many places, or one more or less.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.registry import Placement, Registry, Trial, date_of, epoch_ms

PERIOD_DAYS = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class DrawnRota:
    """The draw: for each of *places*, in their order, the arm of each of *days*."""

    trial_id: str
    days: tuple[date, ...]
    arms: Mapping[str, tuple[str, ...]]

    def arm(self, place: str, day: date) -> str:
        """Return the arm of *place* on *day*, which is one of the trial's."""
        return self.arms[place][(day - self.days[0]).days]


@dataclass(frozen=True, slots=True)
class RotaDifference:
    """A placement that is in another arm than was drawn, on *days*."""

    placement_id: str
    place: str
    days: tuple[date, ...]


def draw_rota(trial: Trial, places: Iterable[str]) -> DrawnRota:
    """Return the arms of *places* on each of the street's days that *trial* touches; the same for the same seed.

    Raises `ValueError` where the trial registers no rota.
    """
    if trial.rota is None:
        raise ValueError(f"trial {trial.id} registers no rota")
    days = _days(trial)
    length = PERIOD_DAYS[trial.rota.block]
    found: dict[str, list[str]] = {place: [] for place in sorted(set(places))}
    periods = -(-len(days) // length)
    for block in range(-(-periods // len(trial.arms))):
        salt = f"{trial.rota.seed}/{trial.id}/{block}"
        arms = _drawn(trial.arms, f"{salt}/arm")
        for rank, place in enumerate(_drawn(found, f"{salt}/place")):
            for period in range(len(arms)):
                found[place] += [arms[(rank + period) % len(arms)]] * length
    return DrawnRota(trial.id, days, {place: tuple(arms[: len(days)]) for place, arms in found.items()})


def _days(trial: Trial) -> tuple[date, ...]:
    first, last = date_of(epoch_ms(trial.starts)), date_of(epoch_ms(trial.ends) - 1)
    return tuple(first + timedelta(days=number) for number in range((last - first).days + 1))


def _drawn(names: Iterable[str], salt: str) -> Sequence[str]:
    return sorted(names, key=lambda name: hashlib.sha256(f"{salt}:{name}".encode()).digest())


def rota_places(registry: Registry, trial: Trial) -> tuple[str, ...]:
    """Return the places that take part in *trial*'s rota, in the order in which they stand."""
    metres = {p.place_id: p.metre for p in registry.placements if p.trial == trial.id}
    named = metres if trial.rota is None or trial.rota.places is None else trial.rota.places
    return tuple(sorted(named, key=lambda place: (metres.get(place, 0.0), place)))


def placed_by_rota(placement: Placement, trial: Trial, drawn: DrawnRota) -> Placement:
    """Return *placement* in the arms that were drawn for its place; one that takes no part stays as it is.

    Its usual arm is the trial's first; its days are those of the draw on which it stands.
    """
    if placement.trial != trial.id or placement.place_id not in drawn.arms:
        return placement
    first, last = date_of(epoch_ms(placement.from_)), date_of(epoch_ms(placement.until) - 1)
    usual = trial.arms[0]
    days: dict[str, list[date]] = defaultdict(list)
    for day in drawn.days:
        if first <= day <= last and (arm := drawn.arm(placement.place_id, day)) != usual:
            days[arm].append(day)
    return placement.model_copy(
        update={"arm": usual, "arm_days": {arm: days[arm] for arm in trial.arms if arm in days}}
    )


def rota_differences(registry: Registry, trial: Trial, drawn: DrawnRota) -> tuple[RotaDifference, ...]:
    """Return which placements are on which days of the trial in another arm than was drawn."""
    found = []
    for placement in registry.placements:
        if placement.trial != trial.id or placement.place_id not in drawn.arms:
            continue
        said = {day: arm for arm, days in placement.arm_days.items() for day in days}
        first, last = date_of(epoch_ms(placement.from_)), date_of(epoch_ms(placement.until) - 1)
        days = tuple(
            day
            for day in drawn.days
            if first <= day <= last and said.get(day, placement.arm) != drawn.arm(placement.place_id, day)
        )
        if days:
            found.append(RotaDifference(placement.id, placement.place_id, days))
    return tuple(found)
