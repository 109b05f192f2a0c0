"""Processes that stand still: woken again, or alive and doing nothing until their parent starts them anew."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from runtime.settings import Settings
from tests.support.fault_table import FaultLog
from tests.support.stack import MakeStack, Stack
from tests.support.under_load import (
    EVENTS,
    LONG,
    NUMBERS_S,
    PATIENT_PARENT,
    SEED,
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
    pytest.mark.timeout(7200),
    pytest.mark.xdist_group("frozen"),
]

ROUNDS = 4 if LONG else 1
FROZEN = ("worker", "kafka", "server", "up")
EVENTS_BETWEEN = max(300, EVENTS // (5 * ROUNDS * len(FROZEN)))
# Longer than a session (10 s), shorter than the parent's patience (30 s): a zombie, if it is the worker or the sink.
ZOMBIE_S = 14.0
# A process that stands still is noticed this soon; the defaults are five times as patient.
ALERT = {
    "AVENUE_STACK__STUCK_S": "6",
    "AVENUE_WORKER__STUCK_S": "24",
    "AVENUE_SINK__STUCK_S": "6",
    "AVENUE_SINK__INSERT_TIMEOUT_S": "5",
    "AVENUE_HTTP__STUCK_S": "4",
}
# From stuck to moving again, where ALERT holds: noticed, ended, started, joined. Generous: the machine is shared.
MOVING_AGAIN_S = 60.0


@long_form
def test_frozen_and_woken_under_load_nothing_is_lost_and_nothing_counts_twice(
    make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack, chance = make_stack(**PATIENT_PARENT), random.Random(SEED)
    with Reader(stack) as reader, Load(load_on(stack, tmp_path / "sent.ndjson")) as load:
        for name in FROZEN * ROUNDS:
            load.wait_for(chance.randint(EVENTS_BETWEEN, 2 * EVENTS_BETWEEN))
            frozen_s = ZOMBIE_S if name == "worker" else chance.uniform(2, ZOMBIE_S if LONG else 6)
            faults.note(f"SIGSTOP {name}, SIGCONT", recovery(stack, name, frozen_s))
        load.wait_for(EVENTS_BETWEEN)

    faults.settle(stack, load, reader)


def recovery(stack: Stack, name: str, frozen_s: float) -> float:
    """Freeze *name* for *frozen_s*; return the seconds from its waking until newer numbers are seen."""
    before = stack.children()
    stack.signal(name, signal.SIGSTOP)
    let_pass(frozen_s)
    stack.signal(name, signal.SIGCONT)
    woken_at, woken_ms = time.monotonic(), now_ms()
    wait_for_new_numbers(stack, woken_ms)
    assert stack.children() == before, "a short freeze is no reason for a new start"
    return time.monotonic() - woken_at


def freeze(name: str) -> Callable[[Stack], None]:
    """Return what freezes child *name* for good."""
    return lambda stack: stack.signal(name, signal.SIGSTOP)


def wedge(place: str) -> Callable[[Stack], None]:
    """Return what lets a process stand still at *place*, alive and answering."""

    def at_place(stack: Stack) -> None:
        stack.want(place)
        stack.held_at(place, NUMBERS_S)

    return at_place


STUCK: dict[str, tuple[str, Callable[[Stack], None]]] = {
    "worker takes nothing in": ("worker", wedge("worker-takes-nothing-in")),
}
STUCK_LONG: dict[str, tuple[str, Callable[[Stack], None]]] = {
    "sink reads nothing": ("server", wedge("sink-polls-nothing")),
    "gateway's loop stands still": ("server", wedge("gateway-coalescing")),
    "SIGSTOP worker for good": ("worker", freeze("worker")),
    "worker's loop stands still": ("worker", wedge("worker-all-rows-confirmed")),
    "SIGSTOP server for good": ("server", freeze("server")),
    "SIGSTOP kafka for good": ("kafka", freeze("kafka")),
}


def test_who_is_alive_and_does_nothing_is_started_anew_by_its_parent_and_all_is_counted(
    make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack = make_stack(**PATIENT_PARENT, **ALERT, AVENUE_TEST_HOLD=str(tmp_path / "hold"))
    with Reader(stack) as reader, Load(load_on(stack, tmp_path / "sent.ndjson")) as load:
        for fault, (name, stick) in (STUCK | (STUCK_LONG if LONG else {})).items():
            load.wait_for(EVENTS_BETWEEN)
            faults.note(f"stuck: {fault}", restarted(stack, name, stick))
        load.wait_for(EVENTS_BETWEEN)

    faults.settle(stack, load, reader)


def restarted(stack: Stack, name: str, stick: Callable[[Stack], None]) -> float:
    """Let child *name* stick; return the seconds until its successor has brought newer numbers."""
    before = stack.children()
    stick(stack)
    stuck_at, stuck_ms = time.monotonic(), now_ms()
    wait_until(lambda: stack.children()[name] != before[name], MOVING_AGAIN_S, f"{name} was not started anew")
    changed = {child for child, pid in stack.children().items() if pid != before[child]}
    assert changed == {name}
    wait_for_new_numbers(stack, stuck_ms)
    seconds = time.monotonic() - stuck_at
    assert seconds < MOVING_AGAIN_S
    return seconds


def test_by_default_a_worker_that_is_stuck_says_so_before_its_parent_and_itself_lose_patience() -> None:
    settings = Settings()

    says_s = 0.25 * settings.worker.stuck_s
    assert says_s + settings.stack.stuck_s < settings.worker.stuck_s
    assert settings.sink.stuck_s > settings.sink.insert_timeout_s


@long_form
def test_a_worker_that_takes_nothing_in_answers_that_it_is_alive_and_not_ready(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    stack = make_stack(**PATIENT_PARENT, AVENUE_WORKER__STUCK_S="24", AVENUE_TEST_HOLD=str(tmp_path / "hold"))
    with Load(load_on(stack, tmp_path / "sent.ndjson")):
        wedge("worker-takes-nothing-in")(stack)
        url = stack.run.worker_ops_url

        def says() -> str:
            state = httpx.get(f"{url}/health/ready", trust_env=False).json()
            return str(state["dependencies"]["progress"]["detail"])

        wait_until(lambda: says().startswith("stuck: "), NUMBERS_S, "it does not say that it is stuck")
        assert httpx.get(f"{url}/health/live", trust_env=False).status_code == 200
        stack.let_go("worker-takes-nothing-in")
        wait_until(lambda: not says(), NUMBERS_S, "it does not say that it goes on")
