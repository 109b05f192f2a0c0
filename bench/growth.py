"""What an event costs when there are ten times as many, of ten times as many products: each role apart.

    python -m bench.growth [--events 40000] [--runs 3]

One stack, with a registry of 400 products. Pushed are N and ten times N events, of 40 products and of all 400, in
batches of 500; the cost of a role is its CPU-seconds per million events, as in `bench/road.py`. Ten times the events of
ten times the products have as many events a cell, and should cost the same each; the two others show what more or
fewer events a cell do.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.layouts import Road, apart
from bench.machine import RESULTS, machine, min_and_median
from bench.pushes import PRODUCTS, events

TIMES = 10
BATCH = 500
WARM_UP = 20_000
CELLS_A_PRODUCT = 2 * 4
"""Cells of a product in a minute: its two places, each of one arm, and four kinds."""
OURS = ("gateway", "worker", "sink")


def main() -> int:
    """Measure, print, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=40_000, help="N")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    few, many = asked.events, TIMES * asked.events
    with tempfile.TemporaryDirectory(prefix="avenue-bench-") as folder:
        road = apart(Path(folder) / "home", products=TIMES * PRODUCTS)
        try:
            key = road.pushing_key()
            cpu_of(road, key, WARM_UP, PRODUCTS)
            shapes = [(few, TIMES * PRODUCTS), (few, PRODUCTS), (many, TIMES * PRODUCTS), (many, PRODUCTS)]
            rows = [_row(road, key, shape, asked.runs) for shape in shapes]
        finally:
            road.stop()
    _tell(rows, asked.runs)
    return 0


def cpu_of(road: Road, key: str, count: int, products: int) -> dict[str, float]:
    """Push *count* events of *products* and return the CPU-seconds of each role until all is stored and counted."""
    return road.cost_of(key, events(f"g{time.time_ns():x}", count, products=products), BATCH)


def _row(road: Road, key: str, shape: tuple[int, int], runs: int) -> dict[str, Any]:
    count, products = shape
    found = [cpu_of(road, key, count, products) for _ in range(runs)]
    million = {role: [run[role] / count * 1e6 for run in found] for role in road.pids}
    ours = [sum(million[role][run] for role in OURS) for run in range(runs)]
    row = {
        "events": count,
        "products": products,
        "events_a_cell_and_minute": round(count / (products * CELLS_A_PRODUCT), 1),
        **{role: min_and_median(million[role]) for role in (*OURS, "broker")},
        "all_but_the_broker": min_and_median(ours),
    }
    print(json.dumps(row), file=sys.stderr)
    return row


def _tell(rows: list[dict[str, Any]], runs: int) -> None:
    by_shape = {(row["events"], row["products"]): row["all_but_the_broker"] for row in rows}
    small, large = min(by_shape), max(by_shape)
    small = (small[0], min(products for events, products in by_shape if events == small[0]))
    ratio = {part: round(by_shape[large][part] / by_shape[small][part], 3) for part in ("min", "median")}
    found = {
        "what": "CPU-seconds per million events by role, as events and products grow",
        "machine": machine(),
        "command": " ".join(["python -m bench.growth", *sys.argv[1:]]),
        "runs": runs,
        "cpu_seconds_per_million_events": rows,
        "ten_times_both": [{"what": "cost of an event, to that of a tenth of both", **ratio}],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "growth.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found["ten_times_both"]))


if __name__ == "__main__":
    sys.exit(main())
