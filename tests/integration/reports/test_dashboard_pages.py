"""The pages over a real store: who may see what, in which language, with and without a script."""

import re
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from avenue.serve.application import http_application
from registry.audit_topic import MemoryAudit
from registry.retention import kept_until_ms
from reports.metrics import METRICS
from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.clock import ManualClock
from runtime.settings import Settings
from schemas.outcomes import RejectReason
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse_fixtures import clickhouse_settings
from tests.support.dashboard_harness import EMG, FIRST, KEYS, NEURO, NOW, Street, wake_threads
from tests.support.paths import PARTNER_PAGES
from tests.support.reports_harness import DAY

pytestmark = pytest.mark.clickhouse

Client = TestClient[Any]


@pytest.fixture(scope="module")
def street(clickhouse_folder: Path | None, _store_stays_open: None) -> Iterator[Street]:
    """Return the street with three weeks of life; tests of this module only read it."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    store = ClickHouse(clickhouse_settings(name), path=clickhouse_folder)
    migrate(store)
    found = Street(store)
    wake_threads(found.reading)
    yield found
    found.reading.close()
    store.writer().command(f"DROP DATABASE IF EXISTS {name}")
    store.close()


@pytest.fixture
def client(street: Street) -> Iterator[Client]:
    """Return a browser without a script, in English, that follows no redirect by itself."""
    with client_of(street) as found:
        yield found


def client_of(street: Street) -> Client:
    found: Client = TestClient(
        http_application(street.reading.settings, street.reading.directory, read_service=street.reading)
    )
    found.headers.update({"accept": "text/html", "accept-language": "en"})
    found.follow_redirects = False
    return found


def sign_in(client: Client, scope: str = "startup:calmwave") -> httpx.Response:
    return client.post("/sign-in", data={"key": KEYS[scope], "next": "/trials"})


class Inline(HTMLParser):
    """Collects what the page's policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json"):
            self.found.append(tag)
        self.found += [name for name in given if name == "style" or name.startswith("on")]
        self.found += [link for link in (given.get("src"), given.get("href")) if link and link.startswith("http")]


def test_a_key_opens_a_session_that_scripts_cannot_read(client: Client) -> None:
    answer = sign_in(client)

    assert (answer.status_code, answer.headers["location"]) == (303, "/trials")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert KEYS["startup:calmwave"] not in cookie
    assert client.get("/trials").status_code == 200


@pytest.mark.parametrize(
    ("key", "words"),
    [("nonsense", "unknown, expired or revoked"), ("", "Paste")],
)
def test_a_key_that_opens_nothing_is_refused_with_the_reason(client: Client, key: str, words: str) -> None:
    answer = client.post("/sign-in", data={"key": key})

    assert answer.status_code == 401
    assert words in answer.text
    assert "set-cookie" not in answer.headers
    assert not key or key not in answer.text


def test_a_session_ends_when_its_key_is_revoked(
    client: Client, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client)
    revoked = {
        digest: key.model_copy(update={"revoked_at": datetime.fromtimestamp(NOW / 1000, UTC)})
        for digest, key in street.directory.keys.items()
    }

    monkeypatch.setattr(street, "directory", replace(street.directory, keys=revoked))

    assert client.get("/trials").headers["location"] == "/sign-in?next=/trials"
    # A link to a Chinese page leads to a Chinese sign-in, whatever the browser prefers.
    asked = client.get("/trials?lang=zh", headers={"accept-language": "en"}).headers["location"]
    assert asked == "/sign-in?next=/trials%3Flang%3Dzh&lang=zh"
    assert '<html lang="zh' in client.get(asked, headers={"accept-language": "en"}).text


def test_signing_out_ends_the_session(client: Client) -> None:
    sign_in(client)

    client.post("/sign-out", headers={"origin": str(client.base_url)})

    assert client.get("/trials").status_code == 303


def test_a_sign_in_leads_back_to_this_site_only(client: Client) -> None:
    answer = client.post("/sign-in", data={"key": KEYS["programme"], "next": "//evil.example/"})

    assert answer.headers["location"] == "/trials"


def test_a_link_from_a_mail_asks_once_more_from_here_before_it_asks_for_a_key(client: Client) -> None:
    answer = client.get(f"/trials/{NEURO}?by=arm", headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 200
    assert f'content="0; url=/trials/{NEURO}?by=arm"' in answer.text


def test_somebody_elses_trial_looks_like_one_that_does_not_exist(client: Client) -> None:
    sign_in(client, "startup:calmwave")

    answers = [
        client.get(f"/trials/{name}{tail}") for tail in ("", "/trend", "/rejects") for name in (EMG, "emg-arm-2026q9")
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert (
        len({re.sub(r"emg-arm-2026q[49]", "ID", re.sub("/trend|/rejects", "", answer.text)) for answer in answers}) == 1
    )


def test_a_trial_whose_numbers_are_destroyed_shows_that_and_no_noughts(street: Street) -> None:
    registry = street.directory.registry
    assert registry is not None
    reading = replace(
        street.reading, clock=ManualClock(kept_until_ms(street.directory.trials[NEURO], registry, Settings()))
    )
    later: Client
    with TestClient(http_application(reading.settings, reading.directory, read_service=reading)) as later:
        later.headers.update({"accept": "text/html", "accept-language": "en"})
        sign_in(later, "startup:calmwave")
        answers = [later.get(f"/trials/{NEURO}{tail}") for tail in ("", "/trend", "/rejects")]

    assert {answer.status_code for answer in answers} == {410}
    assert all("No longer kept" in answer.text for answer in answers)


def test_an_address_that_leads_nowhere_gives_the_same_page_to_people_and_a_problem_to_programs(client: Client) -> None:
    person = client.get("/nowhere")
    program = client.get("/nowhere", headers={"accept": "application/json"})

    assert (person.status_code, program.status_code) == (404, 404)
    assert "This address leads nowhere" in person.text
    assert program.headers["content-type"].startswith("application/problem+json")


def test_a_startup_sees_its_own_trials_and_the_programme_all(client: Client) -> None:
    sign_in(client, "startup:limbus")
    own = set(re.findall(r'href="/trials/([^"/]+)"', client.get("/trials").text))
    sign_in(client, "programme")
    every = set(re.findall(r'href="/trials/([^"/]+)"', client.get("/trials").text))

    assert (own, every) == ({EMG}, {EMG, NEURO})


def test_another_startups_place_is_occupied_and_nothing_more(client: Client) -> None:
    sign_in(client, "startup:limbus")

    page = client.get("/avenue").text

    assert page.count("spot-occupied") >= 3
    assert not re.search(r"neuro|p-017|p-018|p-120|headband|aihuishou", page, re.IGNORECASE)


def test_a_share_link_shows_the_trials_numbers_and_leads_to_nothing_else(client: Client) -> None:
    sign_in(client)
    made = client.post(
        f"/v1/trials/{NEURO}/shares", json={"days": 7}, headers={"authorization": f"Bearer {KEYS['startup:calmwave']}"}
    )
    path = made.json()["url"].removeprefix("http://testserver.local")
    own = client.get(f"/trials/{NEURO}").text
    client.cookies.clear()

    shared, trend = client.get(path).text, client.get(f"{path}/trend?metric=events&by=arm").text

    numbers = [
        re.findall(r'<span class="value">([^<]+)', page.split('id="figures-title"')[1]) for page in (own, shared)
    ]
    assert len(numbers[0]) > 20
    assert numbers[0] == numbers[1]
    assert "Pilot" in trend
    led = set(re.findall(r'(?:href|src|action|data-live|data-trend)="([^"#?]+)', shared + trend))
    elsewhere = {link for link in led if not link.startswith((path, "/static/", "/docs/", "/openapi.json"))}
    assert {path, f"{path}/live", f"{path}/trend"} <= led
    assert elsewhere == set()
    assert not re.search(r"emg|limbus|avenue key issue", shared, re.IGNORECASE)


@pytest.mark.parametrize(
    "path",
    [
        "/sign-in",
        "/trials",
        f"/trials/{NEURO}",
        "/avenue",
        "/docs/rejects",
        "/docs/metrics",
        "/docs/partners/pushes/douyin",
        f"/trials/{NEURO}/rejects",
        f"/compare?trial={NEURO}",
        "/nowhere",
    ],
)
def test_every_page_forbids_what_is_inline_or_from_elsewhere_and_has_none(client: Client, path: str) -> None:
    sign_in(client)

    answer = client.get(path)

    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-store"
    inline = Inline()
    inline.feed(answer.text)
    assert inline.found == []


def test_the_numbers_stand_on_the_page_without_a_script(client: Client) -> None:
    sign_in(client)

    page = client.get(f"/trials/{NEURO}").text
    events = client.get(f"/v1/trials/{NEURO}/metrics?metric=events&step=day").json()

    total = sum(point[1] for line in events["series"] for point in line["points"])
    assert f"{total:,}" in page
    # One place an arm: whatever it is that differs.
    assert "place and arm cannot be told apart" in page
    assert "better than the baseline" not in page
    assert "<table" in page.split("The same numbers as a table")[1]


def test_who_comes_back_money_ratings_and_coverage_stand_on_the_page(client: Client) -> None:
    sign_in(client)

    page = client.get(f"/trials/{NEURO}").text
    totals = {
        metric: sum(point[1] for line in found["series"] for point in line["points"])
        for metric in ("orders", "revenue_fen")
        for found in [client.get(f"/v1/trials/{NEURO}/metrics?metric={metric}&step=day").json()]
    }

    money = page.split('id="money-title"')[1].split("</section>")[0]
    assert re.findall('class="value">([^<]+)', money.split('<tbody class="sum">')[1])[:2] == [
        f"{totals['orders']:,}",
        f"¥{totals['revenue_fen'] / 100:,.2f}",
    ]
    assert "– <span class=" not in money.split("Aihuishou")[0]
    assert "none reported" in money.split("Aihuishou")[1].split("</tr>")[0]
    returning = page.split('id="returning-title"')[1].split("</section>")[0]
    assert re.findall('class="value">([^<]*Nov[^<]*)', returning) == [
        "2 Nov – 8 Nov",
        "9 Nov – 15 Nov",
        "16 Nov – 22 Nov",
    ]
    assert "(still running)" in returning
    assert "n 67" in page.split('id="ratings-title"')[1].split("</section>")[0]
    assert page.split('id="days-title"')[1].split("</section>")[0].count('class="day day-') == 3 * 21
    chinese = client.get(f"/trials/{NEURO}?lang=zh").text
    assert all(title in chinese for title in ("回访与留存", "订单与金额", "逐日覆盖率"))


def test_two_periods_of_a_trial_stand_side_by_side_without_a_difference(client: Client) -> None:
    sign_in(client)

    page = client.get(f"/compare?trial={NEURO}").text
    asked = client.get(f"/compare?trial={NEURO}&from1=2026-11-02&to1=2026-11-08&from2=2026-11-09&to2=2026-11-15").text
    refused = client.get(f"/compare?trial={NEURO}&from1=2026-11-02&to1=2026-11-10&from2=2026-11-09&to2=2026-11-15").text

    assert "no comparison by themselves" in page
    assert "fewer than 14 days has no intervals" in page
    assert "2 Nov – 11 Nov" in page
    assert 'value="2026-11-15"' in asked
    assert "9 Nov – 15 Nov" in asked
    assert "better than" not in page + asked
    assert "The two periods share days" in refused
    assert "对比" in client.get(f"/compare?trial={NEURO}&lang=zh").text


def test_two_trials_of_one_startup_are_compared_and_anothers_is_as_if_it_were_not_there(
    client: Client, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, "programme")
    across = client.get(f"/compare?trial={NEURO}&with={EMG}")
    sign_in(client)
    answers = [
        client.get(f"/compare?{query}")
        for name in (EMG, "emg-arm-2026q9")
        for query in (f"trial={name}", f"trial={NEURO}&with={name}", f"trial={name}&with={NEURO}")
    ]
    registry = street.directory.registry
    assert registry is not None
    products = [product.model_copy(update={"startup": "calmwave"}) for product in registry.products]
    both = replace(street.directory, registry=registry.model_copy(update={"products": products}))
    monkeypatch.setattr(street, "directory", both)
    page = client.get(f"/compare?trial={NEURO}&with={EMG}").text

    # Two startups' trials are nobody's to compare, for who may see both neither.
    assert across.status_code == 404
    assert {answer.status_code for answer in answers} == {404}
    theirs, none = answers[:3], answers[3:]
    assert [answer.text for answer in theirs] == [answer.text.replace("q9", "q4") for answer in none]
    assert "Two trials are no randomised comparison" in page
    assert "registered with different primary metrics" in page
    own = client.get(f"/v1/trials/{NEURO}/readout").json()["metrics"]
    told = re.findall('<td class="num"><span class="value">([^<]+)', page.split('id="sides-title"')[1])
    arms = next(found["arms"] for found in own if found["metric"] == "success_rate")
    assert [f"{arm['estimate'] * 100:.1f}%" for arm in arms] == told[:2]
    audit = street.reading.audit
    assert isinstance(audit, MemoryAudit)
    noted = [line.trial for line in audit.lines if line.route == "/compare" and line.status == 200]
    assert noted[-2:] == [NEURO, EMG]


def test_a_pick_changes_the_trend_and_says_what_may_still_change(client: Client) -> None:
    sign_in(client)

    by_kind = client.get(f"/trials/{NEURO}/trend?metric=events&by=kind&range=7d&step=day&compare=1")

    assert by_kind.status_code == 200
    assert "Use completed" in by_kind.text
    assert "1 week before" in by_kind.text
    assert "dotted: may still change" in by_kind.text
    assert "<html" not in by_kind.text


def test_a_click_on_the_language_is_remembered(client: Client) -> None:
    english = client.get("/docs/rejects")
    client.get("/docs/rejects?lang=zh")
    chinese = client.get("/docs/rejects")

    assert '<html lang="en">' in english.text
    assert '<html lang="zh-Hans-CN">' in chinese.text
    assert "拒收原因" in chinese.text


def test_partners_find_their_guides_without_a_key(client: Client) -> None:
    first, sunmi, pushes = (client.get(f"/docs/partners{name}") for name in ("", "/sunmi", "/pushes/sunmi"))

    assert [answer.status_code for answer in (first, sunmi, pushes)] == [200] * 3
    assert 'href="/docs/partners/sunmi"' in first.text
    assert "def sign(secret: str, headers: dict[str, str], body: bytes)" in sunmi.text
    assert "POST /in/sunmi-main/callback HTTP/1.1" in pushes.text
    schema = client.get("/docs/partners/event.v1.schema.json")
    assert (schema.headers["content-type"], "event_id" in schema.json()["required"]) == (
        "application/schema+json",
        True,
    )
    program = client.get("/docs/partners/examples/push.py")
    assert (program.headers["content-type"], program.text) == (
        "text/plain; charset=utf-8", (PARTNER_PAGES / "examples/push.py").read_text()
    )  # fmt: skip
    unknown = ("nobody", "pushes/nobody", "examples/nobody")
    assert [client.get(f"/docs/partners/{name}").status_code for name in unknown] == [404] * 3


def test_every_reject_reason_and_metric_has_its_anchor(client: Client) -> None:
    rejects, metrics = client.get("/docs/rejects").text, client.get("/docs/metrics").text

    assert len(METRICS) == 20
    assert all(f'id="{reason.value}"' in rejects for reason in RejectReason)
    assert all(f'id="{metric}"' in metrics for metric in METRICS)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("identity", None), ("br;q=0, gzip", "gzip")],
)
def test_the_script_comes_in_the_smallest_form_that_is_taken_and_is_kept_for_good(
    client: Client, accepted: str, encoding: str | None
) -> None:
    name = re.search(r'src="(/static/page-[^"]+\.js)"', client.get("/sign-in").text)
    assert name is not None

    with client.stream("GET", name[1], headers={"accept-encoding": accepted}) as answer:
        sent = b"".join(answer.iter_raw())

    assert answer.headers.get("content-encoding") == encoding
    assert "immutable" in answer.headers["cache-control"]
    assert len(sent) < 20_000


def test_a_trial_without_events_shows_how_to_send_the_first(clickhouse: ClickHouse) -> None:
    empty = Street(clickhouse, seeded=False)

    with closing(empty.reading), client_of(empty) as client:
        sign_in(client)
        page = client.get(f"/trials/{NEURO}").text
        sign_in(client, "programme")
        listed = client.get("/trials")

    assert "Waiting for the first event" in page
    assert "avenue key issue" not in page
    assert "sending key of account sunmi-main, which stands at p-017" in page
    assert "/v1/events" in page
    assert "&#34;placement_id&#34;:&#34;p-017&#34;" in page
    # The primary metric is a success rate, which only a use that ended moves.
    assert "&#34;kind&#34;:&#34;use.completed&#34;,&#34;outcome&#34;:&#34;ok&#34;" in page
    assert listed.status_code == 200


def test_before_its_time_a_trial_says_when_it_starts_and_offers_no_event_that_would_be_refused(
    clickhouse: ClickHouse,
) -> None:
    empty = Street(clickhouse, seeded=False)
    empty.clock.advance(FIRST - NOW - DAY)

    with closing(empty.reading), client_of(empty) as client:
        sign_in(client)
        page = client.get(f"/trials/{NEURO}").text
        listed = client.get("/trials")

    assert listed.status_code == 200
    assert "Planned" in listed.text
    assert "The trial starts 2 Nov 00:00" in page
    assert "/v1/events" not in page


def test_a_trials_rejects_are_listed_by_reason_with_what_was_kept_and_the_way_out(client: Client) -> None:
    sign_in(client)
    trial = client.get(f"/trials/{NEURO}").text

    page = client.get(f"/trials/{NEURO}/rejects").text

    assert f'href="/trials/{NEURO}/rejects">3 events rejected' in trial
    assert "Set the device&#39;s clock by NTP" in page
    assert page.count("sunmi-main/events") == 3
    assert "&#34;placement_id&#34;: &#34;p-017&#34;" in page


def test_a_store_that_does_not_answer_gives_a_page_that_says_so(
    client: Client, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise ClickHouseError("no answer\nSELECT secrets")

    sign_in(client)
    monkeypatch.setattr(street.clickhouse, "reader", away)

    answer = client.get("/trials")

    assert answer.status_code == 503
    assert "Busy just now" in answer.text
    assert "secrets" not in answer.text
