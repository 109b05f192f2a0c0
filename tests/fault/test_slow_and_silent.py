"""A broker that answers slowly or not at all, and a sink that is away: nobody waits who need not, nothing is lost."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.fault_table import FaultLog
from tests.support.slow_broker import HiddenBroker, SlowDoor
from tests.support.stack import HEAP_MB, MakeStack, Stack
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
from tests.support.waiting import let_pass

pytestmark = [
    pytest.mark.stack,
    pytest.mark.fault,
    pytest.mark.timeout(3600),
    pytest.mark.xdist_group("slow"),
    long_form,
]

EVENTS_BETWEEN = max(400, EVENTS // 20)
BROKER_S = 60.0
BUDGET_BYTES = 400_000
# Its rejects are in no ledger.
OTHER_ACCOUNT = "douyin-main"
# Of one event on the log, and of the pushes that are sent against a shut door.
EVENT_BYTES = 300
PUSHES = 40
PUSH_EVENTS = 100
SLOW_S = (0.1, 0.5)
# An order's push to a flow that must be answered within 1.5 s takes two answers of the broker, one after the other: with
# a second each it is sent again until the broker is quick. Enough senders, so that these do not hold up all others.
SENDERS = 64
# Longer than a request may take (5 s): every one is sent again.
TOO_SLOW_S = 3.0
TOO_SLOW_FOR_S = 20.0


@pytest.fixture
def door(kafka_jars: list[Path], tmp_path: Path) -> Iterator[SlowDoor]:
    """Return the door before a broker of this test's own."""
    broker = HiddenBroker(tmp_path / "hidden" / "kafka", heap_mb=int(HEAP_MB))
    broker.prepare()
    broker.start()
    try:
        with SlowDoor(broker.port, broker.door_port) as door:
            broker.wait_ready(BROKER_S)
            yield door
    finally:
        broker.kill()


def test_a_broker_that_answers_slowly_costs_time_and_no_event(
    door: SlowDoor, make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack = make_stack(AVENUE_KAFKA__BOOTSTRAP=door.address, **PATIENT_PARENT)
    pushes = load_on(stack, tmp_path / "sent.ndjson", concurrency=SENDERS)
    with Reader(stack) as reader, Load(pushes) as load:
        for delay_s in SLOW_S:
            load.wait_for(EVENTS_BETWEEN)
            door.delay_s = delay_s
            load.wait_for(EVENTS_BETWEEN // 4)
            faults.note(f"broker answers {2 * delay_s:g} s later", recovered(stack, door))
        door.delay_s = TOO_SLOW_S
        slow_at = time.monotonic()
        let_pass(slow_at + TOO_SLOW_FOR_S - time.monotonic())
        faults.note(f"broker answers {2 * TOO_SLOW_S:g} s later", recovered(stack, door))
        load.wait_for(EVENTS_BETWEEN)

    faults.settle(stack, load, reader)


def recovered(stack: Stack, door: SlowDoor) -> float:
    """Let the broker be quick again; return the seconds until newer numbers are seen."""
    door.delay_s = 0.0
    began, began_ms = time.monotonic(), now_ms()
    wait_for_new_numbers(stack, began_ms)
    return time.monotonic() - began


def test_beyond_its_budget_of_bytes_the_gateway_says_when_to_come_again_and_loses_nothing(
    door: SlowDoor, make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack = make_stack(
        AVENUE_KAFKA__BOOTSTRAP=door.address, AVENUE_GATEWAY__INFLIGHT_BYTES=str(BUDGET_BYTES), **PATIENT_PARENT
    )
    key = stack.pushing_key(OTHER_ACCOUNT)
    with Reader(stack) as reader, Load(load_on(stack, tmp_path / "sent.ndjson")) as load:
        load.wait_for(EVENTS_BETWEEN)
        door.shut = True
        answers = pushed_at_once(stack, key)
        door.shut = False
        faults.note("broker silent, gateway's budget used up", recovered(stack, door))
        load.wait_for(EVENTS_BETWEEN)

    refused = [answer for answer in answers if answer.status_code == 503]
    assert Counter(answer.status_code for answer in answers).keys() <= {200, 503}
    assert refused
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert any("nothing of this request was stored" in answer.text for answer in refused)
    faults.settle(stack, load, reader)


def pushed_at_once(stack: Stack, key: str) -> list[httpx.Response]:
    """Push rejects, which leave no cell, from many threads; return the answers."""
    answers: list[httpx.Response] = []

    def push() -> None:
        body = [{"event_id": "", "note": "x" * EVENT_BYTES}] * PUSH_EVENTS
        headers = {"authorization": f"Bearer {key}"}
        answers.append(
            httpx.post(f"{stack.url}/v1/events", json=body, headers=headers, trust_env=False, timeout=NUMBERS_S)
        )

    threads = [threading.Thread(target=push, daemon=True) for _ in range(PUSHES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(NUMBERS_S)
    return answers


def test_a_sink_that_is_away_holds_up_no_push_however_much_waits_for_it(
    make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack = make_stack(
        AVENUE_TEST_HOLD=str(tmp_path / "hold"), AVENUE_GATEWAY__INFLIGHT_BYTES=str(BUDGET_BYTES), **PATIENT_PARENT
    )
    with Reader(stack) as reader, Load(load_on(stack, tmp_path / "sent.ndjson")) as load:
        load.wait_for(EVENTS_BETWEEN)
        stack.want("sink-polls-nothing")
        stack.held_at("sink-polls-nothing", NUMBERS_S)
        load.wait_for(max(EVENTS_BETWEEN, 4 * BUDGET_BYTES // EVENT_BYTES))
        stack.let_go("sink-polls-nothing")
        began, began_ms = time.monotonic(), now_ms()
        wait_for_new_numbers(stack, began_ms)
        faults.note("sink away", time.monotonic() - began)

    assert load.summary.retries == 0
    faults.settle(stack, load, reader)
