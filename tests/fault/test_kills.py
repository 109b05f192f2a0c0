"""Processes killed outright under load: nothing is lost, nothing counted twice, and no reader sees a wrong number."""

import random
import time
from pathlib import Path

import httpx
import pytest

from tests.support.fault_table import FaultLog
from tests.support.ledger_truth import settled_blocks
from tests.support.pause_points import AT_START, SERVER_PLACES, WORKER_PLACES
from tests.support.stack import START_S, MakeStack, Stack
from tests.support.under_load import (
    EVENTS,
    LONG,
    NUMBERS_S,
    PATIENT_PARENT,
    SEED,
    Load,
    Reader,
    load_on,
    now_ms,
    wait_for_new_numbers,
)

pytestmark = [pytest.mark.stack, pytest.mark.fault, pytest.mark.timeout(7200)]

KILLED = ("worker", "kafka", "server", "up")
# Each of them so often. The long form spreads its events over the kills.
ROUNDS = 5 if LONG else 1
HELD_ROUNDS = 2 if LONG else 1
# Answered before each kill, and after the last: so many at least, and up to half as many again.
EVENTS_BETWEEN = max(600, EVENTS // (2 * ROUNDS * len(KILLED)))
# The short form has one place of each role.
LONG_FORM_ONLY = {
    "worker-all-rows-confirmed",
    "gateway-acknowledged",
    "sink-between-inserts",
    "sink-joining",
    "settlement-before-cells",
    "settlement-before-hours",
    "worker-some-rows-confirmed",
    "worker-rebuild",
    "sink-before-commit",
}
HELD_PLACES = [place for place in (*WORKER_PLACES, *SERVER_PLACES) if LONG or place not in LONG_FORM_ONLY]
EVENTS_BETWEEN_HELD = max(200, EVENTS // (2 * HELD_ROUNDS * len(HELD_PLACES)))
# From a start on the same home to `ready`.
READY_S = 60.0


@pytest.mark.xdist_group("kills")
def test_killed_one_after_another_under_load_nothing_is_lost_and_nothing_counts_twice(
    make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack, chance = make_stack(**PATIENT_PARENT), random.Random(SEED)
    with Reader(stack) as reader, Load(load_on(stack, tmp_path / "sent.ndjson")) as load:
        for name in KILLED * ROUNDS:
            load.wait_for(chance.randint(EVENTS_BETWEEN, 3 * EVENTS_BETWEEN // 2))
            faults.note(f"kill -9 {name}", recovery(stack, name))
        load.wait_for(EVENTS_BETWEEN)

    faults.settle(stack, load, reader)
    assert load.summary.retries > 0


@pytest.mark.xdist_group("held")
def test_killed_between_any_two_steps_that_belong_together_nothing_is_lost_and_nothing_counts_twice(
    make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack = make_stack(started=False, AVENUE_TEST_HOLD=str(tmp_path / "hold"), **PATIENT_PARENT)
    faults.note("kill -9 at migration", start_killed_in_migration(stack))
    with Reader(stack) as reader, Load(load_on(stack, tmp_path / "sent.ndjson")) as load:
        for place in HELD_PLACES * HELD_ROUNDS:
            load.wait_for(EVENTS_BETWEEN_HELD)
            faults.note(f"kill -9 at {place}", recovery_from(stack, place))
        load.wait_for(EVENTS_BETWEEN_HELD)

    faults.settle(stack, load, reader)
    assert settled_blocks(stack)


def start_killed_in_migration(stack: Stack) -> float:
    """Start *stack*, kill its server between two tables, and return the seconds until all is ready."""
    stack.want("migration")
    stack.begin()
    stack.held_at("migration", START_S)
    killed_at = kill_held(stack, "migration", "server")
    stack.wait_ready()
    return time.monotonic() - killed_at


def recovery_from(stack: Stack, place: str) -> float:
    """Hold a process at *place*, kill it there, and return the seconds until newer numbers are seen."""
    name = "worker" if place in WORKER_PLACES else "server"
    stack.want(place)
    if place in AT_START:
        stack.kill(name)
    stack.held_at(place, NUMBERS_S)
    killed_at, killed_ms = kill_held(stack, place, name), now_ms()
    wait_for_new_numbers(stack, killed_ms)
    return time.monotonic() - killed_at


def kill_held(stack: Stack, place: str, name: str) -> float:
    """Kill the process that is held at *place*, which is child *name*; return the moment."""
    assert stack.held_at(place, 0) == stack.children()[name]
    killed_at = stack.kill(name)
    stack.let_go(place)
    return killed_at


def recovery(stack: Stack, name: str) -> float:
    """Kill *name* and return the seconds until the numbers hold an event that happened after that."""
    before = stack.children()
    killed_at, killed_ms = stack.kill(name), now_ms()
    if name == "up":
        stack.assert_gone()
        assert_nothing_answers(stack)
        stack.start(timeout_s=READY_S)
    wait_for_new_numbers(stack, killed_ms)
    seconds = time.monotonic() - killed_at
    changed = {child for child, pid in stack.children().items() if pid != before[child]}
    assert changed == ({name} if name != "up" else set(before))
    return seconds


def assert_nothing_answers(stack: Stack) -> None:
    """Fail where the gateway of a killed stack still takes pushes."""
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{stack.url}/v1/metrics", trust_env=False, timeout=2)
