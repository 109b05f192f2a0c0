"""What is to be compared, read from the address, for page and API: two trials, or two times of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from reports.queries.comparison import ComparedSide, compared_metrics, part_side, two_parts, whole_side
from reports.queries.context import QueryContext
from reports.queries.model import Interval
from reports.queries.readout import readout
from reports.queries.spans import step_start
from reports.queries.trial_units import before_interval, so_far
from schemas.registry import MetricId, Trial
from schemas.timing import DAY_MS, SHANGHAI_MS

PickProblem = Literal["no_date", "outside", "overlap", "across_start", "too_early"]
"""Why the times that were asked for cannot be taken."""
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class ComparePick:
    """The trial, the other one where two trials are asked for, and the days of each time as they were written."""

    trial: str
    other: str
    days: tuple[tuple[str, str], tuple[str, str]]
    """First and last day of each."""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "ComparePick":
        """Return the pick in the address's *query*."""
        trial, other = query.get("trial", ""), query.get("with", "")
        first, second = ((query.get(f"from{n}", ""), query.get(f"to{n}", "")) for n in (1, 2))
        return cls(trial=trial, other="" if other == trial else other, days=(first, second))


@dataclass(frozen=True, slots=True)
class PickedParts:
    """The two times to compare, None where there are none yet, and why those asked for were not taken."""

    parts: tuple[Interval, Interval] | None
    problem: PickProblem | None = None


@dataclass(frozen=True, slots=True)
class ComparedSides:
    """Two sides, none where there are no two times yet, and of two times how they were picked."""

    metrics: tuple[MetricId, ...]
    sides: tuple[ComparedSide, ...]
    parts: PickedParts | None = None


def compared(context: QueryContext, trials: Sequence[Trial], pick: ComparePick) -> ComparedSides:
    """Return what *pick* asks for, of *trials*, which its reader may see and which are of one startup."""
    metrics = compared_metrics(trials)
    if pick.other:
        return ComparedSides(metrics, tuple(whole_side(context, trial.id, metrics) for trial in trials))
    picked = picked_parts(context, pick)
    if picked.parts is None:
        return ComparedSides(metrics, (), picked)
    planned = readout(context, pick.trial, metrics[:1]).planned_design
    sides = tuple(part_side(context, pick.trial, part, metrics, planned) for part in picked.parts)
    return ComparedSides(metrics, sides, picked)


def picked_parts(context: QueryContext, pick: ComparePick) -> PickedParts:
    """Return the times of *pick*; without any, the time before the start and since, or the two halves so far."""
    usual = two_parts(context, pick.trial)
    if not any(text for days in pick.days for text in days):
        return PickedParts(usual, None if usual else "too_early")
    asked = [_interval(*days) for days in pick.days]
    if asked[0] is None or asked[1] is None:
        return PickedParts(usual, "no_date")
    first, second = asked[0], asked[1]
    problem = _problem(context, pick.trial, first, second)
    return PickedParts(usual if problem else (first, second), problem)


def day_text(at_ms: int) -> str:
    """Return the Shanghai day of *at_ms* as a date field has it."""
    return date.fromordinal(_EPOCH + (at_ms + SHANGHAI_MS) // DAY_MS).isoformat()


def _interval(first: str, last: str) -> Interval | None:
    try:
        days = [date.fromisoformat(text).toordinal() - _EPOCH for text in (first, last)]
    except ValueError:
        return None
    from_ms, to_ms = days[0] * DAY_MS - SHANGHAI_MS, (days[1] + 1) * DAY_MS - SHANGHAI_MS
    return Interval(from_ms, to_ms) if from_ms < to_ms else None


def _problem(context: QueryContext, trial_id: str, first: Interval, second: Interval) -> PickProblem | None:
    whole, earlier = so_far(context, trial_id), before_interval(context, trial_id)
    start = step_start(whole.from_ms, "day")
    earliest = start if earlier is None else step_start(earlier.from_ms, "day")
    latest = step_start(whole.to_ms + DAY_MS - 1, "day")
    if any(one.from_ms < earliest or one.to_ms > latest for one in (first, second)):
        return "outside"
    if any(one.from_ms < start < one.to_ms for one in (first, second)):
        return "across_start"
    return "overlap" if first.from_ms < second.to_ms and second.from_ms < first.to_ms else None
