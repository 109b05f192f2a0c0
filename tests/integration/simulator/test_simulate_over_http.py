"""The simulator against a server that judges as the gateway does, and against servers in trouble."""

import asyncio
import json
import re
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from avenue.commands import simulate as command
from avenue.demo.registry import write_demo_registry
from avenue.simulator.options import SimulateOptions, TrafficShares
from avenue.simulator.run import simulate, simulate_async
from registry.file import load_registry
from runtime.clock import SystemClock
from tests.integration.simulator.conftest import Answer, RecordingServer
from tests.support.fake_gateway import JudgedRequest, JudgingRoad

QUIET = TrafficShares(duplicates=0, late=0, rejects=0, unknown_placement=0, wrong_signature=0)
BUSY: Answer = (503, b'{"title":"Service Unavailable"}', {"retry-after": "0"})


@pytest.fixture
def options(tmp_path: Path, server: RecordingServer) -> SimulateOptions:
    registry = tmp_path / "registry.toml"
    private = write_demo_registry(registry, today=datetime.now(UTC).date())
    road = JudgingRoad(load_registry(registry), SystemClock())

    def answer(request: JudgedRequest) -> Answer:
        return (*road.answer(request), {})

    server.answer = answer
    return SimulateOptions(
        url=server.url,
        registry=registry,
        events=800,
        seed=11,
        batch=40,
        ledger=tmp_path / "sent.ndjson",
        shares=TrafficShares(duplicates=0.08, late=0.1, rejects=0.06, unknown_placement=0.03, wrong_signature=0.02),
        private_keys={"douyin-main/trade": private},
        give_up_s=10.0,
    )


def ledger(options: SimulateOptions) -> list[dict[str, Any]]:
    assert options.ledger is not None
    return [json.loads(line) for line in options.ledger.read_text().splitlines()]


def test_every_event_is_in_the_ledger_with_the_verdict_that_came_back(options: SimulateOptions) -> None:
    summary = simulate(replace(options, native_share=0.5))
    lines = ledger(options)

    assert summary.ok, summary.samples
    assert len(lines) == summary.events == 800
    assert Counter(line["verdict"] for line in lines) == summary.totals
    assert set(summary.totals) == {"accepted", "duplicate", "rejected", "positive", "refused"}


def test_a_server_in_trouble_gets_the_same_bodies_again(options: SimulateOptions, server: RecordingServer) -> None:
    server.script = [BUSY, None, (429, b"", {"retry-after": "0"}), BUSY]
    summary = simulate(replace(options, events=200, concurrency=1, shares=QUIET, only=("*/events",)))
    bodies = [request.body for request in server.requests]

    assert summary.ok, summary.samples
    assert (summary.retries, summary.requests) == (4, 5)
    assert bodies[:5] == [bodies[0]] * 5
    assert ledger(options)[0]["attempt"] == 5


def test_each_attempt_is_signed_for_its_own_time(options: SimulateOptions, server: RecordingServer) -> None:
    class Later(SystemClock):
        steps = 0

        def now_ms(self) -> int:
            self.steps += 1
            return super().now_ms() + self.steps * 1000

    server.script = [BUSY]
    simulate(replace(options, events=10, shares=QUIET, only=("*/events",), clock=Later(), concurrency=1))
    first, second = server.requests[:2]

    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize(
    ("flow", "negative"),
    [
        ("douyin/life-spi", (200, b'{"data":{"error_code":100,"description":"busy"}}', {})),
        ("sunmi/receipt", (500, b"FAIL", {})),
    ],
)
def test_a_platform_comes_again_after_its_negative_answer(
    options: SimulateOptions, server: RecordingServer, flow: str, negative: Answer
) -> None:
    server.script = [negative, negative]
    summary = simulate(replace(options, events=1, shares=QUIET, only=(flow,)))

    assert summary.totals == {"positive": 1}
    assert len({request.body for request in server.requests}) == 1
    assert len(server.requests) == 3


def test_what_is_not_as_expected_is_named_and_fails_the_run(options: SimulateOptions, server: RecordingServer) -> None:
    def lose_one(request: JudgedRequest) -> Answer:
        results = [{"index": 0, "verdict": "rejected", "reason": "internal_error"}]
        size = len(request.body.splitlines())
        return 200, json.dumps({"accepted": size - 1, "duplicate": 0, "rejected": 1, "results": results}).encode(), {}

    server.answer = lose_one
    summary = simulate(replace(options, events=1, shares=QUIET, only=("*/events",)))

    assert (summary.ok, summary.unexpected) == (False, 1)
    assert summary.samples[0]["reason"] == "internal_error"


def test_a_server_that_is_not_there_ends_the_run(options: SimulateOptions) -> None:
    began = time.monotonic()
    summary = simulate(replace(options, url="http://127.0.0.1:9", concurrency=2, give_up_s=0.2, events=5_000))

    assert time.monotonic() - began < 10
    assert summary.stopped
    assert set(summary.totals) == {"unanswered"}
    assert {line["verdict"] for line in ledger(options)} == {"unanswered"}


def test_the_rate_is_kept(options: SimulateOptions) -> None:
    began = time.monotonic()
    simulate(replace(options, events=60, rate=60.0, shares=QUIET))
    assert 0.6 < time.monotonic() - began < 8


def test_no_more_requests_at_once_than_asked(options: SimulateOptions, server: RecordingServer) -> None:
    simulate(replace(options, concurrency=3))
    assert 1 <= server.most_at_once <= 3


async def test_a_stop_ends_after_the_requests_under_way(options: SimulateOptions) -> None:
    stop = asyncio.Event()

    def progress(events: int) -> None:
        if events:
            stop.set()

    summary = await simulate_async(replace(options, events=5_000), progress=progress, stop=stop)

    assert summary.stopped
    assert summary.unanswered == 0
    assert 0 < summary.events == len(ledger(options)) < 5_000


async def test_an_interrupted_request_is_written_down_as_unanswered(
    options: SimulateOptions, server: RecordingServer
) -> None:
    server.script = [(503, b"", {"retry-after": "30"})] * 50
    run = asyncio.create_task(simulate_async(replace(options, concurrency=1, give_up_s=60)))
    assert await asyncio.to_thread(server.asked.wait, 10)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    lines = ledger(options)
    assert lines
    assert {line["verdict"] for line in lines} == {"unanswered"}


def invoke(*arguments: str) -> Any:
    app = typer.Typer()
    command.register(app)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_prints_its_summary_as_json(options: SimulateOptions) -> None:
    result = invoke(
        "--url", options.url, "--registry", str(options.registry), "--events", "100", "--seed", "3", "--json"
    )
    summary = json.loads(result.stdout)

    assert result.exit_code == 0, result.output
    assert (summary["events"], summary["seed"], summary["ok"]) == (100, 3, True)
    assert any("--private-key douyin-main/trade=FILE" in line for line in summary["skipped"])


def test_the_command_prints_a_table_for_people(options: SimulateOptions) -> None:
    result = invoke("--url", options.url, "--registry", str(options.registry), "--events", "100", "--seed", "3")

    assert result.exit_code == 0, result.output
    assert re.search(r"sunmi/events .*\d", result.stdout)
    assert "100 events in" in result.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        ("--key", "no-equals-sign"),
        ("--only", "nobody/nothing"),
        ("--duplicates", "0.6", "--rejects", "0.6"),
        ("--url", "gateway"),
        ("--events", "0"),
    ],
)
def test_used_wrongly_it_exits_2(options: SimulateOptions, wrong: tuple[str, ...]) -> None:
    result = invoke("--registry", str(options.registry), "--url", options.url, *wrong)
    assert result.exit_code == 2, result.output
