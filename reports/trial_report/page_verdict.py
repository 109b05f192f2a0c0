"""How the verdict came to be, what would change it, what chance alone shows, and what happened meanwhile."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from reports.dashboard.chance_page import ChancePage
from reports.dashboard.course_page import CoursePage, day_ms, design_marks
from reports.dashboard.readout_page import ReadoutPage
from reports.dashboard.timeline import MarkedDay, timeline
from reports.metrics import METRICS, QuantileRule
from reports.presentation.differences import DifferenceFormatter
from reports.presentation.names import arm_name
from reports.presentation.verdicts import short_reason
from reports.queries.spans import step_start
from reports.queries.verdict_course import ArmCourse, PlaceboCount
from reports.trial_report import words
from reports.trial_report.blocks import (
    Block,
    ChartBlock,
    Drawing,
    ParagraphBlock,
    ReportSection,
    TableBlock,
    TableColumn,
)
from reports.trial_report.charts_of_verdict import (
    CourseDrawing,
    IntervalCase,
    SplitsDrawing,
    cases_chart,
    course_chart,
    splits_chart,
)
from reports.trial_report.content import TrialReport
from reports.trial_report.fonts import shown
from reports.trial_report.page_charts import day_names
from reports.trial_report.voice import ReportVoice

Drawn = tuple[ChartBlock, Drawing]


@dataclass(frozen=True)
class VerdictSection:
    """The verdict on the first primary metric, as the dashboard words it, drawn for paper."""

    report: TrialReport
    voice: ReportVoice

    def section(self) -> tuple[ReportSection, dict[str, Drawing]]:
        """Return the section, and its drawings by name."""
        blocks: list[Block] = []
        charts: dict[str, Drawing] = {}
        for number, course in enumerate(self.report.courses, start=1):
            for block in self._arm(course, number):
                if isinstance(block, tuple):
                    charts[block[0].name] = block[1]
                    blocks.append(block[0])
                else:
                    blocks.append(block)
        if not blocks:
            blocks.append(ParagraphBlock(self._course_page.values()["none"]))
        if self.report.trial.more_primary_metrics:
            name = self.voice.translator.pick(METRICS[self.report.trial.primary_metric].name)
            blocks.insert(0, ParagraphBlock(self.voice.say(words.OF_FIRST, metric=name), "note"))
        return ReportSection(self.voice.say(words.VERDICT), (*blocks, *self._happened())), charts

    def told(self) -> list[tuple[str, str]]:
        """Return in words, for a sheet, what would change the verdict, what chance shows, and what happened when."""
        found = [(self.voice.say(words.TOGETHER), text)] if (text := self._together()) else []
        for arm in self._chance.values():
            found.append(
                (self.voice.say(words.WOULD_CHANGE), f"{arm['name']}{self.voice.colon}{arm['silence']['text']}")
            )
            found.append((self.voice.say(words.CHANCE), f"{arm['name']}{self.voice.colon}{arm['placebo']['text']}"))
        happened = [
            (day["when"], f"{mark['name']}{self.voice.colon}{mark['text']}")
            for day in self._course_page.values()["marks"]
            for mark in day["marks"]
        ]
        return [*found, *((self.voice.say(words.MARK_TEXT), f"{when} {text}") for when, text in happened)]

    def _together(self) -> str:
        page = ReadoutPage(self.report.readout, self.report.trial, self.report.directory, self.voice.translator)
        return str(page.values()["design"]["together"])

    @property
    def _marked(self) -> tuple[MarkedDay, ...]:
        found = design_marks(self.report.courses, self.voice.translator)
        directory, trial = self.report.directory, self.report.trial.id
        return timeline(directory, trial, self.voice.translator, found, now_ms=self.report.present_ms).days

    @property
    def _course_page(self) -> CoursePage:
        metric = self.report.trial.primary_metric
        lifts = [r.lift for r in self.report.readout.rows if r.metric == metric and r.lift is not None]
        return CoursePage(
            trial=self.report.trial,
            metric=metric,
            courses=self.report.courses,
            timeline=timeline(
                self.report.directory,
                self.report.trial.id,
                self.voice.translator,
                design_marks(self.report.courses, self.voice.translator),
                now_ms=self.report.present_ms,
            ),
            flagged=self.report.freshness.flagged,
            why=lifts[0].why if lifts else None,
            words=self.voice.translator,
        )

    @property
    def _chance(self) -> dict[str, dict[str, Any]]:
        page = ChancePage(self.report.readout, self.report.trial, self.report.courses, self.voice.translator)
        return {arm["arm"]: arm for arm in page.values()["arms"]}

    @property
    def _differences(self) -> DifferenceFormatter:
        return DifferenceFormatter.of(self.report.trial.primary_metric, self.voice.translator)

    def _arm(self, course: ArmCourse, number: int) -> list[Block | Drawn]:
        said = self._chance[course.arm]
        found: list[Block | Drawn] = [self._course(course, number)]
        found.append(ParagraphBlock(f"{self.voice.say(words.WOULD_CHANGE)}{self.voice.colon}{said['silence']['text']}"))
        found += self._cases(course, number)
        placebo = said["placebo"]
        chance = ParagraphBlock(f"{self.voice.say(words.CHANCE)}{self.voice.colon}{placebo['text']}")
        if course.placebo is None or not placebo["bars"]:
            return [*found, chance]
        return [*found, chance, self._splits(course.placebo, placebo, number)]

    def _course(self, course: ArmCourse, number: int) -> Block | Drawn:
        told = [p for p in course.points if p.low is not None and p.high is not None and p.absolute is not None]
        metric = METRICS[self.report.trial.primary_metric]
        title = self.voice.say(
            words.COURSE,
            metric=self.voice.translator.pick(metric.name),
            arm=arm_name(course.arm, self.voice.translator),
            baseline=self._baseline,
        )
        if not told:
            return ParagraphBlock(f"{title}{self.voice.colon}{self._course_page.values()['none']}")
        first, last = course.points[0].day, course.points[-1].day
        (picture,) = [arm for arm in self._course_page.values()["arms"] if arm["arm"] == course.arm]
        changed = {day.day_ms for day in self._marked if day.changes}
        drawing = CourseDrawing(
            points=tuple((p.day - first, p.absolute or 0.0, p.low or 0.0, p.high or 0.0) for p in told),
            days=day_names(self.voice, [day_ms(day) for day in range(first, last + 1)]),
            gap=shown(self.voice.translator.say(short_reason(course.points[0].why))),
            effects=self._effects(),
            marks=tuple(
                (index, str(day.number))
                for day in self._marked
                if 0 <= (index := (day.day_ms - day_ms(first)) // (day_ms(1) - day_ms(0))) <= last - first
            ),
            value=self._differences.tick,
            dotted=frozenset(p.day - first for p in told if day_ms(p.day) in changed | self._open()),
        )
        name = f"course-{number}"
        chart = ChartBlock(name, title, picture["description"], self._course_note(drawing))
        return chart, partial(course_chart, f"{name}-{self.voice.language}", drawing)

    def _open(self) -> set[int]:
        return {step_start(block.start_ms, "day") for block in self.report.freshness.flagged}

    @property
    def _baseline(self) -> str:
        return arm_name(self.report.readout.baseline_arm or "", self.voice.translator)

    def _effects(self) -> tuple[float, ...]:
        effect = self.report.trial.smallest_effect
        signs = {"higher": (1,), "lower": (-1,), "neither": (-1, 1)}[METRICS[self.report.trial.primary_metric].better]
        return tuple(sign * effect for sign in signs) if effect else ()

    def _course_note(self, drawing: CourseDrawing) -> str:
        said = [self.voice.say(words.COURSE_NOTE)]
        if METRICS[self.report.trial.primary_metric].unit == "share":
            said.append(self.voice.say(words.COURSE_POINTS))
        if drawing.effects:
            effect = self._differences.one(drawing.effects[0])
            said.append(self.voice.say(words.COURSE_EFFECT, effect=effect))
        if drawing.marks:
            said.append(self.voice.say(words.COURSE_MARKS))
        if drawing.dotted:
            said.append(self.voice.say(words.COURSE_DOTTED))
        return (" " if self.voice.language == "en" else "").join(said)

    def _cases(self, course: ArmCourse, number: int) -> list[Drawn]:
        """Return the interval with silent days as they were seen, at their worst and at their best."""
        metric = self.report.trial.primary_metric
        (lift,) = [r.lift for r in self.report.readout.rows if r.metric == metric and r.arm == course.arm]
        rows = self._chance[course.arm]["silence"]["rows"]
        if lift is None or lift.silence is None or not rows:
            return []
        ends = [lift.silence.lowest, lift.silence.highest]
        if METRICS[metric].better == "lower":
            ends.reverse()
        bounds = [(lift.absolute_low, lift.absolute_high), *ends]
        told = [(low, high, lift.absolute if at == 0 else None) for at, (low, high) in enumerate(bounds)]
        cases = [
            IntervalCase(shown(row["name"]), low, high, at, shown(row["text"]))
            for row, (low, high, at) in zip(rows, [one for one in told if None not in one[:2]], strict=True)
            if low is not None and high is not None
        ]
        name = f"silence-{number}"
        alt = self.voice.listed(f"{case.name}{self.voice.colon}{case.told}" for case in cases)
        chart = ChartBlock(name, "", alt, self.voice.say(words.CASES_NOTE))
        return [(chart, partial(cases_chart, f"{name}-{self.voice.language}", cases))]

    def _splits(self, street: PlaceboCount, said: dict[str, Any], number: int) -> Drawn:
        metric = METRICS[self.report.trial.primary_metric]
        unit = "share" if isinstance(metric.rule, QuantileRule) else metric.unit
        drawing = SplitsDrawing(
            edges=street.edges,
            bars=street.bars,
            seen=street.seen,
            seen_text=shown(said["seen_text"]),
            value=DifferenceFormatter(self.voice.translator, unit).tick,
        )
        name = f"chance-{number}"
        note = self.voice.say(words.CHANCE_NOTE)
        chart = ChartBlock(name, "", f"{said['text']} {said['seen_text']}", f"{said['note']} {note}".strip())
        return chart, partial(splits_chart, f"{name}-{self.voice.language}", drawing)

    def _happened(self) -> tuple[Block, ...]:
        """Return what happened along the trial, by day, as numbered in the drawings."""
        page = self._course_page.values()
        rows = tuple(
            (str(day["number"]) if n == 0 else "", day["when"] if n == 0 else "", mark["name"], mark["text"])
            for day in page["marks"]
            for n, mark in enumerate(day["marks"])
        )
        if not rows:
            return ()
        columns = (
            TableColumn(self.voice.say(words.MARK), "left"),
            TableColumn(self.voice.say(words.CHANGE_WHEN), "left"),
            TableColumn(self.voice.say(words.WHAT), "left"),
            TableColumn(self.voice.say(words.MARK_TEXT), "left", 1),
        )
        return (TableBlock(columns, rows, caption=self.voice.say(words.HAPPENED)),)
