"""A number on page, report or API means something, or a word stands in its place; and of one thing there is one number."""

import html
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from avenue.serve.application import http_application
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import Settings
from schemas.lines import StoredEvent
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse_fixtures import clickhouse_settings
from tests.support.dashboard_harness import wake_threads
from tests.support.reports_harness import DAY, HOUR, KEYS, NOW, World, cells_of, directory, event, registry

pytestmark = pytest.mark.clickhouse

READER = {"authorization": f"Bearer {KEYS['startup:calmwave']}", "accept": "text/html, */*;q=0.5"}
EMPTY_NUMBERS = re.compile(
    r"at least 0\b|至少 ?0 |\b0 of 0\b|共 ?0 个中|\babout 0 |约 ?0 |worth finding 0\b|最小差异 ?0\b"
    r"|\bNaN\b|\bnan\b|\binf\b|Infinity|\bNone\b|undefined|[-−]0(\.0+)?(?![.\d])|\d{3,} min\b|\d{3,} 分钟|%\("
)
UNNAMED = {"subject": "", "session_id": ""}
SUNMI: dict[str, Any] = {"placement_id": "p-1", "platform": "sunmi", "account_id": "sunmi-main"}
DOUYIN: dict[str, Any] = {"placement_id": "p-3", "platform": "douyin", "account_id": "douyin-main"}
USES = 8


def sparse_events() -> list[StoredEvent]:
    """Return uses that name nobody at one platform, some of them just now, and orders of one person at another."""
    uses = [
        event(
            n,
            kind="use.completed",
            outcome="ok",
            occurred_ms=NOW - (n + 1) * 60_000 - (n >= 3) * DAY,
            **SUNMI,
            **UNNAMED,
        )
        for n in range(USES)
    ]
    orders = [
        event(100 + n, kind="order.paid", amount_fen=1990, occurred_ms=NOW - 30 * HOUR + n, subject="5" * 32, **DOUYIN)
        for n in range(2)
    ]
    return [*uses, *orders]


@dataclass(frozen=True)
class ToldTrial:
    """What one trial's page, report and API say."""

    client: TestClient[Any]

    def page(self, lang: str = "en", query: str = "") -> str:
        """Return the text of the trial's page."""
        return text_of(self.client.get(f"/trials/neuro?lang={lang}{query}").text)

    def report(self, lang: str = "en") -> str:
        """Return the text of the report."""
        return text_of(self.client.get(f"/v1/trials/neuro/report?format=html&lang={lang}").text)

    def json(self, tail: str) -> Any:
        """Return an answer of the API."""
        answer = self.client.get(f"/v1/trials/neuro{tail}")
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def telling(folder: Path | None, events: list[StoredEvent]) -> Iterator[ToldTrial]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    store = ClickHouse(clickhouse_settings(name), path=folder)
    migrate(store)
    trials = registry().model_dump(by_alias=True)["trials"]
    trials[0] |= {"guardrails": ["refund_rate", "duration_p95"], "smallest_effect": 0.05, "planned_units": 40}
    world = World(store, directory=directory(trials=trials))
    if events:
        world.store(events)
        world.live(cells_of(events))
    world.mark_complete(NOW - 12_000)
    reading = ReadService(store, lambda: world.directory, Settings(), ManualClock(NOW))
    wake_threads(reading)
    with TestClient(http_application(reading.settings, reading.directory, read_service=reading)) as client:
        client.headers.update(READER)
        yield ToldTrial(client)
    reading.close()
    store.writer().command(f"DROP DATABASE IF EXISTS {name}")
    store.close()


@pytest.fixture(scope="module")
def nothing(clickhouse_folder: Path | None, _store_stays_open: None) -> Iterator[ToldTrial]:
    """A trial that runs and of which nothing has come."""
    with telling(clickhouse_folder, []) as found:
        yield found


@pytest.fixture(scope="module")
def sparse(clickhouse_folder: Path | None, _store_stays_open: None) -> Iterator[ToldTrial]:
    """A trial with little and one-sided data."""
    with telling(clickhouse_folder, sparse_events()) as found:
        yield found


def text_of(page: str) -> str:
    """Return what a person reads of *page*; cells of a table stay apart."""
    shown = re.sub(r"<(script|style|option|svg).*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", shown)))


def rows_of(page: str, first: str) -> list[str]:
    """Return what follows *first* wherever it stands, as far as a row may go."""
    return [page[found.end() : found.end() + 120].strip() for found in re.finditer(re.escape(first), page)]


def test_no_number_stands_where_it_means_nothing(nothing: ToldTrial, sparse: ToldTrial) -> None:
    texts = [
        text
        for found in (nothing, sparse)
        for lang in ("en", "zh")
        for text in (found.page(lang), found.report(lang), text_of(found.client.get(f"/trials?lang={lang}").text))
    ]

    assert [len(text) > 150 for text in texts] == [True] * 12
    around = [text[max(0, hit.start() - 40) : hit.end() + 40] for text in texts for hit in EMPTY_NUMBERS.finditer(text)]
    assert around == []


def test_no_arm_lacks_at_least_no_days_and_the_effect_looked_for_is_a_number(
    nothing: ToldTrial, sparse: ToldTrial
) -> None:
    readouts = [nothing.json("/readout"), sparse.json("/readout")]

    rows = [arm for found in readouts for metric in found["metrics"] for arm in metric["arms"]]
    assert len(rows) >= 60
    assert [row for row in rows if row["needed_units"] is not None and row["needed_units"] <= row["units"]] == []
    assert json.dumps(readouts, allow_nan=False)
    assert "smallest difference worth finding 5 points" in sparse.report("en")
    assert "值得发现的最小差异 5 个百分点" in sparse.report("zh")


def test_of_people_whom_no_event_names_a_word_stands_and_no_nought(sparse: ToldTrial) -> None:
    live = sparse.page()
    funnel = rows_of(sparse.report(), "Step Pilot, events Pilot, people")

    assert "3 events – people, estimated" in live
    assert rows_of(sparse.page(), "Sunmi 8")[0].startswith("– named by none, n 8 8 ")
    assert funnel
    assert funnel[0].startswith("Exposure 0 – Use started 0 – Use completed 8 – Order paid 2 –")


def test_a_platform_without_an_order_sold_for_nothing_and_page_and_report_say_so_alike(sparse: ToldTrial) -> None:
    page, report = sparse.page(), sparse.report()

    assert re.search(r"Sunmi 8 – named by none, n 8 8 100\.0% n 8 0 ¥0\.00 –", page)
    assert re.search(r"Sunmi 8 – – 0 8 100\.0% 0 ¥0\.00 –", report)
    assert re.search(r"Douyin 2 1 estimated 0 – 2 ¥39\.80 n 2 –", page)
    assert re.search(r"Douyin 2 1 .{0,6}0 0 – 2 ¥39\.80 –", report)


def test_where_there_is_no_funnel_a_word_says_so(nothing: ToldTrial, sparse: ToldTrial) -> None:
    said = "Nothing to show yet: the funnel follows people from an exposure on, and no exposure names a person."

    assert said in sparse.page()
    assert "No exposure, start, use or order came, so there is no funnel." in nothing.report("en")
    assert "没有曝光、开始、使用或下单事件，因此没有漏斗。" in nothing.report("zh")


def test_an_earlier_period_without_data_is_no_line_of_the_legend_but_a_word(sparse: ToldTrial) -> None:
    page = sparse.client.get("/trials/neuro/trend?compare=1&lang=en").text
    (drawn,) = re.findall(r"data-chart-data>(.*?)</script>", page)

    assert json.loads(drawn)["before"] is None
    assert json.loads(drawn)["lines"]
    assert "Nothing came 4 weeks before." in page
    assert "Nothing came" not in sparse.client.get("/trials/neuro/trend?lang=en").text
