"""What a month of history does to what is pushed live: seconds from a live push to its row and to its number.

    python -m bench.backfill

One embedded stack, and turns on it: live pushes at 20 a second alone, then the same beside `avenue send --backfill`.
Figures are medians of the turns', and the ratio is of those, so that what else the machine does strikes both. An open
loop in another process, with no other client beside, is the history's: what it is slowed down to is told too.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from avenue.sending.verdict_file import verdicts_beside
from bench.latency import measure_latency
from bench.layouts import Road, embedded, wait
from bench.machine import RESULTS, machine
from bench.pushes import PRODUCTS, events, write_registry

HISTORY = "history"
LIVE_PER_S = 20.0
MONTH_DAYS, MONTH_EVENTS = 29, 400_000
WARM_UP_S, REST_S = 3.0, 5.0
MAX_RATIO = 1.5
SIGHTS = ("row", "number")
Figures = dict[str, dict[str, float]]


def main() -> int:
    """Measure, print, and write `bench/results/backfill.json`; 1 where live rows wait more than promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each turn")
    parser.add_argument("--dry", action="store_true", help="print only")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        registry = Path(folder) / "registry.toml"
        _write_registry(registry)
        road = embedded(Path(folder) / "home", registry=registry)
        try:
            found = _measure(road, Path(folder), asked.turns, asked.seconds)
        finally:
            road.stop()
    command = f"python -m bench.backfill --turns {asked.turns} --seconds {asked.seconds:g}"
    print(json.dumps(found, indent=1))
    if not asked.dry:
        result = {"machine": machine(), "command": command, **found}
        (RESULTS / "backfill.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0 if max(found["ratio_p95"].values()) <= MAX_RATIO else 1


def _measure(road: Road, folder: Path, turns: int, seconds: float) -> dict[str, Any]:
    key, count = road.pushing_key(HISTORY), int(LIVE_PER_S * seconds)
    measure_latency(road, int(LIVE_PER_S * WARM_UP_S), LIVE_PER_S)
    alone, beside, rates = [], [], []
    for turn in range(turns):
        alone.append(measure_latency(road, count, LIVE_PER_S).seconds)
        with _history(road, folder / f"month-{turn}.ndjson", key):
            began, before = time.monotonic(), road.stored()
            beside.append(measure_latency(road, count, LIVE_PER_S).seconds)
            rates.append((road.stored() - before) / (time.monotonic() - began) - LIVE_PER_S)
        time.sleep(REST_S)  # what it brought is settled
    ratios = {sight: round(_median(beside, sight, "p95") / _median(alone, sight, "p95"), 2) for sight in SIGHTS}
    return {
        "alone": _medians(alone),
        "beside": _medians(beside),
        "ratio_p95": ratios,
        "history_events_per_s": round(statistics.median(rates)),
        "turns": [{"alone": one, "beside": other} for one, other in zip(alone, beside, strict=True)],
    }


def _medians(turns: Sequence[Figures]) -> Figures:
    return {sight: {name: _median(turns, sight, name) for name in ("p50", "p95", "max")} for sight in SIGHTS}


def _median(turns: Sequence[Figures], sight: str, name: str) -> float:
    return round(statistics.median(turn[sight][name] for turn in turns), 3)


@contextmanager
def _history(road: Road, file: Path, key: str) -> Iterator[None]:
    """Send a month by `avenue send --backfill` meanwhile. Raises `RuntimeError` where it ended before."""
    file.write_bytes(b"\n".join(_month()) + b"\n")
    command = [sys.executable, "-P", "-m", "avenue", "send", str(file), "--url", road.url, "--key", key, "--backfill"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sender:
        verdicts = verdicts_beside(str(file))
        wait(lambda: verdicts.exists() and verdicts.stat().st_size, 30, "nothing of the history was sent")
        time.sleep(WARM_UP_S)
        yield
        if sender.poll() is not None:
            raise RuntimeError("the history was sent before the turn was over")
        sender.terminate()


def _month() -> list[bytes]:
    """Return a month's events, a day at a time."""
    run = f"{time.time_ns():x}"
    return [
        line
        for day in range(MONTH_DAYS, 0, -1)
        for line in events(f"m{day}-{run}", MONTH_EVENTS // MONTH_DAYS, age_s=day * 86_400.0)
    ]


def _write_registry(path: Path) -> None:
    """Write the bench's registry, and an account whose events may be a month old."""
    write_registry(path)
    products = json.dumps([f"product-{number:02d}" for number in range(PRODUCTS)])
    with path.open("a") as file:
        file.write(f'[[accounts]]\nid = "{HISTORY}"\nplatform = "sunmi"\nproducts = {products}\nmax_event_age = 40\n')


if __name__ == "__main__":
    sys.exit(main())
