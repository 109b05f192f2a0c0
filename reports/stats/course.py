"""How a verdict came to be: what could be said at the end of each day of the trial."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from reports.stats.trial_grid import TrialGrid, grid_of
from reports.stats.trial_rows import read_units
from reports.stats.verdict import JudgeSettings, TrialVerdict, verdict_of


@dataclass(frozen=True, slots=True)
class CourseDay:
    """What was known after *day* was over."""

    day: int
    verdict: TrialVerdict


def course_of(
    rows: Iterable[tuple[str, str, str, int, float, float]],
    asked: JudgeSettings | None = None,
    *,
    step: int = 1,
) -> tuple[CourseDay, ...]:
    """Return the verdict at the end of each day of the trial, or of each *step* days counted back from the last one.

    Each is what `judge` says of the rows up to that day, the risk being shared from the first day with arms that come
    later: an arm of the rows has its share whenever it comes. Rows are read once. Raises `ValueError` as `judge` does.
    """
    grid = grid_of(read_units(rows))
    return tuple(verdicts_by_day(grid, asked or JudgeSettings(), days_to_look(grid, step)))


def days_to_look(grid: TrialGrid, step: int = 1) -> list[int]:
    """Return after how many of the grid's columns to look: at every *step* days of the trial, the last among them."""
    of_trial = np.flatnonzero(grid.in_trial.any(axis=0))
    if not len(of_trial):
        return []
    return [column + 1 for column in range(int(of_trial[-1]), int(of_trial[0]) - 1, -step)][::-1]


def verdicts_by_day(grid: TrialGrid, asked: JudgeSettings, looks: Iterable[int]) -> Iterator[CourseDay]:
    """Yield the verdict after each of *looks*, which count columns of *grid*."""
    for columns in looks:
        yield CourseDay(int(grid.days[columns - 1]), verdict_of(grid.until(columns), asked))
