"""Resident memory of each role over a long run on the embedded stack.

    python bench/memory.py [--events 2000000] [--rate 0]

Events are pushed as they happen, in batches of 500, as fast as they are taken or at so many a second. Memory is read
after each twentieth of them, when all of those are stored and counted. It grows until what is remembered on purpose is
full (ids of a day at the gateway, up to its setting; ids and cells of the last minutes at the worker; caches of the
store) and is flat then.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from bench.layouts import Road, embedded
from bench.machine import RESULTS, machine
from bench.pushes import bodies, events, push

STEPS = 20
BATCH = 500
MIB = 1024
# All of them may come within the nine minutes for which the worker remembers an id: more than its default lets in.
MAX_IDS = 20_000_000


def main() -> int:
    """Push, measure, print, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--rate", type=int, default=0, help="events a second; 0: as fast as they are taken")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="avenue-bench-") as folder:
        road = embedded(Path(folder) / "home", AVENUE_WORKER__MAX_IDS=str(MAX_IDS))
        try:
            steps = _run(road, asked.events // STEPS, asked.rate)
        finally:
            road.stop()
    RESULTS.mkdir(exist_ok=True)
    found = {
        "what": "resident MiB by role after so many events, embedded",
        "command": " ".join(["python bench/memory.py", *sys.argv[1:]]),
        "machine": machine(),
        "batch": BATCH,
        "steps": steps,
    }
    (RESULTS / "memory.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


def _run(road: Road, count: int, rate: int) -> list[dict[str, float]]:
    key, began = road.pushing_key(), time.monotonic()
    steps = [{"events": 0.0, "minutes": 0.0, **resident_mib(road)}]
    print("".join(f"{name:>12}" for name in steps[0]))
    for step in range(1, STEPS + 1):
        stored, counted = road.stored(), road.counted()
        for part in _parts(count, rate):
            until = time.monotonic() + (part / rate if rate else 0.0)
            push(road.url, key, bodies(events(f"m{step}-{time.time_ns():x}", part), BATCH))
            time.sleep(max(0.0, until - time.monotonic()))
        road.wait_for(stored + count, counted + count)
        minutes = round((time.monotonic() - began) / 60, 1)
        steps.append({"events": float(step * count), "minutes": minutes, **resident_mib(road)})
        print("".join(f"{value:>12,.0f}" for value in steps[-1].values()), flush=True)
    return steps


def _parts(count: int, rate: int) -> list[int]:
    """Return how many to push at a time: all, or those of a second and the rest."""
    if not rate:
        return [count]
    return [rate] * (count // rate) + [count % rate] * (count % rate > 0)


def resident_mib(road: Road) -> dict[str, float]:
    """Return the resident memory of each process of *road*."""
    return {role: _vm_rss_kib(pid) / MIB for role, pid in road.pids.items()}


def _vm_rss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} has ended")


if __name__ == "__main__":
    sys.exit(main())
