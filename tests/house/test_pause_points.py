"""The places where the fault tests hold a role are there: they name methods by text, which no other check reads."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("role", ["worker", "server"])
def test_every_place_where_a_role_can_be_held_is_there(role: str) -> None:
    program = f"from tests.support import pause_points; pause_points.hold_{role}(); print('made')"

    made = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert (made.returncode, made.stdout) == (0, "made\n"), made.stderr[-500:]
