"""The two shapes that the road is measured in: the embedded stack, and each role a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx

from avenue.embedded.broker import Broker
from avenue.embedded.ports import free_port
from avenue.embedded.prepare import prepare_cluster
from avenue.run_file import read_run_file
from bench.pushes import ACCOUNT, PRODUCTS, bodies, headers_of, push, write_registry
from registry.file import load_registry
from registry.keys import issue_key
from registry.topic import RegistryWriter
from runtime.retries import poll_until
from runtime.settings import Settings, load_settings

START_S = 180.0
STOP_S = 90.0
WAIT_S = 300.0
POLL_S = 0.2
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Road:
    """A running stack: which processes make which role, and where they answer."""

    home: Path
    pids: Mapping[str, int]
    url: str
    bootstrap: str
    sink_ops: str
    worker_ops: str
    operator_key: str = ""
    _stops: list[Callable[[], None]] = field(default_factory=list)

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds of each role so far, all threads, user and system."""
        return {role: process_cpu_s(pid) for role, pid in self.pids.items()}

    def stored(self) -> int:
        """Return how many event lines the sink has inserted."""
        return _counter(self.sink_ops, r'avenue_sink_rows_total\{table="pilot_events"\}')

    def counted(self) -> int:
        """Return how many event lines the worker has taken in."""
        return _counter(self.worker_ops, r"avenue_worker_events_total\{[^}]*\}")

    def settling(self) -> int:
        """Return how many blocks were settled."""
        return _counter(self.sink_ops, r"avenue_settle_blocks_total\{[^}]*\}")

    def wait_for(self, stored: int, counted: int) -> None:
        """Wait until so many lines are stored and counted."""
        wait(lambda: self.stored() >= stored and self.counted() >= counted, WAIT_S, "lines are missing")

    def cost_of(
        self, key: str, lines: Sequence[bytes], size: int, *, then: Callable[[], None] = lambda: None
    ) -> dict[str, float]:
        """Push *lines* in batches of *size*; return each role's CPU seconds until all is stored, counted and *then*."""
        sent = bodies(lines, size)
        stored, counted, before = self.stored(), self.counted(), self.cpu_s()
        push(self.url, key, sent)
        self.wait_for(stored + len(lines), counted + len(lines))
        then()
        after = self.cpu_s()
        return {role: after[role] - before[role] for role in before}

    def pushing_key(self, account: str = ACCOUNT) -> str:
        """Return a new key of *account* that the gateway knows."""
        issued = issue_key(f"account:{account}", now=datetime.now(UTC))
        with RegistryWriter(settings_of(self.home, self.bootstrap)) as writer:
            writer.publish_key(issued.entry)
        address = f"{self.url}/v1/events"
        known = lambda: httpx.post(address, content=b"[]", headers=headers_of(issued.secret)).status_code == 200  # noqa: E731
        wait(known, 30, "the key did not take hold")
        return issued.secret

    def stop(self) -> None:
        """End it in order."""
        for stop in reversed(self._stops):
            stop()


def settings_of(home: Path, bootstrap: str) -> Settings:
    """Return the settings of a command on this home."""
    return load_settings({"AVENUE_HOME": str(home)}, kafka={"bootstrap": bootstrap})


def embedded(home: Path, *, registry: Path | None = None, **environ: str) -> Road:
    """Start `avenue up`: broker, worker, and one server that is gateway, sink and reports; *environ* has settings."""
    if registry is None:
        registry = home.parent / "registry.toml"
        write_registry(registry)
    ports = ["--port", str(free_port()), "--ops-port", str(free_port())]
    command = [*AVENUE, "up", "--home", str(home), "--registry", str(registry), *ports]
    log = home.parent / "up.log"
    process = _started(command, log, environ)
    wait(lambda: _alive(process, log) and read_run_file(home) is not None, START_S, "the stack is not ready")
    run = read_run_file(home)
    if run is None or run.worker_ops_url is None:
        raise RuntimeError("the stack left no run file")
    roles = {"kafka": "broker", "worker": "worker", "server": "server"}
    pids = {roles[child["name"]]: child["pid"] for child in json.loads((home / "children.json").read_text())}
    return Road(
        home, pids, run.url, run.kafka_bootstrap, run.ops_url, run.worker_ops_url, run.operator_key,
        [lambda: _end(process)],
    )  # fmt: skip


def apart(
    home: Path,
    roles: tuple[str, ...] = ("gateway", "worker", "sink"),
    *,
    products: int = PRODUCTS,
    environ: Mapping[str, str] | None = None,
) -> Road:
    """Start a broker and of `avenue gateway`, `avenue worker` and `avenue sink`, which alone has chDB, those asked.

    *environ* has settings.
    """
    registry = home.parent / "registry.toml"
    write_registry(registry, products)
    broker = Broker(home / "kafka")
    broker.prepare()
    broker.start()
    broker.wait_ready(START_S)
    stops: list[Callable[[], None]] = [lambda: _stop_broker(broker)]
    settings = settings_of(home, broker.bootstrap)
    prepare_cluster(settings, registry=load_registry(registry))
    ports = {role: free_port() for role in ("gateway", "worker", "sink", "http")}
    pids = {"broker": broker.pid or 0}
    for role in roles:
        given = dict(environ or {}) | {
            "AVENUE_HOME": str(home),
            "AVENUE_KAFKA__BOOTSTRAP": broker.bootstrap,
            "AVENUE_HTTP__PORT": str(ports["http"]),
            "AVENUE_HTTP__OPS_PORT": str(ports[role]),
        }
        log = home.parent / f"{role}.log"
        process = _started([*AVENUE, role], log, given)
        stops.append(partial(_end, process))
        pids[role] = process.pid
        ready = f"http://127.0.0.1:{ports[role]}/health/ready"
        wait(partial(_is_up, process, log, ready), START_S, f"{role} is not ready")
    ops = {role: f"http://127.0.0.1:{port}" for role, port in ports.items()}
    return Road(home, pids, ops["http"], broker.bootstrap, ops["sink"], ops["worker"], "", stops)


AVENUE = [sys.executable, "-P", "-m", "avenue"]


def _started(command: list[str], log: Path, environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVENUE_")}
    with log.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, env=kept | dict(environ), cwd=log.parent)


def _alive(process: "subprocess.Popen[bytes]", log: Path) -> bool:
    if process.poll() is not None:
        said = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{log.stem} ended with exit code {process.returncode}: {said}")
    return True


def _is_up(process: "subprocess.Popen[bytes]", log: Path, ready: str) -> bool:
    return _alive(process, log) and _ok(ready)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _stop_broker(broker: Broker) -> None:
    broker.stop()


def _ok(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _counter(ops: str, pattern: str) -> int:
    """Return the sum of the counters whose line begins with *pattern*."""
    text = httpx.get(f"{ops}/metrics", timeout=30, trust_env=False).text
    return int(sum(float(value) for value in re.findall(rf"^{pattern} (\S+)$", text, re.MULTILINE)))


def process_cpu_s(pid: int) -> float:
    """Return user and system time of *pid*, its ended threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def wait(check: Callable[[], object], timeout_s: float, otherwise: str, *, every_s: float = POLL_S) -> None:
    """Wait until *check* holds. Raises `RuntimeError` after *timeout_s*."""
    if not poll_until(check, timeout_s=timeout_s, every_s=every_s):
        raise RuntimeError(f"{otherwise} after {timeout_s:.0f} s")
