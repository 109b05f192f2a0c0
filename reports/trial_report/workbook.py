"""A report as an Excel workbook: summaries with real numbers in them, for whoever computes on; never raw events."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from reports.dashboard.course_page import day_ms
from reports.metrics import METRICS
from reports.presentation.formats import shanghai
from reports.presentation.names import arm_name, arms_of_placement, kind_name, placement_name, platform_name, split_name
from reports.presentation.verdicts import reason_words
from reports.queries.model import Funnel, FunnelStep, MetricLines, MetricTotal
from reports.queries.readout import ArmLift, ArmReadout
from reports.stats.trial_rows import Design
from reports.trial_report import words
from reports.trial_report.blocks import ReportDocument
from reports.trial_report.content import TrialReport
from reports.trial_report.notes import notes
from reports.trial_report.page_verdict import VerdictSection
from reports.trial_report.voice import ReportVoice
from reports.verification.carried import SHEET, pieces, with_comment
from reports.verification.seal import slot
from schemas.registry import date_of

MAX_ROWS = 20_000
"""Of a sheet, about 5 s of writing; a trial of a year with 50 placements has fewer days and placements than that."""
MAX_TEXT = 32_000
"""Excel takes 32,767 characters in a cell."""
_WIDTH = 14

Cell: TypeAlias = str | float | int | None
_FORMATS = {"share": "0.0%", "fen": "#,##0.00", "ms": "#,##0", "stars": "0.00", "mean": "#,##0.0"}


@dataclass(frozen=True, slots=True)
class WorksheetRows:
    """A sheet: its name, its first row, the others; a cell is a value, or a value with the name of its format."""

    name: str
    head: Sequence[str]
    rows: Iterable[Sequence[Cell | tuple[Cell, str]]]
    widths: Sequence[int] = ()


def workbook(report: TrialReport, document: ReportDocument) -> bytes:
    """Return *report* as XLSX in the language of *document*; dates and money are as its names of columns say."""
    import xlsxwriter

    voice = ReportVoice(document.language)
    buffer = io.BytesIO()
    # Rows go to a file as they are written; nothing in a text is taken for a formula or an address.
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(buffer, options)
    made = datetime.fromtimestamp(report.present_ms // 1000, UTC).replace(tzinfo=None)
    title = f"{document.title} – {document.kicker}"
    book.set_properties({"title": title, "author": document.owner, "comments": document.as_of, "created": made})
    formats = {name: book.add_format({"num_format": text}) for name, text in _FORMATS.items()}
    formats["head"] = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    for sheet in _sheets(report, document, voice):
        _write(book.add_worksheet(sheet.name), sheet, formats, voice)
    if document.signed is None:
        book.close()
        return buffer.getvalue()
    carrier = book.add_worksheet(SHEET)
    carrier.very_hidden()
    for number, piece in enumerate(pieces(document.signed.content)):
        carrier.write_string(number, 0, piece)
    book.close()
    return with_comment(buffer.getvalue(), slot("xlsx", document.signed.key_id))


def _write(worksheet: Any, sheet: WorksheetRows, formats: dict[str, Any], voice: ReportVoice) -> None:
    worksheet.freeze_panes(1, 0)
    for column in range(len(sheet.head)):
        worksheet.set_column(column, column, sheet.widths[column] if column < len(sheet.widths) else _WIDTH)
    for column, text in enumerate(sheet.head):
        worksheet.write_string(0, column, text, formats["head"])
    for number, row in enumerate(sheet.rows, start=1):
        if number > MAX_ROWS:
            worksheet.write_string(number, 0, voice.say(words.SHEET_CUT, rows=voice.formats.whole(MAX_ROWS)))
            return
        for column, cell in enumerate(row):
            value, name = cell if isinstance(cell, tuple) else (cell, "")
            _cell(worksheet, (number, column), value, formats.get(name))


def _cell(worksheet: Any, place: tuple[int, int], value: Cell, form: Any) -> None:
    if isinstance(value, str):
        worksheet.write_string(*place, value[:MAX_TEXT], form)
    elif value is not None:
        worksheet.write_number(*place, value, form)


def _sheets(report: TrialReport, document: ReportDocument, voice: ReportVoice) -> tuple[WorksheetRows, ...]:
    return (
        _summary(report, document, voice),
        _readout(report, voice),
        _verdict(report, voice),
        _totals(report, voice),
        _daily(report, voice),
        _placements(report, voice),
        _arrivals(report, voice),
        _definitions(voice),
        *_signature(document, voice),
    )


def _summary(report: TrialReport, document: ReportDocument, voice: ReportVoice) -> WorksheetRows:
    facts = next(block for section in document.sections for block in section.blocks if block.block_type == "facts")
    told = VerdictSection(report, voice).told()
    rows: list[Sequence[Cell]] = [
        (document.kicker, document.title),
        (document.other_title, document.owner),
        (document.state, document.as_of),
        *facts.rows,
        (voice.say(words.HYPOTHESIS), voice.translator.pick(report.trial.hypothesis)),
        *told,
        *((voice.say(words.NOT_FINAL), voice.translator.pick(note.text)) for note in notes(report)),
    ]
    return WorksheetRows(
        voice.say(words.SHEET_SUMMARY), (voice.say(words.WHAT), voice.say(words.VALUE)), rows, (26, 100)
    )


def _signature(document: ReportDocument, voice: ReportVoice) -> tuple[WorksheetRows, ...]:
    """Return the facts of the signature page, which is the last section of a signed document."""
    if document.signed is None:
        return ()
    facts = next(block for block in document.sections[-1].blocks if block.block_type == "facts")
    head = (voice.say(words.WHAT), voice.say(words.VALUE))
    return (WorksheetRows(document.sections[-1].title, head, facts.rows, (30, 100)),)


def _readout(report: TrialReport, voice: ReportVoice) -> WorksheetRows:
    head = (
        *(words.METRIC, words.ARM, words.UNIT, words.ESTIMATE, words.LOW, words.HIGH, words.WHY),
        *(words.N, words.UNITS, words.TOTAL, words.LIFT_ABSOLUTE, words.LIFT_LOW, words.LIFT_HIGH),
        *(words.LIFT_RELATIVE, words.LIFT_WHY),
    )
    rows = (_readout_row(row, report.readout.planned_design, voice) for row in report.readout.rows)
    return WorksheetRows(voice.say(words.SHEET_READOUT), [voice.say(text) for text in head], rows, (22, 12, 30))


def _readout_row(row: ArmReadout, planned: Design, voice: ReportVoice) -> list[Cell | tuple[Cell, str]]:
    metric = METRICS[row.metric]
    form = "mean" if metric.counts and metric.unit != "fen" else metric.unit
    unit = voice.say(words.SHEET_UNITS[metric.unit])
    if metric.counts:
        unit = f"{unit} {voice.say(words.PER_DAY)}"
    lift = row.lift
    return [
        voice.translator.pick(metric.name),
        arm_name(row.arm, voice.translator),
        unit,
        *((_scaled(metric.unit, value), form) for value in (row.estimate, row.low, row.high)),
        voice.say(reason_words(row.why, planned).reason) if row.why else "",
        row.n,
        row.units,
        (_scaled(metric.unit, row.total), metric.unit),
        *((_scaled(metric.unit, value), form) for value in _lift(lift)),
        (lift.relative if lift else None, "share"),
        voice.say(reason_words(lift.why, planned).reason) if lift and lift.why else "",
    ]


def _lift(lift: ArmLift | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if lift is None else (lift.absolute, lift.absolute_low, lift.absolute_high)


def _verdict(report: TrialReport, voice: ReportVoice) -> WorksheetRows:
    """Return what could be told of each arm after each day."""
    metric = METRICS[report.trial.primary_metric]
    form = "mean" if metric.counts and metric.unit != "fen" else metric.unit
    rows: Iterable[Sequence[Cell | tuple[Cell, str]]] = (
        (
            date_of(day_ms(point.day)).isoformat(),
            voice.translator.pick(metric.name),
            arm_name(course.arm, voice.translator),
            *((_scaled(metric.unit, value), form) for value in (point.absolute, point.low, point.high)),
            voice.say(reason_words(point.why, report.readout.planned_design).reason) if point.why else "",
        )
        for course in report.courses
        for point in course.points
    )
    head = (words.DAY, words.METRIC, words.ARM, words.LIFT_ABSOLUTE, words.LIFT_LOW, words.LIFT_HIGH, words.LIFT_WHY)
    return WorksheetRows(voice.say(words.SHEET_VERDICT), [voice.say(text) for text in head], rows, (14, 22, 12))


def _scaled(unit: str, value: float | None) -> float | None:
    """Return *value* as the sheets say it: money in yuan."""
    return value / 100 if unit == "fen" and value is not None else value


def _totals(report: TrialReport, voice: ReportVoice) -> WorksheetRows:
    found = (
        *((voice.say(words.WHOLE), "", total) for total in report.whole.values()),
        *(
            (voice.say(words.PLATFORM), platform_name(t.by["platform"], voice.translator), t)
            for t in report.by_platform
        ),
        *(
            (voice.say(words.PLACEMENT), placement_name(t.by["placement"], report.directory, voice.translator), t)
            for t in report.by_placement
        ),
    )
    head = (words.SPLIT, words.VALUE, words.METRIC, words.UNIT, words.TOTAL, words.N)
    rows = ((split, name, *_total_cells(total, voice)) for split, name, total in found)
    return WorksheetRows(voice.say(words.TOTALS), [voice.say(text) for text in head], rows, (16, 22, 22, 20))


def _total_cells(total: MetricTotal, voice: ReportVoice) -> tuple[Cell | tuple[Cell, str], ...]:
    metric = METRICS[total.metric]
    unit = voice.say(words.SHEET_UNITS[metric.unit])
    return (
        voice.translator.pick(metric.name),
        unit,
        (_scaled(metric.unit, None if total.untold else total.value), metric.unit),
        total.n,
    )


def _daily(report: TrialReport, voice: ReportVoice) -> WorksheetRows:
    head = (words.DAY, words.METRIC, words.SPLIT, words.VALUE, words.N)
    rows = [
        row
        for found in (report.daily.primary_by_arm, report.daily.events_by_platform)
        for row in _daily_rows(report, voice, found)
    ]
    return WorksheetRows(voice.say(words.SHEET_DAILY), [voice.say(text) for text in head], rows, (14, 22, 18))


def _daily_rows(
    report: TrialReport, voice: ReportVoice, found: MetricLines
) -> Iterable[Sequence[Cell | tuple[Cell, str]]]:
    metric = METRICS[found.metric]
    for line in found.lines:
        name = split_name(line.by, report.directory, voice.translator)
        for point in line.points:
            day = shanghai(point.start_ms).date().isoformat()
            value = (_scaled(metric.unit, point.value), metric.unit)
            yield day, voice.translator.pick(metric.name), name, value, point.n


def _placements(report: TrialReport, voice: ReportVoice) -> WorksheetRows:
    head = (words.PLACEMENT, words.METRE, words.ARM, words.DUE_HOURS, words.COVERED_HOURS, words.COVERAGE, words.UPTIME)
    rows = []
    for found in report.presences:
        placement = report.directory.placements[found.placement_id]
        coverage = found.covered_hours / found.due_hours if found.due_hours else None
        uptime = found.up_ms / found.due_ms if found.up_ms is not None and found.due_ms else None
        rows.append(
            (
                placement_name(found.placement_id, report.directory, voice.translator),
                placement.metre,
                arms_of_placement(found.placement_id, report.directory, voice.translator),
                found.due_hours,
                found.covered_hours,
                (coverage, "share"),
                (uptime, "share"),
            )
        )
    return WorksheetRows(voice.say(words.SHEET_PLACEMENTS), [voice.say(text) for text in head], rows, (28,))


def _arrivals(report: TrialReport, voice: ReportVoice) -> WorksheetRows:
    found = report.arrivals
    rows: list[Sequence[Cell | tuple[Cell, str]]] = [
        (voice.say(words.ROW_EVENTS), found.stored),
        (voice.say(words.ROW_UNASSIGNED), found.unassigned),
        (voice.say(words.ROW_LATE), found.late),
        (voice.say(words.ROW_REPEATS), found.repeats),
        (voice.say(words.ROW_DOOR), found.answered_duplicate),
        (voice.say(words.ROW_SETTLED), (found.settled_share, "share")),
        (voice.say(words.ROW_FLAGGED), report.freshness.flagged_windows),
        *((f"{voice.say(words.ROW_REJECTED)}: {reason}", count) for reason, count in report.rejects.items()),
        *(
            (_step_name(funnel, step, voice), step.events, step.subjects)
            for funnel in report.funnels
            for step in funnel.steps
        ),
    ]
    head = [voice.say(text) for text in (words.WHAT, words.COUNT, words.PEOPLE)]
    return WorksheetRows(voice.say(words.SHEET_ARRIVALS), head, rows, (44,))


def _step_name(funnel: Funnel, step: FunnelStep, voice: ReportVoice) -> str:
    return f"{arm_name(funnel.by.get('arm', ''), voice.translator)}: {kind_name(step.kind, voice.translator)}"


def _definitions(voice: ReportVoice) -> WorksheetRows:
    pick = voice.translator.pick
    rows = (
        (m.id, pick(m.name), pick(m.formula), pick(m.exclusions), voice.say(words.UNIT_NAMES[m.unit]))
        for m in METRICS.values()
    )
    head = [voice.say(text) for text in (words.ID, words.METRIC, words.FORMULA, words.LEFT_OUT, words.UNIT)]
    return WorksheetRows(voice.say(words.DEFINITIONS), head, rows, (16, 22, 90, 60, 24))
