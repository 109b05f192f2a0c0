"""How soon the list of fifty trials is ready, each with 16 days of events: in Chromium, on a stack of its own.

    python -m bench.home [--trials 50] [--runs 5]

It is opened as soon as they were pushed, when no day is summed and no verdict known, and again once all days are
summed and all verdicts known, as they are on any morning; ready and weight are as in `bench.pages`.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from avenue.run_file import RunFile, read_run_file
from bench.layouts import Road, embedded, wait
from bench.machine import RESULTS, machine
from bench.pages import DUE, FLAGS, measured, signed_in
from bench.pushes import bodies, push, write_registry

DAYS = 16
"""A verdict speaks from the 14th day on."""
A_DAY = 6
"""Uses of each place on each day."""
RATES = {"baseline": 0.7, "pilot": 0.8}
SECOND = "-second"
USUAL = "days summed, verdicts known"
"""What is due is due of this."""
READY_S = 480.0
ROLL_DAYS = "100"
"""Days of products that are summed at once: far more than usual, since a history is pushed at once."""
SUMMED = "SELECT uniqExact(product_id, day) AS days FROM daily_rollups"


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
        road = embedded(Path(folder) / "home", registry=registry, AVENUE_SINK__ROLL_DAYS=ROLL_DAYS)
        try:
            _push_history(road, asked.trials)
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=chromium, args=FLAGS, headless=True)
                found = _measure(browser, road, asked.trials, asked.runs)
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
    return int(any(found[USUAL][name] > due for name, due in told["due"].items()))


def _measure(browser: Browser, road: Road, trials: int, runs: int) -> dict[str, dict[str, float]]:
    run = read_run_file(road.home)
    if run is None:
        raise RuntimeError("the stack left no run file")
    found = {"just pushed": measured(browser, run, "/trials", 1)}
    wait(lambda: _summed(road) >= trials * (DAYS - 1), READY_S, "days are not summed")
    page = signed_in(browser, run, "/trials")
    wait(lambda: _is_judged(page, run), READY_S, "verdicts are still being worked out")
    page.context.close()
    found[USUAL] = measured(browser, run, "/trials", runs)
    return found


def _summed(road: Road) -> int:
    command = [sys.executable, "-m", "avenue", "sql", SUMMED]
    environ = os.environ | {"AVENUE_HOME": str(road.home)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    return int(json.loads(done.stdout)["days"])


def _is_judged(page: Page, run: RunFile) -> bool:
    page.goto(f"{run.url}/trials", wait_until="load")
    return "Being worked out" not in page.content()


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
