"""The trend on a trial's page: what was picked, the lines to draw, and the same numbers as a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from registry.directory import Directory, TrialSpan
from reports.dashboard.earlier_page import EarlierPage
from reports.dashboard.timeline import MarkedDay, Timeline, mark_rows, sort_name
from reports.metrics import METRICS
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.language import Translator
from reports.presentation.names import dimension_names, split_name
from reports.queries import series
from reports.queries.context import QueryContext
from reports.queries.earlier_weeks import EarlierQuestion, EarlierWeeks, earlier_weeks
from reports.queries.model import (
    DIMENSIONS,
    STEPS,
    Dimension,
    Freshness,
    Interval,
    MetricLines,
    Point,
    SeriesLine,
    SeriesQuestion,
    Step,
    TooManyPointsError,
)
from reports.queries.spans import STEP_MS, step_start
from reports.queries.weeks import WEEK_MS
from schemas.registry import MetricId
from schemas.timing import BLOCK_MS, DAY_MS, HOUR_MS, MINUTE_MS

Range = Literal["1h", "24h", "7d", "28d", "trial"]
RANGES: tuple[Range, ...] = get_args(Range)
_LENGTH_MS: Mapping[Range, int] = {"1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS, "28d": 28 * DAY_MS}
# What is still readable as a line: at most about 1,500 points each.
_STEPS: Mapping[Range, tuple[Step, ...]] = {
    "1h": ("minute",),
    "24h": ("hour", "minute"),
    "7d": ("hour", "day"),
    "28d": ("day", "hour"),
    "trial": ("day", "hour"),
}
LINES_DRAWN = 8
"""As many colours as can be told apart; the table has them all."""
TABLE_ROWS = 120


@dataclass(frozen=True, slots=True)
class TrendPick:
    """What the reader picked; anything unknown in the address is what the page starts with."""

    metric: MetricId
    by: Dimension | None
    range: Range
    step: Step
    compare: bool

    @classmethod
    def read(cls, query: Mapping[str, str], *, primary: MetricId) -> "TrendPick":
        """Return the pick that the address's *query* asks for."""
        metric = next((m for m in METRICS if m == query.get("metric")), primary)
        by = next((d for d in DIMENSIONS if d == query.get("by", "arm")), None)
        length: Range = next((r for r in RANGES if r == query.get("range")), "28d")
        allowed = _STEPS[length]
        step = next((s for s in STEPS if s == query.get("step") and s in allowed), allowed[0])
        return cls(metric=metric, by=by, range=length, step=step, compare=query.get("compare") == "1")

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that this range can be read in."""
        return _STEPS[self.range]


@dataclass(frozen=True, slots=True)
class TrendData:
    """The lines of one pick, and those of the period before where asked."""

    pick: TrendPick
    interval: Interval
    now: MetricLines
    before: EarlierWeeks | None
    too_fine: bool = False
    """More points than an answer may hold: nothing is drawn, and the page says why."""


def trend_interval(pick: TrendPick, span: TrialSpan, now_ms: int) -> Interval:
    """Return the picked range: back from now, or from the trial's end where it is over; whole steps."""
    first = _first_ms(span)
    end = min(now_ms + MINUTE_MS, span.ends_ms)
    start = first if pick.range == "trial" else max(first, end - _LENGTH_MS[pick.range])
    return Interval(step_start(start, pick.step), max(end, start))


def trend(context: QueryContext, trial_id: str, pick: TrendPick) -> TrendData:
    """Return what to draw for *pick*; nothing, and `too_fine`, where the split has too many points for the range."""
    interval = trend_interval(pick, context.span(trial_id), context.now_ms)
    try:
        return _trend(context, trial_id, pick, interval)
    except TooManyPointsError:
        nothing = MetricLines(metric=pick.metric, unit=METRICS[pick.metric].unit, step=pick.step, lines=())
        return TrendData(pick=pick, interval=interval, now=nothing, before=None, too_fine=True)


def _trend(context: QueryContext, trial_id: str, pick: TrendPick, interval: Interval) -> TrendData:
    question = SeriesQuestion(
        trial_id=trial_id, metrics=(pick.metric,), interval=interval, step=pick.step, by=pick.by, dense=True
    )
    (now,) = series.series(context, question)
    before = None
    if pick.compare:
        first_ms = _first_ms(context.span(trial_id))
        before = earlier_weeks(
            context, EarlierQuestion(trial_id, pick.metric, interval, pick.step, _weeks(pick, interval), first_ms)
        )
    return TrendData(pick=pick, interval=interval, now=now, before=before)


def _weeks(pick: TrendPick, interval: Interval) -> int:
    """Return the fewest whole weeks as long as the range that was picked: weekdays then match."""
    return -(-_LENGTH_MS.get(pick.range, interval.to_ms - interval.from_ms) // WEEK_MS)


def _first_ms(span: TrialSpan) -> int:
    """Return since when events are kept: the trial's start, or that of the time before it."""
    return span.starts_ms if span.baseline_from_ms is None else min(span.starts_ms, span.baseline_from_ms)


@dataclass(frozen=True, slots=True)
class TrendPage:
    """One trend in one language, as the template and the script take it."""

    data: TrendData
    freshness: Freshness
    directory: Directory
    words: Translator
    timeline: Timeline
    """What happened along the trial, by day."""

    @property
    def _formats(self) -> LocaleFormatter:
        return LocaleFormatter(self.words)

    def values(self) -> dict[str, Any]:
        """Return what the template needs."""
        metric = METRICS[self.data.pick.metric]
        lines = self._ranked()
        found = self.data.before
        before = EarlierPage(found, self.data.pick.metric, self._whose(), self._when, self.words) if found else None
        return {
            "pick": self.data.pick,
            "title": self.words.pick(metric.name),
            "formula": self.words.pick(metric.formula),
            "options": self._options(),
            "chart": self._chart(lines[:LINES_DRAWN]) | {"before": before.drawn() if before else None},
            "hidden_lines": max(0, len(lines) - LINES_DRAWN),
            "before_word": before.word() if before else "",
            "marks": mark_rows(self._marked, self.words),
            "dotted": any(self._flagged(point) for line in lines for point in line.points),
            "table": self._table(lines, before),
            "problem": self.words.say("Too many points to draw: take a shorter range, a coarser step or another split.")
            if self.data.too_fine
            else "",
            "empty": not any(point.n for line in lines for point in line.points),
        }

    def _whose(self) -> str:
        """Return whose the earlier weeks are, where lines are split: they are of all together."""
        return self.words.say("all together") if self.data.pick.by else ""

    def _ranked(self) -> list[SeriesLine]:
        """Return the lines in the registry's order of arms, others by how much they stand on."""
        if self.data.pick.by == "arm":
            return sorted(self.data.now.lines, key=lambda line: line.by.get("arm", ""))
        return sorted(self.data.now.lines, key=lambda line: -sum(point.n for point in line.points))

    def _flagged(self, point: Point) -> bool:
        """Tell whether a point may still change: its time is not over yet, or a block of it waits to be settled."""
        end = point.start_ms + STEP_MS[self.data.pick.step]
        as_of = self.freshness.as_of_ms
        return (as_of is not None and end > as_of) or any(
            flag.start_ms < end and point.start_ms < flag.start_ms + BLOCK_MS for flag in self.freshness.flagged
        )

    def _options(self) -> dict[str, list[tuple[str, str]]]:
        say = self.words.say
        ranges = {
            "1h": say("Last hour"),
            "24h": say("Last 24 hours"),
            "7d": say("Last 7 days"),
            "28d": say("Last 28 days"),
            "trial": say("Whole trial"),
        }
        steps = {"minute": say("Minute"), "hour": say("Hour"), "day": say("Day")}
        return {
            "metric": [(m.id, self.words.pick(m.name)) for m in METRICS.values()],
            "by": [("none", say("Not split")), *dimension_names(self.words).items()],
            "range": list(ranges.items()),
            "step": [(step, steps[step]) for step in self.data.pick.steps],
        }

    def _chart(self, lines: Iterable[SeriesLine]) -> dict[str, Any]:
        pick = self.data.pick
        return {
            "title": self.words.pick(METRICS[pick.metric].name),
            "unit": METRICS[pick.metric].unit,
            "step": pick.step,
            "from": self.data.interval.from_ms,
            "to": self.data.interval.to_ms,
            "lines": [
                {
                    "name": self._name(line),
                    "key": next(iter(line.by.values()), ""),
                    "points": [self._drawn(point) for point in line.points],
                }
                for line in lines
            ],
            "marks": [self._mark(day) for day in self._marked],
            "description": self._description(),
        }

    @property
    def _marked(self) -> tuple[MarkedDay, ...]:
        """Return the days within the picture on which something happened; their first moment decides."""
        interval = self.data.interval
        return tuple(
            day for day in self.timeline.days if interval.from_ms <= day.marks[0].at_ms < max(interval.to_ms, 1)
        )

    def _mark(self, day: MarkedDay) -> list[Any]:
        """Return [start of the step in which it happened, its number, what happened]."""
        texts = (f"{sort_name(mark.sort, self.words)}: {mark.text}" for mark in day.marks)
        return [step_start(day.marks[0].at_ms, self.data.pick.step), str(day.number), list(texts)]

    def _drawn(self, point: Point) -> list[Any]:
        """Return [start, value, n, the value as text, the time as text, 1 where it may still change]."""
        return [
            point.start_ms,
            point.value,
            point.n,
            self._metric(point),
            self._when(point.start_ms),
            int(self._flagged(point)),
        ]

    def _metric(self, point: Point) -> str:
        return self._formats.metric(self.data.pick.metric, point.value)

    def _when(self, at_ms: int) -> str:
        return self._formats.day(at_ms) if self.data.pick.step == "day" else self._formats.moment(at_ms)

    def _name(self, line: SeriesLine) -> str:
        return split_name(line.by, self.directory, self.words) or self.words.pick(METRICS[self.data.pick.metric].name)

    def _description(self) -> str:
        """Return the chart in a sentence, for whoever does not see it; the table follows it."""
        return self.words.say(
            "Line chart: %(metric)s from %(start)s to %(end)s. The same numbers stand in the table below the chart.",
            metric=self.words.pick(METRICS[self.data.pick.metric].name),
            start=self._formats.moment(self.data.interval.from_ms),
            end=self._formats.moment(self.data.interval.to_ms),
        )

    def _table(self, lines: list[SeriesLine], before: EarlierPage | None) -> dict[str, Any]:
        """Return the newest rows, newest first; n stands beside each value."""
        by_start: dict[int, dict[int, Point]] = {}
        for column, line in enumerate(lines):
            for point in line.points:
                by_start.setdefault(point.start_ms, {})[column] = point
        starts = sorted(by_start, reverse=True)
        shown = before if before and before.found.told else None
        return {
            "columns": [*(self._name(line) for line in lines), *([shown.name()] if shown else [])],
            "rows": [
                (
                    self._when(start),
                    [
                        *(self._cell(by_start[start].get(column)) for column in range(len(lines))),
                        *([shown.cell(start)] if shown else []),
                    ],
                )
                for start in starts[:TABLE_ROWS]
            ],
            "left_out": max(0, len(starts) - TABLE_ROWS),
        }

    def _cell(self, point: Point | None) -> dict[str, Any]:
        if point is None:
            return {"value": NOTHING, "n": "", "range": "", "open": False}
        return {
            "value": self._metric(point),
            "n": self._formats.whole(point.n),
            "range": "",
            "open": self._flagged(point),
        }
