"""What keeping partners' calls costs the gateway: its CPU microseconds an event, with and without.

    python -m bench.calls [--before TREE]

One gateway, each with a broker of its own, for each way: hardly any call is kept, as many as are set, every one; with
--before also the gateway of another tree (`git worktree add TREE COMMIT`), such as the one before calls were kept.
They take turns; ratios are of best runs. A call described by itself, and one left out, are timed beside it.
"""

import argparse
import json
import sys
import tempfile
import time
import timeit
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.layouts import Road, apart
from bench.machine import RESULTS, machine, min_and_median
from bench.pushes import bodies, events, headers_of
from bench.wire import push_over_wire
from producers.gateway.calls import CallSampler
from producers.gateway.http_request import HttpRequest
from producers.parsing.body import BodyProblem, split
from runtime.settings import GatewaySettings
from schemas.registry import Account

PER_MINUTE = "AVENUE_GATEWAY__CALL_SAMPLES_PER_MINUTE"
HARDLY_ANY, AS_SET, EVERY, BEFORE = "hardly any is kept", "as many as are set", "every one is kept", "before"
WARM_UP, ONE_CALLS, RUNS = 5_000, 500, 6
# Events of a turn, of a request, and requests at once.
LOADS = {"500 a request": (30_000, 500, 4), "1 a request": (2_500, 1, 8)}
Turn = Mapping[str, float]


def main() -> int:
    """Measure, print, and write `bench/results/calls.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--before", type=Path, help="a tree with another gateway")
    asked = parser.parse_args()
    ways: dict[str, dict[str, str]] = {HARDLY_ANY: {PER_MINUTE: "1"}, AS_SET: {}, EVERY: {PER_MINUTE: "1000000"}}
    if asked.before:
        ways = {BEFORE: {"PYTHONPATH": str(asked.before.resolve())}} | ways
    with tempfile.TemporaryDirectory(prefix="avenue-bench-") as folder:
        roads: dict[str, Road] = {}
        try:
            for number, (way, environ) in enumerate(ways.items()):
                roads[way] = apart(Path(folder) / str(number) / "home", ("gateway",), environ=environ)
            found = _measure(roads, asked.turns)
        finally:
            for road in roads.values():
                road.stop()
    command = " ".join(["python -m bench.calls", *(["--before TREE"] if asked.before else [])])
    result = {
        "machine": machine(),
        "command": f"{command} --turns {asked.turns}",
        "gateway": found,
        "one_call": [one_call(size) for size in (1, 500)],
    }
    (RESULTS / "calls.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


def _measure(roads: Mapping[str, Road], turns: int) -> list[dict[str, Any]]:
    keys = {way: road.pushing_key() for way, road in roads.items()}
    for way, road in roads.items():
        _cost(road, keys[way], (WARM_UP, 500, 4))
    base = BEFORE if BEFORE in roads else HARDLY_ANY
    found = []
    for name, load in LOADS.items():
        took = [{way: _cost(road, keys[way], load) for way, road in roads.items()} for _ in range(turns)]
        found += [_row(name, way, took, base) for way in roads]
    return found


def _row(load: str, way: str, took: Sequence[Turn], base: str) -> dict[str, Any]:
    cost, first = (min_and_median([turn[name] for turn in took]) for name in (way, base))
    return {"load": load, "calls": way, "cpu_us_per_event": cost, "to_the_first": round(cost["min"] / first["min"], 3)}


def one_call(size: int) -> dict[str, Any]:
    """Return the CPU microseconds of describing one call of *size* events, and of leaving it out."""
    body = b"\n".join(events("one", size))
    headers = headers_of(38 * "x") | {"host": "h", "accept": "*"}
    request = HttpRequest("POST", "/v1/events", b"", headers, body)
    elements = split(body, headers["content-type"], max_events=size)
    if isinstance(elements, BodyProblem):
        raise RuntimeError(elements.detail)  # noqa: TRY004 - a result that is a problem
    account, cost = Account(id="bench", platform="sunmi"), {}
    for name, per_minute in (("kept_us", 10**9), ("left_out_us", 1)):
        sampler = CallSampler(GatewaySettings(call_samples_per_minute=per_minute))
        describe = partial(sampler.batch, request, account, elements)
        timed = timeit.repeat(describe, number=ONE_CALLS, repeat=RUNS, timer=time.thread_time)
        cost[name] = min_and_median([took / ONE_CALLS * 1e6 for took in timed[1:]])
    return {"events": size, **cost}


def _cost(road: Road, key: str, load: tuple[int, int, int]) -> float:
    """Return the gateway's CPU microseconds an event."""
    count, size, at_once = load
    sent = bodies(events(f"c{time.time_ns():x}", count), size)
    before = road.cpu_s()["gateway"]
    pushed = push_over_wire(road.url, headers_of(key), sent, at_once=at_once)
    if pushed.accepted != count:
        raise RuntimeError(f"{pushed.accepted} of {count} were accepted")
    return (road.cpu_s()["gateway"] - before) / count * 1e6


if __name__ == "__main__":
    sys.exit(main())
