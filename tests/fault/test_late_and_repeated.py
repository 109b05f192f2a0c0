"""Events days late, and ids that come again after restarts and in another epoch: the settled numbers are right."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from avenue.simulator.run import simulate
from registry.epochs import ensure_topics_and_epoch
from runtime.kafka import make_admin
from runtime.settings import KafkaSettings, Settings
from schemas.topics import Topic
from tests.support.fault_table import FaultLog
from tests.support.ledger_truth import assert_all_is_counted_once, cells_of, read_ledgers, settled_blocks, stored_events
from tests.support.stack import BATCH_ACCOUNT, MakeStack, Stack
from tests.support.under_load import (
    LOAD_S,
    NUMBERS_S,
    PATIENT_PARENT,
    PUSHED,
    Load,
    Reader,
    blocks_with_repeats,
    load_on,
    long_form,
    now_ms,
    pushes,
    wait_for_new_numbers,
)
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.fault, pytest.mark.timeout(3600), pytest.mark.xdist_group("repeats")]

DAY_MS = 86_400_000
MINUTE_MS = 60_000
SETTLED_WITHIN_S = 60.0
# A block, its grace and the slack; and as much again.
SETTLED_LIVE_S = 1000.0


def seconds_until_settled(stack: Stack, ledger: Path) -> float:
    """Return how long after now the settled numbers hold each event of *ledger*, once."""
    stack.ledgers.append(ledger)
    began = time.monotonic()
    truth = read_ledgers(stack)
    blocks = {told.cell.block for told in truth.events.values()}

    def right() -> bool:
        shown = stack.number("SELECT toString(sum(events)) AS seen FROM metrics_by_minute WHERE settled")
        rows = [item for item in stored_events(stack) if item.account_id == BATCH_ACCOUNT]
        return len(rows) == len(truth.events) and shown == len(rows) and blocks <= settled_blocks(stack)

    wait_until(right, SETTLED_WITHIN_S + LOAD_S, "not settled right")
    return time.monotonic() - began


def test_events_days_late_are_in_the_settled_numbers_within_a_minute_also_beside_earlier_ones(
    make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack = make_stack(**PATIENT_PARENT)
    at_ms = now_ms() - 3 * DAY_MS
    assert simulate(pushes(stack, tmp_path / "first.ndjson", at_ms)).samples == []
    first_s = seconds_until_settled(stack, tmp_path / "first.ndjson")

    # The same five minutes once more, other events, with the worker killed on the way.
    assert simulate(pushes(stack, tmp_path / "second.ndjson", at_ms, seed=24)).samples == []
    stack.kill("worker")
    second_s = seconds_until_settled(stack, tmp_path / "second.ndjson")

    faults.note("events three days late", first_s)
    faults.note("events three days late, worker killed", second_s)
    assert_all_is_counted_once(stack)
    assert first_s < SETTLED_WITHIN_S


@long_form
def test_ids_that_come_again_after_a_restart_and_in_another_epoch_are_settled_once(
    make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack = make_stack(**PATIENT_PARENT)
    at_ms = now_ms() - 12 * MINUTE_MS
    first = pushes(stack, tmp_path / "first.ndjson", at_ms)
    assert simulate(first).samples == []
    seconds_until_settled(stack, tmp_path / "first.ndjson")

    # The gateway's window is gone with its process, the worker's ids with the epoch.
    for fault, change in (("a restart", lambda: stack.kill("server")), ("another epoch", lambda: make_epoch(stack))):
        change()
        ready_again(stack)
        again = simulate(replace(first, ledger=tmp_path / f"{fault}.ndjson"))
        assert again.totals["accepted"] + again.totals["duplicate"] == PUSHED
        faults.note(f"the same ids after {fault}")

    reconciled = stack.reconcile(wait_s=SETTLED_WITHIN_S + LOAD_S)
    assert reconciled["ok"], reconciled["differences"]
    assert_all_is_counted_once(stack)


@long_form
def test_the_topic_deleted_and_made_anew_between_loads_begins_an_epoch_and_loses_nothing_that_was_read(
    make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack = make_stack(**PATIENT_PARENT)
    with Reader(stack) as reader:
        with Load(load_on(stack, tmp_path / "before.ndjson")) as before:
            before.wait_for(1500)
        stack.reconcile()
        # What is acknowledged after the last reading goes with the topic: nothing is pushed meanwhile.
        make_epoch(stack)
        made_at, made_ms = time.monotonic(), now_ms()
        with Load(load_on(stack, tmp_path / "after.ndjson", seed=77)) as after:
            wait_for_new_numbers(stack, made_ms)
            faults.note("topic deleted and made anew", time.monotonic() - made_at)
            after.wait_for(1500)

    reconciled = stack.reconcile(wait_s=120.0)
    assert reconciled["complete"]
    truth, stored = read_ledgers(stack), stored_events(stack)
    others = (item.told for item in stored if item.account_id != BATCH_ACCOUNT)
    assert not reader.anomalies(cells_of([*truth.events.values(), *others]))
    assert blocks_with_repeats(stack) <= settled_blocks(stack)
    assert_all_is_counted_once(stack)


def make_epoch(stack: Stack) -> None:
    """Delete the events' topic, and make it anew as a start of the stack would."""
    settings = Settings(kafka=KafkaSettings(bootstrap=stack.run.kafka_bootstrap))
    before = ensure_topics_and_epoch(settings).number
    admin = make_admin(settings.kafka)
    admin.delete_topics([Topic.EVENTS])
    admin.close()
    wait_until(lambda: ensure_topics_and_epoch(settings).number == before + 1, NUMBERS_S, "no new epoch")


def ready_again(stack: Stack) -> None:
    """Wait until the gateway takes pushes."""
    wait_until(lambda: bool(stack.pushing_key(BATCH_ACCOUNT)), NUMBERS_S, "the gateway takes no pushes")


@long_form
def test_a_repeat_in_another_epoch_is_above_the_truth_only_until_the_settlement_that_lists_it(
    make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack = make_stack(**PATIENT_PARENT)
    with Reader(stack) as reader:
        first = pushes(stack, tmp_path / "first.ndjson", now_ms() - 5000)
        assert simulate(first).samples == []
        stack.ledgers.append(tmp_path / "first.ndjson")
        stack.reconcile()
        stack.kill("server")
        make_epoch(stack)
        ready_again(stack)
        simulate(replace(first, ledger=tmp_path / "again.ndjson"))
        truth = cells_of(read_ledgers(stack).events.values())
        blocks = {cell.block for cell in truth}
        wait_until(lambda: blocks <= settled_blocks(stack), SETTLED_LIVE_S, "the block is not settled")

    faults.note("the same ids in another epoch, live")
    # What was late by its second sight was counted live once: its block has nothing to list.
    assert set() < blocks_with_repeats(stack) <= blocks
    assert reader.anomalies(truth) == []
    assert stack.reconcile()["ok"]
    assert_all_is_counted_once(stack)
