"""The pages of a running stack in Chromium: how soon they are ready, what they weigh, and how soon they show a push.

    avenue up --registry … (or `make demo` on a terminal), then
    python -m bench.pages [--home .avenue] [--account push-demo] [--pushes 50] [--runs 5]

Each page is opened by a browser that has kept nothing. It is ready when its document is complete and something is
painted; what it weighs is what came over the wire; what it asked of another machine is counted. Then the trial's page
stays open while events are pushed one by one, and its own script notes when each is told.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from avenue.run_file import RunFile, read_run_file
from bench.machine import RESULTS, machine

SHANGHAI = timezone(timedelta(hours=8))
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PATIENCE_MS = 60_000
APART_S = 1.2
"""The page tells the second of the latest event, so that no two pushes may share one."""
SEEN_S = 30.0
DUE = {"ready_ms": 1000, "kb": 250, "external": 0, "push_p95_s": 2.0}
READY = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return paint && page.domContentLoadedEventEnd ? Math.max(page.domContentLoadedEventEnd, paint.startTime) : null;
}"""
WATCH = """() => {
  const shown = document.querySelector("[data-live-last]");
  window.told = {};
  new MutationObserver(() => { window.told[shown.textContent] ??= Date.now(); })
    .observe(shown, {childList: true, characterData: true, subtree: true});
}"""
LIVE = "() => document.querySelector('[data-live]')?.classList.contains('live')"


@dataclass
class PageLoad:
    """One load of one page."""

    ready_ms: float = 0.0
    wire_bytes: int = 0
    external: list[str] = field(default_factory=list)


def main() -> int:
    """Measure, print, write the results; 1 where something is beyond what is due."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=Path(".avenue"))
    parser.add_argument("--account", default="push-demo")
    parser.add_argument("--pushes", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    run, chromium = read_run_file(asked.home), shutil.which("chromium")
    if run is None or chromium is None:
        sys.exit(f"nothing runs on {asked.home}" if run is None else "no Chromium: apt-get install -y chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS, headless=True)
        trial = _running_trial(run)
        paths = {"home": "/trials", "trial": f"/trials/{trial['id']}", "avenue": "/avenue"}
        paths |= {"definitions": "/docs/metrics", "api": "/docs/api"}
        pages = {name: measured(browser, run, path, asked.runs) for name, path in paths.items()}
        pushes = _pushed(browser, run, trial, asked)
        browser.close()
    found = {
        "what": "pages in Chromium: ready (document complete and painted), bytes over the wire, push to open page",
        "command": " ".join(["python -m bench.pages", *sys.argv[1:]]),
        "machine": machine(),
        "due": DUE,
        "pages": pages,
        "push_to_open_page_s": pushes,
    }
    print(json.dumps({"pages": pages, "push_to_open_page_s": pushes}, indent=1))
    (RESULTS / "pages.json").write_text(json.dumps(found, indent=1) + "\n")
    return int(not _is_well(pages, pushes))


def _is_well(pages: Mapping[str, Mapping[str, float]], pushes: Mapping[str, float]) -> bool:
    kept = [one["ready_ms"] <= DUE["ready_ms"] and one["external"] == 0 for one in pages.values()]
    light = [one["kb"] <= DUE["kb"] for name, one in pages.items() if name != "api"]
    return all(kept) and all(light) and pushes["p95"] <= DUE["push_p95_s"]


def _running_trial(run: RunFile) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {run.operator_key}"}
    trials = httpx.get(f"{run.url}/v1/trials", headers=headers, trust_env=False, timeout=30).json()["trials"]
    now = datetime.now(SHANGHAI)
    running = [t for t in trials if datetime.fromisoformat(t["starts"]) <= now < datetime.fromisoformat(t["ends"])]
    return max(running, key=lambda trial: len(trial["placements"]))


def signed_in(browser: Browser, run: RunFile, path: str) -> Page:
    """Return a page signed in as operator; of what it fetched nothing is kept if *path* is still to be opened."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en").new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{run.url}/sign-in?next={quote('/channels')}#key={run.operator_key}")
    page.wait_for_url(f"{run.url}/channels")
    if path != "/channels":
        # Signed in, and nothing kept of what the sign-in fetched.
        _cdp(page).send("Network.clearBrowserCache")
    return page


def _cdp(page: Page) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    return session


def _loaded(browser: Browser, run: RunFile, path: str) -> PageLoad:
    page, found = signed_in(browser, run, path), PageLoad()
    session = _cdp(page)
    session.on("Network.loadingFinished", lambda told: _add(found, told["encodedDataLength"]))
    page.on("request", lambda request: _note(found, request.url, run.url))
    page.goto(f"{run.url}{path}", wait_until="load")
    page.wait_for_function(READY)
    found.ready_ms = page.evaluate(READY)
    page.wait_for_timeout(500)  # what the script fetches once the page stands
    page.context.close()
    return found


def _add(found: PageLoad, size: float) -> None:
    found.wire_bytes += round(size)


def _note(found: PageLoad, url: str, own: str) -> None:
    if not url.startswith((own, "data:", "blob:")):
        found.external.append(url)


def measured(browser: Browser, run: RunFile, path: str, runs: int) -> dict[str, float]:
    """Return how soon *path* is ready and what it weighs, of so many loads."""
    loads = [_loaded(browser, run, path) for _ in range(runs)]
    return {
        "ready_ms": round(statistics.median(one.ready_ms for one in loads)),
        "ready_ms_worst": round(max(one.ready_ms for one in loads)),
        "kb": round(max(one.wire_bytes for one in loads) / 1000, 1),
        "external": sum(len(one.external) for one in loads),
    }


def _pushed(browser: Browser, run: RunFile, trial: Mapping[str, Any], asked: argparse.Namespace) -> dict[str, float]:
    page = signed_in(browser, run, "")
    page.goto(f"{run.url}/trials/{trial['id']}", wait_until="load")
    page.wait_for_function(LIVE)
    page.evaluate(WATCH)
    key = _pushing_key(asked.home, asked.account)
    seconds = [_seen_after(page, run, key, str(trial["product"])) for _ in range(asked.pushes)]
    page.context.close()
    cuts = statistics.quantiles(seconds, n=100)
    return {"pushes": len(seconds), **{f"p{n}": round(cuts[n - 1], 3) for n in (50, 95)}, "max": round(max(seconds), 3)}


def _pushing_key(home: Path, account: str) -> str:
    command = [sys.executable, "-m", "avenue", "key", "issue", "--scope", f"account:{account}", "--expires", "1d"]
    done = subprocess.run([*command, "--home", str(home)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def _seen_after(page: Page, run: RunFile, key: str, product: str) -> float:
    """Push one event and return the seconds until the page told it."""
    time.sleep(APART_S)
    at, began = datetime.now(SHANGHAI), time.time()
    event = {"event_id": f"page-{time.time_ns()}", "kind": "interaction", "product_id": product}
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(
        f"{run.url}/v1/events", json=[event | {"occurred_at": at.isoformat()}], headers=headers, trust_env=False
    )
    answer.raise_for_status()
    if answer.json()["accepted"] != 1:
        sys.exit(f"the event was not accepted: {answer.text}")
    shown = at.strftime("%m-%d %H:%M:%S")
    page.wait_for_function("(text) => window.told[text] !== undefined", arg=shown, timeout=SEEN_S * 1000)
    told_ms = page.evaluate("(text) => window.told[text]", shown)
    return float(told_ms) / 1000 - began


if __name__ == "__main__":
    sys.exit(main())
