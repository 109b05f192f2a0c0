"""Pushed at one end, read at the other: every event once, every sum to the last fen."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from avenue.simulator.ledger import SimulationSummary
from avenue.simulator.options import SimulateOptions, TrafficShares
from avenue.simulator.run import simulate
from runtime.clock import SystemClock
from schemas.event import PLATFORMS
from tests.support.ledger_truth import assert_all_is_counted_once
from tests.support.stack import BATCH_ACCOUNT, TRADE_FLOW, Stack, living

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("ledger")]

EVENTS = int(os.environ.get("AVENUE_TEST_EVENTS", "20000"))
NATIVE_EVENTS = max(600, EVENTS // 40)
BATCH = 500
NATIVE = ("douyin", "bilibili", "meituan", "aihuishou", "sunmi/callback", "sunmi/receipt")
SHARES = TrafficShares(duplicates=0.02, rejects=0.01, late=0.03)
# So old that their five minutes are over: such events are settled within a minute, not in eight.
PAST_MS = 20 * 60_000


class PastClock(SystemClock):
    """A clock that is behind by `PAST_MS`."""

    def now_ms(self) -> int:
        """Return the time as it was."""
        return super().now_ms() - PAST_MS


@pytest.fixture(scope="module")
def stack(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a stack that nobody else pushes to."""
    yield from living(Stack(tmp_path_factory.mktemp("ledger-stack")))


@pytest.fixture(scope="module")
def pushed(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> list[SimulationSummary]:
    """Push half of the events as of two days, half as it happens, then native messages of all flows."""
    folder = tmp_path_factory.mktemp("ledgers")
    base = SimulateOptions(url=stack.url, registry=stack.registry, shares=SHARES, batch=BATCH, concurrency=4)
    batches = replace(
        base, keys={BATCH_ACCOUNT: stack.pushing_key(BATCH_ACCOUNT)}, only=("sunmi/events",), events=EVENTS // 2
    )
    native = replace(
        base, native_share=1.0, only=NATIVE, private_keys={TRADE_FLOW: stack.private_key}, events=NATIVE_EVENTS
    )
    runs = [
        replace(batches, days=2.0, seed=1, clock=PastClock(), ledger=folder / "past.ndjson"),
        replace(batches, seed=2, ledger=folder / "now.ndjson"),
        replace(native, seed=3, ledger=folder / "native.ndjson"),
    ]
    stack.ledgers += [Path(run.ledger) for run in runs if run.ledger]
    return [simulate(run) for run in runs]


def test_every_event_is_answered_as_it_must_be(pushed: list[SimulationSummary]) -> None:
    assert [summary.samples for summary in pushed] == [[], [], []]
    assert sum(summary.events for summary in pushed) == EVENTS + NATIVE_EVENTS
    totals: Counter[str] = sum((summary.totals for summary in pushed), start=Counter())
    assert totals["duplicate"] > 0.01 * EVENTS
    assert totals["rejected"] > 0.005 * EVENTS


def test_rows_rejects_and_sums_are_what_the_ledger_says(stack: Stack, pushed: list[SimulationSummary]) -> None:
    truth = assert_all_is_counted_once(stack)

    sent = sum(summary.totals["accepted"] for summary in pushed[:2])
    assert len(truth.events) == sent


def test_each_platform_has_its_native_pushes_in_the_store(stack: Stack, pushed: list[SimulationSummary]) -> None:
    rows = stack.rows(
        "SELECT platform, toUInt32(sum(accepted)) AS accepted FROM pilot_deliveries FINAL "
        "WHERE flow != 'events' GROUP BY platform"
    )
    accepted = {row["platform"]: row["accepted"] for row in rows}

    assert set(accepted) == set(PLATFORMS)
    assert min(accepted.values()) > 0
