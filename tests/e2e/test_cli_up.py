"""`avenue up` as its user meets it: a second one, a taken port, a hop that stands still, Ctrl-C; and what stays."""

import json
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE

import pytest

from avenue.embedded.process import wait_until_gone
from tests.support.stack import AVENUE, BATCH_ACCOUNT, COMMAND_S, GONE_S, KEY_S, STOP_S, Stack, living
from tests.support.waiting import wait_until

# One stack for all, in this order: the last one ends it.
pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("cli-up")]

WELL_AGAIN_S = 60.0


@pytest.fixture(scope="module")
def mine(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a stack to be hurt."""
    yield from living(Stack(tmp_path_factory.mktemp("cli-up")))


def up(stack: Stack, home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run another `avenue up` that must not come up."""
    command = [*AVENUE, "up", "--home", str(home), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=False, env=stack.environ)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def port_of(url: str) -> str:
    return url.rpartition(":")[2]


@contextmanager
def stopped(stack: Stack, name: str) -> Iterator[None]:
    """Let child *name* stand still meanwhile: its process lives, and answers nobody."""
    pid = stack.children()[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def first_broken(stack: Stack) -> str | None:
    done = stack.command("doctor", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["first_broken"] is None else 1)
    return found["first_broken"] and str(found["first_broken"])


def test_a_second_one_on_the_same_home_is_refused_and_the_first_goes_on(mine: Stack) -> None:
    second = up(mine, mine.home)

    assert (second.returncode, second.stdout) == (2, "")
    assert f"another `avenue up` (pid {mine.pid}) runs on {mine.home}" in second.stderr
    assert "name another folder with --home or AVENUE_HOME" in second.stderr
    assert mine.number("SELECT 1") == 1


@pytest.mark.parametrize("flag", ["--port", "--ops-port"])
def test_a_port_in_use_is_named_with_who_asks_for_it_and_who_has_it(mine: Stack, tmp_path: Path, flag: str) -> None:
    port = port_of(mine.url if flag == "--port" else mine.ops_url)

    done = up(mine, tmp_path / "other", flag, port)

    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(
        rf"port {port}, asked for by {flag}, is taken by \S+ \(pid {mine.children()['server']}\)", done.stderr
    )
    assert "choose another port" in done.stderr


@pytest.mark.parametrize("name", ["worker", "kafka"])
def test_the_doctor_names_the_hop_that_stands_still_and_the_next_step(mine: Stack, name: str) -> None:
    with stopped(mine, name):
        done = mine.command("doctor")

    assert done.returncode == 1
    hop = "broker" if name == "kafka" else name
    assert re.search(rf"^BROKEN {hop} ", done.stdout, re.MULTILINE)
    said = done.stdout.splitlines()[-1]
    assert said == f"first broken: {hop}. Next step: look at logs/{name}.log in the home folder"
    wait_until(lambda: first_broken(mine) is None, WELL_AGAIN_S, "not well again")


def test_a_secret_that_is_missing_is_named_by_the_doctor_and_the_stack_stays_ready(mine: Stack, tmp_path: Path) -> None:
    file = tmp_path / "registry.toml"
    file.write_text(mine.registry.read_text().replace("plain:bili_demo_secret", "env:BILI_NOT_SET"))
    assert mine.command("registry", "apply", str(file)).returncode == 0

    wait_until(lambda: first_broken(mine) == "secrets", WELL_AGAIN_S, "the missing secret is not told")

    said = mine.command("doctor").stdout
    assert "account bilibili-main, flow webhook: the environment variable BILI_NOT_SET is not set" in said
    assert "bilibili-main" in (mine.home / "logs" / "server.log").read_text()
    assert mine.command("registry", "apply", str(mine.registry)).returncode == 0
    wait_until(lambda: first_broken(mine) is None, WELL_AGAIN_S, "not well again")


def pushed(stack: Stack, url: str, folder: Path) -> str:
    """Push one event by `avenue send` until the new key holds; return its id."""
    event = {
        "event_id": f"cli-{uuid.uuid4().hex}",
        "kind": "exposure",
        "occurred_at": datetime.now(UTC).isoformat(),
        "product_id": "neuro-band",
    }
    file = folder / "events.ndjson"
    file.write_text(json.dumps(event) + "\n")
    words = ("send", str(file), "--url", url, "--key", stack.issue_key(f"account:{BATCH_ACCOUNT}"))
    wait_until(lambda: stack.command(*words).returncode == 0, KEY_S, "the event was not taken")
    return str(event["event_id"])


def test_ctrl_c_drains_ends_with_0_and_what_was_taken_can_still_be_asked_for(mine: Stack, tmp_path: Path) -> None:
    mine.stop()
    command = [*AVENUE, "up", "--home", str(mine.home), "--port", "0", "--ops-port", "0"]
    errors = tmp_path / "up.err"
    with (
        errors.open("w") as said,
        subprocess.Popen(command, stdout=PIPE, stderr=said, env=mine.environ, text=True) as up,
    ):
        assert up.stdout is not None
        line = up.stdout.readline().split()
        assert line[0] == "ready", errors.read_text()
        pids = mine.children()
        event_id = pushed(mine, line[1], tmp_path)
        up.send_signal(signal.SIGINT)
        assert up.wait(STOP_S) == 0, errors.read_text()
        assert up.stdout.read() == ""

    assert all(wait_until_gone(pid, timeout_s=GONE_S) for pid in pids.values())
    assert [name for name in pids if f"draining {name}" not in errors.read_text()] == []
    found = mine.command("sql", "SELECT event_id FROM events")
    assert [json.loads(row)["event_id"] for row in found.stdout.splitlines()] == [event_id]
    summed = mine.command("reconcile")
    assert (summed.returncode, " 0 open; 0 differences" in summed.stdout) == (0, True), summed.stdout
    assert mine.command("sql", "DROP TABLE pilot_events").returncode == 1
    assert "start it with `avenue up`" in mine.command("key", "list").stderr
