"""Sign-in and sign-out of the application that is served: what a cookie is good for, from where, and how often."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from litestar.testing import TestClient

from avenue.serve.application import http_application
from reports.access.reader_access import ReaderAccess
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.errors import UnavailableError
from runtime.settings import HttpSettings, Settings
from tests.support.reports_harness import KEYS, NOW, directory

if TYPE_CHECKING:
    from registry.directory import Directory

Client = TestClient[Any]
OWN = {"origin": "http://testserver.local", "sec-fetch-site": "same-origin"}
FOREIGN = [
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://["},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site"},
]


class Site:
    """A site without a store: who may read is asked before anything else."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.directory: Directory = directory()
        self.clock = ManualClock(NOW)
        self.settings = settings or Settings()
        self.reading = self.process()

    def process(self) -> ReadService:
        """Return one more process of it, with the same session key and what the others signed out."""
        access = ReaderAccess(self.reading.access.ledger) if hasattr(self, "reading") else ReaderAccess()
        return ReadService(
            ClickHouse(self.settings.clickhouse),
            lambda: self.directory,
            self.settings,
            self.clock,
            session_secret=b"s" * 32,
            access=access,
        )

    def client(self, reading: ReadService | None = None) -> Client:
        served = reading or self.reading
        found: Client = TestClient(
            http_application(served.settings, served.directory, read_service=served), raise_server_exceptions=False
        )
        found.headers.update({"accept": "text/html", "accept-language": "en"})
        found.follow_redirects = False
        return found


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.reading.close()


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    with site.client() as found:
        yield found


def sign_in(client: Client, key: str = KEYS["startup:calmwave"], **headers: str) -> httpx.Response:
    return client.post("/sign-in", data={"key": key}, headers={**OWN, **headers})


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 303, answer.text
    return {"cookie": answer.headers["set-cookie"].split(";")[0]}


def me(client: Client, cookie: dict[str, str]) -> int:
    return client.get("/v1/me", headers=cookie).status_code


def test_a_copied_cookie_is_worth_nothing_after_its_session_signed_out(site: Site, client: Client) -> None:
    cookie, other = cookie_of(sign_in(client)), cookie_of(sign_in(client))
    client.cookies.clear()
    assert (me(client, cookie), me(client, other)) == (200, 200)

    answer = client.post("/sign-out", headers={**cookie, **OWN})

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert (me(client, cookie), me(client, other)) == (401, 200)
    with site.client(site.process()) as elsewhere:
        assert (me(elsewhere, cookie), me(elsewhere, other)) == (401, 200)


def test_a_session_ends_with_its_key_and_with_its_hours(site: Site, client: Client) -> None:
    cookie = cookie_of(sign_in(client))
    client.cookies.clear()
    whole = site.directory
    revoked_at = datetime.fromtimestamp(NOW / 1000, UTC)

    site.directory = replace(
        whole, keys={h: k.model_copy(update={"revoked_at": revoked_at}) for h, k in whole.keys.items()}
    )
    assert me(client, cookie) == 401
    site.directory = whole
    assert me(client, cookie) == 200
    site.clock.advance(int(timedelta(hours=site.settings.report.session_hours).total_seconds() * 1000))
    assert me(client, cookie) == 401


def test_a_cookie_with_another_session_key_or_time_in_it_is_worth_nothing(client: Client) -> None:
    cookie = cookie_of(sign_in(client))["cookie"]
    client.cookies.clear()
    name, _, value = cookie.partition("=")
    parts = value.split(".")
    assert len(parts) == 5

    changed = [".".join([*parts[:n], parts[n] + "0", *parts[n + 1 :]]) for n in range(5)]

    assert [me(client, {"cookie": f"{name}={text}"}) for text in [*changed, "", "....", ".".join(parts[:3])]] == [
        401
    ] * 8


def test_the_cookie_is_for_this_site_and_no_script_and_over_tls_for_tls_alone() -> None:
    secured = Site(Settings(http=HttpSettings(public_url="https://avenue.example")))
    plain = Site()
    with secured.client() as over_tls, plain.client() as in_the_clear:
        told = [sign_in(client).headers["set-cookie"] for client in (over_tls, in_the_clear)]
    secured.reading.close()
    plain.reading.close()

    assert all("HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie for cookie in told)
    assert ["Secure" in cookie for cookie in told] == [True, False]


def test_the_eleventh_wrong_key_waits_and_the_right_one_with_it_until_the_time_is_over(
    site: Site, client: Client
) -> None:
    wrong = [sign_in(client, f"wrong-{n}") for n in range(12)]

    assert [answer.status_code for answer in wrong] == [401] * 10 + [429] * 2
    assert wrong[-1].headers["retry-after"] == "301"
    assert "Too many wrong keys. Try again in 6 minutes." in wrong[-1].text
    assert sign_in(client).status_code == 429
    site.clock.advance(301_000)
    assert sign_in(client).status_code == 303


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_form_of_another_site_neither_signs_in_nor_out(client: Client, headers: dict[str, str]) -> None:
    refused = client.post("/sign-in", data={"key": KEYS["startup:limbus"]}, headers=headers)
    cookie = cookie_of(sign_in(client))
    kept = client.post("/sign-out", headers={**cookie, **headers})

    assert (refused.status_code, kept.status_code) == (403, 403)
    assert "another site" in refused.text
    assert not {"set-cookie"} & (set(refused.headers) | set(kept.headers))
    assert me(client, cookie) == 200


def test_a_change_by_cookie_is_refused_where_nothing_says_whence_it_comes_or_another_site_does(client: Client) -> None:
    cookie = cookie_of(sign_in(client))
    client.cookies.clear()

    answers = [client.post("/internal/sql", content="SELECT 1", headers={**cookie, **h}) for h in [{}, *FOREIGN]]

    assert {answer.status_code for answer in answers} == {403}
    assert all("another site" in answer.json()["detail"] for answer in answers)
    assert all(client.get("/v1/me", headers={**cookie, **h}).status_code == 200 for h in FOREIGN)


def test_a_form_behind_a_proxy_comes_from_the_address_that_users_see() -> None:
    site = Site(Settings(http=HttpSettings(public_url="https://avenue.example")))
    with site.client() as client:
        answer = sign_in(client, origin="https://avenue.example")
    site.reading.close()

    assert answer.status_code == 303


def test_a_sign_out_that_is_not_told_to_the_others_says_so_and_can_be_sent_again(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise UnavailableError("the broker is away")

    cookie = cookie_of(sign_in(client))
    client.cookies.clear()
    with monkeypatch.context() as broken:
        broken.setattr(site.reading.access._writer, "write", away)
        failed = client.post("/sign-out", headers={**cookie, **OWN})
    again = client.post("/sign-out", headers={**cookie, **OWN})

    assert (failed.status_code, again.status_code) == (503, 303)
    assert "set-cookie" not in failed.headers
    assert me(client, cookie) == 401


def test_what_a_key_or_session_is_answered_stays_in_no_cache(client: Client) -> None:
    cookie = cookie_of(sign_in(client))
    paths = ("/v1/me", "/v1/products", "/v1/trials", "/v1/trials/neuro", "/v1/trials/none", "/v1/avenue")
    answers = [client.get(path, headers=cookie) for path in paths]
    client.cookies.clear()
    answers += [client.get(path) for path in paths]

    assert {answer.headers.get("cache-control") for answer in answers} == {"private, no-store"}
    assert {answer.headers.get("vary") for answer in answers} == {"authorization, cookie"}
    assert "cache-control" not in client.get("/v1/metrics").headers


def test_no_key_comes_back_in_an_answer(client: Client) -> None:
    shown = KEYS["startup:calmwave"]

    answers = [sign_in(client), sign_in(client, shown + "x")]

    assert [answer.status_code for answer in answers] == [303, 401]
    digest = hashlib.sha256(shown.encode()).hexdigest()
    assert all(shown not in answer.text + str(answer.headers) for answer in answers)
    assert all(digest not in answer.text + str(answer.headers) for answer in answers)
