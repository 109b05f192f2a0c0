"""The counting protocol, gateway to view, under crashes, zombies, replays, late and repeated events at every step.

The real roles run on a log, a clock and a store in memory (`tests/road_model`). A reader looks after every write: no
number above the truth, none that goes down. At rest every event on the log stands once, settled cells are the plain
recomputation, settlement found nothing to explain, and every sum closes.
`AVENUE_TEST_MODEL_RUNS=20000` runs it longer.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from operator import attrgetter
from unittest.mock import patch

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

import sinks.consumer.writer
from sinks.consumer.tables import StoreTable
from tests.road_model import truth
from tests.road_model.road import RoadModel, drive, model_time

RUNS = int(os.environ.get("AVENUE_TEST_MODEL_RUNS", "300"))
EXAMPLES = max(40, RUNS // 10)
SEEDS = st.integers(0, 1 << 16)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


class RoadMachine(RuleBasedStateMachine):
    """The road, step by step: what fails here is shrunk to the fewest steps."""

    acts = 0
    """Of all roads together."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._loop = asyncio.new_event_loop()
        time = self._stack.enter_context(model_time())

        async def make() -> RoadModel:
            return RoadModel(time)

        self._road = self._loop.run_until_complete(make())

    def _do(self, act: Callable[[RoadModel, random.Random], Awaitable[None]], seed: int) -> None:
        async def once() -> None:
            await act(self._road, random.Random(seed))

        RoadMachine.acts += 1
        self._loop.run_until_complete(once())

    @rule(seed=SEEDS)
    def a_partner_pushes(self, seed: int) -> None:
        self._do(RoadModel.push, seed)

    @rule(seeds=st.lists(SEEDS, min_size=1, max_size=8))
    def the_broker_answers(self, seeds: list[int]) -> None:
        for seed in seeds:
            self._do(RoadModel.publish, seed)

    @rule(seed=SEEDS)
    def time_passes(self, seed: int) -> None:
        self._do(RoadModel.pass_time, seed)

    @rule(seeds=st.lists(SEEDS, min_size=1, max_size=12))
    def workers_work(self, seeds: list[int]) -> None:
        for seed in seeds:
            self._do(RoadModel.work, seed)

    @rule(seeds=st.lists(SEEDS, min_size=1, max_size=3))
    def sinks_read_and_insert(self, seeds: list[int]) -> None:
        for seed in seeds:
            self._do(RoadModel.sink, seed)

    @rule(seed=SEEDS)
    def a_settler_settles(self, seed: int) -> None:
        self._do(RoadModel.settle, seed)

    @rule(seed=SEEDS)
    def a_write_of_the_dead_arrives(self, seed: int) -> None:
        self._do(RoadModel.write_late, seed)

    @rule(
        act=st.sampled_from(
            (
                RoadModel.crash_gateway,
                RoadModel.crash_worker,
                RoadModel.start_worker,
                RoadModel.rebalance,
                RoadModel.replace_sink,
                RoadModel.replace_settler,
            )
        ),
        seed=SEEDS,
    )
    def something_crashes_or_moves(self, act: Callable[[RoadModel, random.Random], Awaitable[None]], seed: int) -> None:
        self._do(act, seed)

    def teardown(self) -> None:
        try:
            self._do(RoadModel.come_to_rest, 0)
        finally:
            self._loop.run_until_complete(self._road.close())
            self._loop.close()
            self._stack.close()


async def first_wrong(seeds: range, **partner: bool) -> str | None:
    """Return what the first run that goes wrong showed."""
    for seed in seeds:
        if text := (await drive(seed, **partner))[0]:
            return text
    return None


def test_no_reader_is_ever_shown_a_wrong_number_and_at_rest_each_event_counts_once() -> None:
    async def all_of_them() -> list[tuple[str, int]]:
        return [await drive(seed) for seed in range(RUNS)]

    came_to = asyncio.run(all_of_them())

    assert sum(steps for _, steps in came_to) > 40 * RUNS
    assert {seed: text for seed, (text, _) in enumerate(came_to) if text} == {}


def test_ids_used_again_for_other_events_do_no_harm() -> None:
    assert asyncio.run(first_wrong(range(RUNS // 3), careless=True)) is None


def test_no_change_of_consent_that_was_answered_is_unknown_to_a_gateway_that_starts() -> None:
    assert asyncio.run(first_wrong(range(RUNS // 3), consenting=True)) is None


def test_a_refund_without_an_amount_gives_back_its_order_s_once_whatever_comes_first() -> None:
    assert asyncio.run(first_wrong(range(RUNS // 3), selling=True)) is None


def test_a_store_that_tells_events_apart_by_id_alone_drops_some_that_were_counted() -> None:
    """Why the time is in its key: both gateways and the worker have to have forgotten the first of an id."""
    key = ("trial_id", "account_id", "event_id")
    with (
        patch.dict(sinks.consumer.writer.KEYS, {StoreTable.EVENTS: key}),
        patch.object(truth, "identity", attrgetter(*key)),
    ):
        found = asyncio.run(first_wrong(range(1000), careless=True))

    assert found is not None
    assert found.startswith(("above", "differs", "sum", "went down"))


def test_the_same_holds_step_by_step() -> None:
    run_state_machine_as_test(
        RoadMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert RoadMachine.acts > 20 * EXAMPLES
