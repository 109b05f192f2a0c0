"""Units of a trial as columns, and what their arms, places and times allow to be compared."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Design = Literal["switching", "before_after", "side_by_side", "one_place", "one_arm"]
"""What a trial's placements and times allow.

`switching`: places that had both arms. `before_after`: places of each arm with a time before. `side_by_side`: two or
more places an arm, none of these. `one_place`: place and arm cannot be told apart. `one_arm`: nothing to compare.
"""
PERIODS = ("before", "trial")
MIN_PLACES = 2
"""Places an arm without which their spread is unknown."""


class UnitRow(NamedTuple):
    """One placement-day. In `before`, *arm* is the one that the place will have, or empty."""

    period: str
    arm: str
    place: str
    day: int
    numerator: float
    denominator: float
    """The unit's parts of a ratio; a count per unit has 1."""


def read_units(rows: Iterable[tuple[str, str, str, int, float, float]]) -> list[UnitRow]:
    """Return *rows* as units that say something: rows of one place, day and arm are one.

    A place that changes its arm inside a day gives that day to none, and a unit without a denominator says nothing of
    a ratio. Raises `ValueError` naming the row, from 1, and its field.
    """
    units: dict[tuple[str, str, int], dict[str, tuple[float, float]]] = defaultdict(dict)
    for number, row in enumerate(rows, start=1):
        unit = checked_row(number, row)
        arms = units[unit.period, unit.place, unit.day]
        top, bottom = arms.get(unit.arm, (0.0, 0.0))
        arms[unit.arm] = (top + unit.numerator, bottom + unit.denominator)
    return [
        UnitRow(period, arm, place, day, top, bottom)
        for (period, place, day), arms in units.items()
        if len(arms) == 1
        for arm, (top, bottom) in arms.items()
        if bottom > 0
    ]


def design_of(units: Iterable[UnitRow], arm: str, baseline: str) -> Design:
    """Return what may be compared of *arm* and *baseline*."""
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for unit in units:
        places[unit.period, unit.arm].add(unit.place)
    before = set().union(*(found for (period, _), found in places.items() if period == "before"))
    return design_from(places["trial", arm], places["trial", baseline], before)


def design_from(ours: AbstractSet[Hashable], theirs: AbstractSet[Hashable], before: AbstractSet[Hashable]) -> Design:
    """Return what may be compared of two arms' places; *before*: those with a time before the trial."""
    if ours & theirs:
        return "switching"
    if ours & before and theirs & before:
        return "before_after"
    if min(len(ours), len(theirs)) >= MIN_PLACES:
        return "side_by_side"
    return "one_place"


def checked_row(number: int, row: Sequence[Any]) -> UnitRow:
    """Return *row* as a unit. Raises `ValueError` naming its *number* and field."""
    try:
        unit = UnitRow(*row)
    except TypeError as error:
        raise ValueError(f"row {number}: six values are needed: {', '.join(UnitRow._fields)}") from error
    for field, fault in _FAULTS:
        if fault(unit):
            raise ValueError(f"row {number}: {field}")
    return unit._replace(day=int(unit.day))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return math.isfinite(value)


_FAULTS: tuple[tuple[str, Callable[[UnitRow], bool]], ...] = (
    ("period must be before or trial", lambda unit: unit.period not in PERIODS),
    (
        "arm must be a text, and may be empty in before only",
        lambda unit: not _is_text(unit.arm, at_least=int(unit.period == "trial")),
    ),
    ("place must be a text", lambda unit: not _is_text(unit.place, at_least=1)),
    ("day must be an integer", lambda unit: not _is_integer(unit.day)),
    ("numerator must be a finite number", lambda unit: not _is_number(unit.numerator)),
    (
        "denominator must be a finite number, 0 or more",
        lambda unit: not _is_number(unit.denominator) or unit.denominator < 0,
    ),
)


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_text(value: object, *, at_least: int) -> bool:
    return isinstance(value, str) and len(value) >= at_least
