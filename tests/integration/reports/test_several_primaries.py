"""A trial of which two metrics decide: intervals share the risk, and page, list, API, report and alerts say of which
a difference is told.
"""

import json
import random
from typing import Any

import msgspec
import pytest

from reports.api.responses import readout_answer, trial_json
from reports.api.routes import ReportRequest
from reports.dashboard.home_page import home_page
from reports.dashboard.trend import TrendPick
from reports.dashboard.trial_data import VerdictPick, trial_data
from reports.dashboard.trial_page import TrialPage
from reports.notifications.causes import reading_alerts
from reports.notifications.readings import readings
from reports.presentation.language import translator
from reports.queries.freshness import freshness
from reports.queries.health import health
from reports.queries.readout import readout
from reports.scope import Reader
from reports.stats import judge
from reports.trial_report.content import gather
from reports.trial_report.make import report_file
from runtime.clickhouse import ClickHouse
from schemas.lines import StoredEvent
from schemas.registry import MetricId
from tests.support.readout_harness import TRIAL, Standing, events_of, plain_rows, street, switching
from tests.support.reports_harness import DAY, START, World, cells_of

pytestmark = pytest.mark.clickhouse

BOTH: tuple[MetricId, MetricId] = ("duration_mean", "success_rate")
"""As registered: only of the second is there a difference."""
STANDINGS: list[Standing] = switching(4, 40)
TOGETHER = (
    "2 primary metrics decide (Mean duration, Success rate). They share the risk of 5.0%, so each interval of a "
    "difference is drawn at 97.5%, the wider for it. A difference is told, with all of them counted (Holm): "
    "Success rate."
)


@pytest.fixture(scope="module")
def events() -> list[StoredEvent]:
    return [
        msgspec.structs.replace(one, outcome="ok") if one.arm == "pilot" and one.kind == "use.completed" else one
        for one in events_of(STANDINGS, random.Random(3))
    ]


@pytest.fixture
def world(clickhouse: ClickHouse, events: list[StoredEvent]) -> World:
    known = street(
        STANDINGS,
        primary_metric=BOTH[0],
        more_primary_metrics=[BOTH[1]],
        guardrails=["completions"],
        smallest_effect=500.0,
    )
    found = World(clickhouse, directory=known, now_ms=START + 40 * DAY)
    found.store(events)
    found.live(cells_of(events))
    return found


def test_each_interval_is_that_of_its_share_of_the_risk_and_a_guardrail_has_all_of_it(
    world: World, events: list[StoredEvent]
) -> None:
    found = readout(world.context(), TRIAL, (*BOTH, "completions"))

    place_of = {one.placement: one.place for one in STANDINGS}
    assert [(row.metric, row.role) for row in found.rows if row.lift] == [
        (BOTH[0], "primary"), (BOTH[1], "primary"), ("completions", "guardrail"),
    ]  # fmt: skip
    for row in found.rows:
        rows = plain_rows(events, place_of, row.metric, world.now_ms)
        whole, half = judge(rows), judge(rows, alpha=0.025)
        assert row.low == pytest.approx(whole.arms[row.arm].low)
        if row.lift is not None:
            lift = (half if row.role == "primary" else whole).lifts["pilot"]
            assert (row.lift.absolute_low, row.lift.absolute_high) == pytest.approx((lift.low, lift.high))
    assert (found.told, found.questions) == ({BOTH[0]: (), BOTH[1]: ("pilot",)}, 2)
    assert [row.metric for row in found.rows if row.lift and row.lift.told] == [BOTH[1]]


def test_page_and_list_name_each_metric_with_what_is_said_of_it(world: World) -> None:
    context, words = world.context(), translator("en")
    pick = VerdictPick.read({"course": BOTH[1]}, context.directory.trials[TRIAL])

    data = trial_data(context, TRIAL, TrendPick.read({}, primary=BOTH[0]), pick)
    page: dict[str, Any] = TrialPage(data, words, "http://127.0.0.1").values()
    (row,) = home_page(context, Reader("k", "operator", None), words).rows

    assert page["head"]["primary"] == "Mean duration, Success rate"
    assert page["readout"]["design"]["together"] == TOGETHER
    assert [(block["id"], block["role"]) for block in page["results"]["blocks"]][:2] == [(m, "primary") for m in BOTH]
    assert [block["rows"][0]["days"] != "" for block in page["results"]["blocks"][:2]] == [True, False]
    assert (page["chance"]["name"], page["course"]["title"]) == ("Success rate", "Success rate")
    first, second = row["verdict"].text.split(" Success rate – ")
    assert first.startswith("Mean duration – Pilot: no difference shown so far")
    assert second.startswith("Pilot: better than the baseline, +")
    assert "days" not in second
    assert (row["verdict"].state, row["more_primary_names"]) == ("good", "Success rate")


def test_the_api_names_them_and_an_alert_says_which(world: World) -> None:
    context = world.context()
    found = readout(context, TRIAL)

    trial = trial_json(context.directory.trials[TRIAL], context.directory)
    fresh = freshness(context, TRIAL, found.interval)
    answer = json.loads(msgspec.json.encode(readout_answer(TRIAL, found, health(context, TRIAL, judged=found), fresh)))
    alerts = reading_alerts(TRIAL, readings(context, TRIAL))

    assert (trial.primary_metric, trial.more_primary_metrics) == (BOTH[0], [BOTH[1]])
    assert [one["metric"] for one in answer["metrics"] if one["role"] == "primary"] == list(BOTH)
    assert (answer["told_together"], answer["told_by_metric"]) == ([], {BOTH[0]: [], BOTH[1]: ["pilot"]})
    assert (answer["questions"], answer["confidence"]) == (2, 0.95)
    assert [(one.kind, one.subject) for one in alerts] == [("verdict_reached", "success_rate pilot good")]


def test_every_form_of_the_report_tells_of_both(world: World) -> None:
    report = gather(world.context(), TRIAL, max_event_age_days=30)

    page = report_file(report, ReportRequest(TRIAL, "en", "html")).content.decode()
    told = json.loads(report_file(report, ReportRequest(TRIAL, "en", "json")).content)

    assert TOGETHER in page
    assert page.index("Mean duration: Pilot") < page.index("Success rate: Pilot")
    assert "here is told of the first, Mean duration" in page
    assert told["trial"]["more_primary_metrics"] == [BOTH[1]]
    assert told["readout"]["told_by_metric"] == {BOTH[0]: [], BOTH[1]: ["pilot"]}
