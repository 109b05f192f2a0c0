"""What was tried out is in no trial's numbers: every answer of the read side is the same with it and without it."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from avenue.serve.application import litestar_application
from registry.directory import Directory
from reports.api.responses import readout_answer
from reports.dashboard.trend import TrendPick
from reports.dashboard.trial_data import trial_data
from reports.dashboard.trial_page import TrialPage
from reports.presentation.language import translator
from reports.queries.avenue_map import avenue_map
from reports.queries.freshness import freshness
from reports.queries.health import health
from reports.queries.readout import readout
from reports.scope import Reader
from reports.service import ReadService
from reports.trial_report.content import gather
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import Settings
from schemas.event import SANDBOX_PREFIX
from schemas.lines import StoredEvent
from schemas.registry import Registry
from sinks.settlement.recheck import differences
from tests.support.isolation_street import BROWSER, FORM, text_of
from tests.support.reports_harness import DAY, KEYS, START, World, cells_of, directory, event, made_up

pytestmark = pytest.mark.clickhouse

THEN = START + 3 * DAY
PICK = TrendPick(metric="events", by="placement", range="trial", step="hour", compare=False)


def answers(world: World) -> dict[str, Any]:
    """Return what page, API and report say of the trial, and the street's map."""
    context = world.context()
    found = readout(context, "neuro")
    fresh = freshness(context, "neuro", found.interval)
    report = gather(context, "neuro", max_event_age_days=30)
    return {
        "page": TrialPage(trial_data(context, "neuro", PICK), translator("en"), "").values(),
        "api": msgspec.json.encode(readout_answer("neuro", found, health(context, "neuro", fresh, found), fresh)),
        "whole": {metric: value.value for metric, value in report.whole.items()},
        "map": avenue_map(context, Reader(key_id="k", scope="programme", startup_id=None)),
    }


def marked(event: StoredEvent) -> StoredEvent:
    """Return *event* as the gateway stores it of a sandbox account."""
    names = {name: SANDBOX_PREFIX + getattr(event, name) for name in ("product_id", "trial_id", "placement_id")}
    return msgspec.structs.replace(event, account_id="tried-out", **names)


def with_sandbox(found: Directory) -> Directory:
    """Return *found* with a sandbox account that has a place in the trial and may name its product."""
    assert found.registry is not None
    tree = found.registry.model_dump(by_alias=True)
    place = {**tree["placements"][0], "id": "p-try", "account": "tried-out", "match": {"sn": "TRY"}, "metre": 90}
    account = {"id": "tried-out", "platform": "sunmi", "products": ["neuro-band"], "sandbox": True}
    registry = Registry.model_validate(
        {**tree, "placements": [*tree["placements"], place], "accounts": [*tree["accounts"], account]}
    )
    return Directory(version=2, registry=registry, keys=found.keys, epochs=found.epochs)


def test_no_answer_is_another_where_something_was_tried_out_beside_it(clickhouse: ClickHouse) -> None:
    world = World(clickhouse, now_ms=THEN)
    events = made_up(1200)
    world.store(events)
    world.live(cells_of(events))
    before = answers(world)

    tried = [marked(event) for event in [*events, *made_up(800, seed=2)]]
    world.store(tried)
    world.live(cells_of(tried))
    reject = {"account_id": "tried-out", "platform": "sunmi", "flow": "events", "reason": "invalid_value"}
    world.insert("pilot_rejects", [{**reject, "reject_id": "r", "received_ms": THEN - DAY, "payload": "{}"}])
    raw = with_sandbox(world.directory)
    world.directory = raw.for_readers
    after = answers(world)

    assert before["whole"]["events"] == 1200
    assert after == before
    # The gateway's own directory has the place: pushes find it.
    assert "p-try" in raw.placed
    assert raw.for_readers.accounts["tried-out"].sandbox
    assert directory().for_readers.placed.keys() == directory().placed.keys()


FORMATS = {
    "/v1/trials/{trial_id}/events": ("csv", "ndjson", "parquet"),
    "/v1/trials/{trial_id}/report": ("html", "json", "xlsx"),
}
ENDLESS = ("/live", "/in/{account}/{flow}")
QUESTION = "metric=events&metric=revenue_fen&step=day&by=placement"
TRIED_WORDS = re.compile(r"tried-|sandbox\.(neuro|p-)")
BY_HAND = [
    event(0, kind="exposure", event_id="real-1"),
    event(1, kind="order.paid", event_id="real-2", amount_fen=1990),
    event(2, kind="use.completed", event_id="real-3", outcome="ok", placement_id="p-2", arm="baseline"),
]
TRIED = [
    event(0, kind="exposure", event_id="tried-1"),
    event(1, kind="order.paid", event_id="tried-2", amount_fen=70_000),
    *(event(n, kind="use.completed", event_id=f"tried-{n}", outcome="failed") for n in range(3, 9)),
]


@pytest.fixture
def world(clickhouse: ClickHouse) -> World:
    found = World(clickhouse, now_ms=THEN)
    found.directory = with_sandbox(found.directory).for_readers
    return found


@pytest.fixture
def app(world: World) -> Iterator[Litestar]:
    service = ReadService(
        world.clickhouse, lambda: world.directory, Settings(), ManualClock(THEN), session_secret=b"s" * 32
    )
    yield litestar_application(Settings(), service.directory, read_service=service)
    service.close()


def paths_of(app: Litestar, token: str) -> list[str]:
    """Return every address that can be read of trial, street and share, each in all of its forms."""
    found = []
    for route in app.routes:
        template = route.path_format if isinstance(route, HTTPRoute) and "GET" in route.route_handler_map else ""
        if not template or template.endswith(ENDLESS) or set(re.findall(r"{(\w+)}", template)) - {"trial_id", "token"}:
            continue
        path = template.replace("{trial_id}", "neuro").replace("{token}", token)
        found += [f"{path}?format={name}&{QUESTION}" for name in FORMATS.get(template, ())] or [f"{path}?{QUESTION}"]
    return sorted(found)


def walked(client: TestClient[Any], paths: list[str]) -> dict[str, str]:
    """Return what those addresses say that answer a startup, by key and signed in."""
    by_key = {**BROWSER, "authorization": f"Bearer {KEYS['startup:calmwave']}"}
    answers = {path: client.get(path, headers=by_key if path.startswith("/v1/") else BROWSER) for path in paths}
    return {path: text_of(answer) for path, answer in answers.items() if answer.status_code == 200}


def test_no_route_gives_a_row_that_was_tried_out_and_each_export_has_the_real_ones(world: World, app: Litestar) -> None:
    world.store(BY_HAND)
    world.live(cells_of(BY_HAND))
    own = {"authorization": f"Bearer {KEYS['startup:calmwave']}"}
    with TestClient(app, base_url="http://testserver.local") as client:
        client.post("/sign-in", data={"key": KEYS["startup:calmwave"]}, headers={**BROWSER, **FORM})
        made = client.post(
            "/v1/trials/neuro/shares", json={"days": 7}, headers={"authorization": f"Bearer {KEYS['operator']}"}
        )
        paths = paths_of(app, made.json()["url"].rsplit("/", 1)[1])
        before = walked(client, paths)

        tried = [marked(one) for one in TRIED]
        world.store(tried)
        world.live(cells_of(tried))
        after = walked(client, paths)
        listed = client.get("/v1/trials/neuro/events?format=csv", headers=own).content.decode("utf-8-sig")
        told = client.get(f"/v1/trials/neuro/metrics?{QUESTION}", headers=own).json()

    assert {path.partition("?")[0] for path in after} >= {
        "/v1/avenue", "/v1/products", "/v1/trials", "/v1/trials/neuro", "/v1/trials/neuro/metrics", "/v1/trials/neuro/events",
        "/v1/trials/neuro/readout", "/v1/trials/neuro/report", "/v1/trials/neuro/rejects", "/avenue", "/trials/neuro",
    }  # fmt: skip
    assert any(path.startswith("/s/") for path in after)
    assert [path for path in after if TRIED_WORDS.search(after[path])] == []
    assert [path for path in after if after[path] != before[path]] == []
    assert sorted(row["event_id"] for row in csv.DictReader(io.StringIO(listed))) == ["real-1", "real-2", "real-3"]
    totals = {
        (one["metric"], series["by"]["placement"]): [point[1] for point in series["points"]]
        for one in told["metrics"]
        for series in one["series"]
    }
    assert totals == {("events", "p-1"): [2], ("events", "p-2"): [1], ("revenue_fen", "p-1"): [1990]}
    assert differences(world.clickhouse, "neuro") == []
