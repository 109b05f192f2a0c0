"""Hostile inputs over HTTP to a live embedded stack: what ends as a 5xx, what gets no outcome, what memory does.

    python -m bench.fuzz [--inputs 100000] [--at-once 8] [--minutes 90] [--seed 1]

Sixty in a hundred are batches of up to 19 events in every form and encoding, the rest are native pushes of ten flows,
signed as they should be; numbers of any size, half surrogate pairs, deep nesting, names twice, personal numbers, text
of spreadsheets and pages, broken bytes in any place; signed bodies that were made longer, and what came before again.
Beside them go requests that no client writes (`bench.hostile_wire`): contradicting lengths, floods of headers, bombs,
slow bodies. At the end every verdict that was told is looked for in the deliveries, and the sums are reconciled.
A native push that was told to come again, in its platform's own words (some are a 503, some a 200), is counted apart:
`asked_to_come_again`, by flow. It is no fault of the input's, and none at all where Kafka was slow meanwhile.
Exit 1 where there was any other 5xx, an event without an outcome, no answer at all, or a sum that does not close.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from avenue.demo.registry import write_demo_registry
from bench.hostile import Hostiles, asked_again, without_outcome
from bench.hostile_wire import WireShape, fault, outcome, shapes
from bench.layouts import Road, embedded
from bench.machine import RESULTS, machine
from bench.memory import resident_mib
from bench.pushes import headers_of
from registry.file import load_registry
from schemas.registry import Registry

BATCH_ACCOUNT = "push-demo"
WARM_UP = 500
ANSWER_S = 60.0
SHOWN = 20
BODY_TIMEOUT_S = 5.0
"""The gateway's, for this run: slow bodies wait for it."""
RECONCILE_S = 120.0
OK = 200
VERDICTS = ("accepted", "duplicate", "rejected")


def main() -> int:
    """Fuzz, print, write the results."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="avenue-fuzz-") as folder:
        registry = Path(folder) / "demo.toml"
        write_demo_registry(registry, today=datetime.now(UTC).date())
        road = embedded(
            Path(folder) / "home", registry=registry, AVENUE_GATEWAY__BODY_TIMEOUT_S=str(BODY_TIMEOUT_S)
        )  # fmt: skip
        try:
            key = road.pushing_key(BATCH_ACCOUNT)
            hostiles = _hostiles(key, load_registry(registry), asked.seed)
            platforms = {account.id: account.platform for account in load_registry(registry).accounts}
            warm = _Run(road, hostiles, platforms)
            asyncio.run(warm.send(min(WARM_UP, asked.inputs), asked.at_once, asked.minutes))
            before, run, wire = resident_mib(road), _Run(road, hostiles, platforms), _WireRun(road.url, key)
            asyncio.run(_both(run, wire, asked))
            after = resident_mib(road)
            # Whether the key is known was asked with one line that is no event.
            kept = _accounted(road, warm.told + run.told + wire.told + Counter(rejected=1))
        finally:
            road.stop()
    found = run.found() | wire.found() | kept
    found |= {"resident_mib_at_start": _rounded(before), "resident_mib_at_end": _rounded(after)}
    RESULTS.mkdir(exist_ok=True)
    result = {"what": "hostile inputs", "machine": machine(), "seed": asked.seed, **found}
    (RESULTS / "fuzz.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    faults = (
        "answers_5xx",
        "events_without_outcome",
        "no_answer",
        "wire_faults",
        "verdicts_not_delivered",
        "sums_open",
    )
    return 1 if any(found[name] for name in faults) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=90.0, help="no new input is sent after")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def secrets_of(registry: Registry) -> dict[str, str]:
    """Return the demo's secrets by `account/flow`."""
    return {
        f"{account.id}/{flow}": references[0].removeprefix("plain:")
        for account in registry.accounts
        for flow, references in account.secrets.items()
        if references[0].startswith("plain:")
    }


def _hostiles(key: str, registry: Registry, seed: int) -> Hostiles:
    return Hostiles(seed, secrets_of(registry), key, [placement.id for placement in registry.placements])


async def _both(run: "_Run", wire: "_WireRun", asked: argparse.Namespace) -> None:
    """Send what clients write and, as long as that lasts, what none writes."""
    beside = asyncio.create_task(wire.send())
    await run.send(asked.inputs, asked.at_once, asked.minutes)
    wire.over = True
    await beside


def _delivered(road: Road) -> Counter[str]:
    """Return the verdicts of the batch account by the deliveries that are stored."""
    text = f"SELECT sum(accepted) AS accepted, sum(duplicate) AS duplicate, sum(rejected) AS rejected FROM pilot_deliveries FINAL WHERE account_id = '{BATCH_ACCOUNT}'"  # noqa: S608, E501 - a constant
    rows = httpx.post(f"{road.url}/internal/sql", content=text, headers=headers_of(road.operator_key), timeout=60)
    rows.raise_for_status()
    return Counter({name: int(count or 0) for name, count in json.loads(rows.text.splitlines()[0]).items()})


def _accounted(road: Road, told: Counter[str]) -> dict[str, Any]:
    """Return what was *told* to batches and is not in the deliveries, and which conservation sums stand open."""
    asked = {"wait_s": str(RECONCILE_S)}
    address = f"{road.url}/internal/reconcile"
    answer = httpx.get(address, params=asked, headers=headers_of(road.operator_key), timeout=RECONCILE_S * 3)
    answer.raise_for_status()
    found = answer.json()
    stored = _delivered(road)
    return {
        "verdicts_told_to_batches": dict(told),
        "verdicts_in_deliveries": dict(stored),
        "verdicts_not_delivered": sum(abs(told[name] - stored[name]) for name in VERDICTS),
        "sums": [f"{item['name']}: {item['left']} = {item['right']}" for item in found["sums"]],
        "sums_open": sum(not item["closed"] for item in found["sums"]),
        "cells_that_differ": len(found["differences"]),
    }


class _WireRun:
    """The shapes of `bench.hostile_wire`, one after another, again and again."""

    def __init__(self, url: str, key: str) -> None:
        self._host, self._port = str(httpx.URL(url).host), int(httpx.URL(url).port or 80)
        self._key = key
        self._seen: dict[str, Counter[str]] = {}
        self._faults: list[str] = []
        self.told = Counter[str]()
        self.over = False

    async def send(self) -> None:
        """Send until it is over, each shape once at least."""
        rounds = 0
        while not (self.over and rounds):
            # Packed beside the loop: who sends meanwhile must not be late by it.
            made = await asyncio.to_thread(self._shapes)
            await asyncio.gather(*(self._one(shape) for shape in made))
            rounds += 1

    def _shapes(self) -> list[WireShape]:
        at = datetime.now(UTC).isoformat()
        event = {"event_id": "wire", "kind": "exposure", "occurred_at": at, "placement_id": "p-none"}
        return list(shapes(self._key, json.dumps([event]).encode(), slow_s=BODY_TIMEOUT_S))

    async def _one(self, shape: WireShape) -> None:
        found = await outcome(self._host, self._port, shape)
        self._seen.setdefault(shape.name, Counter())[" ".join(found)] += 1
        # Its event is at a place that nobody registered.
        self.told["rejected"] += found == ["200"]
        if wrong := fault(shape, found):
            self._faults.append(f"{shape.name}: {wrong}")

    def found(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "wire_requests": sum(seen.total() for seen in self._seen.values()),
            "wire_faults": len(self._faults),
            "wire_faults_shown": self._faults[:SHOWN],
            "wire": {name: dict(seen) for name, seen in sorted(self._seen.items())},
        }


class _Run:
    """So many inputs, and what they were answered."""

    def __init__(self, road: Road, hostiles: Hostiles, platforms: Mapping[str, str]) -> None:
        self._url = road.url
        self._hostiles = hostiles
        self._platforms = platforms
        self._statuses = Counter[str]()
        self._again = Counter[str]()
        self._lost = self._silent = self._events = 0
        self._shown: list[dict[str, Any]] = []
        self._wall_s = 0.0
        self.told = Counter[str]()
        """Verdicts, as batches were answered."""

    async def send(self, count: int, at_once: int, minutes: float) -> None:
        """Send *count* inputs, *at_once* at a time, for *minutes* at most."""
        began, deadline = time.monotonic(), time.monotonic() + minutes * 60
        left = iter(range(count))
        async with httpx.AsyncClient(base_url=self._url, timeout=ANSWER_S, trust_env=False) as client:

            async def sender() -> None:
                for _ in left:
                    if time.monotonic() > deadline:
                        return
                    await self._one(client)

            await asyncio.gather(*(sender() for _ in range(at_once)))
        self._wall_s = time.monotonic() - began

    async def _one(self, client: httpx.AsyncClient) -> None:
        sent = self._hostiles.next()
        self._events += sent.events or 0
        try:
            answer = await client.post(sent.path, content=sent.body, headers=dict(sent.headers))
        except httpx.HTTPError as error:
            self._silent += 1
            self._show(sent.path, type(error).__name__, sent.body)
            return
        flow = "/".join(sent.path.partition("?")[0].split("/")[1:4])
        if again := asked_again(self._platforms, sent.path, answer.status_code, answer.content):
            self._again[flow] += 1
        else:
            self._statuses[f"{flow} {answer.status_code}"] += 1
        lost = without_outcome(sent, answer.status_code, answer.content)
        self._lost += lost
        if sent.path.startswith("/v1/events") and answer.status_code == OK:
            self.told.update({name: int(count) for name, count in answer.json().items() if name in VERDICTS})
        if lost or again or answer.status_code >= 500:
            self._show(sent.path, f"{answer.status_code} {answer.text[:200]}", sent.body)

    def _show(self, path: str, what: str, body: bytes) -> None:
        if len(self._shown) < SHOWN:
            self._shown.append({"path": path, "what": what, "body": body[:400].decode("latin-1")})

    def found(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "inputs": self._statuses.total() + self._again.total() + self._silent,
            "wall_s": round(self._wall_s, 1),
            "answers_5xx": sum(n for status, n in self._statuses.items() if status.rpartition(" ")[2] >= "500"),
            "asked_to_come_again": dict(sorted(self._again.items())),
            "no_answer": self._silent,
            "events_that_need_an_outcome": self._events,
            "events_without_outcome": self._lost,
            "answers": dict(sorted(self._statuses.items())),
            "shown": self._shown,
        }


def _rounded(found: dict[str, float]) -> dict[str, int]:
    return {role: round(mib) for role, mib in found.items()}


if __name__ == "__main__":
    sys.exit(main())
