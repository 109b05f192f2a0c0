"""What an operator is told of the road: the figures on a real store, and who may read them."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from litestar.testing import TestClient

from avenue.serve.application import http_application
from reports.access.road_sources import BrokerReading, GroupPosition
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import ReportSettings, Settings
from tests.support.reports_harness import DAY, HOUR, KEYS, NOW, World, event
from tests.support.stated_road import WELL, StatedSources

pytestmark = pytest.mark.clickhouse

Client = TestClient[Any]
OPERATOR = {"authorization": f"Bearer {KEYS['operator']}"}
PATH = "/v1/ops/road"


@pytest.fixture
def world(clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> World:
    # A gap is looked at again for a while, in case rows came in between; here none come.
    monkeypatch.setattr("sinks.reconciliation.reconcile.GAP_STANDS_S", 0.01)
    return World(clickhouse)


@pytest.fixture
def sources(world: World) -> StatedSources:
    return StatedSources(world.clickhouse, NOW)


@pytest.fixture
def client(world: World, sources: StatedSources, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    # Each question looks anew, however much of the time that takes.
    monkeypatch.setattr("reports.access.operator_look.SHARE", 1e9)
    settings = Settings(report=ReportSettings(ops_every_s=0.001))
    service = ReadService(world.clickhouse, lambda: world.directory, settings, ManualClock(NOW), road_sources=sources)
    app = http_application(settings, service.directory, read_service=service)
    with TestClient(app, raise_server_exceptions=False) as made:
        yield made
    service.close()


def request(number: int, ago_ms: int, account: str = "sunmi-main", **counts: Any) -> dict[str, Any]:
    at = {"received_ms": NOW - ago_ms, "answered_ms": NOW - ago_ms + 10}
    base = {"account_id": account, "platform": "sunmi", "flow": "events", "status": 200}
    return {"delivery_id": f"d-{account}-{number}", **base, **at, **counts}


def a_day(world: World) -> None:
    """Store two products' events, and the requests of a busy account, a silent one and one that is limited."""
    minute = 60_000
    lately = [event(n, occurred_ms=NOW - n * minute, received_ms=NOW - n * minute) for n in range(1, 5)]
    before = [event(n, occurred_ms=NOW - HOUR, received_ms=NOW - HOUR, product_id="emg-arm") for n in range(90, 92)]
    world.store([*lately, *before])
    five: dict[str, Any] = {"received": 5, "accepted": 2, "duplicate": 1, "rejected": 2}
    world.insert(
        "delivery_lines",
        [
            request(1, minute, **five),
            request(2, 30 * minute, **five),
            request(3, 2 * HOUR, **five),
            request(4, minute, status=429, requests=7),
            *(request(n, DAY + minute * n, "douyin-main", received=1, accepted=1) for n in range(1, 12)),
            request(5, minute, flow="test", received=1, accepted=1),
        ],
    )
    world.insert(
        "sink_sources",
        [{"topic": "pilot-deliveries.v1", "epoch": 1, "partition": 0, "next_offset": 9, "watermark_ms": NOW, "read_to_end_ms": NOW}],
    )  # fmt: skip
    world.mark_complete(NOW - 2_000)


def road(client: Client) -> dict[str, Any]:
    answer = client.get(PATH, headers=OPERATOR)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def hops(found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {hop["hop"]: (hop["condition"], hop["cause"]) for hop in found["hops"]}


def page(client: Client, lang: str = "en") -> str:
    client.post("/sign-in", data={"key": KEYS["operator"]})
    return " ".join(re.sub(r"<[^>]+>", " ", client.get(f"/ops?lang={lang}").text).split())


def test_accounts_and_products_have_the_figures_of_the_store(world: World, client: Client) -> None:
    a_day(world)

    found = road(client)

    accounts = {one.pop("account"): one for one in found["accounts"]}
    assert set(accounts) == {"sunmi-main", "douyin-main"}
    told = {name: accounts["sunmi-main"][name] for name in ("received", "accepted", "duplicate", "rejected")}
    assert told == {"received": 10, "accepted": 4, "duplicate": 2, "rejected": 4}
    assert [accounts["sunmi-main"][name] for name in ("limited_requests", "failed_requests", "silent", "mode")] == [
        7, 0, False, "accept",
    ]  # fmt: skip
    assert datetime.fromisoformat(accounts["sunmi-main"]["last_at"]).timestamp() * 1000 == NOW - 60_000
    assert (accounts["douyin-main"]["silent"], accounts["douyin-main"]["received"]) == (True, 0)
    assert [(one["product"], one["events_per_min"]) for one in found["products"]] == [
        ("emg-arm", 0.0),
        ("neuro-band", 0.8),
    ]
    assert [one["last_at"] is None for one in found["products"]] == [False, False]
    gateway = found["hops"][0]
    assert (gateway["rate_per_min"], gateway["rate_of"], gateway["errors"]) == (1.2, "events", 0)


def test_a_worker_that_stands_still_is_the_first_broken_and_what_to_do_is_beside_it(
    world: World, client: Client, sources: StatedSources
) -> None:
    a_day(world)
    assert road(client)["first_broken"] is None
    held = GroupPosition(members=0, committed=7, lag_records=41, oldest_ms=NOW - 90_000)
    sources.said = BrokerReading(60.0, 0, held, WELL)

    found = road(client)

    assert (found["ok"], found["first_broken"]) == (False, "worker")
    worker = found["hops"][2]
    assert (worker["lag_records"], worker["lag_s"], worker["readers"]) == (41, 90.0, 0)
    assert worker["next_step"] == {"command": "avenue doctor", "runbook": "RoleMissing"}
    text = page(client)
    assert "Worker: nobody reads" in text
    assert "avenue doctor" in text
    assert "41" in text
    assert "没有进程在读取" in page(client, "zh")


def test_sums_that_do_not_close_stand_above_all_else(world: World, client: Client) -> None:
    a_day(world)
    world.insert("delivery_lines", [request(9, 3 * HOUR, received=6, accepted=2)])

    found = road(client)

    assert (found["ok"], found["sums"]["closed"]) == (False, False)
    totals = {one["sum"]: (one["left"], one["right"], one["closed"]) for one in found["sums"]["sums"]}
    assert list(totals) == ["received", "published", "counted", "stored", "kept"]
    assert totals["received"] == (33, 29, False)
    assert {"sum": "received", "account": "sunmi-main", "source": "", "left": 22, "right": 18, "gap": 4} in found[
        "sums"
    ]["open"]
    assert found["sums"]["next_step"]["runbook"] == "ConservationGap"
    text = page(client)
    assert 0 < text.index("A conservation sum does not close") < text.index("Gateway")


def test_a_broker_that_cannot_be_asked_is_said_and_fails_nothing(
    world: World, client: Client, sources: StatedSources
) -> None:
    a_day(world)
    sources.said = None

    found = road(client)

    assert found["hops"][1] | {"next_step": None} == {
        "hop": "kafka", "condition": "away", "cause": "no_answer", "detail": "nobody listens in epoch 1",
        "rate_per_min": None, "rate_of": "records", "lag_records": None, "lag_s": None, "oldest_at": None,
        "readers": None, "errors": None, "next_step": None,
    }  # fmt: skip
    assert hops(found)["gateway"] == ("flows", "")
    assert "nobody listens in epoch 1" in page(client)


def test_a_store_that_cannot_be_asked_is_said_and_fails_nothing(world: World, client: Client) -> None:
    a_day(world)
    world.clickhouse.writer().command("RENAME TABLE pilot_deliveries TO hidden_deliveries")
    try:
        answer = client.get(PATH, headers=OPERATOR)
    finally:
        world.clickhouse.writer().command("RENAME TABLE hidden_deliveries TO pilot_deliveries")

    found = answer.json()
    assert (answer.status_code, found["first_broken"], found["accounts"]) == (200, "clickhouse", [])
    assert found["store_why"] != ""
    assert hops(found)["worker"] == ("flows", "")


def test_the_road_is_looked_up_once_for_all_who_look(world: World, sources: StatedSources) -> None:
    a_day(world)
    service = ReadService(world.clickhouse, lambda: world.directory, Settings(), ManualClock(NOW), road_sources=sources)
    app = http_application(Settings(), service.directory, read_service=service)
    with TestClient(app) as client:
        texts = {str(road(client)) for _ in range(3)}
        shown = page(client)
    service.close()

    assert (len(texts), sources.asked) == (1, 1)
    assert "Every hop flows" in shown or "A conservation sum does not close" in shown


@pytest.mark.parametrize("scope", ["startup:calmwave", "programme", "account:sunmi-main", ""])
def test_nobody_but_an_operator_reads_it(world: World, client: Client, sources: StatedSources, scope: str) -> None:
    headers = {"authorization": f"Bearer {KEYS[scope]}"} if scope else {}

    said = client.get(PATH, headers=headers)
    if scope:
        client.post("/sign-in", data={"key": KEYS[scope]})
    shown = client.get("/ops", headers={"accept": "text/html"}, follow_redirects=False)

    assert said.status_code == (403 if scope else 401)
    assert shown.status_code == (404 if scope else 303)
    assert sources.asked == 0
    assert 'href="/ops"' not in shown.text


def test_an_operators_pages_lead_to_it(client: Client) -> None:
    client.post("/sign-in", data={"key": KEYS["operator"]})

    assert 'href="/ops"' in client.get("/trials").text
