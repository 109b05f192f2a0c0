"""The demo: a real stack, the platforms' own signed pushes, and proof that every event arrived once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from avenue.client.settings import cluster_settings
from avenue.client.store_access import RunningServer, error_detail
from avenue.demo.registry import write_demo_registry
from avenue.run_file import RunFile, read_run_file
from avenue.simulator.ledger import SimulationSummary
from avenue.simulator.options import SimulateOptions
from avenue.simulator.run import simulate
from registry.audit_note import noted_change
from registry.keys import issue_key
from registry.topic import RegistryWriter
from runtime.errors import PipelineError, UnavailableError
from runtime.retries import poll_until
from runtime.settings import Settings
from schemas.event import PLATFORMS

START_S = 330.0
SETTLE_S = 60.0
DRAIN_S = 90.0
POLL_S = 0.5
DAYS = 42.0
NATIVE_SHARE = 0.15
"""What comes natively costs a request an event; every platform gets some dozens."""
SHOWN_TRIAL = "neuro-band-demo"
SHOWN_STARTUP = "calmwave"


class DemoFailedError(PipelineError):
    """A promise of the demo was not kept; the message names the first broken hop."""


@dataclass(frozen=True, slots=True)
class _StepLog:
    """Where the demo's lines go: one a step."""

    began: float

    def say(self, line: str) -> None:
        print(f"[{time.monotonic() - self.began:6.1f} s] {line}", flush=True)


def run_demo(settings: Settings, *, events: int) -> int:
    """Run it and return the exit code. The stack is drained in any case.

    Raises `PipelineError` where a hop is broken.
    """
    steps = _StepLog(time.monotonic())
    registry = settings.home / "demo" / "registry.toml"
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    # The trials are as old as their data: what was due before would all count as not reported.
    private_key = write_demo_registry(registry, today=today, began_days_ago=int(DAYS))
    steps.say("starting Kafka, the Faust worker and the server; the first time downloads Kafka")
    stack = _start_stack(settings, registry)
    try:
        run = _wait_ready(stack, settings.home)
        steps.say(f"ready {run.url}")
        _drive(run, settings.home, (registry, private_key), events, steps)
        if sys.stdin.isatty() and sys.stdout.isatty():
            _stay(stack, run, steps)
    finally:
        code = _drain(stack)
    steps.say("drained" if code == 0 else f"the stack ended with exit code {code}")
    return code


def _start_stack(settings: Settings, registry: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", "-m", "avenue", "up", "--registry", str(registry), "--home", str(settings.home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def _wait_ready(stack: "subprocess.Popen[str]", home: Path) -> RunFile:
    deadline = time.monotonic() + START_S
    line = stack.stdout.readline() if stack.stdout is not None else ""
    if not line.startswith("ready "):
        code = stack.wait(timeout=max(1.0, deadline - time.monotonic()))
        raise UnavailableError(f"the stack did not come up (exit code {code}); its last lines are above")
    run = read_run_file(home)
    if run is None:
        raise UnavailableError("the stack said ready and left no run.json; `avenue doctor` says more")
    return run


def _drive(run: RunFile, home: Path, files: tuple[Path, Path], events: int, steps: _StepLog) -> None:
    registry, private_key = files
    server = RunningServer(run)
    _push(run, registry, private_key, events, steps)
    conservation = _reconciled(server)
    _print_platforms(server, steps)
    _print_sums(conservation, steps)
    settled = poll_until(
        lambda: _number(server, "SELECT count() AS n FROM settled_blocks"), timeout_s=SETTLE_S, every_s=POLL_S
    )
    if not settled:
        raise DemoFailedError("settlement: no block was settled within a minute; look at the server's log")
    steps.say(f"blocks settled: {settled}")
    steps.say(f"trial report: {_report(server, home)}")


def _push(run: RunFile, registry: Path, private_key: Path, events: int, steps: _StepLog) -> None:
    """Push the last days' traffic, then a little of the present; both are honest, the first is late by nature.

    Each run sends events of its own: the seed is new, as the same one would give the same ids other times.
    """
    keys = {"douyin-main/trade": private_key}
    for days, share in ((DAYS, 0.9), (0.0, 0.1)):
        summary = simulate(
            SimulateOptions(
                url=run.url,
                registry=registry,
                events=max(50, int(events * share)),
                days=days,
                native_share=NATIVE_SHARE,
                private_keys=keys,
                ledger=registry.with_name(f"ledger-{'past' if days else 'now'}.ndjson"),
            )
        )
        steps.say(_pushed(summary, f"the last {DAYS / 7:.0f} weeks" if days else "now"))


def _pushed(summary: SimulationSummary, when: str) -> str:
    return f"pushed {summary.events} events of {when} in {summary.seconds:.1f} s (seed {summary.seed})"


def _reconciled(server: RunningServer) -> dict[str, Any]:
    answer = server.get("/internal/reconcile", wait_s="60")
    if answer.status_code != 200:
        raise DemoFailedError(f"reconcile: the server answered {answer.status_code}: {error_detail(answer)}")
    found: dict[str, Any] = answer.json()
    return found


def _print_platforms(server: RunningServer, steps: _StepLog) -> None:
    rows = _rows(
        server,
        "SELECT platform, sumIf(d.accepted, flow != 'events') AS native, sum(d.accepted) AS accepted, "
        "sum(d.duplicate) AS duplicate, sum(d.rejected) AS rejected FROM pilot_deliveries AS d FINAL GROUP BY platform",
    )
    by_platform: Mapping[str, Any] = {row["platform"]: row for row in rows}
    for platform in PLATFORMS:
        row = by_platform.get(platform, {"native": 0, "accepted": 0, "duplicate": 0, "rejected": 0})
        steps.say(
            f"{platform:<10} accepted {int(row['accepted']):>6}  (native push {int(row['native']):>5})  "
            f"duplicate {int(row['duplicate']):>4}  rejected {int(row['rejected']):>4}"
        )
        if int(row["native"]) == 0:
            raise DemoFailedError(f"gateway: nothing of {platform}'s native pushes was accepted")


def _print_sums(conservation: Mapping[str, Any], steps: _StepLog) -> None:
    broken = [item for item in conservation["sums"] if not item["closed"]]
    names = sorted({item["name"] for item in conservation["sums"]})
    for name in names:
        items = [item for item in conservation["sums"] if item["name"] == name]
        left, right = sum(item["left"] for item in items), sum(item["right"] for item in items)
        state = "closed" if all(item["closed"] for item in items) else "OPEN"
        steps.say(f"{name}: {left} = {right}  {state}")
    differences = conservation["differences"]
    steps.say(f"reconcile: {len(differences)} differences")
    if broken:
        raise DemoFailedError(f"conservation: {broken[0]['name']} does not close: {json.dumps(broken[0])}")
    if differences:
        raise DemoFailedError(f"reconcile: {json.dumps(differences[0], ensure_ascii=False)}")


def _report(server: RunningServer, home: Path) -> Path:
    folder = home / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    for language in ("zh", "en"):
        path = folder / f"{SHOWN_TRIAL}-{language}.pdf"
        answer = server.get(f"/v1/trials/{SHOWN_TRIAL}/report", lang=language, format="pdf")
        if answer.status_code != 200:
            raise DemoFailedError(f"report: the server answered {answer.status_code}: {error_detail(answer)}")
        path.write_bytes(answer.content)
    return path


def _stay(stack: "subprocess.Popen[str]", run: RunFile, steps: _StepLog) -> None:
    steps.say(f"sign in as a startup at {run.url}/sign-in?next=/trials#key={_startup_key(run.home)}")
    steps.say(f"sign in as the operator at {run.url}/sign-in#key={run.operator_key}")
    steps.say("Ctrl-C drains and ends")
    try:
        stack.wait()
    except KeyboardInterrupt:
        steps.say("draining")


def _startup_key(home: Path) -> str:
    """Return a new reading key of the shown trial's startup, for a day."""
    now = datetime.now(UTC)
    settings = cluster_settings(home)
    issued = issue_key(f"startup:{SHOWN_STARTUP}", now=now, expires_at=now + timedelta(days=1))
    with noted_change(settings, "key issue", subject=issued.entry.id), RegistryWriter(settings) as writer:
        writer.publish_key(issued.entry)
    return issued.secret


def _drain(stack: "subprocess.Popen[str]") -> int:
    if stack.poll() is None:
        stack.send_signal(signal.SIGTERM)
    try:
        return stack.wait(timeout=DRAIN_S)
    except subprocess.TimeoutExpired:
        # Its children go with it.
        stack.kill()
        return 1


def _number(server: RunningServer, sql: str) -> int:
    return int(_rows(server, sql)[0]["n"])


def _rows(server: RunningServer, sql: str) -> list[dict[str, Any]]:
    answer = server.post("/internal/sql", sql.encode())
    if answer.status_code != 200:
        raise DemoFailedError(f"ClickHouse: {error_detail(answer)}")
    return [json.loads(line) for line in answer.text.splitlines()]
