"""Drawings of a report's content, with what they show said in words."""

from functools import partial

from babel.dates import format_datetime

from reports.metrics import METRICS, Unit
from reports.presentation.formats import shanghai
from reports.presentation.names import split_name
from reports.queries.model import MetricLines
from reports.queries.spans import starts, step_start
from reports.trial_report import words
from reports.trial_report.blocks import ChartBlock, Drawing
from reports.trial_report.charts import ChartAxes, ChartLine, grid_chart, line_chart
from reports.trial_report.content import TrialReport
from reports.trial_report.fonts import shown
from reports.trial_report.voice import ReportVoice
from schemas.timing import BLOCK_MS

MAX_LINES = 6
"""Lines that a reader can tell apart; of more, those with the most events are drawn."""
MAX_ROWS = 40
NAME_CHARACTERS = 22
GRID_CHART = "coverage"
_SHORT_DAY = {"zh": "M/d", "en": "d MMM"}


def chart_of_lines(
    report: TrialReport, voice: ReportVoice, found: MetricLines, titles: tuple[str, str, str]
) -> tuple[ChartBlock, Drawing] | None:
    """Return the chart of *found* and its drawing, *told* being its name, title and note; None where nothing came."""
    name, title, note = titles
    days = _days_from_first(report, found)
    places, open_days = {day: place for place, day in enumerate(days)}, _open_days(report)
    ranked = sorted(found.lines, key=lambda line: -sum(point.n for point in line.points))[:MAX_LINES]
    lines = []
    for line in [line for line in found.lines if line in ranked]:
        points = tuple(
            (places[point.start_ms], float(point.value), point.start_ms in open_days)
            for point in line.points
            if point.value is not None and point.start_ms in places
        )
        quiet = report.readout.baseline_arm is not None and line.by.get("arm") == report.readout.baseline_arm
        if points:
            lines.append(ChartLine(shown(split_name(line.by, report.directory, voice.translator)), points, quiet))
    if not lines:
        return None
    unit = METRICS[found.metric].unit
    frame = ChartAxes(day_names(voice, days), lambda value: tick(voice, unit, value), share=unit == "share")
    said = [
        voice.say(
            words.LINE_SAID,
            name=line.name,
            first=voice.formats.quantity(unit, line.points[0][1]),
            last=voice.formats.quantity(unit, line.points[-1][1]),
        )
        for line in lines
    ]
    alt = voice.say(
        words.LINE_CHART,
        title=title,
        start=voice.formats.date(days[0]),
        end=voice.formats.date(days[-1]),
        lines=(" " if voice.language == "en" else "").join(said),
    )
    return ChartBlock(name, title, alt, note), partial(line_chart, f"{name}-{voice.language}", lines, frame)


def _days_from_first(report: TrialReport, found: MetricLines) -> list[int]:
    """Return the days to draw: what came before the first data is told by the coverage, not by an empty axis."""
    first = min((point.start_ms for line in found.lines for point in line.points), default=report.interval.from_ms)
    return [day for day in starts(report.interval, "day") if day >= first]


def chart_of_coverage(report: TrialReport, voice: ReportVoice, *, title: str) -> tuple[ChartBlock, Drawing] | None:
    """Return the coverage of each placement by day, and its drawing; None where no hour was due."""
    days = list(starts(report.interval, "day"))
    due: dict[tuple[str, int], int] = {}
    heard: dict[tuple[str, int], int] = {}
    for hour in report.ledger:
        key = (hour.placement_id, step_start(hour.hour_ms, "day"))
        due[key] = due.get(key, 0) + 1
        heard[key] = heard.get(key, 0) + (hour.events > 0)
    named = [p.id for p in report.placements if any((p.id, day) in due for day in days)][:MAX_ROWS]
    if not named:
        return None
    rows = [
        (
            shown(_row_name(report, placement_id, voice)),
            [heard[placement_id, day] / due[placement_id, day] if (placement_id, day) in due else None for day in days],
        )
        for placement_id in named
    ]
    frame = ChartAxes(day_names(voice, days), voice.formats.percent)
    alt = voice.say(words.GRID_CHART, start=voice.formats.date(days[0]), end=voice.formats.date(days[-1]))
    note = voice.say(words.GRID_NOTE)
    return ChartBlock(GRID_CHART, title, alt, note), partial(grid_chart, f"{GRID_CHART}-{voice.language}", rows, frame)


def _row_name(report: TrialReport, placement_id: str, voice: ReportVoice) -> str:
    zone = voice.translator.pick(report.directory.placements[placement_id].zone_name)
    name = f"{placement_id} {zone}".strip()
    return name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"


def tick(voice: ReportVoice, unit: Unit, value: float) -> str:
    """Return *value* as it stands beside an axis: no more digits than its steps need."""
    formats = voice.formats
    match unit:
        case "share":
            return f"{formats.whole(value * 100)}%"
        case "ms":
            return formats.duration(value)
        case "fen":
            return f"{'−' if value < 0 else ''}¥{formats.whole(abs(value) / 100)}"
        case _:
            return formats.whole(value) if float(value).is_integer() else formats.decimal(value, 1)


def day_names(voice: ReportVoice, days: list[int]) -> tuple[str, ...]:
    """Return *days* (their starts) as they stand beside an axis."""
    pattern, locale = _SHORT_DAY[voice.language], voice.translator.locale
    return tuple(format_datetime(shanghai(day), pattern, locale=locale) for day in days)


def _open_days(report: TrialReport) -> frozenset[int]:
    """Return the days that are not over, and those with windows that wait to be recomputed."""
    found = {step_start(block.start_ms + BLOCK_MS - 1, "day") for block in report.freshness.flagged}
    if report.state == "running":
        found.add(step_start(report.present_ms, "day"))
    return frozenset(found)
