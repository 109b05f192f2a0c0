"""Share links over the reading API and the pages: who may make, see and end them, and what opens with one."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from litestar.testing import TestClient

from avenue.serve.application import http_application
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import ReportSettings, Settings
from schemas.timing import DAY_MS
from tests.support.reports_harness import KEYS, NOW, directory

if TYPE_CHECKING:
    from registry.directory import Directory

Client = TestClient[Any]
SETTINGS = Settings(report=ReportSettings(share_days=60, shares_per_trial=3))


class Site:
    """A site without a store: whoever gets as far as that is answered 500."""

    def __init__(self) -> None:
        self.directory: Directory = directory()
        self.clock = ManualClock(NOW)
        self.reading = ReadService(
            ClickHouse(SETTINGS.clickhouse), lambda: self.directory, SETTINGS, self.clock, session_secret=b"s" * 32
        )


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.reading.close()


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    app = http_application(SETTINGS, lambda: site.directory, read_service=site.reading)
    with TestClient(app, raise_server_exceptions=False) as found:
        found.follow_redirects = False
        yield found


def as_(scope: str) -> dict[str, str]:
    return {"authorization": f"Bearer {KEYS[scope]}"}


CALMWAVE, LIMBUS, PROGRAMME = as_("startup:calmwave"), as_("startup:limbus"), as_("programme")


def make(client: Client, who: dict[str, str] = CALMWAVE, days: Any = 30, trial: str = "neuro") -> httpx.Response:
    return client.post(f"/v1/trials/{trial}/shares", json={"days": days}, headers=who)


def made(client: Client, **how: Any) -> dict[str, str]:
    answer = make(client, **how)
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


def path_of(share: dict[str, str]) -> str:
    return share["url"].removeprefix("http://testserver.local")


def listed(client: Client, who: dict[str, str] = CALMWAVE) -> list[str]:
    return [share["id"] for share in client.get("/v1/trials/neuro/shares", headers=who).json()["shares"]]


def opens(client: Client, share: dict[str, str]) -> bool:
    """Tell whether the link gets as far as the store, which is not there, or finds nothing."""
    answers = [client.get(path_of(share) + tail, headers={"accept": "text/html"}) for tail in ("", "/trend")]
    assert {answer.status_code for answer in answers} in ({500}, {404})
    return answers[0].status_code == 500


def test_a_link_is_made_listed_and_ended(client: Client) -> None:
    share = made(client)

    assert share["url"].startswith("http://testserver.local/s/avs_")
    assert (share["trial"], share["made_by"], share["until"]) == ("neuro", "k-0", "2026-12-22T12:03:00+08:00")
    assert listed(client) == [share["id"]]
    assert opens(client, share)

    assert client.delete(f"/v1/shares/{share['id']}", headers=CALMWAVE).status_code == 204

    assert listed(client) == []
    assert not opens(client, share)
    assert client.delete(f"/v1/shares/{share['id']}", headers=CALMWAVE).status_code == 404


def test_a_link_opens_until_its_time_and_no_longer_than_its_makers_key(client: Client, site: Site) -> None:
    ends = datetime.fromtimestamp((NOW + 2 * DAY_MS) / 1000, UTC)
    longer = made(client)
    keys = site.directory.keys
    site.directory = replace(
        site.directory, keys={h: k.model_copy(update={"expires_at": ends}) for h, k in keys.items()}
    )
    shorter = made(client)

    assert shorter["until"] == "2026-11-24T12:03:00+08:00"
    site.clock.advance(2 * DAY_MS - 1)
    assert opens(client, shorter)
    site.clock.advance(1)
    site.directory = replace(site.directory, keys=keys)
    assert not opens(client, shorter)
    assert opens(client, longer)


def test_a_link_ends_with_the_key_that_made_it(client: Client, site: Site) -> None:
    share = made(client)
    revoked_at = datetime.fromtimestamp(NOW / 1000, UTC)

    site.directory = replace(
        site.directory,
        keys={
            h: k.model_copy(update={"revoked_at": revoked_at}) if k.id == share["made_by"] else k
            for h, k in site.directory.keys.items()
        },
    )

    assert not opens(client, share)
    assert listed(client, PROGRAMME) == []


def test_a_link_follows_neither_its_product_to_another_startup_nor_a_trial_that_is_gone(
    client: Client, site: Site
) -> None:
    share, whole = made(client), site.directory
    registry = whole.registry
    assert registry is not None
    sold = [p.model_copy(update={"startup": "limbus"}) for p in registry.products]

    site.directory = replace(whole, registry=registry.model_copy(update={"products": sold}))
    assert not opens(client, share)
    site.directory = replace(
        whole, registry=registry.model_copy(update={"trials": registry.trials[1:], "placements": []})
    )
    assert not opens(client, share)
    site.directory = whole
    assert opens(client, share)


def test_another_startups_trial_and_link_are_as_if_they_were_not_there(client: Client) -> None:
    share = made(client)
    pairs = [
        [make(client, LIMBUS, trial=trial) for trial in ("neuro", "none")],
        [client.get(f"/v1/trials/{trial}/shares", headers=LIMBUS) for trial in ("neuro", "none")],
        [client.delete(f"/v1/shares/{found}", headers=LIMBUS) for found in (share["id"], "s-0")],
    ]

    for theirs, nowhere in pairs:
        assert (theirs.status_code, theirs.content) == (404, nowhere.content)
        assert dict(theirs.headers) == dict(nowhere.headers)
    assert listed(client) == [share["id"]]


def test_the_programme_sees_links_and_gives_none(client: Client) -> None:
    share = made(client)

    assert listed(client, PROGRAMME) == [share["id"]]
    assert make(client, PROGRAMME).status_code == 403
    assert client.delete(f"/v1/shares/{share['id']}", headers=PROGRAMME).status_code == 403
    assert opens(client, share)
    assert client.delete(f"/v1/shares/{share['id']}", headers=as_("operator")).status_code == 204


@pytest.mark.parametrize("days", [0, 61, 367, -1, "x", 1.5, None, True, [30]])
def test_a_link_of_a_length_that_may_not_be_is_a_400(client: Client, days: Any) -> None:
    answer = make(client, days=days)

    assert answer.status_code == 400, answer.text
    assert "days" in answer.text
    assert listed(client) == []


def test_a_trial_has_so_many_links_at_once_and_no_more(client: Client) -> None:
    first = [made(client)["id"] for _ in range(3)]

    refused = make(client)
    client.delete(f"/v1/shares/{first[0]}", headers=CALMWAVE)

    assert refused.status_code == 409
    assert "3 share links" in refused.json()["detail"]
    assert make(client).status_code == 201


def test_a_link_is_no_key_no_session_and_no_way_to_another_page(client: Client) -> None:
    share = made(client)
    token = path_of(share).removeprefix("/s/")
    asked = [
        *({"authorization": f"Bearer {token}"}, {"cookie": f"avenue_session={token}"}),
        {"cookie": f"avenue_session=k-0.{token}.{NOW}.{NOW + DAY_MS}.00"},
    ]

    for path in ("/v1/me", "/v1/trials", "/v1/trials/neuro", "/v1/trials/neuro/events", "/v1/trials/neuro/report"):
        assert [client.get(path, headers=headers).status_code for headers in asked] == [401] * 3
    signed_in = client.post("/sign-in", data={"key": token})
    tails = ("/events", "/report", "/shares", "/readout", "/metrics", "/..", "/trials/emg")
    shown = client.get(path_of(share), headers={"accept": "text/html"})

    assert signed_in.status_code == 401
    assert [client.get(path_of(share) + tail).status_code for tail in tails] == [404] * len(tails)
    assert "set-cookie" not in shown.headers
    assert [client.request(m, path_of(share)).status_code for m in ("POST", "PUT", "DELETE")] == [405] * 3


def test_what_a_link_opens_is_in_no_cache_no_index_and_no_referrer(client: Client) -> None:
    share = made(client)
    for path in (path_of(share), path_of(share) + "/trend", "/s/avs_unknown", "/s/avs_unknown/live"):
        headers = client.get(path, headers={"accept": "text/html"}).headers

        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-robots-tag"] == "noindex, nofollow, noarchive"
        assert headers["cache-control"] == "private, no-store"


def test_no_token_is_in_the_log_or_a_metric(
    client: Client, site: Site, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from prometheus_client import generate_latest

    share = made(client)
    token = path_of(share).removeprefix("/s/")
    caplog.set_level(logging.INFO)
    for tail in ("", "/trend", "/live/x"):
        client.get(path_of(share) + tail, headers={"accept": "text/html"})
    client.get("/s/avs_unknown", headers={"accept": "text/html"})

    # Where a test before this one has set logging up, lines go by the library; its own client's are not ours.
    lines = [str(record.msg) for record in caplog.records if record.name.startswith("reports.")]
    told = "".join((*capfd.readouterr(), *lines)) + generate_latest().decode()
    assert "/s/{token" in told
    assert share["id"] in told
    assert token not in told
    assert "avs_" not in told
    kept = [entry for entry in site.reading.access.ledger.shares().values() if entry.id == share["id"]]
    assert len(kept) == 1
    assert token not in json.dumps([str(entry) for entry in kept])


def test_the_startups_page_makes_shows_and_ends_links(client: Client) -> None:
    own = {"origin": "http://testserver.local", "accept": "text/html", "accept-language": "en"}
    client.post("/sign-in", data={"key": KEYS["startup:calmwave"]}, headers=own)

    page = client.post("/trials/neuro/shares", data={"days": "7"}, headers=own)
    (share_id,) = listed(client, {})
    again = client.get("/trials/neuro/shares", headers=own)
    wrong = [client.post("/trials/neuro/shares", data={"days": days}, headers=own) for days in ("", "x", "1e3", "61")]
    foreign = client.post("/trials/neuro/shares", data={"days": "7"}, headers={"origin": "https://evil.example"})

    assert (page.status_code, again.status_code, foreign.status_code) == (200, 200, 403)
    assert "http://testserver.local/s/avs_" in page.text
    assert share_id in again.text
    assert "avs_" not in again.text
    assert [answer.status_code for answer in wrong] == [400] * 4
    assert client.post(f"/trials/emg/shares/{share_id}/end", headers=own).status_code == 404
    assert client.post(f"/trials/neuro/shares/{share_id}/end", headers=own).status_code == 303
    assert listed(client, {}) == []


def test_the_page_of_another_startups_links_is_as_if_it_were_not_there(client: Client) -> None:
    own = {"origin": "http://testserver.local", "accept": "text/html"}
    client.post("/sign-in", data={"key": KEYS["startup:limbus"]}, headers=own)

    for method, data in (("GET", None), ("POST", {"days": "7"})):
        theirs, nowhere = (
            client.request(method, f"/trials/{trial}/shares", data=data, headers=own) for trial in ("neuro", "nonex")
        )
        assert (theirs.status_code, nowhere.status_code) == (404, 404)
        assert theirs.text.replace("neuro", "nonex") == nowhere.text
