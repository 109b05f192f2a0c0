"""Rows of trials whose levels, street days and effect are known, for tests of what is said of them."""

import math
import random

from reports.stats.trial_rows import UnitRow

EFFECT = 3.0
PLACES = {"cafe": 10.0, "books": 25.0, "tea": 40.0, "print": 55.0}
ARMS = ("baseline", "pilot")


def noise(place: str, day: int) -> float:
    """Some scatter that is the same in every run, and has no part in common with places or days."""
    return random.Random(f"{place} {day}").gauss(0, 0.4)


def unit(period: str, arm: str, place: str, day: int) -> UnitRow:
    """A count per day: the place's own level, what the street shares that day, the effect, scatter."""
    street = 8.0 * math.cos(day)
    value = PLACES[place] + street + (EFFECT if period == "trial" and arm == "pilot" else 0.0) + noise(place, day)
    return UnitRow(period, arm, place, day, value, 1.0)


def switching(days: int) -> list[UnitRow]:
    """Places change their arm each day, and not all the same way."""
    return [unit("trial", ARMS[(n + day) % 2], place, day) for n, place in enumerate(PLACES) for day in range(days)]


def at_two_places_each(days: int, *, before: int = 0) -> list[UnitRow]:
    """Places keep their arm, after so many days *before*."""
    arms = dict(zip(PLACES, ("baseline", "pilot", "baseline", "pilot"), strict=True))
    earlier = [unit("before", "", place, day) for place in arms for day in range(before)]
    return earlier + [unit("trial", arms[place], place, day) for place in arms for day in range(before, before + days)]


def without_effect(rows: list[UnitRow]) -> list[UnitRow]:
    """The same rows, had the pilot done nothing."""
    return [
        row._replace(numerator=row.numerator - EFFECT * row.denominator)
        if row.period == "trial" and row.arm == "pilot"
        else row
        for row in rows
    ]
