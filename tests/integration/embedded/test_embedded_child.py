"""A child ends with its parent, by the kernel or, elsewhere than on Linux, by the process in between."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from avenue.embedded import child
from avenue.embedded.process import ChildProcess, wait_until_gone
from tests.support.waiting import wait_until

SHIM = Path(child.__file__)
SLEEPER = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(600)"
# Starts the sleeper as `ChildProcess` does, on the platform named, and waits to be killed.
PARENT = """
import os, subprocess, sys
platform, shim, sleeper, note = sys.argv[1:]
run = "import runpy, sys; sys.platform = sys.argv[1]; sys.argv = sys.argv[2:]; runpy.run_path(sys.argv[0], run_name='__main__')"
command = [sys.executable, "-c", sleeper, note]
subprocess.Popen([sys.executable, "-c", run, platform, shim, str(os.getpid()), *command]).wait()
"""
SOON_S = 20.0


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_the_child_of_a_killed_parent_is_gone(tmp_path: Path, platform: str) -> None:
    note = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, platform, str(SHIM), SLEEPER, str(note)])
    pid = _noted(note)

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    assert wait_until_gone(pid, timeout_s=SOON_S)


def test_a_parent_that_died_before_the_request_is_noticed() -> None:
    # 1 is never the parent that asked.
    done = subprocess.run([sys.executable, str(SHIM), "1", "echo", "started"], capture_output=True, check=False)

    assert done.returncode == child.NOT_STARTED
    assert done.stdout == b""


def test_a_child_that_does_not_end_is_killed_after_its_grace(tmp_path: Path) -> None:
    deaf = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    process = ChildProcess("deaf", [sys.executable, "-c", deaf], log=tmp_path / "log")
    process.start()
    while not process.last_lines():
        assert process.running

    assert not process.stop(grace_s=0.2)
    assert process.exit_code == -signal.SIGKILL


def test_a_child_in_a_session_of_its_own_keeps_its_log(tmp_path: Path) -> None:
    process = ChildProcess("echo", ["echo", "hello"], log=tmp_path / "logs" / "echo.log")

    process.start(dict(os.environ))

    assert process.wait(SOON_S)
    assert process.last_lines() == ["hello"]


def _noted(note: Path) -> int:
    return int(wait_until(lambda: note.read_text() if note.exists() else "", SOON_S, "it noted nothing"))
