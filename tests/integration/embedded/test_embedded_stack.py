"""The embedded stack as processes: up, healed, drained, killed; the broker is real, the roles only answer."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from avenue.embedded.ports import free_port
from avenue.embedded.process import alive, wait_until_gone
from avenue.run_file import read_run_file
from runtime.settings import HttpSettings
from tests.support.paths import ROOT, SUPPORT
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.kafka]

DRIVER = SUPPORT / "stack_driver.py"
MakeUp = Callable[..., "Up"]
UP_S = 60.0
SOON_S = 15.0


class Up:
    """A running stack on `folder/name`."""

    def __init__(self, folder: Path, name: str, environ: dict[str, str]) -> None:
        self.home = folder / name
        self.errors = folder / f"{name}.stderr"
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(DRIVER), str(self.home)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=dict(os.environ) | {"PYTHONPATH": str(ROOT)} | environ,
            )

    def ready(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"ended with {self.process.wait()}: {self.said()}"
        return line.strip()

    def said(self) -> str:
        return self.errors.read_text()

    def pids(self) -> dict[str, int]:
        return {child["name"]: child["pid"] for child in json.loads((self.home / "children.json").read_text())}

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(UP_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        # A failed promise must not burden the tests that follow.
        for pid in self.pids().values() if (self.home / "children.json").exists() else ():
            if not wait_until_gone(pid, timeout_s=SOON_S):
                os.kill(pid, signal.SIGKILL)
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[MakeUp]:
    made: list[Up] = []

    def make(name: str = "home", **environ: str) -> Up:
        made.append(Up(tmp_path, name, environ))
        return made[-1]

    yield make
    for up in made:
        up.close()


@pytest.fixture
def start_roles(start: MakeUp, kafka_bootstrap: str) -> MakeUp:
    """Start stacks that use the session's broker, which costs no time."""
    return lambda *args, **environ: start(*args, AVENUE_KAFKA__BOOTSTRAP=kafka_bootstrap, **environ)


@pytest.fixture
def start_all(start: MakeUp, kafka_jars: list[Path]) -> MakeUp:
    """Start stacks with a broker of their own."""
    return start


def test_ready_names_both_addresses_and_the_run_file_is_private(start_roles: MakeUp) -> None:
    up = start_roles()

    line = up.ready()

    run = read_run_file(up.home)
    assert run is not None
    assert line == f"ready {run.url} ops {run.ops_url}"
    assert (up.home / "run.json").stat().st_mode & 0o777 == 0o600


def test_killed_outright_it_leaves_no_process_and_starts_again_and_a_stop_ends_all_in_order(
    start_all: MakeUp, tmp_path: Path
) -> None:
    up = start_all()
    up.ready()
    pids = up.pids()

    up.process.kill()
    assert all(wait_until_gone(pid, timeout_s=SOON_S) for pid in pids.values())

    again = start_all()
    assert again.ready().startswith("ready http://")
    pids = again.pids()

    assert again.end() == 0
    assert (tmp_path / "ends").read_text().split() == ["server", "worker"]
    assert not any(alive(pid) for pid in pids.values())
    assert read_run_file(again.home) is None


def test_a_killed_child_is_started_again_and_the_others_stay(start_all: MakeUp) -> None:
    up = start_all()
    up.ready()
    for name in ("server", "worker", "kafka"):
        before = up.pids()

        os.kill(before[name], signal.SIGKILL)

        wait_until(lambda name=name: f"{name} is ready again" in up.said(), UP_S, up.said)  # type: ignore[misc] # mypy infers no type for a lambda with a default
        assert {child for child, pid in up.pids().items() if pid != before[child]} == {name}


def test_a_child_that_says_it_is_stuck_is_started_again(start_roles: MakeUp, tmp_path: Path) -> None:
    up = start_roles(AVENUE_STACK__STUCK_S="1")
    up.ready()
    before = up.pids()

    (tmp_path / "worker.mood").write_text("stuck: no progress for 40 s")
    wait_until(lambda: up.pids()["worker"] != before["worker"], SOON_S, up.said)

    assert "worker was stuck for 1 s (work: stuck: no progress for 40 s)" in up.said()


def test_a_child_that_keeps_failing_ends_the_stack_and_is_named(start_roles: MakeUp, tmp_path: Path) -> None:
    (tmp_path / "server.mood").write_text("fail")
    up = start_roles(AVENUE_STACK__RESTARTS="2", AVENUE_STACK__BACKOFF_S="0.05")

    code = up.process.wait(UP_S)

    assert code == 1
    assert "server ended with exit code 1, 3 times in a row" in up.said()
    assert "this role cannot work today" in up.said()
    assert not any(alive(pid) for pid in up.pids().values())


def test_a_home_that_is_in_use_is_refused_with_the_process_that_uses_it(start_roles: MakeUp) -> None:
    first = start_roles()
    first.ready()

    second = start_roles()

    assert second.process.wait(SOON_S) == 2
    assert f"another `avenue up` (pid {first.process.pid}) runs on {first.home}" in second.said()
    assert first.process.poll() is None


def test_a_port_that_was_asked_for_and_is_taken_is_refused_by_name(start_roles: MakeUp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]

        up = start_roles(AVENUE_HTTP__PORT=str(port))

        assert up.process.wait(SOON_S) == 2
        said = up.said()
    assert f"port {port}, asked for by AVENUE_HTTP__PORT, is taken by " in said
    assert f"(pid {os.getpid()})" in said


def test_a_default_port_that_is_taken_gives_way_to_a_free_one(start_roles: MakeUp) -> None:
    default = HttpSettings().port

    def gave_way(name: str) -> bool:
        with held(default):
            up = start_roles(name)
            line = up.ready()
        return f"port {default} is taken, using" in up.said() and f":{default} " not in line

    # Where another test had the port, and let it go before we started, the second time it is ours.
    assert gave_way("one") or gave_way("two")


def test_the_workers_ops_port_is_the_next_one_and_stays_so(start_roles: MakeUp) -> None:
    def beside(name: str) -> bool:
        server = free_port()
        found = []
        for _ in range(2):
            up = start_roles(name, AVENUE_HTTP__OPS_PORT=str(server))
            up.ready()
            run = read_run_file(up.home)
            assert run is not None
            assert run.ops_url == f"http://127.0.0.1:{server}"
            found.append(run.worker_ops_url)
            up.end()
        return found == [f"http://127.0.0.1:{server + 1}"] * 2

    # Where another test had it, the second time it is ours.
    assert beside("one") or beside("two")


@contextmanager
def held(port: int) -> Iterator[None]:
    """Hold *port*, or leave it to who has it."""
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
        yield
