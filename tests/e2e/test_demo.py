"""The demo as a newcomer runs it, and runs it again: every sum closes, nothing differs, a report is left."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.event import PLATFORMS
from tests.support.paths import ROOT
from tests.support.stack import HEAP_MB

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

DEMO_S = 280.0


def demo(home: Path) -> "subprocess.CompletedProcess[str]":
    environ = dict(os.environ) | {"AVENUE_HOME": str(home), "AVENUE_KAFKA__HEAP_MB": HEAP_MB, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "avenue", "demo", "--events", "1500"]
    return subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEMO_S, check=False
    )


@pytest.mark.usefixtures("kafka_jars")
def test_run_again_on_the_same_home_every_sum_closes_and_nothing_differs(tmp_path: Path) -> None:
    for _ in range(2):
        done = demo(tmp_path / "home")

        assert done.returncode == 0, done.stdout + done.stderr
        accepted = dict(re.findall(r"(\w+) +accepted +\d+ +\(native push +(\d+)\)", done.stdout))
        assert set(accepted) == set(PLATFORMS)
        assert all(int(count) > 0 for count in accepted.values())
        assert done.stdout.count("closed") == 5
        assert "reconcile: 0 differences" in done.stdout
        (report,) = re.findall(r"trial report: (\S+)", done.stdout)
        assert Path(report).read_bytes().startswith(b"%PDF-")
