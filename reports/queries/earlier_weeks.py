"""The same weekdays and hours in the weeks before a time: the period before it, and how far earlier weeks reached."""

from collections.abc import Iterator
from dataclasses import dataclass

from reports.queries.context import QueryContext
from reports.queries.model import Interval, Number, SeriesQuestion, Step
from reports.queries.series import series
from reports.queries.spans import STEP_MS, starts, step_start
from reports.queries.weeks import WEEK_MS
from schemas.registry import MetricId

MOST_WEEKS = 8
"""As far back as a week is likely to be like this one; it bounds what is read, too."""
FEWEST_FOR_RANGE = 2
"""Of one value there is no range."""


@dataclass(frozen=True, slots=True)
class EarlierPoint:
    """A bucket of the time that is looked at, by what came in the same place of earlier weeks."""

    start_ms: int
    """Of the bucket that is compared."""
    value: Number | None
    """That of the period before: so many whole weeks earlier as the time is long."""
    n: int
    low: Number | None
    high: Number | None
    """The lowest and the highest of the earlier weeks; None where fewer than two have a value."""
    weeks: int
    """How many of them have a value."""


@dataclass(frozen=True, slots=True)
class EarlierWeeks:
    """Of a time, the period before it by `by_ms`, whole weeks, with the range of the weeks up to it."""

    by_ms: int
    points: tuple[EarlierPoint, ...]

    @property
    def told(self) -> bool:
        """Whether the period before has any value."""
        return any(point.value is not None for point in self.points)

    @property
    def most_weeks(self) -> int:
        """How many weeks the range is of, where it is of the most; 0 without any range."""
        return max((point.weeks for point in self.points if point.low is not None), default=0)


@dataclass(frozen=True, slots=True)
class EarlierQuestion:
    """Which metric of a trial, of which time by which step, how many weeks back the period before it lies, and since
    when there is anything to compare with.
    """

    trial_id: str
    metric: MetricId
    interval: Interval
    step: Step
    weeks: int
    first_ms: int


def earlier_weeks(context: QueryContext, question: EarlierQuestion) -> EarlierWeeks:
    """Return what earlier weeks had in the place of each bucket of the question's time, all of the trial together."""
    interval, fewest = question.interval, question.weeks
    found: dict[int, tuple[Number | None, int]] = {}
    for one in _asked(question):
        asked = SeriesQuestion(question.trial_id, (question.metric,), one, step=question.step, dense=True)
        (lines,) = series(context, asked)
        found |= {point.start_ms: (point.value, point.n) for line in lines.lines for point in line.points}
    points = []
    for start_ms in starts(interval, question.step):
        before = [found.get(start_ms - weeks * WEEK_MS, (None, 0)) for weeks in range(fewest, fewest + MOST_WEEKS)]
        values = [value for value, _ in before if value is not None]
        enough = len(values) >= FEWEST_FOR_RANGE
        points.append(
            EarlierPoint(
                start_ms=start_ms,
                value=before[0][0],
                n=before[0][1],
                low=min(values) if enough else None,
                high=max(values) if enough else None,
                weeks=len(values),
            )
        )
    return EarlierWeeks(by_ms=fewest * WEEK_MS, points=tuple(points))


def _asked(question: EarlierQuestion) -> Iterator[Interval]:
    """Give the times to read: one where weeks join, else each week's own; of whole buckets since the first."""
    first = step_start(question.first_ms, question.step)
    if first < question.first_ms:
        # The bucket that the start cuts has not all that the others have.
        first += STEP_MS[question.step]
    step_ms, interval = STEP_MS[question.step], question.interval
    # The last bucket may not be over; those of earlier weeks are, and are read whole.
    end_ms = step_start(interval.to_ms - 1, question.step) + step_ms
    shifts = [weeks * WEEK_MS for weeks in range(question.weeks, question.weeks + MOST_WEEKS)]
    times = [Interval(max(first, interval.from_ms - by), end_ms - by) for by in shifts]
    if end_ms - interval.from_ms >= WEEK_MS:
        times = [Interval(times[-1].from_ms, times[0].to_ms)]
    yield from (one for one in times if not one.empty)
