"""Channels over HTTP: a startup's own alone, tried by a page or a key, seldom enough, and never an address."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from litestar.testing import TestClient

from avenue.serve.application import http_application
from registry.directory import Directory
from reports.api.auth import SESSION_COOKIE, session_cookie
from reports.notifications.teller import ChannelFailure, ChannelTest, TooManyTestsError
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import Settings
from tests.support.reports_harness import KEYS, NOW, directory

Client = TestClient[Any]
ADDRESS = "plain:feishu://hunter2"
CHANNELS = [
    {"id": "cw", "startup": "calmwave", "address": ADDRESS},
    {"id": "cw-trial", "trial": "neuro", "address": ADDRESS, "language": "en"},
    {"id": "lb", "startup": "limbus", "address": ADDRESS},
    {"id": "lb-trial", "trial": "emg", "address": ADDRESS},
]


class Teller:
    """Says what it is told to, and notes what was tried."""

    def __init__(self) -> None:
        self.tried: list[str] = []
        self.answer = ChannelTest("told")
        self.too_many = False

    def failures(self) -> Mapping[str, ChannelFailure]:
        return {name: ChannelFailure(NOW, NOW, "refused with HTTP status 404") for name in ("cw", "lb")}

    def test(self, channel_id: str) -> ChannelTest:
        if self.too_many:
            raise TooManyTestsError
        self.tried.append(channel_id)
        return self.answer


@pytest.fixture
def teller() -> Teller:
    return Teller()


@pytest.fixture
def known() -> Directory:
    return directory(channels=CHANNELS)


@pytest.fixture
def service(teller: Teller, known: Directory) -> Iterator[ReadService]:
    settings = Settings()
    found = ReadService(
        ClickHouse(settings.clickhouse), lambda: known, settings, ManualClock(NOW), b"s" * 32, teller=teller
    )
    yield found
    found.close()


@pytest.fixture
def client(service: ReadService) -> Iterator[Client]:
    app = http_application(service.settings, service.directory, read_service=service)
    with TestClient(app, raise_server_exceptions=False) as found:
        found.follow_redirects = False
        yield found


def by(scope: str) -> dict[str, str]:
    return {"authorization": f"Bearer {KEYS[scope]}"}


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        ("startup:calmwave", ["cw", "cw-trial"]),
        ("startup:limbus", ["lb", "lb-trial"]),
        ("operator", ["cw", "cw-trial", "lb", "lb-trial"]),
        ("programme", []),
    ],
)
def test_a_key_sees_and_tries_its_own_channels_alone(
    client: Client, teller: Teller, scope: str, seen: list[str]
) -> None:
    listed = client.get("/v1/channels", headers=by(scope))
    tries = {str(c["id"]): client.post(f"/v1/channels/{c['id']}/test", headers=by(scope)).status_code for c in CHANNELS}

    assert [channel["id"] for channel in listed.json()["channels"]] == seen
    assert tries == {str(c["id"]): 200 if c["id"] in seen else 404 for c in CHANNELS}
    assert teller.tried == seen
    assert "hunter2" not in listed.text
    why = {channel["why"] for channel in listed.json()["channels"] if channel["failing_since"]}
    assert why == ({"refused with HTTP status 404"} if scope == "operator" else {""} if seen else set())


def test_anothers_channel_answers_byte_for_byte_as_one_that_does_not_exist(client: Client) -> None:
    others, none = (
        client.post(f"/v1/channels/{name}/test", headers=by("startup:calmwave")) for name in ("lb", "no-such")
    )

    assert others.status_code == none.status_code == 404
    assert others.content == none.content


def test_a_sending_key_and_nobody_try_nothing(client: Client, teller: Teller) -> None:
    codes = [
        client.post("/v1/channels/cw/test", headers=headers).status_code for headers in ({}, by("account:sunmi-main"))
    ]

    assert codes == [401, 403]
    assert teller.tried == []


def test_too_many_tries_are_a_429_and_a_process_that_tells_nobody_a_503(
    client: Client, teller: Teller, service: ReadService
) -> None:
    teller.too_many = True
    answer = client.post("/v1/channels/cw/test", headers=by("startup:calmwave"))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "600")

    object.__setattr__(service, "teller", None)
    assert client.post("/v1/channels/cw/test", headers=by("startup:calmwave")).status_code == 503
    assert client.get("/v1/channels", headers=by("startup:calmwave")).status_code == 200


def test_where_an_address_should_stand_is_told_to_operators_alone(client: Client, teller: Teller) -> None:
    teller.answer = ChannelTest("failed", "the environment variable CW is not set or empty", unreached=True)

    said = {
        scope: client.post("/v1/channels/cw/test", headers=by(scope)).json()["why"]
        for scope in ("startup:calmwave", "operator")
    }

    assert said["operator"] == "the environment variable CW is not set or empty"
    assert "CW" not in said["startup:calmwave"]
    assert "operator" in said["startup:calmwave"]


@pytest.mark.parametrize("path", ["/v1/channels/cw/test", "/channels/cw/test"])
def test_a_page_of_another_site_tries_nothing(
    client: Client, teller: Teller, service: ReadService, known: Directory, path: str
) -> None:
    key = next(key for key in known.keys.values() if key.scope == "startup:calmwave")
    client.cookies.set(SESSION_COOKIE, str(session_cookie(key, service, secure=False).value))

    foreign = client.post(path, headers={"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"})
    silent = client.post(path)
    own = client.post(path, headers={"origin": "http://testserver.local", "sec-fetch-site": "same-origin"})

    assert [foreign.status_code, silent.status_code] == [403, 403]
    assert own.status_code == 200
    assert teller.tried == ["cw"]


def test_the_page_lists_what_is_told_and_says_what_came_of_a_test(
    client: Client, teller: Teller, service: ReadService, known: Directory
) -> None:
    key = next(key for key in known.keys.values() if key.scope == "startup:calmwave")
    client.cookies.set(SESSION_COOKIE, str(session_cookie(key, service, secure=False).value))
    own = {"origin": "http://testserver.local", "sec-fetch-site": "same-origin"}
    pages = {name: client.get("/channels", headers={"accept-language": name}).text for name in ("zh", "en")}
    teller.answer = ChannelTest("unknown", "no answer (ReadTimeout)")
    tried = client.post("/channels/cw/test", headers={**own, "accept-language": "en"}).text
    teller.answer = ChannelTest("failed", "the environment variable CW is not set or empty", unreached=True)
    unreached = client.post("/channels/cw/test", headers={**own, "accept-language": "zh"}).text
    other = client.post("/channels/lb/test", headers={**own, "accept": "text/html"})

    assert all(
        words in pages["en"] for words in ("cw-trial", "guardrail worse", "does not arrive since", "Send a test")
    )
    assert all(words in pages["zh"] for words in ("通知通道", "护栏指标变差", "送不到", "发送测试"))
    # The names of script and style hold hashes, in which any two letters may stand.
    said = [re.sub(r"/static/[^\"]+", "", page) for page in (*pages.values(), tried, unreached)]
    assert all(secret not in page for page in said for secret in ("hunter2", "lb", "CW"))
    assert "no answer came; look whether it has arrived" in tried
    assert "需要运营方为该通知通道配置地址" in unreached
    assert other.status_code == 404
