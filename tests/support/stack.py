"""A whole embedded stack as a process, for tests that push at one end and read at the other.

`stack` is one for the session (tests that only need one, and leave it whole); `make_stack` gives a test stacks of its
own, to kill. A failed test shows the ends of its stacks' logs.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from avenue.client.store_access import RunningServer
from avenue.demo.registry import write_demo_registry
from avenue.embedded.ports import free_port
from avenue.embedded.process import alive, tail, wait_until_gone
from avenue.run_file import RunFile, read_run_file
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

AVENUE = [sys.executable, "-P", "-m", "avenue"]
# The same, with places to be held at.
HELD_AVENUE = [sys.executable, "-P", str(ROOT / "tests" / "support" / "pause_points.py")]
# Many times what a quiet machine needs: tests share theirs.
START_S = 150.0
STOP_S = 100.0
COMMAND_S = 120.0
GONE_S = 15.0
# The contract says 5 s, of a machine that does nothing else.
KEY_S = 30.0
HOLD = "AVENUE_TEST_HOLD"
POLL_S = 0.05
HEAP_MB = "384"
LOG_LINES = 12
# The demo's registry: batches of this account, and the key pair of Douyin's trade callbacks.
BATCH_ACCOUNT = "push-demo"
TRADE_FLOW = "douyin-main/trade"

MakeStack = Callable[..., "Stack"]
_LIVING: list["Stack"] = []


class Stack:
    """`avenue up` on a folder of its own, with the demo's registry and ports that no other stack has.

    It keeps its ports over restarts, so that who pushes to it comes back to the same address. *environ* is added to
    the environment of the stack and of every command; with AVENUE_TEST_HOLD in it, `hold_at` works.
    """

    def __init__(self, folder: Path, **environ: str) -> None:
        self.home = folder / "home"
        self.registry = folder / "registry.toml"
        today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
        self.private_key = write_demo_registry(self.registry, today=today)
        self.ledgers: list[Path] = []
        """Of everything that was pushed to it."""
        self._folder = folder
        self._environ = {"AVENUE_KAFKA__HEAP_MB": HEAP_MB, "AVENUE_HOME": str(self.home)} | environ
        self._ports = ("--port", str(free_port()), "--ops-port", str(free_port()))
        self._starts = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._run: RunFile | None = None
        self._seen: set[int] = set()

    def start(self, timeout_s: float = START_S) -> float:
        """Start it, again on the same home where it was killed; return the seconds until it said `ready`."""
        began = time.monotonic()
        self.begin()
        self.wait_ready(timeout_s)
        return time.monotonic() - began

    def begin(self) -> None:
        """Start it, and wait for nothing."""
        number = next(self._starts)
        self._out = self._folder / f"up-{number}.out"
        avenue = HELD_AVENUE if HOLD in self._environ else AVENUE
        command = [*avenue, "up", "--home", str(self.home), "--registry", str(self.registry), *self._ports]
        with self._out.open("wb") as out, (self._folder / f"up-{number}.err").open("wb") as errors:
            self._process = subprocess.Popen(command, stdout=out, stderr=errors, env=self.environ, cwd=self._folder)

    def wait_ready(self, timeout_s: float = START_S) -> None:
        """Wait until it has said `ready`."""
        wait_until(lambda: self._said_ready() or self._code() is not None, timeout_s, "no `ready`")
        assert self._said_ready(), f"`avenue up` ended with exit code {self._code()}\n{self.last_lines()}"
        self._run = read_run_file(self.home)
        assert self._run is not None, "it said ready and left no run file"
        self._seen |= set(self.children().values())

    def _said_ready(self) -> bool:
        return self._out.read_text().startswith("ready ")

    def _code(self) -> int | None:
        assert self._process is not None
        return self._process.poll()

    @property
    def environ(self) -> dict[str, str]:
        """The environment of its commands."""
        python_path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
        return dict(os.environ) | {"PYTHONPATH": python_path} | self._environ

    @property
    def run(self) -> RunFile:
        """How its commands find it."""
        assert self._run is not None, "it was not started"
        return self._run

    @property
    def url(self) -> str:
        """Where it takes pushes and answers readers."""
        return self.run.url

    @property
    def ops_url(self) -> str:
        """Where it answers operators."""
        return self.run.ops_url

    @property
    def server(self) -> RunningServer:
        """What the command line asks."""
        return RunningServer(self.run)

    @property
    def pid(self) -> int:
        """Of `avenue up` itself."""
        assert self._process is not None
        return self._process.pid

    def children(self) -> dict[str, int]:
        """Return the process of each child now: kafka, worker, server."""
        noted = json.loads((self.home / "children.json").read_text())
        return {child["name"]: child["pid"] for child in noted}

    def kill(self, name: str) -> float:
        """Kill child *name*, or `up`, outright; return the moment (monotonic)."""
        self._seen |= set(self.children().values())
        if name == "up":
            assert self._process is not None
            self._process.kill()
            self._process.wait()
        else:
            os.kill(self.children()[name], signal.SIGKILL)
        return time.monotonic()

    def want(self, place: str) -> None:
        """Let the next process that comes by *place* (of `tests/support/pause_points.py`) stand still there."""
        folder = Path(self._environ[HOLD])
        folder.mkdir(exist_ok=True)
        (folder / f"{place}.wanted").touch()

    def held_at(self, place: str, timeout_s: float) -> int:
        """Wait until a process stands still at *place*; return its pid."""
        held = Path(self._environ[HOLD]) / f"{place}.held"
        wait_until(held.exists, timeout_s, f"nothing came by {place}")
        return int(held.read_text())

    def let_go(self, place: str) -> None:
        """Let whoever stands still at *place* go on."""
        (Path(self._environ[HOLD]) / f"{place}.held").unlink(missing_ok=True)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send *number* to child *name*, or to `up`."""
        os.kill(self.pid if name == "up" else self.children()[name], number)

    def assert_gone(self) -> None:
        """Fail where a process of this stack is left."""
        left = [pid for pid in self._seen if not wait_until_gone(pid, timeout_s=GONE_S)]
        assert not left, f"orphans: {[_command_of(pid) for pid in left]}"

    def stop(self) -> None:
        """Ask it to drain, and fail where it does not end well or leaves a process."""
        if self._process is None or self._process.poll() is not None:
            return
        self._seen |= set(self.children().values())
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(STOP_S)
        self.assert_gone()
        assert code == 0, f"`avenue up` ended with exit code {code} after TERM\n{self.last_lines()}"

    def destroy(self) -> None:
        """End whatever is left of it."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for pid in self._seen:
            if alive(pid) and not wait_until_gone(pid, timeout_s=GONE_S):
                os.kill(pid, signal.SIGKILL)

    def command(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run `avenue …` as a user would, with this stack's home."""
        return subprocess.run(
            [*AVENUE, *arguments],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            env=self.environ | environ,
            cwd=self._folder,
        )

    def issue_key(self, scope: str) -> str:
        """Return a new key of *scope*; it takes hold everywhere within 5 s."""
        done = self.command("key", "issue", "--scope", scope, "--json")
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["key"])

    def pushing_key(self, account: str) -> str:
        """Return a new key of *account* that the gateway knows already."""
        key = self.issue_key(f"account:{account}")

        def holds() -> bool:
            headers = {"authorization": f"Bearer {key}"}
            try:
                answer = httpx.post(f"{self.url}/v1/events", json=[], headers=headers, trust_env=False, timeout=KEY_S)
            except httpx.TransportError:
                return False  # it is being started anew
            return answer.status_code == 200

        wait_until(holds, KEY_S, "a new key did not take hold")
        return key

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of *sql*, read by the server's own read path."""
        answer = self.server.post("/internal/sql", sql.encode())
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def number(self, sql: str) -> int:
        """Return the only value of *sql*."""
        return int(next(iter(self.rows(sql)[0].values())))

    def reconcile(self, wait_s: float = 60.0) -> dict[str, Any]:
        """Return the sums and differences, after at most *wait_s* for what is in flight."""
        answer = self.server.get("/internal/reconcile", wait_s=str(wait_s))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def last_lines(self) -> str:
        """Return the ends of its logs."""
        files = [*sorted(self._folder.glob("up-*")), *sorted(self.home.glob("logs/*.log"))]
        return "\n".join(f"--- {file.name}\n" + "\n".join(tail(file, LOG_LINES)) for file in files)


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]
    except OSError:
        return str(pid)


@pytest.fixture(scope="session")
def stack(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return the session's stack; others push to it too, so use accounts, ids or minutes of your own."""
    made = Stack(tmp_path_factory.mktemp("stack"))
    yield from living(made)


@pytest.fixture
def make_stack(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStack]:
    """Return `make(**environ) -> Stack`, started unless told otherwise; they are stopped after the test."""
    made: list[Iterator[Stack]] = []

    def make(*, started: bool = True, **environ: str) -> Stack:
        made.append(living(Stack(tmp_path_factory.mktemp("own-stack"), **environ), started=started))
        return next(made[-1])

    yield make
    for one in made:
        next(one, None)


def living(made: Stack, *, started: bool = True) -> Iterator[Stack]:
    """Yield *made*, *started*; then stop it, and fail where it does not end well."""
    _LIVING.append(made)
    try:
        if started:
            made.start()
        yield made
        made.stop()
    finally:
        _LIVING.remove(made)
        made.destroy()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the ends of the stacks' logs to a failure."""
    report = yield
    if report.failed:
        report.sections += [(f"stack {made.home}", made.last_lines()) for made in _LIVING]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name.startswith("fault"):
                continue  # in a table of their own: `tests/support/fault_table.py`
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {name} {value}")
