"""The report's words, font, drawings and small rules, without a store."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from avenue.commands.report import form_of
from reports.metrics import METRICS
from reports.presentation.catalogue import read
from reports.presentation.labels import REASONS
from reports.presentation.language import LANGUAGES, Language
from reports.trial_report.charts import ChartAxes, ChartLine, grid_chart, line_chart
from reports.trial_report.fonts import MISSING, characters, shown
from reports.trial_report.html import inline, spanned
from reports.trial_report.page_charts import tick
from reports.trial_report.voice import ReportVoice

FRAME = ChartAxes(("11/20", "11/21", "11/22"), lambda value: f"{value:.0f}")
LINE = ChartLine("试点组", ((0, 3.0, False), (1, 5.0, False), (2, 4.0, True)))


def test_the_font_has_every_character_that_a_report_can_say() -> None:
    """The catalogue's messages and metric definitions, in both languages."""
    definitions = [t for m in METRICS.values() for t in (m.name, m.formula, m.exclusions)]
    said = [side for text in definitions for side in (text.zh, text.en)]
    for language in LANGUAGES:
        for message in read(language):
            said += [message.string] if isinstance(message.string, str) else list(message.string or ())
    said += [reason.title for reason in REASONS.values()]
    said.append("0123456789,.%¥−+–…±" + MISSING)

    assert len(set("".join(said))) > 500
    missing = {c for text in said for c in text if ord(c) not in characters() and c != "\n"}

    assert not missing


def test_what_the_font_cannot_show_is_marked() -> None:
    assert shown("头环 Band") == "头环 Band"
    assert shown("a🚀b\n") == f"a{MISSING}b\n"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_drawing_is_the_same_in_every_thread_and_leaves_no_setting_behind(lang: Language) -> None:
    before = dict(mpl.rcParams)

    with ThreadPoolExecutor(4) as threads:
        drawn = set(threads.map(lambda _: line_chart(f"c-{lang}", [LINE], FRAME), range(4)))

    assert len(drawn) == 1
    assert dict(mpl.rcParams) == before


def test_a_drawing_says_its_names_in_outlines_and_needs_nothing_from_elsewhere() -> None:
    svg = line_chart("lines", [LINE, ChartLine("$基线$", ((0, 1.0, False),), quiet=True)], FRAME)

    text = svg.decode()
    assert text.startswith("<svg")
    assert "<text" not in text
    assert "NotoSansCJK" in text
    assert "http" not in inline(svg)
    assert set(re.findall(r'\bid="([^-"]+)', text)) == {"lines"}


def test_a_grid_draws_full_and_empty_days_and_nothing_where_nothing_was_due() -> None:
    def paths(shares: list[float | None]) -> int:
        return grid_chart("g", [("p-1", shares)], FRAME).count(b"<path")

    nothing, full, empty = paths([None] * 3), paths([None, 1.0, None]), paths([None, 0.0, None])

    assert nothing < full < empty  # an empty day is crossed out as well


def test_a_day_without_data_is_a_gap_and_not_a_bridge() -> None:
    whole = line_chart("x", [ChartLine("a", ((0, 1.0, False), (1, 1.0, False), (2, 1.0, False)))], FRAME)
    broken = line_chart("x", [ChartLine("a", ((0, 1.0, False), (2, 1.0, False)))], FRAME)

    def lines(svg: bytes) -> int:
        return len(re.findall(rb"stroke-width: 1.5", svg))

    assert (lines(whole), lines(broken)) == (2, 0)


@pytest.mark.parametrize(
    ("unit", "value", "said"),
    [("share", 0.8, "80%"), ("fen", -120_000, "−¥1,200"), ("events", 1500.0, "1,500"), ("stars", 2.5, "2.5")],
)
def test_an_axis_says_no_more_digits_than_its_steps_need(unit: Any, value: float, said: str) -> None:
    assert tick(ReportVoice("en"), unit, value) == said


def test_rows_that_open_empty_belong_to_the_row_above() -> None:
    rows = (("a", "1"), ("", "2"), ("b", "3"), ("", "4"), ("", "5"), ("c", "6"))

    assert [span for span, _ in spanned(rows)] == [2, 0, 3, 0, 0, 1]
    assert [row for _, row in spanned(rows)] == list(rows)


@pytest.mark.parametrize(
    ("output", "form"),
    [(None, "pdf"), (Path("a.json"), "json"), (Path("a.xlsx"), "xlsx"), (Path("a.txt"), "pdf"), (Path("-"), "pdf")],
)
def test_the_form_is_what_the_files_name_says(output: Path | None, form: str) -> None:
    assert form_of(output) == form
