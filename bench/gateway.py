"""CPU-seconds per million events of the gateway alone: over HTTP with a real broker, and by stage within one process.

    python -m bench.gateway [--events 100000] [--runs 3] [--stages-only]

Over HTTP: `avenue gateway` is a process of its own; its figure is that process's user and system time, all threads,
from the first push to the last answer, which waits for the broker. The sender and the broker are not in it. "idle" is
the same process without pushes. By stage: the steps called one after another on the same bodies, with no HTTP and no
Kafka. Events are about 380 bytes, of 40 products, from 5,000 people; some hundred visits are open at once, and every
fourth event opens a new one, so about a quarter of subjects and sessions are hashed anew.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bench.layouts import Road, apart
from bench.machine import RESULTS, machine, min_and_median
from bench.pushes import ACCOUNT, bodies, events, headers_of, write_registry
from bench.wire import push_over_wire
from producers.consent.ledger import ConsentLedger
from producers.gateway.responses import BatchResult
from producers.orders.ledger import OrderLedger
from producers.parsing.body import Element, split
from producers.publisher import LineBatch, OpenRecord
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.fast_path import FastPath
from producers.validation.placement import TimeWindow
from producers.validation.pseudonym_cache import PseudonymCache
from producers.validation.results import PartitionBatch
from producers.validation.validator import EventValidator, RequestCaches, ValidatorDeps
from registry.directory import Directory
from registry.file import load_registry
from registry.pseudonyms import Pseudonyms
from schemas.event_struct import decode_event_struct
from schemas.lines import encode_record
from schemas.timing import DAY_MS, MINUTE_MS
from schemas.topics import Topic

T = TypeVar("T")
WARM_UP = 20_000
SINGLE_SHARE = 10
IDLE_S = 10.0
PARTITIONS = 4
STAGE_EVENTS = 20_000


@dataclass(frozen=True, slots=True)
class Load:
    """How events are pushed: of a request, and requests under way at once."""

    size: int
    at_once: int
    share: int = 1


LOADS = (Load(500, 4), Load(1, 64, SINGLE_SHARE), Load(1, 8, SINGLE_SHARE))


def main() -> int:
    """Measure, print, write the results."""
    asked = _arguments()
    stages = [_stages() for _ in range(asked.runs)]
    found: dict[str, Any] = {
        "what": "the gateway's CPU-seconds per million events",
        "machine": machine(),
        "command": " ".join(["python -m bench.gateway", *sys.argv[1:]]),
        "events": asked.events,
        "stages_us_per_event": {name: min_and_median([run[name] for run in stages]) for name in stages[0]},
    }
    if not asked.stages_only:
        with tempfile.TemporaryDirectory(prefix="avenue-bench-") as folder:
            road = apart(Path(folder) / "home", ("gateway",))
            try:
                found |= _over_http(road, asked.events, asked.runs)
            finally:
                road.stop()
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "gateway.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="of each run; a tenth of it one by one")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--stages-only", action="store_true", help="without HTTP and Kafka")
    return parser.parse_args()


def _over_http(road: Road, count: int, runs: int) -> dict[str, Any]:
    key = road.pushing_key()
    _run(road, key, Load(500, 4), WARM_UP)
    idle_from, began = road.cpu_s()["gateway"], time.monotonic()
    time.sleep(IDLE_S)
    idle = (road.cpu_s()["gateway"] - idle_from) / (time.monotonic() - began)
    loads = []
    for load in LOADS:
        number = count // load.share
        found = [_run(road, key, load, number) for _ in range(runs)]
        per_event = [cpu / number * 1e6 for cpu, _ in found]
        loads.append(
            {
                "events_a_request": load.size,
                "requests_at_once": load.at_once,
                "cpu_us_per_event": min_and_median(per_event),
                "requests_per_s_and_core": round(1e6 / min(per_event) / load.size),
                "wall_s": [round(wall, 2) for _, wall in found],
            }
        )
    return {"idle_cores": round(idle, 4), "over_http": loads}


def _run(road: Road, key: str, load: Load, count: int) -> tuple[float, float]:
    """Push *count* events; return the gateway's CPU seconds, and the wall seconds."""
    sent = bodies(events(f"g{time.time_ns():x}", count), load.size)
    before = road.cpu_s()["gateway"]
    pushed = push_over_wire(road.url, headers_of(key), sent, at_once=load.at_once)
    if pushed.accepted != count:
        raise RuntimeError(f"{pushed.accepted} of {count} were accepted")
    return road.cpu_s()["gateway"] - before, pushed.wall_s


# --- by stage, in this process


class _Keys:
    """One hash key for all."""

    _key = os.urandom(32)

    def account_key(self, account_id: str) -> bytes | None:
        """Return it."""
        return self._key if account_id else None

    def trial_key(self, trial_id: str) -> bytes | None:
        """Return it."""
        return self._key if trial_id else None


def _stages() -> dict[str, float]:
    """Return the CPU microseconds an event of each stage, bodies of 500."""
    with tempfile.TemporaryDirectory(prefix="avenue-bench-") as folder:
        write_registry(Path(folder) / "registry.toml")
        directory = Directory(version=1, registry=load_registry(Path(folder) / "registry.toml"))
    parts = ValidatorDeps(
        directory,
        PARTITIONS,
        DuplicateWindow(keep_ms=DAY_MS, max_ids=1_000_000),
        ConsentLedger(max_subjects=1000),
        OrderLedger(max_orders=1000, max_waiting=100),
        Pseudonyms(_Keys()),
        RequestCaches(PseudonymCache(keep_ms=5 * MINUTE_MS, max_texts=100_000)),
    )
    clock = _Stopwatch()
    _pass_through(parts, clock, f"w{time.time_ns():x}")
    clock.spent.clear()
    _pass_through(parts, clock, f"s{time.time_ns():x}")
    return {name: spent / STAGE_EVENTS * 1e6 for name, spent in clock.spent.items()}


class _Stopwatch:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def time(self, name: str, step: Callable[[], T]) -> T:
        """Run *step* and add what it took to *name*."""
        began = time.process_time()
        result = step()
        self.spent[name] = self.spent.get(name, 0.0) + time.process_time() - began
        return result


def _pass_through(parts: ValidatorDeps, clock: _Stopwatch, run: str) -> None:
    loop = asyncio.new_event_loop()
    for body in bodies(events(run, STAGE_EVENTS), 500):
        _one_body(parts, clock, body, loop)
    loop.close()


def _one_body(parts: ValidatorDeps, clock: _Stopwatch, body: bytes, loop: asyncio.AbstractEventLoop) -> None:
    elements = clock.time("split", lambda: _elements(body))
    clock.time("decode alone", lambda: [decode_event_struct(element) for element in elements])
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    window = TimeWindow(now_ms - 30 * DAY_MS, now_ms + 5 * MINUTE_MS, now_ms)
    intake = EventValidator(parts, parts.directory.accounts[ACCOUNT], "events", delivery_id="d-bench", window=window)
    judged = clock.time("judge, decoding in it", lambda: FastPath(intake).validate(elements, range(len(elements))))
    if judged.others:
        raise RuntimeError(judged.others[0])
    records = [OpenRecord(Topic.EVENTS, pile.partition, loop) for pile in judged.accepted]
    clock.time("record", lambda: _records(records, judged.accepted, now_ms))
    clock.time("duplicate window", lambda: _window(parts.duplicates, records, now_ms))
    clock.time("answer", lambda: _answer(judged.accepted))


def _elements(body: bytes) -> list[Element]:
    elements = split(body, "application/x-ndjson", max_events=10_000)
    if not isinstance(elements, list):
        raise TypeError(elements)
    return elements


def _records(records: Sequence[OpenRecord], piles: Sequence[PartitionBatch], now_ms: int) -> None:
    for record, pile in zip(records, piles, strict=True):
        record.add(LineBatch(ACCOUNT, now_ms, pile.lines, pile.ids))
        encode_record(record.lines)


def _window(duplicates: DuplicateWindow, records: Sequence[OpenRecord], now_ms: int) -> None:
    for record in records:
        duplicates.claim(ACCOUNT, record.ids[ACCOUNT], record.acknowledged)
        duplicates.settle(ACCOUNT, record.ids[ACCOUNT], acknowledged=True, now_ms=now_ms)


def _answer(piles: Sequence[PartitionBatch]) -> None:
    accepted: dict[int, str] = {}
    for pile in piles:
        accepted.update(zip(pile.indexes, pile.ids, strict=False))
    BatchResult("d-bench", accepted, []).answer(every=False)


if __name__ == "__main__":
    sys.exit(main())
