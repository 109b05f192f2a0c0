"""How soon the list of fifty trials is ready, each with a month of events: in Chromium, on a stack of its own.

    python -m bench.home [--trials 50] [--runs 5]

It is opened while no verdict is known yet, and again once all are; ready and weight are as in `bench.pages`.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from avenue.run_file import RunFile, read_run_file
from bench.layouts import Road, embedded
from bench.machine import RESULTS, machine
from bench.pages import DUE, FLAGS, measured, signed_in
from bench.pushes import bodies, push, write_registry

DAYS = 28
"""An event may be 30 days old at most."""
A_DAY = 6
"""Uses of each place on each day."""
RATES = {"baseline": 0.7, "pilot": 0.8}
SECOND = "-second"
JUDGED_S = 120.0


def main() -> int:
    """Measure, print, write the result; 1 where it is beyond what is due."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    if (chromium := shutil.which("chromium")) is None:
        sys.exit("no Chromium: apt-get install -y chromium")
    with tempfile.TemporaryDirectory(prefix="avenue-bench-") as folder:
        registry = Path(folder) / "registry.toml"
        _write_registry(registry, asked.trials)
        road = embedded(Path(folder) / "home", registry=registry)
        try:
            _push_history(road, asked.trials)
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=chromium, args=FLAGS, headless=True)
                found = _measure(browser, road, asked.runs)
                browser.close()
        finally:
            road.stop()
    told: dict[str, Any] = {
        "what": f"the list of {asked.trials} trials in Chromium: ready (document complete and painted), bytes",
        "command": " ".join(["python -m bench.home", *sys.argv[1:]]),
        "machine": machine(),
        "due": {name: DUE[name] for name in ("ready_ms", "kb", "external")},
        "pages": {f"home, {asked.trials} trials, {state}": row for state, row in found.items()},
    }
    print(json.dumps(told["pages"], indent=1))
    (RESULTS / "home.json").write_text(json.dumps(told, indent=1) + "\n")
    return int(any(row[name] > due for row in found.values() for name, due in told["due"].items()))


def _measure(browser: Browser, road: Road, runs: int) -> dict[str, dict[str, float]]:
    run = read_run_file(road.home)
    if run is None:
        raise RuntimeError("the stack left no run file")
    found = {"no verdict known": measured(browser, run, "/trials", 1)}
    _wait_for_verdicts(browser, run)
    found["verdicts known"] = measured(browser, run, "/trials", runs)
    return found


def _wait_for_verdicts(browser: Browser, run: RunFile) -> None:
    """Open the list until each trial has its verdict."""
    page, until = signed_in(browser, run, "/trials"), time.monotonic() + JUDGED_S
    page.goto(f"{run.url}/trials", wait_until="load")
    while "Being worked out" in page.content():
        if time.monotonic() > until:
            sys.exit(f"verdicts are still being worked out after {JUDGED_S:.0f} s")
        time.sleep(2)
        page.reload(wait_until="load")
    page.context.close()


def _write_registry(path: Path, trials: int) -> None:
    """Write the bench's registry with a second place for each arm, so that there is something to judge."""
    write_registry(path, trials)
    text = path.read_text()
    first = [part.split("[[products]]")[0] for part in text.split("[[placements]]\n")[1:]]
    second = [part.replace('"\ntrial', f'{SECOND}"\ntrial', 1) for part in first]
    path.write_text("[[placements]]\n".join([text, *second]))


def _push_history(road: Road, trials: int) -> None:
    lines = list(_history(trials))
    before = road.stored(), road.counted()
    push(road.url, road.pushing_key(), bodies(lines, 500))
    road.wait_for(before[0] + len(lines), before[1] + len(lines))


def _history(trials: int) -> Iterator[bytes]:
    chance, today = random.Random(1), datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0)
    for trial in range(trials):
        for day, use, (arm, rate), place in _uses():
            at = today - timedelta(days=DAYS - day) + timedelta(minutes=5 * use)
            event = {
                "event_id": f"h-{trial}-{arm}{place}-{day}-{use}",
                "kind": "use.completed",
                "occurred_at": at.isoformat(),
                "placement_id": f"p-{trial:02d}-{arm}{place}",
                "subject": f"s-{chance.randrange(500)}",
                "outcome": "ok" if chance.random() < rate else "failed",
                "duration_ms": chance.randrange(500, 9000),
            }
            yield json.dumps(event).encode()


def _uses() -> Iterator[tuple[int, int, tuple[str, float], str]]:
    for day in range(1, DAYS):
        for use in range(A_DAY):
            for arm in RATES.items():
                for place in ("", SECOND):
                    yield day, use, arm, place


if __name__ == "__main__":
    sys.exit(main())
