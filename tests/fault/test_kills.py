"""Processes killed outright under load: nothing is lost, nothing counted twice, and no reader sees a wrong number."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import httpx
import pytest

from avenue.simulator.ledger import Summary
from avenue.simulator.options import Shares, SimulateOptions
from avenue.simulator.run import simulate_async
from runtime.errors import UnavailableError
from tests.ledger_truth import SUMS, Cell, assert_all_is_counted_once, cells_of, shown_cells, stored_events
from tests.stack import BATCH_ACCOUNT, TRADE_FLOW, MakeStack, Stack, until

pytestmark = [pytest.mark.stack, pytest.mark.fault, pytest.mark.timeout(1800), pytest.mark.xdist_group("kills")]

RATE = 300.0
BATCH = 40
KILLED = ("worker", "kafka", "server", "up")
# Each of them so often; the long form asks for more.
ROUNDS = 1 + int(os.environ.get("AVENUE_TEST_EVENTS", "0")) // 50_000
# Answered before each kill, and after the last.
EVENTS_BETWEEN = 800
LOAD_S = 60.0
# From a start on the same home to `ready`.
READY_S = 60.0
# Until numbers of what happened after a kill are seen; a tenth of it where nothing else runs.
NUMBERS_S = 100.0
READ_EVERY_S = 0.4
Recorder = Callable[[str, object], None]


class Load:
    """The simulator in a thread, until `stop`: batches and native pushes, each sent again until it is answered."""

    def __init__(self, options: SimulateOptions) -> None:
        self._options = options
        self.sent = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._summary: Summary | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(self._options.give_up_s + LOAD_S)

    @property
    def summary(self) -> Summary:
        """What became of it; once it has ended."""
        assert self._summary is not None, "the load did not end"
        return self._summary

    def wait_for(self, more: int) -> None:
        """Wait until *more* events were answered."""
        goal = self.sent + more
        until(lambda: self.sent >= goal, LOAD_S, f"no {more} events answered")

    def _run(self) -> None:
        try:
            self._summary = self._loop.run_until_complete(
                simulate_async(self._options, progress=self._progress, stop=self._stop)
            )
        finally:
            self._loop.close()

    def _progress(self, events: int) -> None:
        self.sent += events


class Reader:
    """Polls the numbers as a dashboard would, and keeps what no reader should have seen."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self.highest: dict[Cell, tuple[int, ...]] = {}
        self.fallen: list[str] = []
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(LOAD_S)

    def _run(self) -> None:
        while not self._stop.wait(READ_EVERY_S):
            try:
                shown = shown_cells(self._stack)
            except (AssertionError, UnavailableError):
                continue  # the server is down, or does not know us yet
            self.looks += 1
            self._look(shown)

    def _look(self, shown: dict[Cell, tuple[int, ...]]) -> None:
        for cell in self.highest.keys() | shown.keys():
            was, now = self.highest.get(cell, (0,) * len(SUMS)), shown.get(cell, (0,) * len(SUMS))
            if any(new < old for new, old in zip(now, was, strict=True)):
                self.fallen.append(f"{cell}: {was} became {now}")
            self.highest[cell] = tuple(map(max, was, now))

    def assert_saw_only_truth(self, truth: dict[Cell, tuple[int, ...]]) -> None:
        """Fail where a number went down, or was ever above *truth*."""
        assert self.looks > 0
        assert not self.fallen, f"{len(self.fallen)} numbers went down: {self.fallen[:3]}"
        above = {
            cell: (seen, truth.get(cell))
            for cell, seen in self.highest.items()
            if any(high > right for high, right in zip(seen, truth.get(cell, (0,) * len(SUMS)), strict=True))
        }
        assert not above, f"{len(above)} cells were above the truth: {list(above.items())[:3]}"


def test_killed_one_after_another_under_load_nothing_is_lost_and_nothing_counts_twice(
    make_stack: MakeStack, tmp_path: Path, record_property: Recorder
) -> None:
    stack = make_stack()
    with Reader(stack) as reader, Load(load_on(stack, tmp_path / "sent.ndjson")) as load:
        for name in KILLED * ROUNDS:
            load.wait_for(EVENTS_BETWEEN)
            record_property(f"{name} killed, seconds until new numbers", round(recovery(stack, name), 1))
        load.wait_for(EVENTS_BETWEEN)

    assert load.summary.samples == []
    assert load.summary.retries > 0
    truth = assert_all_is_counted_once(stack)
    others = (item.told for item in stored_events(stack) if item.account_id != BATCH_ACCOUNT)
    reader.assert_saw_only_truth(cells_of([*truth.events.values(), *others]))


def load_on(stack: Stack, ledger: Path) -> SimulateOptions:
    """Return a load that goes on until it is stopped; what it sends is told in *ledger*."""
    stack.ledgers.append(ledger)
    return SimulateOptions(
        url=stack.url,
        registry=stack.registry,
        events=10_000_000,
        rate=RATE,
        seed=11,
        ledger=ledger,
        batch=BATCH,
        native_share=0.05,
        shares=Shares(duplicates=0.03, rejects=0.01, late=0.02),
        keys={BATCH_ACCOUNT: stack.pushing_key(BATCH_ACCOUNT)},
        private_keys={TRADE_FLOW: stack.private_key},
        concurrency=6,
        give_up_s=150.0,
    )


def recovery(stack: Stack, name: str) -> float:
    """Kill *name* and return the seconds until the numbers hold an event that happened after that."""
    before = stack.children()
    killed_at = stack.kill(name)
    killed_ms = time.time_ns() // 1_000_000
    if name == "up":
        stack.assert_gone()
        assert_nothing_answers(stack)
        stack.start(timeout_s=READY_S)
    until(lambda: newest_ms(stack) > killed_ms, NUMBERS_S, "nothing new in the numbers")
    seconds = time.monotonic() - killed_at
    changed = {child for child, pid in stack.children().items() if pid != before[child]}
    assert changed == ({name} if name != "up" else set(before))
    return seconds


def newest_ms(stack: Stack) -> int:
    """Return when the newest event in the numbers happened, Unix ms; 0 where nobody answers."""
    try:
        return stack.number("SELECT toString(max(last_ms)) AS at FROM cells")
    except (AssertionError, UnavailableError):
        return 0


def assert_nothing_answers(stack: Stack) -> None:
    """Fail where the gateway of a killed stack still takes pushes."""
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{stack.url}/v1/metrics", trust_env=False, timeout=2)
