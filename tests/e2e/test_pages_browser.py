"""The pages in a real browser: sign-in, language, chart, live counter, keyboard; nothing leaves this machine.

`AVENUE_TEST_SCREENSHOTS=1` renews the pictures of the documentation.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from litestar.routes import HTTPRoute
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

from avenue.serve.application import http_application, litestar_application
from reports.access.road_sources import BrokerReading, GroupPosition
from reports.dashboard.build import WEB
from runtime.clickhouse import ClickHouse
from schemas.registry import NotificationChannel
from sinks.clickhouse.migrate import migrate
from tests.conftest import missing_service
from tests.support.clickhouse_fixtures import clickhouse_settings
from tests.support.dashboard_harness import EMG, KEYS, NEURO, NOW, Street, serving, wake_threads
from tests.support.paths import DOCS
from tests.support.reports_harness import DAY
from tests.support.stated_road import WELL, StatedSources
from tests.support.stored_pushes import push_beside

pytestmark = [pytest.mark.browser, pytest.mark.clickhouse]

PICTURES = DOCS / "images"
INSTALL = "no Chromium: apt-get install -y chromium fonts-noto-cjk"
# Nothing of Chromium's own may call home either.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DRAWN = "[data-drawn]"
# A page may take seconds where several suites share two cores; what is awaited is polled for.
PATIENCE_MS = 30_000
# A trial's page has some ninety places where the keyboard stops.
STOPS = 200


@dataclass
class Visit:
    """One person's browser, and everything that went wrong in it."""

    context: BrowserContext
    address: str
    problems: list[str] = field(default_factory=list)

    def open(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("request", self._request)
        page.set_default_timeout(PATIENCE_MS)
        return page

    def signed_in(self, path: str, scope: str = "startup:calmwave") -> Page:
        page = self.open()
        page.goto(f"{self.address}/sign-in?next={quote(path)}#key={KEYS[scope]}")
        page.wait_for_url(f"{self.address}{path}")
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.problems.append(f"left this machine: {request.url}")


MakeVisit = Callable[..., Visit]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Debian's Chromium, driven by Playwright."""
    chromium = shutil.which("chromium")
    if chromium is None:
        missing_service(INSTALL)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=FLAGS, headless=True)
        yield started
        started.close()


@pytest.fixture(scope="module")
def street(browser: Browser, clickhouse_folder: Path | None, _store_stays_open: None) -> Iterator[Street]:
    """Return a street of three weeks of life, whose first trial has a verdict, in a database of its own."""
    yield from _street(clickhouse_folder, seeded=True)


@pytest.fixture
def empty_street(browser: Browser, clickhouse_folder: Path | None, _store_stays_open: None) -> Iterator[Street]:
    """Return a street on which nothing has happened yet."""
    yield from _street(clickhouse_folder, seeded=False)


def _street(folder: Path | None, *, seeded: bool) -> Iterator[Street]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    store = ClickHouse(clickhouse_settings(name), path=folder)
    migrate(store)
    found = Street(store, seeded=seeded, speaking=seeded)
    wake_threads(found.reading)
    yield found
    found.reading.close()
    store.writer().command(f"DROP DATABASE IF EXISTS {name}")
    store.close()


def application(street: Street) -> Any:
    return http_application(street.reading.settings, street.reading.directory, read_service=street.reading)


@pytest.fixture(scope="module")
def address(street: Street) -> Iterator[str]:
    """Return where the street's pages are served."""
    with serving(application(street)) as found:
        yield found


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[MakeVisit]:
    """Return `visit(**context options)`; afterwards nothing may have gone wrong or left this machine."""
    made: list[Visit] = []

    def make(**options: Any) -> Visit:
        wide: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "locale": "zh-CN"}
        made.append(Visit(browser.new_context(**(wide | options)), address))
        return made[-1]

    yield make
    for one in made:
        one.context.close()
    assert [problem for one in made for problem in one.problems] == []


def picture(of: Page | Locator, name: str) -> None:
    """Renew a picture of the documentation, where that is asked for."""
    if os.environ.get("AVENUE_TEST_SCREENSHOTS") == "1":
        PICTURES.mkdir(parents=True, exist_ok=True)
        # Given a path, Playwright writes from threads of its loop, and they stay until the browser's driver ends.
        (PICTURES / f"{name}.png").write_bytes(of.screenshot())


def test_a_sign_in_link_opens_the_trial_and_leaves_no_key_behind(visit: MakeVisit) -> None:
    mine = visit()

    page = mine.signed_in(f"/trials/{NEURO}")

    expect(page.get_by_role("heading", level=1)).to_have_text("专注力头环")
    assert page.evaluate("document.cookie") == ""
    assert KEYS["startup:calmwave"] not in page.url
    page.go_back()
    assert KEYS["startup:calmwave"] not in page.url


def test_a_pasted_key_signs_in_and_a_wrong_one_says_why(visit: MakeVisit) -> None:
    page = (mine := visit(locale="en-GB")).open()
    page.goto(f"{mine.address}/sign-in")

    page.get_by_label("Access key").fill("nonsense")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("unknown, expired or revoked")
    # Chromium notes every answer of 401, wanted or not.
    mine.problems.clear()

    page.get_by_label("Access key").fill(KEYS["startup:limbus"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="EMG coffee arm")).to_be_visible()


def test_one_click_changes_the_language_and_keeps_what_was_picked(visit: MakeVisit) -> None:
    page = visit().signed_in(f"/trials/{NEURO}")
    page.locator("[name=metric]").select_option("orders")
    expect(page.locator("#trend-title")).to_contain_text("订单数")

    page.get_by_role("link", name="English").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Focus headband")
    expect(page.locator("#trend-title")).to_contain_text("Orders")
    page.goto(page.url.split("?", maxsplit=1)[0])
    expect(page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_chart_is_drawn_for_each_arm(visit: MakeVisit, scheme: str) -> None:
    page = visit(color_scheme=scheme).signed_in(f"/trials/{NEURO}")

    expect(page.locator(DRAWN)).to_have_attribute("data-drawn", "2")

    assert _colours(page) > 8
    # Twenty days are over, and from the fourteenth on there is an interval, as wide as a line that is seen.
    intervals = page.locator("#course .plot-field .span")
    expect(intervals).to_have_count(7)
    assert all((box := line.bounding_box()) and box["height"] > 5 for line in intervals.all())
    expect(page.locator("#course .marks li")).to_have_count(2)
    expect(page.locator(".placebo .splits rect").first).to_be_visible()
    assert "折线图" in (page.locator(DRAWN).get_attribute("aria-label") or "")


def _colours(page: Page) -> int:
    """Return how many different colours the chart's canvas shows: an empty one has one."""
    script = """canvas => {
      const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      const seen = new Set();
      for (let i = 0; i < data.length; i += 4) seen.add(data.slice(i, i + 4).join());
      return seen.size;
    }"""
    return int(page.locator(f"{DRAWN} canvas").first.evaluate(script))


def test_earlier_weeks_are_drawn_as_a_line_and_a_band_and_named_in_the_tooltip(visit: MakeVisit) -> None:
    page = visit(locale="en-GB").signed_in(f"/trials/{NEURO}?metric=events&by=none&range=7d&step=day&compare=1")
    expect(page.locator(DRAWN)).to_have_attribute("data-drawn", "1")

    page.locator(DRAWN).hover(position={"x": 500, "y": 150})

    expect(page.locator(".tip")).to_contain_text("1 week before")
    expect(page.locator(".tip")).to_contain_text("range of 2 earlier weeks")


def test_another_pick_fetches_the_trend_alone_and_keeps_the_focus(visit: MakeVisit) -> None:
    page = visit(locale="en-GB").signed_in(f"/trials/{NEURO}")
    expect(page.locator(DRAWN)).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    split = page.get_by_label("Split by")
    split.focus()
    split.select_option("platform")
    expect(page.locator("#trend .trend-table th").nth(1)).to_have_text("Sunmi")

    assert [url for url in asked if f"/trials/{NEURO}" in url and "/trend?" not in url] == []
    expect(split).to_be_focused()
    assert "by=platform" in page.url


def test_the_tooltip_tells_value_and_n(visit: MakeVisit) -> None:
    page = visit(locale="en-GB").signed_in(f"/trials/{NEURO}")
    expect(page.locator(DRAWN)).to_be_visible()

    page.locator(DRAWN).hover(position={"x": 500, "y": 150})

    expect(page.locator(".tip")).to_contain_text("Pilot")
    expect(page.locator(".tip")).to_contain_text("n ")


def test_the_live_counter_moves_when_an_event_lands(visit: MakeVisit, street: Street) -> None:
    page = visit().signed_in(f"/trials/{EMG}", "startup:limbus")
    expect(page.locator("[data-live-status]")).to_have_text("实时")
    before = int(page.locator("[data-live-events]").inner_text())

    street.happen(street.life.event("p-061-meituan", "interaction", NOW - 30_000, subject="a" * 32))

    expect(page.locator("[data-live-events]")).to_have_text(str(before + 1))
    expect(page.locator("[data-live-kinds]")).to_contain_text("互动 1")


def test_a_waiting_trial_lights_up_when_its_first_event_lands(browser: Browser, empty_street: Street) -> None:
    with serving(application(empty_street)) as address, closing(browser.new_context(locale="en-GB")) as context:
        mine = Visit(context, address)
        page = mine.signed_in(f"/trials/{NEURO}")
        expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
        expect(page.locator("[data-live-status]")).to_have_text("Live")
        picture(page, "waiting-en")

        empty_street.happen(empty_street.life.event("p-017", "interaction", NOW - 5000, subject="b" * 32))

        expect(page.get_by_role("heading", name="Readout")).to_be_visible()
    assert mine.problems == []


def test_the_page_can_be_walked_by_keyboard(visit: MakeVisit) -> None:
    page = visit(locale="en-GB").signed_in(f"/trials/{NEURO}")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

    seen = _walk(page)
    assert {"Trials", "metric", "by", "range", "step", "compare", "The same numbers as a table", "PDF"} <= seen


def _walk(page: Page) -> set[str]:
    """Return what takes the focus by presses of Tab until the page is over: field names and texts; each must show it."""
    seen: set[str] = set()
    for _ in range(STOPS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            return seen
        seen.add(
            page.evaluate("document.activeElement.getAttribute('name') ?? document.activeElement.textContent.trim()")
        )
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", f"no visible focus on {page.evaluate('document.activeElement.outerHTML')[:200]}"
    raise AssertionError(f"more than {STOPS} stops, or the focus goes round in circles")


@pytest.mark.parametrize(
    "path", [f"/trials/{NEURO}", "/trials", "/avenue", "/docs/rejects", "/docs/metrics", "/docs/partners/douyin"]
)
def test_a_phone_scrolls_down_only(visit: MakeVisit, path: str) -> None:
    page = visit(viewport={"width": 360, "height": 780}).signed_in(path)

    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """async only => {
  const found = await axe.run(document, only.length ? {runOnly: only} : {});
  return found.violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.target} ${node.failureSummary.replace(/\\s+/g, " ")}`));
}"""
# What no browser opens as a page of its own: programs' paths, files, and what goes on to elsewhere by itself.
NO_PAGES = (
    "/v1/",
    "/static/",
    "/internal/",
    "/openapi.json",
    "/in/",
    "/s/{token}/live",
    "/docs/partners/event.v1.schema.json",
)
PARTS = ("/trend",)


def page_paths(street: Street, token: str) -> list[str]:
    """Return the address of every page that the application has, and of one that it has not."""
    served = litestar_application(street.reading.settings, street.reading.directory, read_service=street.reading)
    templates = {
        route.path_format
        for route in served.routes
        if isinstance(route, HTTPRoute) and "GET" in route.route_handler_map
    }
    pages = sorted(t for t in templates - {"/"} if not t.startswith(NO_PAGES) and not t.endswith(PARTS))
    given = {"{trial_id}": NEURO, "{token}": token, "{name}": "douyin"}
    return [*(reduce(lambda path, name: path.replace(name, given[name]), given, page) for page in pages), "/nowhere"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_axe_finds_nothing_on_any_page_light_or_dark(visit: MakeVisit, street: Street, language: str) -> None:
    now_ms = street.clock.now_ms()
    share = street.reading.access.make_share(NEURO, "k-startup-calmwave", now_ms=now_ms, until_ms=now_ms + DAY)
    before = street.directory
    channel = NotificationChannel(id="c-1", startup="calmwave", address="env:NOT_THERE")
    assert before.registry is not None
    street.directory = replace(before, registry=before.registry.model_copy(update={"channels": [channel]}))
    mine = visit()
    page = mine.signed_in("/trials")
    paths = page_paths(street, share.token)

    found = {path: _axe(page, f"{mine.address}{path}?lang={language}") for path in paths}

    street.directory = before
    street.reading.access.end_share(share.entry.id)
    # Chromium notes the answer of 404, wanted here.
    mine.problems = [problem for problem in mine.problems if "404" not in problem]
    assert len(paths) >= 9
    faults = [f"{path} {fault}" for path, faults in found.items() for fault in faults]
    assert not faults, "\n".join(faults)


ACCOUNT = "sunmi-main"


@pytest.fixture(scope="module")
def account_pages(street: Street) -> list[str]:
    """Return the addresses of an account's pages, when it has sent what was taken, what was not, and one id twice."""
    at_ms = street.clock.now_ms()

    def sent(event_id: str, ago_s: int = 10, **change: Any) -> dict[str, Any]:
        at = datetime.fromtimestamp(at_ms / 1000 - ago_s, UTC).isoformat()
        return {"event_id": event_id, "kind": "exposure", "occurred_at": at, "placement_id": "p-017", **change}

    store = street.reading.clickhouse
    batch = [
        sent("e-1"),
        sent("e-1"),
        sent("e-2", placement_id="p-nowhere"),
        sent("e-3", attributes={"phone": "13912345678"}),
    ]
    (delivery,) = push_beside(store, street.directory, ACCOUNT, [batch], now_ms=at_ms)
    push_beside(store, street.directory, ACCOUNT, [[sent("e-1", ago_s=4000)]], now_ms=at_ms)
    return ["/account", "/account/calls", f"/account/deliveries/{delivery}", "/account/rejects"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_axe_finds_nothing_on_an_accounts_pages_and_a_phone_scrolls_down_only(
    visit: MakeVisit, account_pages: list[str], language: str
) -> None:
    mine = visit(viewport={"width": 390, "height": 844}, locale="zh-CN" if language == "zh" else "en-GB")
    page = mine.signed_in("/account", f"account:{ACCOUNT}")
    faults: list[str] = []

    for path in account_pages:
        faults += [f"{path} {fault}" for fault in _axe(page, f"{mine.address}{path}?lang={language}")]
        faults += [f"{path} scrolls sideways"] * (
            page.evaluate("document.documentElement.scrollWidth - innerWidth") > 0
        )
        expect(page.locator("main .card, main .entry").first).to_be_visible()

    page.goto(f"{mine.address}/account")
    button = page.get_by_role("button", name="发送测试事件" if language == "zh" else "Send a test event")
    button.focus()
    page.keyboard.press("Enter")
    # No gateway is beside these pages, and they say so.
    expect(page.get_by_role("status")).to_contain_text("网关" if language == "zh" else "no gateway")
    page.evaluate(AXE.read_text())
    faults += page.evaluate(RUN_AXE, [])
    assert not faults, "\n".join(faults)


@pytest.fixture
def broken_road(street: Street, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the same pages beside a road whose worker nobody is, whose Kafka is at fault and whose sums are open."""
    monkeypatch.setattr("sinks.reconciliation.reconcile.GAP_STANDS_S", 0.01)
    now_ms = street.clock.now_ms()
    nobody = GroupPosition(members=0, committed=7, lag_records=4_123, oldest_ms=now_ms - 90_000)
    sources = StatedSources(street.reading.clickhouse, now_ms, BrokerReading(60.0, 1, nobody, WELL))
    reading = replace(street.reading, road_sources=sources)
    with serving(http_application(reading.settings, reading.directory, read_service=reading)) as found:
        yield found
    reading.close()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_axe_finds_nothing_on_the_operators_page_and_it_tells_first_what_stands_still(
    visit: MakeVisit, broken_road: str, language: str
) -> None:
    mine = visit(viewport={"width": 390, "height": 844})
    mine.address = broken_road
    page = mine.signed_in("/ops", "operator")

    faults = _axe(page, f"{mine.address}/ops?lang={language}")

    assert not faults, "\n".join(faults)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    said = page.get_by_role("status").locator("p")
    expect(said).to_have_count(2)
    expect(said.nth(0)).to_contain_text("avenue reconcile")
    expect(said.nth(1)).to_contain_text("没有进程在读取" if language == "zh" else "nobody reads")
    assert page.locator(".road .hop-bad").count() == 1
    expect(page.locator(".road .hop").nth(2)).to_contain_text("4,123")
    assert page.evaluate(STRUCTURE) == []


def _axe(page: Page, address: str) -> list[str]:
    """Return what axe finds at *address*: by every rule in the light, and by those of colours in the dark."""
    page.emulate_media(color_scheme="light")
    page.goto(address)
    # What is folded up is looked at, too.
    page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true; })")
    page.evaluate(AXE.read_text())
    light = page.evaluate(RUN_AXE, [])
    page.emulate_media(color_scheme="dark")
    return [*light, *(f"dark {fault}" for fault in page.evaluate(RUN_AXE, ["color-contrast"]))]


STRUCTURE = """() => [
  ...[...document.querySelectorAll("select, input:not([type=hidden]):not([hidden])")].filter(e => !e.labels?.length).map(e => e.name),
  ...[...document.querySelectorAll("section, nav")].filter(e => !e.hasAttribute("aria-label") && !e.hasAttribute("aria-labelledby")).map(e => e.outerHTML.slice(0, 80)),
  ...[...document.querySelectorAll("[aria-labelledby]")].filter(e => !document.getElementById(e.getAttribute("aria-labelledby"))).map(e => e.outerHTML.slice(0, 80)),
  ...[...document.querySelectorAll("a, button")].filter(e => !e.hidden && !(e.textContent.trim() || e.getAttribute("aria-label"))).map(e => e.outerHTML.slice(0, 80)),
  ...[...document.querySelectorAll("[id]")].map(e => e.id).filter((id, n, all) => all.indexOf(id) !== n),
]"""


@pytest.mark.parametrize(
    "path", [f"/trials/{NEURO}", "/trials", "/avenue", "/docs/rejects", "/docs/metrics", "/sign-in"]
)
def test_everything_has_a_name_and_a_place_in_the_page(visit: MakeVisit, path: str) -> None:
    page = visit().signed_in(path)

    assert page.evaluate(STRUCTURE) == []
    for landmark in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_paper_shows_the_numbers_and_no_controls(visit: MakeVisit) -> None:
    page = visit(locale="en-GB").signed_in(f"/trials/{NEURO}")

    page.emulate_media(media="print")

    expect(page.get_by_role("heading", name="Readout")).to_be_visible()
    expect(page.locator(".picks")).to_be_hidden()
    expect(page.locator("header.top")).to_be_hidden()


def test_the_api_is_tried_on_ones_own_trial_by_whoever_is_signed_in(visit: MakeVisit) -> None:
    page = visit().signed_in("/docs/api")
    metrics = page.locator("#operations-reading-trialMetrics")

    expect(metrics.locator(".opblock-summary-description")).to_have_text("随时间变化的指标")
    metrics.locator(".opblock-summary-control").click()
    metrics.get_by_role("button", name="试一试").click()
    trial = metrics.get_by_label("trial_id", exact=True)
    assert [text for text in trial.locator("option").all_inner_texts() if text != "--"] == [NEURO]
    trial.select_option(NEURO)
    metrics.get_by_role("button", name="执行").click()

    answered = metrics.locator(".live-responses-table .response")
    expect(answered.locator(".response-col_status")).to_contain_text("200")
    expect(answered.locator(".microlight, pre").first).to_contain_text("success_rate")
    # What writes is described, and cannot be tried.
    page.locator("#operations-reading-makeShare .opblock-summary-control").click()
    expect(page.locator("#operations-reading-makeShare .opblock-body")).to_be_visible()
    expect(page.get_by_role("button", name="试一试")).to_have_count(0)
    page.evaluate(AXE.read_text())
    assert page.evaluate(RUN_AXE, []) == []


TALL = {"viewport": {"width": 1280, "height": 1160}}


@pytest.mark.parametrize(
    ("name", "path", "scope", "options"),
    [
        ("trial-zh", f"/trials/{NEURO}", "startup:calmwave", TALL),
        ("trial-en", f"/trials/{NEURO}", "startup:calmwave", TALL | {"locale": "en-GB"}),
        ("trial-zh-dark", f"/trials/{NEURO}", "startup:calmwave", TALL | {"color_scheme": "dark"}),
        (
            "trial-en-phone",
            f"/trials/{NEURO}",
            "startup:calmwave",
            {"locale": "en-GB", "viewport": {"width": 390, "height": 844}},
        ),
        ("avenue-zh", "/avenue", "startup:limbus", {}),
        ("avenue-en", "/avenue", "startup:limbus", {"locale": "en-GB"}),
        ("trials-en", "/trials", "programme", {"locale": "en-GB"}),
    ],
)
def test_the_documentation_has_its_pictures(
    visit: MakeVisit, name: str, path: str, scope: str, options: dict[str, Any]
) -> None:
    page = visit(**options).signed_in(path, scope)
    if path.startswith("/trials/"):
        expect(page.locator(DRAWN)).to_be_visible()

    picture(page, name)

    assert page.title()


@pytest.mark.parametrize(("language", "scheme"), [("zh", "light"), ("en", "dark")])
def test_the_documentation_has_its_trends(visit: MakeVisit, language: str, scheme: str) -> None:
    page = visit(color_scheme=scheme).signed_in(f"/trials/{NEURO}?metric=events&by=platform&lang={language}")

    expect(page.locator(DRAWN)).to_be_visible()

    picture(page.locator("#trend"), f"trend-{language}")
    assert page.title()
