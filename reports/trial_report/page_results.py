"""What a report found: the conclusion in brief, what the trial is judged by, and all other metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reports.dashboard.chance_page import ChancePage
from reports.dashboard.readout_page import PLOT_WIDTH, ReadoutPage
from reports.dashboard.trial_data import judged_by
from reports.metrics import METRICS
from reports.presentation.formats import NOTHING
from reports.presentation.names import arm_name
from reports.queries.readout import ArmReadout
from reports.trial_report import words
from reports.trial_report.blocks import (
    Block,
    ChartBlock,
    Drawing,
    FactsBlock,
    JudgedArm,
    JudgedMetric,
    JudgementsBlock,
    KeyFigure,
    KeyFiguresBlock,
    ParagraphBlock,
    ReportSection,
    TableBlock,
    TableColumn,
)
from reports.trial_report.content import TrialReport
from reports.trial_report.page_charts import chart_of_lines
from reports.trial_report.voice import ReportVoice
from schemas.registry import MetricId

PRIMARY_CHART = "primary"
HEADLINES: tuple[MetricId, ...] = ("events", "subjects", "sessions", "completions")


@dataclass(frozen=True)
class ResultsSection:
    """The results of *report* as *voice* tells them; the readout is worded as on the dashboard."""

    report: TrialReport
    voice: ReportVoice

    @cached_property
    def _page(self) -> dict[str, Any]:
        page = ReadoutPage(self.report.readout, self.report.trial, self.report.directory, self.voice.translator)
        return page.values()

    @cached_property
    def _blocks(self) -> Mapping[MetricId, dict[str, Any]]:
        return {block["id"]: block for block in self._page["blocks"]}

    def _arms(self, metric: MetricId) -> list[tuple[ArmReadout, dict[str, Any]]]:
        """Return each arm's readout with its wording."""
        found = (row for row in self.report.readout.rows if row.metric == metric)
        return list(zip(found, self._blocks[metric]["rows"], strict=True))

    @cached_property
    def _confidence(self) -> str:
        return self.voice.formats.whole(100 * (1 - self.report.readout.alpha))

    @cached_property
    def _baseline(self) -> str:
        return arm_name(self.report.readout.baseline_arm or "", self.voice.translator)

    @cached_property
    def _chart(self) -> tuple[ChartBlock, Drawing] | None:
        metric = self.report.trial.primary_metric
        title = self.voice.say(words.PRIMARY_BY_DAY, metric=self.voice.translator.pick(METRICS[metric].name))
        note = self.voice.say(words.PRIMARY_BY_DAY_NOTE)
        return chart_of_lines(self.report, self.voice, self.report.daily.primary_by_arm, (PRIMARY_CHART, title, note))

    def charts(self) -> dict[str, Drawing]:
        """Return the drawings by name."""
        return {self._chart[0].name: self._chart[1]} if self._chart else {}

    def brief(self) -> tuple[Block, ...]:
        """Return the conclusion in a sentence for each arm, and the numbers that say how much it stands on."""
        shown = [lead for metric in self.report.trial.primary_metrics for lead in self._leads(metric)]
        compared = self.voice.labelled(words.COMPARED, self._design["compared"])
        leads = [
            *(ParagraphBlock(text, "lead") for text in shown),
            *([ParagraphBlock(self._design["together"])] if self._design["together"] else []),
            *(ParagraphBlock(text) for text in self._doubts()),
            ParagraphBlock(compared, "note"),
        ]
        return (*leads, self._figures())

    def _leads(self, metric: MetricId) -> list[str]:
        """Return the conclusion on one primary metric, a sentence for each arm."""
        shown = [lead for row in self._blocks[metric]["rows"] if (lead := self._lead(metric, row))]
        return shown or [self.voice.say(words.BRIEF_NOTHING, metric=self.voice.translator.pick(METRICS[metric].name))]

    def _doubts(self) -> list[str]:
        """Return what could turn a verdict that is told: silent days, where they could."""
        trial = self.report.trial
        return list(dict.fromkeys(text for metric in trial.primary_metrics for text in self._doubts_of(metric)))

    def _doubts_of(self, metric: MetricId) -> list[str]:
        report = self.report
        page = ChancePage(report.readout, report.trial, (), self.voice.translator, metric=metric).values()
        turned = {
            row.arm
            for row in report.readout.rows
            if row.metric == metric and row.lift and row.lift.silence and row.lift.silence.changes
        }
        return [arm["silence"]["text"] for arm in page["arms"] if arm["arm"] in turned]

    @property
    def _design(self) -> dict[str, str]:
        found: dict[str, str] = self._page["design"]
        return found

    def _comparison(self) -> FactsBlock:
        """Return what is compared with what, what cancels in that and what does not, and what would help."""
        said = (
            (words.COMPARED, f"{self._design['name']}{self.voice.colon}{self._design['compared']}"),
            (words.CANCELS, self._design["cancels"]),
            (words.REMAINS, self._design["remains"]),
            (words.WOULD_HELP, self._design["next_step"]),
        )
        return FactsBlock(tuple((self.voice.say(label), text) for label, text in said if text))

    def _lead(self, metric: MetricId, row: Mapping[str, Any]) -> str:
        """Say an arm against the baseline; the baseline's own line only where it stands alone."""
        rows, readout = self._blocks[metric]["rows"], self.report.readout
        base = next((r for r in rows if r["arm_id"] == readout.baseline_arm), None)
        if row is base or row["estimate"] == NOTHING:
            return ""
        name = self.voice.translator.pick(METRICS[metric].name)
        if base is None or base["estimate"] == NOTHING:
            return self.voice.say(
                words.BRIEF_ALONE, metric=name, arm=row["arm"], estimate=row["estimate"] + self._around(row)
            )
        return self.voice.say(
            words.BRIEF_AGAINST,
            metric=name,
            arm=row["arm"],
            estimate=row["estimate"],
            baseline=self._baseline,
            base=base["estimate"],
            verdict=self._verdict(row),
        )

    def _around(self, row: Mapping[str, Any]) -> str:
        if row["interval"]:
            return self.voice.say(words.INTERVAL_IN, confidence=self._confidence, interval=row["interval"])
        return self.voice.say(words.NOT_YET, why=row["why"])

    def _verdict(self, row: Mapping[str, Any]) -> str:
        if row["lift_interval"]:
            text = words.DIFFERENCE
            values = {"lift": row["lift"], "confidence": self._confidence, "interval": row["lift_interval"]}
            said = [row["verdict"], *([row["days"]] if row["days"] else [])]
            return self.voice.say(text, **values) + self.voice.clause(self.voice.joined(said))
        return self.voice.sentence(self.voice.listed([row["verdict"], row["next_step"]]))

    def _figures(self) -> KeyFiguresBlock:
        report, formats = self.report, self.voice.formats
        figures = []
        for metric in HEADLINES:
            total = report.whole.get(metric)
            note = ""
            if METRICS[metric].unit in {"people", "sessions"}:
                note = self.voice.say(words.NOT_NAMED if total and total.unnamed else words.EXACT)
            value = NOTHING if total and total.unnamed else formats.metric(metric, total.value if total else 0)
            figures.append(KeyFigure(self.voice.translator.pick(METRICS[metric].name), value, note))
        seen, due = (sum(units.values()) for units in (report.readout.balance.seen, report.readout.balance.planned))
        note = self.voice.say(words.DAYS_SEEN_OF, due=formats.whole(due))
        if report.trial.planned_units is not None:
            planned = formats.whole(report.trial.planned_units)
            note = self.voice.say(words.PLANNED_OF, due=formats.whole(due), planned=planned)
        figures.append(KeyFigure(self.voice.say(words.DAYS_SEEN), formats.whole(seen), note))
        return KeyFiguresBlock(tuple(figures))

    def sections(self) -> tuple[ReportSection, ReportSection]:
        """Return the results: judged metrics with the chart of the primary one, then all others."""
        judged = judged_by(self.report.trial)
        note = self.voice.say(words.RESULTS_NOTE, confidence=self._confidence)
        results: tuple[Block, ...] = (self._comparison(), ParagraphBlock(note, "note"), self._judgements(judged))
        chart: Block = self._chart[0] if self._chart else ParagraphBlock(self.voice.say(words.NO_CHART), "note")
        return (
            ReportSection(self.voice.say(words.RESULTS), (*results, chart)),
            ReportSection(self.voice.say(words.OTHERS), self._others([m for m in self._blocks if m not in judged])),
        )

    def _judgements(self, metrics: Sequence[MetricId]) -> JudgementsBlock:
        head = [words.ARM, words.ESTIMATE, words.INTERVAL, words.UNITS, words.N]
        titles = [self.voice.say(title, confidence=self._confidence) for title in head]
        if self.report.readout.baseline_arm is not None:
            titles.append(self.voice.say(words.LIFT, baseline=self._baseline))
        return JudgementsBlock(tuple(titles), tuple(self._judged(metric) for metric in metrics))

    def _judged(self, metric: MetricId) -> JudgedMetric:
        block = self._blocks[metric]
        return JudgedMetric(
            name=block["name"],
            role=block["role_name"],
            per=block["per_unit"],
            better=self.voice.say(words.BETTER[METRICS[metric].better]),
            arms=tuple(self._judged_arm(found, row) for found, row in self._arms(metric)),
        )

    def _judged_arm(self, found: ArmReadout, row: Mapping[str, Any]) -> JudgedArm:
        plot = row["plot"]
        return JudgedArm(
            arm=row["arm"],
            estimate=row["estimate"],
            interval=row["interval"] or row["why"],
            judged=bool(row["interval"]),
            plot=None if plot is None else {name: round(x / PLOT_WIDTH, 4) for name, x in plot.items()},
            units=self.voice.formats.whole(found.units),
            n=row["n"],
            lift=row["lift"],
            lift_interval=row["lift_interval"],
            verdict=self.voice.listed(row[name] for name in ("verdict", "days") if row[name]),
            verdict_state=row["verdict_state"] or "unknown",
        )

    def _others(self, metrics: Sequence[MetricId]) -> tuple[Block, ...]:
        shown = [m for m in metrics if any(row["estimate"] != NOTHING for row in self._blocks[m]["rows"])]
        silent = [self.voice.translator.pick(METRICS[m].name) for m in metrics if m not in shown]
        blocks: list[Block] = [ParagraphBlock(self.voice.say(words.OTHERS_NOTE), "note")]
        if shown:
            blocks.append(self._table(shown))
        if silent:
            text = self.voice.say(words.NOTHING_FROM, metrics=self.voice.joined(silent))
            blocks.append(ParagraphBlock(text, "note"))
        return tuple(blocks)

    def _table(self, metrics: Sequence[MetricId]) -> TableBlock:
        compared = self.report.readout.baseline_arm is not None
        columns = [
            TableColumn(self.voice.say(words.METRIC), "left"),
            TableColumn(self.voice.say(words.ARM), "left"),
            TableColumn(self.voice.say(words.ESTIMATE)),
            TableColumn(self.voice.say(words.INTERVAL, confidence=self._confidence), "left", 1),
            TableColumn(self.voice.say(words.N)),
            TableColumn(self.voice.say(words.TOTAL)),
        ]
        if compared:
            columns.append(TableColumn(self.voice.say(words.LIFT, baseline=self._baseline)))
        rows = []
        for metric in metrics:
            for index, (found, row) in enumerate(self._arms(metric)):
                cells = [
                    self._blocks[metric]["name"] if index == 0 else "",
                    row["arm"],
                    row["estimate"],
                    row["interval"] or row["why"],
                    row["n"],
                    "" if found.total is None else self.voice.formats.metric(metric, found.total),
                ]
                rows.append((*cells, row["lift"]) if compared else tuple(cells))
        return TableBlock(tuple(columns), tuple(rows))
