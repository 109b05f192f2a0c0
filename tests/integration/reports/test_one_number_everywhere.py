"""People, sessions, orders, revenue and units are one number on page, report and API, or a word stands beside them."""

import re
from typing import Any

import pytest

from reports.api.responses import readout_answer
from reports.dashboard.trend import TrendPick
from reports.dashboard.trial_data import trial_data
from reports.dashboard.trial_page import TrialPage
from reports.presentation.language import translator
from reports.queries.freshness import freshness
from reports.queries.health import health
from reports.queries.readout import readout
from reports.trial_report.content import gather
from reports.trial_report.page import document
from runtime.clickhouse import ClickHouse
from schemas.lines import StoredEvent
from tests.support.readout_harness import told
from tests.support.reports_harness import DAY, START, World, cells_of, made_up

pytestmark = pytest.mark.clickhouse

THEN = START + 20 * DAY + 3_600_000
PICK = TrendPick(metric="events", by=None, range="trial", step="day", compare=False)
ORDERS = {"order.paid", "order.refunded"}


def world_of(clickhouse: ClickHouse, events: list[StoredEvent]) -> World:
    world = World(clickhouse, now_ms=THEN)
    world.store(events)
    world.live(cells_of(events))
    return world


def page_of(world: World) -> dict[str, Any]:
    return TrialPage(trial_data(world.context(), "neuro", PICK), translator("en"), "").values()


def figures(page: dict[str, Any]) -> dict[str, list[str]]:
    """Return by metric what the page's table has in each arm, and of all."""
    rows = [row for _, _, block in page["figures"]["blocks"] for row in block]
    return {row["id"]: [cell["value"] for cell in (*row["arms"], row["whole"])] for row in rows}


def api_of(world: World) -> dict[str, Any]:
    context = world.context()
    found = readout(context, "neuro")
    fresh = freshness(context, "neuro", found.interval)
    answer = readout_answer("neuro", found, health(context, "neuro", fresh, found), fresh)
    return {one.metric: {arm.arm: arm for arm in one.arms} for one in answer.metrics}


def test_what_is_counted_is_one_number_on_page_report_and_api(clickhouse: ClickHouse) -> None:
    world = world_of(clickhouse, made_up(1500, days=20))

    page, api, report = page_of(world), api_of(world), gather(world.context(), "neuro", max_event_age_days=30)

    table = figures(page)
    for metric in ("orders", "completions", "events"):
        totals = [api[metric][arm].total for arm in ("baseline", "pilot")]
        assert table[metric] == [f"{n:,}" for n in (*totals, report.whole[metric].value)]
        assert (sum(totals), sum(totals) > 0) == (report.whole[metric].value, True)
    revenue = [api["revenue_fen"][arm].total for arm in ("baseline", "pilot")]
    assert table["revenue_fen"] == [money(fen) for fen in (*revenue, sum(revenue))]
    assert report.whole["revenue_fen"].value == sum(revenue)
    panel = {row["name"]: row for _, block in page["money"]["blocks"] for row in block}
    assert [panel[name]["revenue"]["value"] for name in ("Baseline", "Pilot", "All")] == table["revenue_fen"]
    assert [panel[name]["orders"]["value"] for name in ("Baseline", "Pilot", "All")] == table["orders"]


def money(fen: int) -> str:
    return f"{'−' if fen < 0 else ''}¥{abs(fen) / 100:,.2f}"


def test_people_are_exact_in_report_and_api_and_marked_as_estimated_on_the_page(clickhouse: ClickHouse) -> None:
    events = made_up(1500, days=20)
    world = world_of(clickhouse, events)

    report, api, page = gather(world.context(), "neuro", max_event_age_days=30), api_of(world), page_of(world)

    people = len({one.subject for one in events} - {""})
    assert report.whole["subjects"].value == people
    by_arm = {arm: len({one.subject for one in events if one.arm == arm} - {""}) for arm in ("baseline", "pilot")}
    assert {arm: row.total for arm, row in api["subjects"].items()} == by_arm
    rows = {row["id"]: row for _, _, block in page["figures"]["blocks"] for row in block}
    assert rows["subjects"]["whole"]["note"] == "estimated"
    estimated = int(rows["subjects"]["whole"]["value"].replace(",", ""))
    assert estimated == pytest.approx(people, rel=0.1)


def test_units_are_one_number_in_readout_report_and_health(clickhouse: ClickHouse) -> None:
    world = world_of(clickhouse, made_up(1500, days=20))

    context = world.context()
    found, report = readout(context, "neuro"), gather(world.context(), "neuro", max_event_age_days=30)

    units = found.units.by_arm(found.units.counted)
    assert sum(units.values()) > 50
    assert {row.arm: row.units for row in found.rows if row.metric == "events"} == units
    assert report.readout.balance.seen == found.balance.seen == units
    (line,) = [line for line in health(context, "neuro") if line.check == "units"]
    assert str(sum(units.values())) in re.sub("[, ]", "", told(line))


def test_revenue_that_nobody_tells_is_a_dash_everywhere_and_null_for_programs(clickhouse: ClickHouse) -> None:
    world = world_of(clickhouse, [one for one in made_up(1500, days=20) if one.kind not in ORDERS])

    page, api = page_of(world), api_of(world)
    report = gather(world.context(), "neuro", max_event_age_days=30)

    for arm in ("baseline", "pilot"):
        row = api["revenue_fen"][arm]
        assert (row.estimate, row.total) == (None, None)
    assert report.whole["revenue_fen"].untold
    assert page["money"]["blocks"] == []
    assert "¥0.00" not in repr(page)
    assert "¥0.00" not in repr(document(report, "en"))


def test_one_arm_without_orders_where_the_other_has_some_sold_nothing(clickhouse: ClickHouse) -> None:
    events = [one for one in made_up(1500, days=20) if one.arm == "pilot" or one.kind not in ORDERS]
    world = world_of(clickhouse, events)

    api = api_of(world)

    assert (api["revenue_fen"]["baseline"].estimate, api["revenue_fen"]["baseline"].total) == (0, 0)
    assert api["revenue_fen"]["pilot"].total != 0
