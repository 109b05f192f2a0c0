"""Seconds from a push to the sight of it, through the server's own read path, at a light load."""

import json
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from bench.layouts import Road, wait
from bench.pushes import events, headers_of

READ_EVERY_S = 0.05
END_S = 60.0
# Pushes that wait for one another would slow the load down; each sender has one under way.
SENDERS = 8


@dataclass(frozen=True, slots=True)
class LatencyRun:
    """p50, p95 and max of each sight: `row` in the view `events`, `number` in `metrics_by_minute`."""

    seconds: dict[str, dict[str, float]]


@dataclass
class _Sights:
    """When each event was pushed (by id), and when it was first seen."""

    pushed: dict[str, float] = field(default_factory=dict)
    row: dict[str, float] = field(default_factory=dict)
    numbers: list[tuple[float, int]] = field(default_factory=list)


def measure_latency(road: Road, count: int, rate: float) -> LatencyRun:
    """Push *count* events one by one at *rate* a second, and watch for each. A look takes some of the time it finds.

    A number is the count of all cells: the n-th event is seen when it has grown by n.
    """
    key, run = road.pushing_key(), f"l{time.time_ns():x}"
    lines, sights, stop = events(run, count), _Sights(), threading.Event()
    # What came before is settled meanwhile, late events among it; that must not be taken for ours.
    since_s = int(time.time()) - 60
    before = _counted(road, since_s)
    reader = threading.Thread(target=_read, args=(road, run, since_s, sights, stop), daemon=True)
    reader.start()
    _push_paced(road, key, lines, rate, sights)
    seen = lambda: len(sights.row) >= count and sights.numbers and sights.numbers[-1][1] >= before + count  # noqa: E731
    wait(seen, END_S, f"not all of {count} rows and their count were seen", every_s=READ_EVERY_S)
    stop.set()
    reader.join()
    rows = [sights.row[name] - at for name, at in sights.pushed.items()]
    return LatencyRun({"row": _quantiles(rows), "number": _quantiles(_numbers(sights, before))})


def _push_paced(road: Road, key: str, lines: Sequence[bytes], rate: float, sights: _Sights) -> None:
    began, lock, queue = time.monotonic(), threading.Lock(), iter(enumerate(lines))

    def send() -> None:
        with httpx.Client(base_url=road.url, headers=headers_of(key), timeout=60, trust_env=False) as client:
            while True:
                with lock:
                    place, line = next(queue, (-1, b""))
                if place < 0:
                    return
                time.sleep(max(0.0, began + place / rate - time.monotonic()))
                sights.pushed[json.loads(line)["event_id"]] = time.monotonic()
                client.post("/v1/events", content=line).raise_for_status()

    senders = [threading.Thread(target=send, daemon=True) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()


def _read(road: Road, run: str, since_s: int, sights: _Sights, stop: threading.Event) -> None:
    # Bounded to what is new, as a dashboard's query is.
    rows = f"SELECT event_id FROM events WHERE received_at > now() - 8 AND startsWith(event_id, '{run}')"  # noqa: S608 - our own word
    while not stop.wait(READ_EVERY_S):
        found = _ask(road, rows)
        now = time.monotonic()
        for row in found:
            sights.row.setdefault(row["event_id"], now)
        total = _counted(road, since_s)
        sights.numbers.append((time.monotonic(), total))


def _counted(road: Road, since_s: int) -> int:
    sql = f"SELECT toString(sum(events)) AS n FROM metrics_by_minute WHERE minute >= toStartOfMinute(toDateTime({since_s}))"  # noqa: E501, S608 - a number
    return int(_ask(road, sql)[0]["n"])


def _ask(road: Road, sql: str) -> list[dict[str, str]]:
    headers = {"authorization": f"Bearer {road.operator_key}"}
    answer = httpx.post(f"{road.url}/internal/sql", content=sql, headers=headers, timeout=60, trust_env=False)
    answer.raise_for_status()
    return [json.loads(line) for line in answer.text.splitlines()]


def _numbers(sights: _Sights, before: int) -> list[float]:
    pushed = sorted(sights.pushed.values())
    seconds, place = [], 0
    for at, total in sights.numbers:
        while place < len(pushed) and total >= before + place + 1:
            seconds.append(at - pushed[place])
            place += 1
    return seconds


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100)
    return {"p50": round(cuts[49], 3), "p95": round(cuts[94], 3), "max": round(max(values), 3)}
