"""CPU-seconds per million events of each role over the real HTTP path, and the seconds from a push to its row.

    python bench/road.py [--events 100000] [--runs 3] [--only embedded]

Two shapes: the embedded stack (the server is gateway, sink and reports in one process) and each role apart. Pushed are
events of about 380 bytes of 40 products, in batches of 500 and one by one. A role's figure is its process's user and
system time, all threads, from the first push until the last row is stored and counted; the sender is not in it. "old"
events are past their grace, so that the sink settles their blocks at once: what is above the figure of fresh ones is
settlement. "mixed" ones are of every kind, and a tenth of them is one to six hours late, so that some 60 blocks are
settled for them. Of both, what the roles take while they idle is taken off for the seconds that settling is waited
for. Wall-clock times depend on what else the machine does; CPU times hardly do.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.latency import LatencyRun, measure_latency
from bench.layouts import Road, apart, embedded, wait
from bench.machine import RESULTS, machine, min_and_median
from bench.pushes import events

LAYOUTS: Mapping[str, Callable[[Path], Road]] = {"embedded": embedded, "apart": apart}
ROLES = ("broker", "gateway", "server", "worker", "sink")
WARM_UP = 5_000
# One request an event costs many times as much; a few thousand say the same.
SINGLE_SHARE = 20
OLD_S = 1500.0
SETTLED_S = 120.0
QUIET_S = 8.0
IDLE_S = 15.0
LATENCY_EVENTS = 1000
LATENCY_RATE = 50.0


@dataclass(frozen=True, slots=True)
class Load:
    """How events are pushed."""

    name: str
    size: int
    share: int = 1
    old: bool = False
    mixed: bool = False

    @property
    def settles(self) -> bool:
        """Whether blocks are settled for it at once."""
        return self.old or self.mixed


LOADS = (
    Load("500 a batch", 500),
    Load("1 a request", 1, SINGLE_SHARE),
    Load("500 a batch, old", 500, 1, old=True),
    Load("500 a batch, mixed", 500, 1, mixed=True),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One load on one layout: CPU-seconds per million events by role, of each run."""

    layout: str
    load: str
    events: int
    cpu: Mapping[str, list[float]]
    wall_s: list[float]

    @property
    def ours(self) -> list[float]:
        """The sum over our roles, of each run; the broker is told apart."""
        own = [values for role, values in self.cpu.items() if role != "broker"]
        return [sum(run) for run in zip(*own, strict=True)]


def main() -> int:
    """Measure, print, write the results."""
    asked = _arguments()
    rows: list[Row] = []
    latencies: list[LatencyRun] = []
    for name in [asked.only] if asked.only else LAYOUTS:
        with tempfile.TemporaryDirectory(prefix="avenue-bench-") as folder:
            road = LAYOUTS[name](Path(folder) / "home")
            try:
                print(f"{name}: {dict(road.pids)}", file=sys.stderr)
                rows += _measure(name, road, asked.events, asked.runs)
                if name == "embedded":
                    latencies += [measure_latency(road, LATENCY_EVENTS, LATENCY_RATE) for _ in range(asked.runs)]
            finally:
                road.stop()
    _print(rows, latencies)
    _write(rows, latencies, asked)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="of each run; a twentieth of it one by one")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=LAYOUTS, help="one layout")
    return parser.parse_args()


def _measure(name: str, road: Road, count: int, runs: int) -> list[Row]:
    key = road.pushing_key()
    _run(road, key, Load("warm-up", 500), WARM_UP, {})
    idle = _idle(road)
    print(f"{name}, idle: {idle} CPU-seconds a second", file=sys.stderr)
    rows = []
    for load in LOADS:
        number = max(1, count // load.share)
        found = [_run(road, key, load, number, idle) for _ in range(runs)]
        cpu = {role: [cpu[role] / number * 1e6 for cpu, _ in found] for role in road.pids}
        rows.append(Row(name, load.name, number, cpu, [wall for _, wall in found]))
        print(_line(rows[-1]), file=sys.stderr)
    return rows


def _idle(road: Road) -> dict[str, float]:
    """Return what each role takes while nothing comes, in CPU seconds a second."""
    before = road.cpu_s()
    time.sleep(IDLE_S)
    after = road.cpu_s()
    return {role: (after[role] - before[role]) / IDLE_S for role in before}


def _run(road: Road, key: str, load: Load, count: int, idle: Mapping[str, float]) -> tuple[dict[str, float], float]:
    """Push *count* events and return the CPU seconds of each role, without *idle* ones, and the wall seconds."""
    lines = events(f"b{time.time_ns():x}", count, age_s=OLD_S if load.old else 0.0, mixed=load.mixed)
    settled, began, waited = road.settling(), time.monotonic(), 0.0

    def settle() -> None:
        nonlocal waited
        if load.settles:
            since = time.monotonic()
            _wait_settled(road, settled)
            waited = time.monotonic() - since

    cpu = road.cost_of(key, lines, load.size, then=settle)
    return {role: took - waited * idle.get(role, 0.0) for role, took in cpu.items()}, time.monotonic() - began


def _wait_settled(road: Road, before: int) -> None:
    """Wait until blocks were settled and no more are for a while."""
    last, since = before, time.monotonic()

    def is_quiet() -> bool:
        nonlocal last, since
        if (now := road.settling()) != last:
            last, since = now, time.monotonic()
        return last != before and time.monotonic() - since >= QUIET_S

    wait(is_quiet, SETTLED_S, "no block was settled", every_s=1)


def _line(row: Row) -> str:
    shown = {role: row.cpu.get(role) for role in ROLES} | {"ours": row.ours}
    figures = "".join(f"{_pair(values):>16}" for values in shown.values())
    return f"{row.layout:<10}{row.load:<20}{row.events:>8}{figures}"


def _pair(values: list[float] | None) -> str:
    return "-" if values is None else f"{min(values):.1f} ({statistics.median(values):.1f})"


def _print(rows: list[Row], latencies: list[LatencyRun]) -> None:
    print(f"{machine()['text']}\n{_command()}\nCPU-seconds per million events, min (median) of the runs")
    print(f"{'layout':<10}{'load':<20}{'events':>8}" + "".join(f"{role:>16}" for role in (*ROLES, "ours")))
    for row in rows:
        print(_line(row))
    if latencies:
        print(f"seconds from push to sight, embedded, {LATENCY_RATE:.0f} events/s: best run, median run")
    for name in ("row", "number"):
        for part in ("p50", "p95", "max"):
            values = [run.seconds[name][part] for run in latencies]
            if values:
                print(f"  {name:<8}{part:<5}{min(values):>8.3f}{statistics.median(values):>8.3f}")


def _write(rows: list[Row], latencies: list[LatencyRun], asked: argparse.Namespace) -> None:
    found: dict[str, Any] = {
        "what": "CPU-seconds per million events by role, over HTTP; seconds from push to sight",
        "machine": machine(),
        "command": _command(),
        "runs": asked.runs,
        "cpu_seconds_per_million_events": [
            {
                "layout": row.layout,
                "load": row.load,
                "events": row.events,
                "roles": {role: _figures(values) for role, values in row.cpu.items()},
                "ours": _figures(row.ours),
                "wall_s": [round(value, 2) for value in row.wall_s],
            }
            for row in rows
        ],
        "latency_s": [run.seconds for run in latencies],
        "latency_load": {"events_per_s": LATENCY_RATE, "events": LATENCY_EVENTS},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "road.json").write_text(json.dumps(found, indent=1) + "\n")


def _figures(values: list[float]) -> dict[str, Any]:
    return {**min_and_median(values), "runs": [round(value, 2) for value in values]}


def _command() -> str:
    return " ".join(["python bench/road.py", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
