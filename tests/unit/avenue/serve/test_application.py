"""The application that each role serves, as it is put together for it: what it says of itself, and how it says no."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from litestar.testing import TestClient
from openapi_spec_validator import validate

from avenue.serve.application import http_application
from producers.gateway.responses import HttpAnswer
from reports.presentation.labels import API_SUMMARIES
from reports.presentation.language import translator
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import SystemClock
from runtime.problems import PROBLEM_JSON
from runtime.settings import Settings
from schemas.export import documents
from tests.support.reports_harness import KEYS, directory

Client = TestClient[Any]
ROLES = ("gateway", "reports", "gateway and reports")
PUSH_PATHS = {"/v1/events", "/in/{account}/{flow}"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE")
OPERATOR = {"authorization": f"Bearer {KEYS['operator']}"}


class BrokenPipeline:
    """A pipeline that answers nothing."""

    async def push_batch(self, _: object) -> HttpAnswer:
        raise RuntimeError("the secret is 42")

    async def push_native(self, _: str, __: str, ___: object) -> HttpAnswer:
        raise RuntimeError("the secret is 42")


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(role: str) -> Iterator[Client]:
    """Return a client of what *role* serves. Its store does not open: nothing here asks it, but where that is the point."""
    settings, known = Settings(), directory()
    reading = ReadService(
        ClickHouse(settings.clickhouse), lambda: known, settings, SystemClock(), session_secret=b"s" * 32
    )
    gateway: Any = SimpleNamespace(pipeline=BrokenPipeline(), replayer=None, tester=None, audit=None)
    app = http_application(
        settings,
        lambda: known,
        gateway=gateway if "gateway" in role else None,
        read_service=reading if "reports" in role else None,
    )
    with TestClient(app, raise_server_exceptions=False) as found:
        found.follow_redirects = False
        yield found
    reading.close()


def document_of(client: Client) -> dict[str, Any]:
    answer = client.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.oai.openapi+json")
    found: dict[str, Any] = answer.json()
    return found


def operations(client: Client) -> dict[tuple[str, str], dict[str, Any]]:
    paths = document_of(client)["paths"]
    return {(path, method): operation for path, item in paths.items() for method, operation in item.items()}


def assert_problem(answer: Any, status: int) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM_JSON), answer.text
    problem = answer.json()
    assert problem.keys() >= {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert problem["detail"]


def test_the_document_is_valid_and_holds_what_the_role_serves(client: Client, role: str) -> None:
    document = document_of(client)

    validate(document)
    pushing = PUSH_PATHS if "gateway" in role else set()
    reading = {"/v1/me", "/v1/avenue", "/v1/metrics", "/v1/trials/{trial_id}/live"} if "reports" in role else set()
    assert pushing | reading <= document["paths"].keys()
    assert bool(PUSH_PATHS & document["paths"].keys()) == ("gateway" in role)
    ids = [operation["operationId"] for operation in operations(client).values()]
    assert len(ids) == len(set(ids)) >= 3


def test_every_error_in_the_document_is_a_problem(client: Client) -> None:
    found = operations(client)

    errors = {
        (path, status): set(answer["content"])
        for (path, _), operation in found.items()
        for status, answer in operation["responses"].items()
        if status >= "400"
    }
    assert len(errors) >= 8
    # A platform is refused in its own words where its push could not be stored.
    own = {("/in/{account}/{flow}", status) for status in ("500", "503")}
    assert {key: types for key, types in errors.items() if types != {PROBLEM_JSON}}.keys() <= own
    assert all(PROBLEM_JSON in types for types in errors.values())


def test_the_document_says_where_a_key_is_needed(client: Client) -> None:
    keyless = {path for (path, _), operation in operations(client).items() if not operation.get("security")}

    # A platform's push is signed in a way of its own, which OpenAPI has no word for.
    assert keyless <= {"/v1/metrics", "/in/{account}/{flow}"}
    assert keyless
    for (path, _), operation in operations(client).items():
        assert ("401" in operation["responses"]) == (path != "/v1/metrics")


@pytest.mark.parametrize("role", ["gateway"], indirect=True)
def test_a_batch_is_documented_in_each_of_its_forms_with_the_published_event(client: Client) -> None:
    document = document_of(client)

    body = document["paths"]["/v1/events"]["post"]["requestBody"]
    shapes = document["components"]["schemas"]
    assert body["required"] is True
    assert {"application/json", "application/x-ndjson"} <= body["content"].keys()
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Events"}
    assert len(shapes["Events"]["anyOf"]) == 3
    assert shapes["Event"] == documents()["event.v1.schema.json"]


def test_an_unknown_path_is_a_problem(client: Client) -> None:
    for path in ("/nowhere", "/v1/nowhere", "/in/a", "/in/a/b/c", "/openapi", "/openapi/redoc", "/v1/events/x"):
        assert_problem(client.get(path), 404)


def test_a_method_that_a_path_does_not_take_is_told_those_that_it_takes(client: Client, role: str) -> None:
    paths: dict[str, set[str]] = {}
    for path, method in operations(client):
        paths.setdefault(path, set()).add(method.upper())
    paths["/openapi.json"] = {"GET"}
    if "reports" in role:
        paths |= {"/sign-in": {"GET", "POST"}, "/trials": {"GET"}, "/internal/sql": {"POST"}}

    assert len(paths) >= 3
    for path, taken in paths.items():
        told = client.options(path)
        assert (told.status_code, told.content) == (204, b"")
        assert set(told.headers["allow"].split(", ")) == taken | {"OPTIONS"}, path
        for method in set(METHODS) - taken:
            refused = client.request(method, path)
            assert (refused.status_code, refused.headers["content-type"]) == (405, PROBLEM_JSON), (method, path)
            assert set(refused.headers["allow"].split(", ")) == taken | {"OPTIONS"}, path
            assert method == "HEAD" or refused.json()["detail"].endswith(refused.headers["allow"])


@pytest.mark.parametrize("role", ["gateway"], indirect=True)
def test_a_fault_at_the_door_is_a_problem_that_tells_nothing_of_itself(client: Client) -> None:
    # The second spelling of the path goes by the framework.
    for path in ("/v1/events", "/v1/events/", "/in/a/b", "/in/a/b/"):
        answer = client.post(path, content=b"[]")

        assert_problem(answer, 500)
        assert "42" not in answer.text


@pytest.mark.parametrize("role", ["reports"], indirect=True)
def test_a_fault_of_the_reading_side_is_a_problem_that_tells_nothing_of_itself(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr("reports.api.routes.avenue_map", broken)
    monkeypatch.setattr("reports.service.ReadService.context", broken)
    answer = client.get("/v1/avenue", headers=OPERATOR)

    assert_problem(answer, 500)
    assert "42" not in answer.text


def test_a_body_beyond_what_is_taken_is_a_problem(client: Client, role: str) -> None:
    path = "/v1/events/" if "gateway" in role else "/internal/sql"
    answer = client.post(path, content=b"x" * (Settings().gateway.max_body_bytes + 1), headers=OPERATOR)

    assert_problem(answer, 413)


@pytest.mark.parametrize("role", ["reports"], indirect=True)
def test_a_parameter_that_the_framework_cannot_read_is_named(client: Client) -> None:
    answer = client.get("/v1/trials/neuro/metrics?dense=perhaps", headers=OPERATOR)

    assert_problem(answer, 400)
    assert answer.json()["parameter"] == "dense"
    assert json.dumps(answer.json()["detail"]).count("dense") == 1


@pytest.mark.parametrize("role", ["reports"], indirect=True)
def test_a_text_says_its_charset_once(client: Client) -> None:
    (style,) = [word for word in client.get("/sign-in").text.split('"') if word.endswith(".css")]
    types = [client.get(path).headers["content-type"] for path in ("/sign-in", "/docs/rejects", "/docs/metrics", style)]

    assert types == ["text/html; charset=utf-8"] * 3 + ["text/css; charset=utf-8"]


def test_every_operation_is_called_something_in_the_pages_other_language(client: Client) -> None:
    called = {operation["summary"] for operation in operations(client).values()}
    chinese = translator("zh")

    assert len(called) >= 2
    assert called <= set(API_SUMMARIES)
    assert [text for text in called if chinese.say(text) == text] == []
