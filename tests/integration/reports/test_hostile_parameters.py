"""Every parameter of what ships, with values that nobody means well: an answer or a problem, and never a fault of ours."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from avenue.serve.application import http_application
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.problems import PROBLEM_JSON
from runtime.settings import ReportSettings, Settings
from tests.support.reports_harness import KEYS, NOW, World, cells_of, made_up

pytestmark = pytest.mark.clickhouse

Client = TestClient[Any]
# As they stand in an address.
HOSTILE = (
    "",
    "%00",
    "%ED%A0%80",
    "%FF%FE",
    "%F0%9F%92%A9",
    "%0D%0A",
    "%2e%2e%2f",
    "-1",
    "1e400",
    "nan",
    "inf",
    "99999999999999999999999",
    "0001-01-01",
    "0001-01-01T00:00:00%2B23:59",
    "1969-12-31T23:59:59Z",
    "9999-12-31",
    "9999-12-31T23:59:59.999999999-23:59",
    "2026-02-30",
    "2026-11-22T23:59:60Z",
    "2026-11-22",
    "null",
    "true",
    "%5B%5D",
    "%7Btrial:String%7D",
    "x" * 5000,
)
REPEATED = 3000
# Beyond what the slowest honest answer takes on a busy machine.
ANSWER_S = 60.0
# Not in the document: pages, and what the command line asks.
PAGES = {
    "/sign-in": ("next", "lang"),
    "/trials": ("lang",),
    "/trials/neuro/trend": ("metric", "by", "range", "step", "compare", "lang"),
}
INTERNAL = {"/internal/rejects": ("account", "reason", "limit")}


@pytest.fixture
def client(clickhouse: ClickHouse) -> Iterator[Client]:
    """Return a reader of everything, of the application that `avenue reports` serves."""
    world = World(clickhouse)
    events = made_up(60, seed=3)
    world.store(events)
    world.live(cells_of(events))
    settings = Settings(report=ReportSettings(live_every_s=0.05))
    reading = ReadService(clickhouse, lambda: world.directory, settings, ManualClock(NOW), session_secret=b"s" * 32)
    with TestClient(
        http_application(settings, reading.directory, read_service=reading), raise_server_exceptions=False
    ) as client:
        client.headers["authorization"] = f"Bearer {KEYS['operator']}"
        yield client
    reading.close()


def documented(client: Client) -> dict[str, tuple[str, ...]]:
    """Return the query parameters of each path that is read; the live stream takes none and does not end."""
    paths = client.get("/openapi.json").json()["paths"]
    return {
        path.replace("{trial_id}", "neuro"): tuple(
            parameter["name"] for parameter in item["get"].get("parameters", []) if parameter["in"] == "query"
        )
        for path, item in paths.items()
        if "get" in item and not path.endswith("/live")
    }


def one_by_one(paths: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return an address for each hostile value of each parameter, and one with it a few thousand times."""
    return [
        f"{path}?{query}"
        for path, names in paths.items()
        for name in names
        for query in (*(f"{name}={value}" for value in HOSTILE), "&".join([f"{name}=events"] * REPEATED))
    ]


def faults(client: Client, addresses: list[str]) -> list[str]:
    """Return what is answered as it must not be."""
    found = []
    for address in addresses:
        began = time.monotonic()
        answer = client.get(address, follow_redirects=False)
        took_s = time.monotonic() - began
        if answer.status_code >= 500 or took_s > ANSWER_S or (answer.status_code >= 400 and not told(answer)):
            found.append(f"{address[:120]}: {answer.status_code} {answer.headers['content-type']} {took_s:.1f} s")
    return found


def told(answer: httpx.Response) -> bool:
    """Tell whether *answer* is a problem that says what is wrong."""
    if answer.headers["content-type"] != PROBLEM_JSON:
        return False
    problem = answer.json()
    return problem["status"] == answer.status_code and bool(problem["detail"]) and bool(problem["title"])


def test_no_value_of_a_documented_parameter_is_a_fault_of_ours(client: Client) -> None:
    paths = documented(client)

    addresses = one_by_one(paths)

    assert {"/v1/trials/neuro/metrics", "/v1/trials/neuro/events", "/v1/trials/neuro/report"} <= paths.keys()
    assert set(paths["/v1/trials/neuro/metrics"]) == {"metric", "from", "to", "step", "by", "dense"}
    assert len(addresses) > 200
    assert faults(client, addresses) == []


def test_no_value_in_a_page_s_address_or_of_an_operator_s_command_is_a_fault_of_ours(client: Client) -> None:
    # A page is drawn each time, so all its parameters together.
    pages = [f"{path}?" + "&".join(f"{n}={v}" for n in names) for path, names in PAGES.items() for v in HOSTILE]
    addresses = pages + one_by_one(INTERNAL)

    assert len(addresses) > 150
    assert faults(client, addresses) == []


def test_no_trial_s_id_is_a_fault_of_ours(client: Client) -> None:
    ids = [value for value in HOSTILE if value and "%2f" not in value]
    paths = ("", "/metrics", "/readout", "/events", "/report", "/live")
    answers = [client.get(f"/v1/trials/{hostile}{path}") for hostile in ids for path in paths]

    assert len(answers) > 100
    assert {(answer.status_code, told(answer)) for answer in answers} == {(404, True)}


def test_times_from_outside_the_store_s_centuries_are_refused_by_name(client: Client) -> None:
    for path in ("metrics", "events"):
        for name, at in (("from", "1999-12-31T23:59:59+08:00"), ("to", "2100-01-02"), ("from", "0001-01-01")):
            answer = client.get(f"/v1/trials/neuro/{path}", params={name: at})

            assert (answer.status_code, answer.json()["parameter"]) == (400, name)
            assert "2000 to 2099" in answer.json()["detail"]


def test_a_dense_line_of_a_hundred_years_is_refused_before_it_is_made(client: Client) -> None:
    began = time.monotonic()
    answer = client.get("/v1/trials/neuro/metrics?from=2000-01-01&step=minute&dense=true&metric=events")

    assert (answer.status_code, answer.json()["parameter"]) == (400, "step")
    # Made, it would be thirteen million points.
    assert time.monotonic() - began < ANSWER_S
