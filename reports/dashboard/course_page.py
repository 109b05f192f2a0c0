"""How the verdict came to be, drawn: what could be told after each day, with what happened meanwhile.

Pictures are SVG made here: they print and need no script. Across, places are shares of the width, so that no letter
shrinks on a phone; down, they are pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from reports.dashboard.timeline import MarkedDay, Timeline, TimelineMark, mark_rows
from reports.metrics import METRICS
from reports.presentation.differences import DifferenceFormatter
from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import Translator
from reports.presentation.names import arm_name
from reports.presentation.scales import LinearScale, scale_of
from reports.presentation.verdicts import DESIGNS, reading_of, short_reason
from reports.queries.metric_verdicts import ReadoutWhy
from reports.queries.model import FlaggedBlock
from reports.queries.verdict_course import ArmCourse, CoursePoint
from schemas.registry import MetricId, Trial
from schemas.timing import DAY_MS, SHANGHAI_MS, day_of

HEIGHT = 240
TOP, BOTTOM = 26, 214
"""Between which the values lie; above stand the numbers of what happened, below the days."""
FEW, MANY = 30, 60
"""Up to so many days lines are broad, from more than so many thin."""
WORDS_WIDE = 16
"""A gap of so many hundredths of the width has room for a word."""
WIDEST = 4.0
"""Early intervals are cut at so many times the widest of the last half, or nothing of these could be seen."""


def day_ms(day: int) -> int:
    """Return the start of the Shanghai day that has this number, as `day_number` gives it."""
    return day * DAY_MS - SHANGHAI_MS


def design_marks(courses: Sequence[ArmCourse], words: Translator) -> list[TimelineMark]:
    """Return on which days another comparison than the day before's was judged; before one has spoken, none has."""
    found = {
        (day_ms(now.day), now.design)
        for course in courses
        for before, now in pairwise(course.points)
        if before.design != now.design and before.low is not None
    }
    return [TimelineMark(at_ms, "design", words.say(DESIGNS[design].name)) for at_ms, design in sorted(found)]


@dataclass(frozen=True, slots=True)
class CoursePage:
    """The course of one metric in one language."""

    trial: Trial
    metric: MetricId
    courses: Sequence[ArmCourse]
    timeline: Timeline
    flagged: Sequence[FlaggedBlock]
    why: ReadoutWhy | None
    """Why there is no course, where there is none."""
    words: Translator

    def values(self) -> dict[str, Any]:
        """Return what the template needs."""
        judged = list(dict.fromkeys([*self.trial.primary_metrics, *self.trial.guardrails]))
        metric = METRICS[self.metric]
        told = [course for course in self.courses if any(point.low is not None for point in course.points)]
        arms = [ArmCoursePicture(self, course).values() for course in told]
        return {
            "metric": self.metric,
            "title": self.words.pick(metric.name),
            "picks": [(m, self.words.pick(METRICS[m].name), m == self.metric) for m in judged],
            "arms": arms,
            "height": HEIGHT,
            "none": "" if arms else self._none(),
            "dotted": any(one["dotted"] for arm in arms for one in arm["days"]),
            "marks": mark_rows(self.timeline.days, self.words),
        }

    def _none(self) -> str:
        if len(self.trial.arms) < 2:
            return self.words.say("There is one arm only: nothing is compared.")
        days = max((len(course.points) for course in self.courses), default=0)
        why = self.words.say(short_reason(self.why))
        if not days:
            return self.words.say("Nothing to draw yet: %(why)s.", why=why)
        return self.words.count(
            "No interval on any of %(n)s day: %(why)s.",
            "No interval on any of %(n)s days: %(why)s.",
            days,
            n=days,
            why=why,
        )


@dataclass(frozen=True, slots=True)
class ArmCoursePicture:
    """The picture of one arm's course, and the same as a table."""

    page: CoursePage
    course: ArmCourse

    def values(self) -> dict[str, Any]:
        """Return what the template draws."""
        points, words = self.course.points, self.page.words
        scale, effects = self._scale()
        return {
            "arm": self.course.arm,
            "name": arm_name(self.course.arm, words),
            "description": self._description(),
            "thick": 8 if len(points) <= FEW else 5 if len(points) <= MANY else 3,
            "zero": scale.at(0),
            "effects": [{"y": scale.at(effect), "text": self._effect(effect)} for effect in effects],
            "ticks": [{"y": scale.at(tick), "text": self._differences.tick(tick)} for tick in scale.ticks(5)],
            "days": [self._day(point, scale) for point in points],
            "steps": self._steps(scale),
            "gaps": self._gaps(),
            "marks": [{"x": self._x(day.day_ms), "number": day.number, "changes": day.changes} for day in self._marked],
            "axis": self._axis(),
            "table": [self._row(point) for point in reversed(points)],
        }

    @property
    def _differences(self) -> DifferenceFormatter:
        return DifferenceFormatter.of(self.page.metric, self.page.words)

    @property
    def _formats(self) -> LocaleFormatter:
        return LocaleFormatter(self.page.words)

    @property
    def _marked(self) -> tuple[MarkedDay, ...]:
        return self.page.timeline.within(day_ms(self.course.points[0].day), day_ms(self.course.points[-1].day + 1))

    def _scale(self) -> tuple[LinearScale, list[float]]:
        """Return the scale of the differences, from the bottom up, and where the smallest ones looked for lie."""
        effect = self.page.trial.smallest_effect if self.page.metric == self.page.trial.primary_metric else None
        better = METRICS[self.page.metric].better
        signs = {"higher": (1,), "lower": (-1,), "neither": (-1, 1)}[better]
        effects = [sign * effect for sign in signs] if effect else []
        told = [(p.low, p.high) for p in self.course.points if p.low is not None and p.high is not None]
        late = told[len(told) // 2 :]
        most = max((abs(end) for ends in late for end in ends), default=0.0) * WIDEST
        seen = [p.absolute for p in self.course.points[-len(late) :] if p.absolute is not None] if late else []
        ends = [max(-most, min(most, end)) for ends in told for end in ends]
        return scale_of([0.0, *effects, *ends, *seen], start=BOTTOM, end=TOP), effects

    def _effect(self, effect: float) -> str:
        return self.page.words.say("smallest difference looked for: %(n)s", n=self._differences.one(effect))

    def _x(self, at_ms: int) -> float:
        """Return where a day lies, in hundredths of the width."""
        first, last = self.course.points[0].day, self.course.points[-1].day
        return round(100 * ((at_ms - day_ms(first)) // DAY_MS + 0.5) / (last - first + 1), 2)

    def _day(self, point: CoursePoint, scale: LinearScale) -> dict[str, Any]:
        told = point.low is not None and point.high is not None
        return {
            "x": self._x(day_ms(point.day)),
            "at": scale.at(point.absolute) if told and point.absolute is not None else None,
            "low": scale.at(point.low) if told and point.low is not None else None,
            "high": scale.at(point.high) if told and point.high is not None else None,
            "dotted": told and self._may_differ(point.day),
        }

    def _may_differ(self, day: int) -> bool:
        """Tell whether plan, comparison or places changed on *day*, or a window of it is being recomputed."""
        changed = {found.day_ms for found in self._marked if found.changes}
        return day_ms(day) in changed | {day_of(block.start_ms) for block in self.page.flagged}

    def _steps(self, scale: LinearScale) -> list[dict[str, Any]]:
        """Return the lines from each day's difference to the next, where both have bounds."""
        days = [self._day(point, scale) for point in self.course.points]
        return [
            {"x1": a["x"], "y1": a["at"], "x2": b["x"], "y2": b["at"], "dotted": b["dotted"]}
            for a, b in pairwise(days)
            if a["at"] is not None and b["at"] is not None
        ]

    def _gaps(self) -> list[dict[str, Any]]:
        """Return the stretches of days without an interval, each with a word why."""
        found = []
        for why, run in groupby(self.course.points, key=_why_none):
            days = list(run)
            if why is None:
                continue
            half = 50 / (self.course.points[-1].day - self.course.points[0].day + 1)
            start, end = self._x(day_ms(days[0].day)) - half, self._x(day_ms(days[-1].day)) + half
            width = round(end - start, 2)
            when = self._formats.day(day_ms(days[0].day)), self._formats.day(day_ms(days[-1].day))
            word = self.page.words.say(short_reason(why))
            found.append(
                {
                    "x": round(start, 2),
                    "width": width,
                    "middle": round((start + end) / 2, 2),
                    "word": word if width >= WORDS_WIDE else "",
                    "text": self.page.words.say(
                        "%(start)s to %(end)s: no interval, %(why)s", start=when[0], end=when[1], why=word
                    ),
                }
            )
        return found

    def _axis(self) -> list[dict[str, Any]]:
        first, last = self.course.points[0].day, self.course.points[-1].day
        return [
            {"x": x, "anchor": anchor, "text": self._formats.day(day_ms(day))}
            for day, x, anchor in ((first, 0, "start"), (last, 100, "end"))
        ][: 1 if first == last else 2]

    def _row(self, point: CoursePoint) -> dict[str, str]:
        words = self.page.words
        told = point.low is not None and point.high is not None
        return {
            "day": self._formats.day(day_ms(point.day)),
            "difference": self._differences.one(point.absolute),
            "interval": self._differences.between(point.low, point.high)
            if point.low is not None and point.high is not None
            else "",
            "said": words.say(reading_of(self.page.metric, point.low, point.high))
            if told
            else words.say(short_reason(point.why)),
        }

    def _description(self) -> str:
        words = self.page.words
        first, last = (
            [p for p in self.course.points if p.low is not None and p.high is not None][at] for at in (0, -1)
        )
        early, late = (self._differences.between(p.low or 0.0, p.high or 0.0) for p in (first, last))
        return words.say(
            "From %(first)s on there was an interval, first %(early)s, by %(last)s %(late)s.",
            first=self._formats.day(day_ms(first.day)),
            early=early,
            last=self._formats.day(day_ms(last.day)),
            late=late,
        )


def _why_none(point: CoursePoint) -> ReadoutWhy | None:
    return None if point.low is not None else point.why or "no_data"
