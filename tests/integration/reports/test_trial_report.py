"""The trial report against a plain recomputation, and in each of its forms."""

import io
import json
import re
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import jsonschema
import openpyxl
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pytest
from litestar.testing import TestClient
from typer import Typer
from typer.testing import CliRunner

import avenue.client.store_access
from avenue.client.known_trials import UnknownTrialError
from avenue.client.report import report_of
from avenue.commands.report import register
from avenue.serve.application import http_application
from reports.api.routes import Language, ReportFormat, ReportRequest
from reports.metrics import METRICS, SPLIT_METRICS, DueShareRule
from reports.presentation.verdicts import REASONS
from reports.queries.context import QueryContext
from reports.queries.days import by_day
from reports.queries.metric_verdicts import ReadoutWhy
from reports.service import ReadService
from reports.trial_report import data
from reports.trial_report.content import TrialReport, gather
from reports.trial_report.fonts import MISSING
from reports.trial_report.make import report_file, report_maker
from reports.trial_report.notes import notes
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import Settings
from schemas.lines import StoredEvent
from schemas.registry import PlanChange, Registry, TrialPlan
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse_fixtures import clickhouse_settings
from tests.support.paths import DOCS
from tests.support.reports_harness import DAY, HOUR, KEYS, NOW, START, World, event, expected
from tests.support.trial_report_harness import (
    AS_OF,
    LATE,
    MAX_AGE_DAYS,
    REJECTS,
    REPEATED,
    SILENT_TO,
    before_the_start,
    report_directory,
    report_events,
    report_world,
    stored_registry,
)

pytestmark = pytest.mark.clickhouse

COUNTED = [metric for metric in METRICS if not isinstance(METRICS[metric].rule, DueShareRule)]
FORMS: tuple[ReportFormat, ...] = get_args(ReportFormat)
LANGUAGES: tuple[Language, ...] = get_args(Language)


@pytest.fixture(scope="module")
def world(_store_stays_open: None, clickhouse_folder: Path | None) -> Iterator[World]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    store = ClickHouse(clickhouse_settings(name), path=clickhouse_folder)
    migrate(store)
    yield report_world(store)
    store.writer().command(f"DROP DATABASE IF EXISTS {name}")
    store.close()


def gathered(world: World, **changes: Any) -> TrialReport:
    return gather(world.context(**changes), "neuro", max_event_age_days=MAX_AGE_DAYS)


@pytest.fixture(scope="module")
def report(world: World) -> TrialReport:
    return gathered(world)


@pytest.fixture(scope="module")
def events() -> list[StoredEvent]:
    return [e for e in report_events() if START <= e.occurred_ms < AS_OF]


def made(report: TrialReport, form: ReportFormat, lang: Language = "en") -> bytes:
    return report_file(report, ReportRequest("neuro", lang, form)).content


# --- content


@pytest.mark.parametrize("metric", COUNTED)
def test_every_total_equals_a_plain_recomputation(report: TrialReport, events: list[StoredEvent], metric: Any) -> None:
    total = report.whole[metric]

    value, n = expected(metric, events)
    assert total.value == pytest.approx(value)
    assert total.n == n


def test_totals_by_platform_and_placement_equal_a_recomputation_of_their_events(
    report: TrialReport, events: list[StoredEvent]
) -> None:
    for found, column, name in (
        (report.by_platform, "platform", "platform"),
        (report.by_placement, "placement_id", "placement"),
    ):
        for total in found:
            own = [e for e in events if getattr(e, column) == total.by[name]]
            value, n = expected(total.metric, own)
            assert total.value == pytest.approx(value), total
            assert total.n == n, total
        assert {total.metric for total in found} == set(SPLIT_METRICS)


def test_each_arms_readout_stands_on_its_own_whole_days(report: TrialReport, events: list[StoredEvent]) -> None:
    # The third day is not over.
    over = [e for e in events if e.occurred_ms < START + 2 * DAY]
    for row in report.readout.rows:
        if row.metric in COUNTED:
            value, n = expected(row.metric, [e for e in over if e.arm == row.arm])
            assert row.n == n, row
            if row.total is None:
                assert row.estimate == pytest.approx(value)
            else:
                assert row.total == expected(row.metric, [e for e in events if e.arm == row.arm])[0]
    assert sum(row.total is not None for row in report.readout.rows) == 2 * 10


@pytest.mark.parametrize("metric", COUNTED)
def test_days_are_exact_and_those_of_shanghai(
    world: World, report: TrialReport, events: list[StoredEvent], metric: Any
) -> None:
    found = by_day(replace(world.context(), now_ms=AS_OF), "neuro", report.interval, metric, "arm")

    for line in found.lines:
        for point in line.points:
            own = [
                e for e in events if e.arm == line.by["arm"] and point.start_ms <= e.occurred_ms < point.start_ms + DAY
            ]
            value, n = expected(metric, own)
            assert point.value == pytest.approx(value)
            assert point.n == n
            assert (point.start_ms - START) % DAY == 0
    assert found.lines


def test_what_came_is_told_whole(report: TrialReport, events: list[StoredEvent]) -> None:
    found = report.arrivals

    assert (found.stored, found.unassigned, found.baseline_period) == (len(events), 1, len(before_the_start()))
    assert (found.late, found.longest_delay_ms) == (sum(e.received_ms - e.occurred_ms > HOUR for e in events), 3 * HOUR)
    assert 0 < found.late <= LATE
    assert found.repeats == REPEATED
    assert (found.settled_blocks, found.settled_share) == (0, 0.0)
    assert found.blocks == len({e.occurred_ms // 300_000 for e in events})
    assert dict(report.rejects) == REJECTS


def test_repeats_known_at_the_door_are_told_only_where_they_can_be_no_other_products(
    world: World, report: TrialReport
) -> None:
    delivery = {"account_id": "douyin-main", "duplicate": 4, "received_ms": NOW - HOUR, "platform": "douyin"}
    world.insert("pilot_deliveries", [{**delivery, "delivery_id": "d-1"}])
    assert world.directory.registry
    tree = world.directory.registry.model_dump(by_alias=True)
    alone = [p for p in tree["placements"] if p["trial"] == "neuro" and p["account"] == "douyin-main"]
    accounts = [a for a in tree["accounts"] if a["id"] == "douyin-main"]
    registry = Registry.model_validate({**tree, "placements": alone, "accounts": accounts})

    exclusive = gathered(world, directory=replace(world.directory, registry=registry))

    assert exclusive.arrivals.answered_duplicate == 4
    assert report.arrivals.answered_duplicate is None


def test_a_placement_that_was_silent_for_a_day_lacks_that_day(report: TrialReport) -> None:
    found = {presence.placement_id: presence for presence in report.presences}

    whole_hours = (AS_OF - START) // HOUR
    assert found["p-3"].due_hours == whole_hours
    assert found["p-3"].covered_hours <= whole_hours - 24
    silent = {hour.hour_ms for hour in report.ledger if hour.placement_id == "p-3" and hour.events == 0}
    assert SILENT_TO - HOUR in silent


def test_it_stands_on_what_had_happened_when_the_store_was_complete(world: World, report: TrialReport) -> None:
    """Asked an hour later, with nothing new in the store, it is the same report."""
    later = gathered(world, now_ms=NOW + HOUR)

    assert (report.as_of_ms, report.present_ms, report.interval.to_ms) == (AS_OF, AS_OF, AS_OF)
    assert replace(later, freshness=report.freshness) == report
    assert later.freshness.lag_s == pytest.approx((NOW + HOUR - AS_OF) / 1000)


def test_a_partner_whose_clock_is_ahead_waits_for_its_moment(clickhouse: ClickHouse) -> None:
    world = World(clickhouse, directory=report_directory())
    world.store([event(1, occurred_ms=NOW - HOUR), event(2, occurred_ms=NOW + HOUR)])

    assert gathered(world).arrivals.stored == 1


def test_an_event_that_comes_meanwhile_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter(range(100))
    whole = gather.__globals__["arrival_summary"]
    monkeypatch.setitem(gather.__globals__, "arrival_summary", lambda *a: replace(whole(*a), stored=next(counts)))

    assert gathered(world).moved


# --- notes


def codes(report: TrialReport) -> list[str]:
    return [note.code for note in notes(report)]


def test_notes_say_what_may_change_and_what_cannot_be_judged(report: TrialReport) -> None:
    assert codes(report) == [
        "running",
        "unsettled",
        "replayable",
        "unassigned",
        "no_interval",
        "no_interval",
        "no_interval",
        "no_comparison",
        "silent_placements",
        "unfinished_day",
    ]
    assert "7" in next(note.text.en for note in notes(report) if note.code == "replayable")
    assert all(note.text.zh != note.text.en for note in notes(report))


@pytest.mark.parametrize("why", REASONS)
def test_every_reason_for_no_interval_is_said(report: TrialReport, why: ReadoutWhy) -> None:
    rows = tuple(replace(row, why=why, low=None, high=None) for row in report.readout.rows)
    found = notes(replace(report, readout=replace(report.readout, rows=rows)))

    said = [note.text.en for note in found if note.code == "no_interval"]
    assert len(said) == 3  # the primary metric and two guardrails
    assert all(text.count("Baseline: ") == text.count("Pilot: ") == 1 for text in said)
    assert made(replace(report, readout=replace(report.readout, rows=rows)), "pdf")


def test_a_report_is_final_only_after_the_time_for_late_events(report: TrialReport) -> None:
    ended = report.span.ends_ms
    settled = replace(report.arrivals, settled_share=1.0, settled_blocks=report.arrivals.blocks)
    over = replace(report, state="ended", present_ms=ended + DAY, arrivals=settled, rejects={})

    assert report.late_until_ms == ended + MAX_AGE_DAYS * DAY
    assert codes(over)[0] == "late_possible"
    assert codes(replace(over, present_ms=report.late_until_ms))[0] == "final"
    assert json.loads(made(over, "json"))["final"] is False
    assert json.loads(made(replace(over, present_ms=report.late_until_ms), "json"))["final"] is True


# --- PDF


def pages(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_pdf_holds_the_numbers_and_says_on_each_page_of_when(report: TrialReport, lang: Language) -> None:
    told = pages(made(report, "pdf", lang))

    text = "\n".join(told)
    for metric in ("events", "subjects", "sessions", "completions"):
        assert f"{report.whole[metric].value:,}" in text
    rate = next(row for row in report.readout.rows if (row.metric, row.arm) == ("success_rate", "pilot"))
    assert f"{(rate.estimate or 0) * 100:.1f}%" in text
    as_of = {"zh": "数据截至2026年11月22日12:02", "en": "Dataasof22Nov202612:02"}[lang]
    assert all(as_of in "".join(page.split()) for page in told)
    assert 4 <= len(told) <= 7
    assert MISSING not in text


def test_equal_content_gives_equal_bytes_in_every_form_and_thread(world: World, report: TrialReport) -> None:
    again = replace(gathered(world), freshness=report.freshness)
    with ThreadPoolExecutor(4) as threads:
        asked = [(form, lang) for form in FORMS for lang in LANGUAGES]
        first = list(threads.map(lambda a: made(report, *a), asked))
        second = list(threads.map(lambda a: made(again, *a), asked))

    assert first == second
    assert len(set(first)) == len(FORMS) * 2 - 1  # JSON holds both languages


def test_the_pdf_is_tagged_and_dated_by_its_content(report: TrialReport) -> None:
    pdf = made(report, "pdf", "zh")

    document = pypdfium2.PdfDocument(pdf)
    found = document.get_metadata_dict()
    tagged = document.is_tagged()
    document.close()
    assert tagged
    assert found["CreationDate"].startswith("D:20261122040258")  # as of, in UTC
    assert found["Title"].startswith("神经头环")
    assert b"pdfuaid:part" in pdf


def test_a_name_that_the_font_cannot_show_does_not_fail_the_report(report: TrialReport) -> None:
    product = report.product.model_copy(update={"name": type(report.product.name)(zh="头环🚀", en="Band 🚀")})

    told = pages(made(replace(report, product=product), "pdf", "en"))

    assert f"Band {MISSING}" in told[0]


def test_a_trial_without_any_data_still_has_a_report(clickhouse: ClickHouse) -> None:
    """Before the start, and running with nothing come."""
    world = World(clickhouse, directory=report_directory())
    for now_ms, state in ((START - DAY, "planned"), (NOW, "running")):
        empty = gathered(world, now_ms=now_ms)
        assert (empty.state, empty.arrivals.stored, empty.as_of_ms) == (state, 0, None)
        assert all(made(empty, form, lang) for form in FORMS for lang in LANGUAGES)


# --- HTML


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_needs_nothing_from_elsewhere(report: TrialReport, lang: Language) -> None:
    page = made(report, "html", lang).decode()

    assert not re.search(r"https?:|//\w|@import|<script|<link|<img|\bsrc=", page)
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    assert page.count("<svg") >= 3
    assert "<text" not in page  # names in drawings are outlines: no reader's font decides
    assert f'<html lang="{ {"zh": "zh-Hans-CN", "en": "en"}[lang] }">' in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_page_escapes_what_people_wrote(report: TrialReport) -> None:
    text = type(report.product.name)(zh="<b>1</b>", en='<script>alert("x")</script>')
    trial = report.trial.model_copy(update={"hypothesis": text})

    page = made(replace(report, trial=trial), "html").decode()

    assert "<script" not in page
    assert "&lt;script&gt;" in page


# --- JSON


SCHEMA = DOCS / "trial-report.schema.json"


def test_the_json_keeps_to_its_published_schema(report: TrialReport) -> None:
    published = json.loads(SCHEMA.read_text())

    jsonschema.validate(json.loads(made(report, "json")), published)
    assert published == data.schema(), "run `python -m reports.trial_report.data` and say in the changelog what is new"


def test_the_json_says_what_the_content_says(report: TrialReport) -> None:
    told = json.loads(made(report, "json"))

    assert (told["schema"], told["trial"]["id"], told["state"]) == ("avenue-trial-report-1", "neuro", "running")
    assert told["as_of"] == "2026-11-22T12:02:58+08:00"
    assert told["arrivals"]["stored"] == report.arrivals.stored
    assert told["freshness"].keys() >= {"as_of", "lag_s", "rejected", "flagged_windows"}
    total = {t["metric"]: t["value"] for t in told["totals"] if not t["by"]}
    assert total == {metric: found.value for metric, found in report.whole.items()}


# --- XLSX


def test_the_workbook_reads_back_with_real_numbers(report: TrialReport) -> None:
    book = openpyxl.load_workbook(io.BytesIO(made(report, "xlsx")))

    rows = {(row[0], row[2]): row[4] for row in book["Totals"].iter_rows(min_row=2, values_only=True)}
    assert rows["Whole trial", "Events"] == report.whole["events"].value
    revenue = report.whole["revenue_fen"].value
    assert rows["Whole trial", "Revenue"] == pytest.approx((revenue or 0) / 100)
    points = [(p.absolute, p.why is None) for course in report.courses for p in course.points]
    told = [(row[3], not row[6]) for row in book["Verdict by day"].iter_rows(min_row=2, values_only=True)]
    assert (len(points) > 0, told) == (True, points)
    assert len(book.sheetnames) == 8
    assert all(sheet.freeze_panes == "A2" for sheet in book)


def test_the_workbook_takes_no_text_for_a_formula(report: TrialReport) -> None:
    text = type(report.product.name)(zh="=1+1", en="=1+1")

    book = openpyxl.load_workbook(
        io.BytesIO(made(replace(report, trial=report.trial.model_copy(update={"hypothesis": text})), "xlsx"))
    )

    cells = [cell for row in book["Summary"].iter_rows() for cell in row if cell.value == "=1+1"]
    assert [cell.data_type for cell in cells] == ["s"]


def test_the_workbook_is_capped_and_says_so(report: TrialReport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.trial_report.workbook.MAX_ROWS", 5)

    book = openpyxl.load_workbook(io.BytesIO(made(report, "xlsx")))

    assert book["Totals"].max_row == 7
    assert "5 rows" in str(book["Totals"]["A7"].value)


# --- from outside


def test_the_api_gives_each_form_to_its_owner_in_an_export_thread(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    maker = report_maker(Settings())

    def watched(context: QueryContext, request: ReportRequest) -> Any:
        threads.append(threading.current_thread().name)
        return maker(context, request)

    reading = ReadService(world.clickhouse, lambda: world.directory, Settings(), ManualClock(NOW))
    monkeypatch.setattr("reports.trial_report.make.report_maker", lambda _: watched)
    app = http_application(reading.settings, reading.directory, read_service=reading)
    owner = {"authorization": f"Bearer {KEYS['startup:calmwave']}"}
    with TestClient(app) as client:
        found = {f: client.get(f"/v1/trials/neuro/report?format={f}&lang=en", headers=owner) for f in FORMS}
        other = client.get("/v1/trials/neuro/report", headers={"authorization": f"Bearer {KEYS['startup:limbus']}"})
    reading.close()

    assert {answer.status_code for answer in found.values()} == {200}
    assert found["pdf"].content.startswith(b"%PDF-1.")
    assert found["pdf"].headers["content-disposition"] == 'inline; filename="neuro-en.pdf"'
    assert found["xlsx"].headers["content-disposition"] == 'attachment; filename="neuro-en.xlsx"'
    assert found["json"].headers["content-type"] == "application/json"
    assert other.status_code == 404
    assert all(name.startswith("reports-export") for name in threads)
    assert reading.exports_running == [0]


def test_without_a_server_the_report_is_made_of_the_store_alone(world: World, report: TrialReport) -> None:
    began = datetime(2026, 11, 20, tzinfo=UTC)
    change = PlanChange(at=began + timedelta(days=1), field="planned_units", old=50, new=90)
    plan = TrialPlan(trial="neuro", plan={}, began=began, since=began, changes=[change])
    directory = stored_registry(replace(world, directory=replace(world.directory, plans={"neuro": plan})))

    content = report_of(world.clickhouse, Settings(), ReportRequest("neuro", "en", "json"))

    told, known = json.loads(content), json.loads(made(report, "json"))
    assert directory.keys == {}
    assert directory.registry == world.directory.registry
    assert [(c["field"], c["old"]) for c in told["trial"]["plan_changes"]] == [("planned_units", 50)]
    assert told["totals"] == known["totals"]
    assert told["as_of"] == known["as_of"]
    with pytest.raises(UnknownTrialError, match="known are emg, neuro"):
        report_of(world.clickhouse, Settings(), ReportRequest("nope", "en", "json"))


@pytest.fixture
def command(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return `run(*arguments)` of the command on the world's store, with a home folder of its own."""
    from contextlib import nullcontext

    stored_registry(world)
    monkeypatch.setattr(avenue.client.store_access, "store_of", lambda _: nullcontext(world.clickhouse))
    monkeypatch.setenv("AVENUE_HOME", str(tmp_path))
    app = Typer()
    register(app)
    return lambda *arguments: CliRunner().invoke(app, ["report", *arguments])


def test_the_command_writes_into_the_home_folder_and_prints_the_path(command: Any, tmp_path: Path) -> None:
    answer = command("neuro", "--lang", "en", "--format", "html")

    path = tmp_path / "reports" / "neuro-en.html"
    assert (answer.exit_code, answer.stdout.strip()) == (0, str(path))
    assert "Neuro band" in path.read_text()


def test_the_command_writes_to_standard_output_or_where_it_is_told(command: Any, tmp_path: Path) -> None:
    stream = command("neuro", "--format", "json", "-o", "-")
    file = command("neuro", "-o", str(tmp_path / "deep" / "r.xlsx"))

    assert json.loads(stream.stdout)["trial"]["id"] == "neuro"
    assert file.exit_code == 0
    assert (tmp_path / "deep" / "r.xlsx").read_bytes().startswith(b"PK")


def test_an_unknown_trial_is_a_problem_and_a_wrong_format_a_wrong_use(command: Any) -> None:
    unknown, wrong, nowhere = (
        command("nope"),
        command("neuro", "--format", "doc"),
        command("neuro", "-o", "/dev/null/x.json"),
    )

    assert (unknown.exit_code, wrong.exit_code, nowhere.exit_code) == (1, 2, 2)
    assert "known are emg, neuro" in unknown.stderr
    assert "cannot be written" in nowhere.stderr
