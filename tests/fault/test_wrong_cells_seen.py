"""Cells written by hand into the store or onto the topic of a running stack: found, listed, and put right."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from avenue.simulator.run import simulate
from runtime.kafka import make_producer
from runtime.settings import KafkaSettings
from schemas.cells import CellRow
from schemas.codec import encode
from schemas.topics import Topic
from tests.support.fault_table import FaultLog
from tests.support.ledger_truth import assert_all_is_counted_once, read_ledgers, shown_cells
from tests.support.stack import MakeStack, Stack
from tests.support.under_load import NUMBERS_S, PATIENT_PARENT, now_ms, pushes
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.fault, pytest.mark.timeout(3600), pytest.mark.xdist_group("wrong")]

MINUTE_MS = 60_000
EVENTS = 500
WRONG = 1_000_000
WRITE = """
import sys
from pathlib import Path
from runtime.clickhouse import ClickHouse
from runtime.settings import ClickHouseSettings

store = ClickHouse(ClickHouseSettings(), path=Path(sys.argv[1]))
store.writer().command(sys.argv[2])
store.close()
"""
HIGHER_RUN = (
    f"INSERT INTO cells_settled SELECT * REPLACE ({WRONG} AS events, run + 1000000 AS run) "  # noqa: S608 - from here
    "FROM cells_settled FINAL WHERE events > 0 LIMIT 1"
)


def test_a_cell_and_a_phantom_written_with_higher_versions_are_found_listed_and_settled_right(
    make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack = make_stack(**PATIENT_PARENT, AVENUE_SINK__SUMS_EVERY_S="2")
    at_ms = now_ms() - 20 * MINUTE_MS
    # A live cell of a block that no event has been in yet, as a broken worker might write it.
    write_live(stack, at_ms)
    stack.ledgers.append(tmp_path / "sent.ndjson")
    simulate(pushes(stack, tmp_path / "sent.ndjson", at_ms, events=EVENTS))
    wait_until(lambda: settled_events(stack) == EVENTS, NUMBERS_S, "not settled right beside a phantom")
    faults.note("live cell with a higher version")
    right = shown_cells(stack)
    assert sum(sums[0] for sums in right.values()) == EVENTS == len(read_ledgers(stack).events)

    stack.stop()
    write_store(stack, HIGHER_RUN)
    stack.start()
    wait_until(lambda: listed(stack) >= 2, NUMBERS_S, "it is not found")
    wait_until(lambda: shown_cells(stack) == right, NUMBERS_S, "the numbers are not right again")
    faults.note("settled cell with a higher run")

    wait_until(lambda: metric(stack, "avenue_reconcile_difference") >= 2, NUMBERS_S, "the metric does not tell")
    told = stack.command("reconcile", "--json")
    assert told.returncode == 1
    found = json.loads(told.stdout)["differences"]
    assert {item["shown_events"] for item in found} >= {WRONG}
    assert {item["layer"] for item in found} == {"at settlement"}
    with pytest.raises(AssertionError):
        assert_all_is_counted_once(stack)  # says so as well, for a day


def write_live(stack: Stack, at_ms: int) -> None:
    """Put a row of a live cell that is wrong onto the worker's topic."""
    row = CellRow(
        product_id="neuro-band", trial_id="neuro-band-demo", platform="sunmi", placement_id="", arm="",
        kind="exposure", minute_ms=at_ms - at_ms % MINUTE_MS, epoch=1, partition=0, version=4_000_000_000,
        events=WRONG, first_ms=at_ms, last_ms=at_ms,
    )  # fmt: skip
    producer = make_producer(KafkaSettings(bootstrap=stack.run.kafka_bootstrap), client_id="tests-wrong")
    producer.send(Topic.METRICS, encode(row), key=b"cells:1:0", partition=0).get(timeout=NUMBERS_S)
    producer.close(timeout=5)


def write_store(stack: Stack, statement: str) -> None:
    """Run *statement* on the folder of a stopped stack; chDB is for one process, so in one of its own."""
    folder = str(stack.home / "clickhouse")
    subprocess.run([sys.executable, "-c", WRITE, folder, statement], check=True, timeout=120, env=stack.environ)


def settled_events(stack: Stack) -> int:
    return stack.number("SELECT toString(sum(events)) AS seen FROM metrics_by_minute WHERE settled")


def listed(stack: Stack) -> int:
    return stack.number(
        "SELECT toString(count()) AS found FROM settlement_differences FINAL WHERE explanation = 'unexplained'"
    )


def metric(stack: Stack, name: str) -> float:
    """Return the value of a gauge of the server's."""
    text = httpx.get(f"{stack.ops_url}/metrics", trust_env=False).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))
