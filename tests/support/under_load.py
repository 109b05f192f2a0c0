"""Traffic that goes on while something is broken, and a reader who must never see a wrong number meanwhile."""

import asyncio
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from avenue.simulator.ledger import SimulationSummary
from avenue.simulator.options import SimulateOptions, TrafficShares
from avenue.simulator.run import simulate_async
from runtime.clock import ManualClock
from runtime.errors import UnavailableError
from tests.support.ledger_truth import SUMS, Cell, shown_cells
from tests.support.stack import BATCH_ACCOUNT, TRADE_FLOW, Stack
from tests.support.waiting import wait_until

EVENTS = int(os.environ.get("AVENUE_TEST_EVENTS", "0"))
"""Of the long form, in all; 0: the short form."""
LONG = EVENTS > 0
long_form = pytest.mark.long
SEED = int(os.environ.get("AVENUE_TEST_SEED", "11"))
RATE = 2000.0 if LONG else 300.0
BATCH = 200 if LONG else 40
LOAD_S = 60.0
# Until numbers of what happened after a fault are seen; a tenth of it where nothing else runs.
NUMBERS_S = 100.0
READ_EVERY_S = 0.4
PUSHED = 3000
PLAIN = TrafficShares(duplicates=0, late=0, rejects=0, unknown_placement=0, wrong_signature=0)
NOTHING = (0,) * len(SUMS)
Sums = tuple[int, ...]
# A part that is killed again and again on purpose is not one that needs a person.
PATIENT_PARENT = {"AVENUE_STACK__RESTARTS": "1000", "AVENUE_STACK__BACKOFF_MAX_S": "0.5"}


class Load:
    """The simulator in a thread, until the end of the block: each push is sent again until it is answered."""

    def __init__(self, options: SimulateOptions) -> None:
        self._options = options
        self.sent = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._summary: SimulationSummary | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(self._options.give_up_s + LOAD_S)

    @property
    def summary(self) -> SimulationSummary:
        """What became of it; once it has ended."""
        assert self._summary is not None, "the load did not end"
        return self._summary

    def wait_for(self, more: int) -> None:
        """Wait until *more* events were answered."""
        goal = self.sent + more
        wait_until(lambda: self.sent >= goal, LOAD_S + 4 * more / RATE, f"no {more} events answered")

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
        self.highest: dict[Cell, Sums] = {}
        self.fallen: list[tuple[Cell, str]] = []
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

    def _look(self, shown: Mapping[Cell, Sums]) -> None:
        for cell in self.highest.keys() | shown.keys():
            was, now = self.highest.get(cell, NOTHING), shown.get(cell, NOTHING)
            if any(new < old for new, old in zip(now, was, strict=True)):
                self.fallen.append((cell, f"{was} became {now}"))
            self.highest[cell] = tuple(map(max, was, now))

    def anomalies(self, truth: Mapping[Cell, Sums]) -> list[str]:
        """Return where a number went down or was ever above *truth*, but in blocks whose settlement lists a repeat."""
        assert self.looks > 0
        repeats = blocks_with_repeats(self._stack)
        fallen = [f"{cell}: {text}" for cell, text in self.fallen if cell.block not in repeats]
        above = [
            f"{cell}: {seen} where the truth is {truth.get(cell)}"
            for cell, seen in self.highest.items()
            if cell.block not in repeats
            and any(high > right for high, right in zip(seen, truth.get(cell, NOTHING), strict=True))
        ]
        return fallen + above


def blocks_with_repeats(stack: Stack) -> set[tuple[str, int]]:
    """Return the blocks (product, start in Unix seconds) whose settlement lists a repeat across sources."""
    rows = stack.rows(
        "SELECT DISTINCT product_id, toUnixTimestamp(block) AS block_s FROM settlement_differences "
        "WHERE explanation LIKE '%repeat_across_sources%'"
    )
    return {(row["product_id"], row["block_s"]) for row in rows}


def load_on(stack: Stack, ledger: Path, **changes: Any) -> SimulateOptions:
    """Return a load that goes on until it is stopped; what it sends is told in *ledger*."""
    stack.ledgers.append(ledger)
    options: dict[str, Any] = {
        "url": stack.url,
        "registry": stack.registry,
        "events": 100_000_000,
        "rate": RATE,
        "seed": SEED,
        "ledger": ledger,
        "batch": BATCH,
        "native_share": 0.01 if LONG else 0.05,
        "shares": TrafficShares(duplicates=0.03, rejects=0.01, late=0.02),
        "keys": {BATCH_ACCOUNT: stack.pushing_key(BATCH_ACCOUNT)},
        "private_keys": {TRADE_FLOW: stack.private_key},
        "concurrency": 6,
        "give_up_s": 150.0,
    }
    return SimulateOptions(**(options | changes))


def pushes(stack: Stack, ledger: Path, at_ms: int, **changes: Any) -> SimulateOptions:
    """Return a push of events as of *at_ms*; with the same time and seed it is the same push."""
    base = SimulateOptions(
        url=stack.url,
        registry=stack.registry,
        events=PUSHED,
        seed=23,
        ledger=ledger,
        only=("sunmi/events",),
        batch=300,
        shares=PLAIN,
        keys={BATCH_ACCOUNT: stack.pushing_key(BATCH_ACCOUNT)},
        clock=ManualClock(at_ms),
        concurrency=1,
        give_up_s=150.0,
    )
    return replace(base, **changes)


def wait_for_new_numbers(stack: Stack, since_ms: int) -> None:
    """Wait until the numbers hold an event that happened after *since_ms*."""
    wait_until(lambda: newest_ms(stack) > since_ms, NUMBERS_S, "nothing new in the numbers")


def newest_ms(stack: Stack) -> int:
    """Return when the newest event in the numbers happened, Unix ms; 0 where nobody answers."""
    try:
        return stack.number("SELECT toString(max(last_ms)) AS at FROM cells")
    except (AssertionError, UnavailableError):
        return 0


def now_ms() -> int:
    """Return the time, Unix ms."""
    return time.time_ns() // 1_000_000
