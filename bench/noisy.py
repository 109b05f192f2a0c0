"""What a quiet account waits for its answers while another is noisy.

    python -m bench.noisy [--seconds 20]

One embedded stack, in turn: the quiet account alone; beside eight senders of another account that has a `rate_per_s` of
50 and pushes ten times that; the same without a limit; alone again. The quiet account pushes 20 events a second,
one a request, and its answer times are taken. Senders run in processes of their own on the same machine.
"""

import argparse
import http.client
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.layouts import Road, embedded, settings_of
from bench.machine import RESULTS, machine
from bench.pushes import ACCOUNT, PRODUCTS, events, write_registry
from registry.apply import apply_registry
from registry.file import load_registry

QUIET, NOISY = ACCOUNT, "noisy"
QUIET_PER_S, NOISY_SENDERS, NOISY_RATE = 20.0, 8, 50
NOISY_PER_SENDER = 10 * NOISY_RATE / NOISY_SENDERS
WARM_UP_S = 3.0
MAX_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class Sent:
    """Milliseconds of each answer, and how many had which status."""

    ms: list[float]
    statuses: Counter[int]


def main() -> int:
    """Measure, print, and write `bench/results/noisy.json`; 1 where the quiet account waits more than promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        registry = Path(folder) / "registry.toml"
        _write_registry(registry, NOISY_RATE)
        road = embedded(Path(folder) / "home", registry=registry)
        try:
            found = _measure(road, registry, seconds)
        finally:
            road.stop()
    result = {"machine": machine(), "command": f"python -m bench.noisy --seconds {seconds:g}", **found}
    (RESULTS / "noisy.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(found, indent=1))
    return 0 if found["ratio"] <= MAX_RATIO else 1


def _measure(road: Road, registry: Path, seconds: float) -> dict[str, Any]:
    keys = {name: road.pushing_key(name) for name in (QUIET, NOISY)}
    _quiet(road, keys[QUIET], WARM_UP_S)
    alone = _quiet(road, keys[QUIET], seconds)
    limited = _beside_noise(road, keys, seconds)
    _write_registry(registry, None)
    apply_registry(settings_of(road.home, road.bootstrap), load_registry(registry))
    time.sleep(5)  # an apply takes hold within this
    unlimited = _beside_noise(road, keys, seconds)
    alone_again = _quiet(road, keys[QUIET], seconds)
    base = min(alone["p95_ms"], alone_again["p95_ms"])
    return {
        "alone": alone,
        "beside_limited": limited,
        "beside_unlimited": unlimited,
        "alone_again": alone_again,
        "ratio": round(limited["quiet"]["p95_ms"] / base, 2),
    }


def _beside_noise(road: Road, keys: dict[str, str], seconds: float) -> dict[str, Any]:
    results: multiprocessing.Queue[Sent] = multiprocessing.Queue()
    asked = (road.url, keys[NOISY], seconds + 2 * WARM_UP_S, results)
    noise = multiprocessing.Process(target=_noise, args=asked)
    noise.start()
    time.sleep(WARM_UP_S)  # until it is under way
    quiet = _quiet(road, keys[QUIET], seconds)
    sent = results.get()
    noise.join()
    statuses = {str(status): count for status, count in sorted(sent.statuses.items())}
    return {"quiet": quiet, "noisy": {**_quantiles(sent.ms), "statuses": statuses}}


def _quiet(road: Road, key: str, seconds: float) -> dict[str, Any]:
    lines = events(f"q{time.time_ns():x}", int(QUIET_PER_S * seconds))
    sent = _push_paced(road.url, key, lines, QUIET_PER_S)
    if set(sent.statuses) != {200}:
        raise RuntimeError(f"the quiet account was turned away: {sent.statuses}")
    return _quantiles(sent.ms)


def _noise(url: str, key: str, seconds: float, out: "multiprocessing.Queue[Sent]") -> None:
    """Push from `NOISY_SENDERS` threads at once, and tell what came of it."""
    found: list[Sent] = []

    def send(number: int) -> None:
        lines = events(f"n{number}-{time.time_ns():x}", int(NOISY_PER_SENDER * seconds))
        found.append(_push_paced(url, key, lines, NOISY_PER_SENDER))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(NOISY_SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.put(Sent([ms for sent in found for ms in sent.ms], sum((sent.statuses for sent in found), Counter())))


def _push_paced(url: str, key: str, lines: Sequence[bytes], per_s: float) -> Sent:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    sent, began = Sent([], Counter()), time.monotonic()
    for place, line in enumerate(lines):
        time.sleep(max(0.0, began + place / per_s - time.monotonic()))
        at = time.monotonic()
        connection.request("POST", "/v1/events", line, headers)
        answer = connection.getresponse()
        answer.read()
        sent.ms.append((time.monotonic() - at) * 1000)
        sent.statuses[answer.status] += 1
    connection.close()
    return sent


def _quantiles(ms: Sequence[float]) -> dict[str, Any]:
    cuts = statistics.quantiles(ms, n=100)
    return {
        "requests": len(ms),
        "p50_ms": round(cuts[49], 1),
        "p95_ms": round(cuts[94], 1),
        "max_ms": round(max(ms), 1),
    }


def _write_registry(path: Path, rate: int | None) -> None:
    """Write the bench's registry with one account more, the noisy one, which has *rate*."""
    write_registry(path)
    products = json.dumps([f"product-{number:02d}" for number in range(PRODUCTS)])
    limit = "" if rate is None else f"rate_per_s = {rate}\n"
    with path.open("a") as file:
        file.write(f'[[accounts]]\nid = "{NOISY}"\nplatform = "sunmi"\nproducts = {products}\n{limit}')


if __name__ == "__main__":
    sys.exit(main())
