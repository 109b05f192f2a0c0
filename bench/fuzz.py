"""Hostile inputs over HTTP to a live embedded stack: what ends as a 5xx, what gets no outcome, what memory does.

    python -m bench.fuzz [--inputs 100000] [--at-once 8] [--minutes 90] [--seed 1]

Sixty in a hundred are batches of up to 19 events in every form and encoding, the rest are native pushes of nine flows,
signed as they should be; numbers of any size, half surrogate pairs, deep nesting, names twice, personal numbers and
broken bytes in any place. Exit 1 where there was a 5xx, an event without an outcome or no answer at all.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from avenue.demo.registry import write_demo_registry
from bench.hostile import Hostiles, without_outcome
from bench.layouts import Road, embedded
from bench.machine import RESULTS, machine
from bench.memory import resident_mib
from registry.file import load_registry
from schemas.registry import Registry

BATCH_ACCOUNT = "push-demo"
WARM_UP = 500
ANSWER_S = 60.0
SHOWN = 20


def main() -> int:
    """Fuzz, print, write the results."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="avenue-fuzz-") as folder:
        registry = Path(folder) / "demo.toml"
        write_demo_registry(registry, today=datetime.now(UTC).date())
        road = embedded(Path(folder) / "home", registry=registry)
        try:
            hostiles = _hostiles(road, load_registry(registry), asked.seed)
            asyncio.run(_Run(road, hostiles).send(min(WARM_UP, asked.inputs), asked.at_once, asked.minutes))
            before, run = resident_mib(road), _Run(road, hostiles)
            asyncio.run(run.send(asked.inputs, asked.at_once, asked.minutes))
            after = resident_mib(road)
        finally:
            road.stop()
    found = run.found() | {"resident_mib_at_start": _rounded(before), "resident_mib_at_end": _rounded(after)}
    RESULTS.mkdir(exist_ok=True)
    result = {"what": "hostile inputs", "machine": machine(), "seed": asked.seed, **found}
    (RESULTS / "fuzz.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 1 if found["answers_5xx"] or found["events_without_outcome"] or found["no_answer"] else 0


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


def _hostiles(road: Road, registry: Registry, seed: int) -> Hostiles:
    key = road.pushing_key(BATCH_ACCOUNT)
    return Hostiles(seed, secrets_of(registry), key, [placement.id for placement in registry.placements])


class _Run:
    """So many inputs, and what they were answered."""

    def __init__(self, road: Road, hostiles: Hostiles) -> None:
        self._url = road.url
        self._hostiles = hostiles
        self._statuses = Counter[str]()
        self._lost = self._silent = self._events = 0
        self._shown: list[dict[str, Any]] = []
        self._wall_s = 0.0

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
        self._statuses[f"{flow} {answer.status_code}"] += 1
        lost = without_outcome(sent, answer.status_code, answer.content)
        self._lost += lost
        if lost or answer.status_code >= 500:
            self._show(sent.path, f"{answer.status_code} {answer.text[:200]}", sent.body)

    def _show(self, path: str, what: str, body: bytes) -> None:
        if len(self._shown) < SHOWN:
            self._shown.append({"path": path, "what": what, "body": body[:400].decode("latin-1")})

    def found(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "inputs": self._statuses.total() + self._silent,
            "wall_s": round(self._wall_s, 1),
            "answers_5xx": sum(n for status, n in self._statuses.items() if status.rpartition(" ")[2] >= "500"),
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
