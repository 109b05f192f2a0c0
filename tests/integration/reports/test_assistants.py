"""The tools for assistants, driven by the library's own client on the real application: in this process, over standard
input and output, and over HTTP.
"""

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import TextContent
from typer.testing import CliRunner

from avenue.__main__ import build
from avenue.assistants.reading import ReadingApi
from avenue.assistants.serve import serve_stdio
from avenue.assistants.tools import assistant_server
from avenue.serve.application import http_application
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.errors import ConfigurationError
from runtime.settings import Settings
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse_fixtures import clickhouse_settings
from tests.support.dashboard_harness import serving, wake_threads
from tests.support.reports_harness import KEYS, NOW, World, cells_of, made_up

pytestmark = pytest.mark.clickhouse

OF_A_TRIAL = {
    "trial": "",
    "metrics": "/metrics?step=day",
    "readout": "/readout",
    "rejects": "/rejects",
    "freshness": None,
}
LISTS = {"me": "/v1/me", "products": "/v1/products", "trials": "/v1/trials", "avenue": "/v1/avenue"}
TOOLS = {*OF_A_TRIAL, *LISTS, "metric_definitions"}


@pytest.fixture(scope="module")
def app(clickhouse_folder: Path | None, _store_stays_open: None) -> Iterator[Any]:
    """Return the application over a store that the tests of this module only read."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    store = ClickHouse(clickhouse_settings(name), path=clickhouse_folder)
    migrate(store)
    world, events = World(store), made_up(900, seed=3)
    world.store(events)
    world.live(cells_of(events))
    reading = ReadService(store, lambda: world.directory, Settings(), ManualClock(NOW))
    wake_threads(reading)
    yield http_application(reading.settings, reading.directory, read_service=reading)
    reading.close()
    store.writer().command(f"DROP DATABASE IF EXISTS {name}")
    store.close()


@asynccontextmanager
async def assistant(app: Any, scope: str) -> AsyncIterator[tuple[Client, httpx.AsyncClient]]:
    """Give the library's client of the tools in this process, and a client of the API with the same key."""
    headers = {"authorization": f"Bearer {KEYS[scope]}"}
    transport = httpx.ASGITransport(app=app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://avenue", headers=headers) as api,
        Client(assistant_server(ReadingApi(api))) as client,
    ):
        yield client, api


async def told(client: Client, tool: str, **arguments: Any) -> str:
    """Return what a tool says is wrong."""
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    (content,) = answer.content
    assert isinstance(content, TextContent)
    return content.text.removeprefix(f"Error executing tool {tool}: ")


async def test_every_tool_answers_what_the_api_answers_under_the_same_key(app: Any) -> None:
    async with assistant(app, "startup:calmwave") as (client, api):
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(listed) == TOOLS
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in listed.values())
        expected = {tool: (await api.get(path)).json() for tool, path in LISTS.items()}
        answers = {tool: (await client.call_tool(tool, {})).structured_content for tool in LISTS}
        of_trial = {
            tool: (await client.call_tool(tool, {"trial_id": "neuro"})).structured_content for tool in OF_A_TRIAL
        }
        expected_of_trial = {
            tool: (await api.get(f"/v1/trials/neuro{tail}")).json()
            for tool, tail in OF_A_TRIAL.items()
            if tail is not None
        }

    assert answers == expected
    assert {tool: of_trial[tool] for tool in expected_of_trial} == expected_of_trial
    numbers = [of_trial[tool] for tool in ("metrics", "readout", "rejects", "freshness")] + [answers["avenue"]]
    assert all(answer and set(answer["freshness"]) >= {"as_of", "lag_s", "rejected"} for answer in numbers)


async def test_interval_step_and_split_are_the_apis_own(app: Any) -> None:
    asked = {
        "metric": ["events", "success_rate"],
        "from": "2026-11-21",
        "to": "2026-11-22",
        "step": "hour",
        "by": "arm",
    }

    async with assistant(app, "startup:calmwave") as (client, api):
        answer = (await client.call_tool("metrics", {"trial_id": "neuro", **asked})).structured_content
        expected = (await api.get("/v1/trials/neuro/metrics", params=asked)).json()

    assert answer == expected
    assert answer
    assert [one["metric"] for one in answer["metrics"]] == ["events", "success_rate"]


async def test_somebody_elses_trial_looks_exactly_like_an_unknown_one(app: Any) -> None:
    async with assistant(app, "startup:limbus") as (client, _):
        theirs = [await told(client, tool, trial_id="neuro") for tool in OF_A_TRIAL]
        unknown = [await told(client, tool, trial_id="no-such") for tool in OF_A_TRIAL]
        winding = await told(client, "trial", trial_id="../me")
        lists = [str((await client.call_tool(tool, {})).structured_content) for tool in LISTS]

    assert theirs == unknown
    assert {*theirs, winding} == {
        "404: there is nothing here that this key may see; the paths are listed at /openapi.json"
    }
    assert "emg" in lists[0]
    assert "neuro" not in "".join(lists)


async def test_what_cannot_be_answered_names_the_way_out(app: Any) -> None:
    async with assistant(app, "startup:calmwave") as (client, api):
        wrong_time = await told(client, "metrics", trial_id="neuro", **{"from": "yesterday"})
        many = await told(
            client, "metrics", trial_id="neuro", step="minute", by="kind", metric=["events", "subjects", "sessions"]
        )
        unknown = await told(client, "metrics", trial_id="neuro", metric=["happiness"])
        api.headers["authorization"] = "Bearer avk_revoked"
        refused = await told(client, "me")

    assert wrong_time.startswith("400: from: ")
    assert "coarser step" in many
    assert "success_rate" in unknown
    assert "unknown, expired or revoked" in refused
    assert "avk_revoked" not in refused


def environment(scope: str) -> dict[str, str]:
    return {**os.environ, "AVENUE_KEY": KEYS[scope]}


async def test_over_standard_input_and_output_a_startup_reads_its_own(app: Any) -> None:
    command = ["-m", "avenue", "mcp", "--url"]
    with serving(app) as address:
        started = StdioServerParameters(
            command=sys.executable, args=[*command, address], env=environment("startup:calmwave")
        )
        async with Client(started) as client:
            mine = (await client.call_tool("me", {})).structured_content
            readout = (await client.call_tool("readout", {"trial_id": "neuro"})).structured_content
            theirs = await told(client, "readout", trial_id="emg")

    assert mine
    assert mine["trials"] == ["neuro"]
    assert readout
    assert readout["freshness"]
    assert theirs.startswith("404: ")


@contextmanager
def listening(address: str, scope: str) -> Iterator[str]:
    """Run `avenue mcp --http` against *address*, and give where it listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "avenue", "mcp", "--http", "--port", str(port), "--url", address]
    with subprocess.Popen(command, env=environment(scope), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"ready http://127.0.0.1:{port}/mcp\n"
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()
    assert process.returncode == 0


async def test_over_http_it_answers_this_machine_and_no_page_from_elsewhere(app: Any) -> None:
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"accept": "application/json, text/event-stream"}
    with serving(app) as address, listening(address, "startup:limbus") as url:
        async with Client(url) as client:
            mine = (await client.call_tool("trials", {})).structured_content
        async with httpx.AsyncClient(headers=accept) as browser:
            rebound = await browser.post(url, json=hello, headers={"host": "evil.example"})
            foreign = await browser.post(url, json=hello, headers={"origin": "https://evil.example"})
            large = await browser.post(url, json={**hello, "params": {"x": "x" * 70_000}})

    assert mine
    assert [trial["id"] for trial in mine["trials"]] == ["emg"]
    assert (rebound.status_code, foreign.status_code, large.status_code) == (421, 403, 413)


@pytest.mark.parametrize(
    ("key", "words"), [("avk_nobody", "unknown, expired"), (KEYS["account:sunmi-main"], "for sending")]
)
async def test_a_key_that_cannot_read_is_refused_at_the_start(app: Any, key: str, words: str) -> None:
    with serving(app) as address, pytest.raises(ConfigurationError, match=words) as refused:
        await serve_stdio(address, key)

    assert key not in str(refused.value)


def test_without_a_key_it_says_which_and_from_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AVENUE_KEY", raising=False)

    done = CliRunner().invoke(build(), ["mcp", "--url", "http://127.0.0.1:9"])

    assert done.exit_code == 2
    assert "AVENUE_KEY is not set" in done.stderr
    assert "the avenue's operator" in done.stderr
