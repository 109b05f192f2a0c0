"""Who comes back: people by the week of their first use, and how many of them used again in each week after it.

A person is a pseudonym of the trial: who comes through two accounts is two, and who is not named is nobody.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reports.queries import presence
from reports.queries.context import QueryContext
from reports.queries.model import Interval
from reports.queries.spans import by_step
from reports.queries.weeks import WEEK_MS, Row, week_start, weekly_rows, weeks_of

People: TypeAlias = NDArray[np.int64]
Basis = Literal["use", "event"]
"""What counts as coming: a use (begun or ended), or where no use names a person, any event that does."""
_NOBODY: People = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class CohortWeek:
    """The people whose first week it was: `came[k]` of them came in the k-th week after it, `came[0]` are all."""

    week_ms: int
    came: tuple[int, ...]
    """Up to the week that runs, or the trial's last."""


@dataclass(frozen=True, slots=True)
class RetentionTable:
    """A trial's people by week; `basis` is None where no event names anybody: unknown, and not none."""

    basis: Basis | None
    interval: Interval
    cohorts: tuple[CohortWeek, ...]
    """A row for every week since the start, oldest first, also where nobody was new."""
    covered: Mapping[int, float]
    """What share of each week's due placement-hours reported; weeks in which nothing was due are absent."""
    unfinished_ms: int | None
    """The week that still runs."""
    smallest_group: int
    """A cohort of fewer people is told by no number."""

    @property
    def people(self) -> int:
        """How many came at all."""
        return sum(cohort.came[0] for cohort in self.cohorts)

    def told(self, cohort: CohortWeek) -> bool:
        """Tell whether *cohort* may be told by numbers: it is empty, or large enough."""
        return not 0 < cohort.came[0] < self.smallest_group

    def returned(self, week_ms: int) -> int:
        """Return how many of the people of a week had come in an earlier one."""
        earlier = (cohort for cohort in self.cohorts if cohort.week_ms < week_ms)
        return sum(cohort.came[(week_ms - cohort.week_ms) // WEEK_MS] for cohort in earlier)


def retention(context: QueryContext, trial_id: str, interval: Interval) -> RetentionTable:
    """Return who came in which weeks of *interval*, exactly, from stored events."""
    rows, weeks = weekly_rows(context, trial_id, interval, "weekly_people"), weeks_of(interval)
    used, named = ({week: _people(rows.get(week, ()), column) for week in weeks} for column in (1, 0))
    basis: Basis | None = "use" if _any(used) else "event" if _any(named) else None
    return RetentionTable(
        basis=basis,
        interval=interval,
        cohorts=cohorts_of(used if basis == "use" else named),
        covered=_covered(context, trial_id, interval),
        unfinished_ms=_running(context, trial_id),
        smallest_group=context.smallest_group,
    )


def _running(context: QueryContext, trial_id: str) -> int | None:
    """Return the week that runs now and is not cut by the trial's end."""
    week, ends_ms = week_start(context.now_ms), context.span(trial_id).ends_ms
    return week if context.now_ms < min(week + WEEK_MS, ends_ms) else None


def _any(people: Mapping[int, People]) -> bool:
    return any(found.size for found in people.values())


def _people(rows: Sequence[Row], column: int) -> People:
    return np.unique(np.concatenate([_NOBODY, *(np.asarray(row[column], dtype=np.int64) for row in rows)]))


def cohorts_of(people: Mapping[int, People]) -> tuple[CohortWeek, ...]:
    """Return the cohorts of *people* by week, in order of time."""
    weeks = sorted(people)
    # Sorted by person and then by week: the first of each is where it begins.
    everyone = np.concatenate([_NOBODY, *(people[week] for week in weeks)])
    at = np.repeat(np.arange(len(weeks)), [people[week].size for week in weeks])
    known, first = np.unique(everyone, return_index=True)
    begun = at[first]
    came = [np.bincount(begun[np.searchsorted(known, people[week])], minlength=len(weeks)) for week in weeks]
    return tuple(
        CohortWeek(week, tuple(int(later[number]) for later in came[number:])) for number, week in enumerate(weeks)
    )


def _covered(context: QueryContext, trial_id: str, interval: Interval) -> dict[int, float]:
    due: dict[int, int] = defaultdict(int)
    met: dict[int, int] = defaultdict(int)
    for found in presence.shares(context, trial_id, interval, "coverage"):
        for sums, spans in ((due, found.due), (met, found.met)):
            for day, ms in by_step(spans, "day"):
                sums[week_start(day)] += ms
    return {week: met[week] / ms for week, ms in due.items()}
