"""Full disks: a small file system of its own under the broker or the store, filled and emptied under load.

Needs the right to mount (root on Linux); elsewhere the tests are skipped and say so, and fail where CI asks for all.
"""

import time
from pathlib import Path

import httpx
import pytest

from tests.support.fault_table import FaultLog
from tests.support.small_disks import SmallDisk, fill
from tests.support.stack import MakeStack, Stack
from tests.support.under_load import (
    EVENTS,
    NUMBERS_S,
    PATIENT_PARENT,
    Load,
    Reader,
    load_on,
    long_form,
    now_ms,
    wait_for_new_numbers,
)
from tests.support.waiting import let_pass, wait_until

pytestmark = [
    pytest.mark.stack,
    pytest.mark.fault,
    pytest.mark.timeout(3600),
    pytest.mark.xdist_group("disks"),
    long_form,
]

EVENTS_BETWEEN = max(400, EVENTS // 20)
FULL_FOR_S = 15.0


@pytest.mark.parametrize(("name", "mb"), [("clickhouse", 512), ("kafka", 256)])
def test_a_full_disk_is_waited_out_and_nothing_is_lost(
    small_disk: SmallDisk, make_stack: MakeStack, faults: FaultLog, tmp_path: Path, name: str, mb: int
) -> None:
    stack = make_stack(started=False, **PATIENT_PARENT)
    disk = small_disk(stack.home / name, mb)
    stack.start()
    with Reader(stack) as reader, Load(load_on(stack, tmp_path / "sent.ndjson")) as load:
        load.wait_for(EVENTS_BETWEEN)
        ballast = fill(disk)
        full_at = time.monotonic()
        if name == "clickhouse":
            load.wait_for(EVENTS_BETWEEN)  # pushes are taken: the log has room
            wait_until(
                lambda: "sink" in unready(stack), NUMBERS_S, "the sink does not say that the store takes nothing"
            )
        let_pass(full_at + FULL_FOR_S - time.monotonic())
        ballast.unlink()
        freed_at, freed_ms = time.monotonic(), now_ms()
        wait_for_new_numbers(stack, freed_ms)
        faults.note(f"disk of {name} full", time.monotonic() - freed_at)
        load.wait_for(EVENTS_BETWEEN)

    faults.settle(stack, load, reader)


def unready(stack: Stack) -> set[str]:
    """Return the dependencies of the server that are not well."""
    try:
        state = httpx.get(f"{stack.ops_url}/health/ready", trust_env=False).json()
    except httpx.TransportError:
        return set()
    return {name for name, part in state["dependencies"].items() if not part["ok"]}
