"""A trial as a grid of places and days, so that what was known on any earlier day is a slice of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reports.stats.trial_rows import Design, Floats, Ints, UnitRow, design_from

NOTHING, BEFORE = -1, -2
"""In place of an arm's number: no unit there, or one before the trial."""
MAX_CELLS = 4_000_000
"""Places times days, silent ones counted: a thousand places for ten years."""
LONG_GAP = 28
"""Days without any unit beyond which whole weeks of a gap are left out: nothing carries over so long."""


@dataclass(frozen=True, slots=True)
class TrialGrid:
    """Units by place (first axis) and day (second)."""

    arms: tuple[str, ...]
    """In the order of their first units in the trial; last those that places before it are yet to have."""
    places: tuple[str, ...]
    first_weekday: int
    days: Ints
    """What each column's day is called."""
    arm: Ints
    """Which of *arms*, or `NOTHING` or `BEFORE`."""
    top: Floats
    """Numerators; several trials with units in the same cells may be stacked along an axis before these two."""
    bottom: Floats

    def until(self, columns: int) -> "TrialGrid":
        """Return what was known after so many days of the grid."""
        return replace(
            self,
            days=self.days[:columns],
            arm=self.arm[:, :columns],
            top=self.top[..., :columns],
            bottom=self.bottom[..., :columns],
        )

    @property
    def weekday(self) -> Ints:
        """Return which day of the week each column is; they agree with the calendar but for a shift."""
        return (self.first_weekday + np.arange(self.arm.shape[1])) % 7

    @property
    def in_trial(self) -> npt.NDArray[np.bool_]:
        """Return where there is a unit of the trial."""
        return self.arm >= 0

    def number(self, arm: str) -> int:
        """Return the number of *arm*; one that nothing has where there is none of that name."""
        return self.arms.index(arm) if arm in self.arms else len(self.arms)

    def seen_arms(self) -> tuple[str, ...]:
        """Return the arms that have a unit in the trial."""
        numbers = set(np.unique(self.arm).tolist())
        return tuple(arm for number, arm in enumerate(self.arms) if number in numbers)


def grid_of(units: Sequence[UnitRow]) -> TrialGrid:
    """Return *units*, of which none share place, day and period, as a grid.

    A place with a unit before and in the trial on one day gives that day to none. Raises `ValueError` where places and
    days are more than `MAX_CELLS`.
    """
    begun = dict.fromkeys(unit.arm for unit in units if unit.period == "trial")
    arms = tuple(begun | dict.fromkeys(unit.arm for unit in units if unit.arm))
    places = tuple(sorted({unit.place for unit in units}))
    columns, days = _columns(sorted({unit.day for unit in units}))
    shape = len(places), len(days)
    if shape[0] * shape[1] > MAX_CELLS:
        raise ValueError(f"day: {shape[0]} places over {shape[1]} days are more than {MAX_CELLS} placement-days")
    arm = np.full(shape, NOTHING, dtype=np.int64)
    top, bottom = np.zeros(shape), np.zeros(shape)
    if units:
        row_of = {place: number for number, place in enumerate(places)}
        number_of = {name: number for number, name in enumerate(arms)}
        at = np.array([row_of[unit.place] for unit in units]), np.array([columns[unit.day] for unit in units])
        arm[at] = [number_of[unit.arm] if unit.period == "trial" else BEFORE for unit in units]
        top[at] = [unit.numerator for unit in units]
        bottom[at] = [unit.denominator for unit in units]
        counted = np.zeros(shape, dtype=np.int64)
        np.add.at(counted, at, 1)
        arm[counted > 1] = NOTHING
        top[counted > 1] = bottom[counted > 1] = 0.0
    return TrialGrid(arms, places, int(days[0] % 7) if len(days) else 0, days, arm, top, bottom)


def stacked(grids: Sequence[TrialGrid]) -> TrialGrid:
    """Return *grids*, which have their units in the same cells, as one with an axis for each of them."""
    first = grids[0]
    top, bottom = (np.stack(parts) for parts in zip(*((grid.top, grid.bottom) for grid in grids), strict=True))
    return replace(first, top=top, bottom=bottom)


def _columns(days: Sequence[int]) -> tuple[dict[int, int], Ints]:
    """Return the column of each of *days*, and what day each column is."""
    columns: dict[int, int] = {}
    names: list[int] = []
    for day in days:
        gap = day - names[-1] if names else 1
        if gap > LONG_GAP:
            gap = LONG_GAP + (gap - LONG_GAP) % 7
        names += range(day - gap + 1, day + 1)
        columns[day] = len(names) - 1
    return columns, np.array(names, dtype=np.int64)


def design_in(grid: TrialGrid, arm: str, baseline: str) -> Design:
    """Return what may be compared of *arm* and *baseline*."""
    ours, theirs, before = (
        set(np.flatnonzero((grid.arm == number).any(axis=1)).tolist())
        for number in (grid.number(arm), grid.number(baseline), BEFORE)
    )
    return design_from(ours, theirs, before)
