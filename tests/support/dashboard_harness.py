"""A street with three weeks of made-up life, for tests that look at pages; and a server for them on a free port."""

import asyncio
import hashlib
import json
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
from granian.constants import Interfaces
from granian.server.embed import Server

from registry.directory import Directory
from registry.file import load_registry
from reports.service import EXPORT_THREADS, ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import Settings
from schemas.lines import StoredEvent
from schemas.registry import AccessKey, Epoch, OpeningHours, Registry, TimelineNote
from schemas.timing import block_of
from tests.support.factories import stored_event
from tests.support.paths import EXAMPLE_REGISTRY
from tests.support.reports_harness import DAY, HOUR, PARTITIONS, World, at, cells_of
from tests.support.waiting import wait_until

FIRST = at("2026-11-02T00:00")
NOW = at("2026-11-22T18:04")
KEYS = {
    "startup:calmwave": "avk_test_calmwave",
    "startup:limbus": "avk_test_limbus",
    "programme": "avk_test_programme",
    "account:sunmi-main": "avk_test_sending",
    "operator": "avk_test_operator",
}
NEURO, EMG = "neuro-band-2026q4", "emg-arm-2026q4"
# Share of ok, visits a day, and the hour from which it has been silent on the last day.
HABITS: dict[str, tuple[float, int, int]] = {
    "p-017": (0.91, 46, 24),
    "p-018": (0.78, 38, 24),
    "p-040-douyin": (0.93, 30, 24),
    "p-040-live": (0.93, 24, 24),
    "p-041-bilibili": (0.92, 12, 24),
    "p-060-meituan": (0.95, 34, 24),
    "p-061-meituan": (0.95, 10, 14),
    "p-120-aihuishou": (0.88, 8, 24),
}
LOST = 0.3
"""The baseline's share of ok is so much lower, in a street that speaks."""
SHANGHAI = timezone(timedelta(hours=8))
# Visits by hour of the day: closed at night, lunch and early evening are busy.
BY_HOUR = (0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 5, 7, 10, 8, 6, 6, 7, 9, 11, 10, 7, 4, 1, 0)


def street(*, speaking: bool = False) -> Directory:
    """Return the demo's registry with a key of every scope and one epoch.

    *speaking*: two places of the headband's trial change their arm each day, so that it has a verdict.
    """
    registry = _from_the_first(load_registry(EXAMPLE_REGISTRY))
    if speaking:
        registry = _that_speaks(registry)
    began = datetime.fromtimestamp(FIRST / 1000, UTC)
    keys = [
        AccessKey(
            id=f"k-{scope.replace(':', '-')}",
            scope=scope,
            sha256=hashlib.sha256(key.encode()).hexdigest(),
            prefix=key[:8],
            created_at=began,
        )
        for scope, key in KEYS.items()
    ]
    epoch = Epoch(
        number=1,
        topic_id="t",
        partitions=PARTITIONS,
        grace_ms=120_000,
        lead_ms=300_000,
        slack_ms=60_000,
        began_at=began,
    )
    return Directory(version=1, registry=registry, keys={k.sha256: k for k in keys}, epochs=(epoch,))


def _from_the_first(registry: Registry) -> Registry:
    """Let trials and placements begin when life does: before it nothing was due."""
    first = datetime.fromtimestamp(FIRST / 1000, UTC)
    return registry.model_copy(
        update={
            "trials": [trial.model_copy(update={"starts": first, "planned_units": 90}) for trial in registry.trials],
            "placements": [
                placement.model_copy(update={"from_": first, "hours": OpeningHours(opens="08:00", closes="22:00")})
                for placement in registry.placements
            ],
        }
    )


def _that_speaks(registry: Registry) -> Registry:
    """Let the café's two places change arm by day, each on the other foot, and tell what happened meanwhile."""
    first = datetime.fromtimestamp(FIRST / 1000, SHANGHAI)
    days = [(first + timedelta(days=n)).date() for n in range(60)]
    other = {"p-017": {"baseline": days[1::2]}, "p-018": {"pilot": days[1::2]}}
    notes = [
        {"id": "rain", "at": first + timedelta(days=16, hours=9), "text": {"zh": "暴雨", "en": "Heavy rain"}},
        {
            "id": "firmware",
            "at": first + timedelta(days=18, hours=9),
            "text": {"zh": "固件 2.1", "en": "Firmware 2.1"},
            "trial": NEURO,
        },
    ]
    return registry.model_copy(
        update={
            "trials": [trial.model_copy(update={"smallest_effect": 0.08}) for trial in registry.trials],
            "placements": [p.model_copy(update={"arm_days": other.get(p.id, {})}) for p in registry.placements],
            "notes": [TimelineNote.model_validate(note) for note in notes],
        }
    )


class Life:
    """Makes the events of the street; equal seeds make equal ones."""

    def __init__(self, directory: Directory, seed: int = 7) -> None:
        self._directory = directory
        self._rng = random.Random(seed)
        self._number = 0

    def event(self, placement_id: str, kind: str, at_ms: int, **fields: Any) -> StoredEvent:
        """Return one accepted event of a placement."""
        placed = self._directory.placed[placement_id]
        self._number += 1
        return stored_event(
            f"e-{self._number}",
            account_id=placed.account_id,
            platform=self._directory.accounts[placed.account_id].platform,
            product_id=placed.product_id,
            trial_id=placed.trial_id,
            placement_id=placement_id,
            arm=placed.arm_at(at_ms),
            kind=kind,
            occurred_ms=at_ms,
            received_ms=at_ms + 700,
            **fields,
        )

    def all(self, until_ms: int = NOW) -> list[StoredEvent]:
        """Return everything that happened up to *until_ms*."""
        found = [e for p in HABITS for e in self._device(p)]
        for day in range(FIRST, until_ms, DAY):
            for placement_id, habits in HABITS.items():
                found += self._day(placement_id, day, habits)
        return [e for e in found if e.occurred_ms < until_ms]

    def _device(self, placement_id: str) -> list[StoredEvent]:
        if not placement_id.startswith("p-01"):
            return []
        beats = [
            self.event(placement_id, "device.reported", hour + 120_000)
            for hour in range(FIRST, NOW, HOUR)
            if not (placement_id == "p-018" and at("2026-11-21T13:00") <= hour < at("2026-11-21T20:00"))
        ]
        return [self.event(placement_id, "device.online", FIRST + 60_000), *beats]

    def _day(self, placement_id: str, day: int, habits: tuple[float, int, int]) -> list[StoredEvent]:
        good, visits, silent_from = habits
        weekend = datetime.fromtimestamp(day / 1000, UTC).weekday() in {4, 5}
        count = round(visits * (1.4 if weekend else 1) * self._rng.uniform(0.8, 1.2))
        found: list[StoredEvent] = []
        for hour in self._rng.choices(range(24), BY_HOUR, k=count):
            last_day = day + DAY > NOW
            if last_day and hour >= silent_from:
                continue
            if placement_id == "p-018" and day == at("2026-11-21T00:00") and 13 <= hour < 20:
                continue
            found += self._visit(placement_id, day + hour * HOUR + self._rng.randrange(HOUR), good)
        return found

    def _visit(self, placement_id: str, at_ms: int, good: float) -> list[StoredEvent]:
        rng = self._rng
        who = {"subject": f"{rng.getrandbits(128):032x}", "session_id": f"{rng.getrandbits(128):032x}"}
        found = [self.event(placement_id, "exposure", at_ms, **who)]
        if rng.random() < 0.45:
            return found
        took = int(rng.lognormvariate(10.2 if placement_id != "p-018" else 10.6, 0.5))
        found.append(self.event(placement_id, "use.started", at_ms + 20_000, **who))
        placed = self._directory.placed[placement_id]
        # Where places change their arm, what an arm does is seen at both.
        lost = LOST if placed.arm_days and placed.arm_at(at_ms) == "baseline" else 0.0
        outcome = "ok" if rng.random() < good - lost else rng.choice(["failed", "abandoned", "abandoned"])
        done_ms = at_ms + 20_000 + took
        found.append(self.event(placement_id, "use.completed", done_ms, outcome=outcome, duration_ms=took, **who))
        if outcome == "ok" and rng.random() < 0.35:
            kind = "trade_in.completed" if placement_id == "p-120-aihuishou" else "order.paid"
            amount = rng.choice([1900, 2800, 3200, 19_900])
            found.append(self.event(placement_id, kind, done_ms + 30_000, amount_fen=amount, **who))
            if rng.random() < 0.05:
                found.append(self.event(placement_id, "order.refunded", done_ms + HOUR, amount_fen=amount, **who))
        if outcome == "ok" and rng.random() < 0.2:
            found.append(
                self.event(placement_id, "rating.given", done_ms + 60_000, rating=rng.choice([3, 4, 5, 5]), **who)
            )
        return found


class Street(World):
    """The store with that life in it, and the reading side over it; the clock stands until it is moved."""

    def __init__(self, clickhouse: ClickHouse, *, seeded: bool = True, speaking: bool = False) -> None:
        super().__init__(clickhouse, directory=street(speaking=speaking), now_ms=NOW)
        self.clock = ManualClock(NOW)
        self.life = Life(self.directory)
        self.reading = ReadService(
            clickhouse=clickhouse,
            directory=lambda: self.directory,
            settings=Settings(),
            clock=self.clock,
            session_secret=b"s" * 32,
        )
        if seeded:
            self._seed()
        self.mark_complete(NOW - 12_000)

    def happen(self, *events: StoredEvent, version: int = 10_000) -> None:
        """Let *events* land now, counted live and stored."""
        self.store(events)
        self.live(cells_of(events, version=version))

    def _seed(self) -> None:
        events = self.life.all()
        self.store(events)
        self.live(cells_of(events))
        late = at("2026-11-21T15:00")
        recomputed = [c for c in cells_of(events) if late <= block_of(c.minute_ms) < late + HOUR]
        # Their blocks saw fewer rows than there are now: something came late, and they wait to be settled again.
        self.settle(recomputed, rows=1)
        rejects = [
            {
                "reject_id": f"r-{n}",
                "account_id": "sunmi-main",
                "platform": "sunmi",
                "flow": "events",
                "reason": "occurred_at_in_future",
                "received_ms": NOW - n * HOUR,
                "payload": json.dumps(
                    {"event": {"kind": "use.completed", "placement_id": "p-017", "subject_hash": "5" * 32}}
                ),
            }
            for n in range(1, 4)
        ]
        self.insert("pilot_rejects", rejects)


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve *app* from a thread of this process, which has the store open, and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False)
    loop = asyncio.new_event_loop()

    def run() -> None:
        loop.run_until_complete(server.serve())
        loop.run_until_complete(loop.shutdown_default_executor())

    thread = threading.Thread(target=run, name="pages", daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address)
        yield address
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join(timeout=10)
        loop.close()


def _wait_for(address: str) -> None:
    def answers() -> bool:
        try:
            httpx.get(f"{address}/docs/rejects", timeout=2)
        except httpx.TransportError:
            return False
        return True

    wait_until(answers, 20, f"nothing answers at {address}")


def wake_threads(reading: ReadService) -> None:
    """Start the threads of queries and exports now, so that no single test seems to have left them behind."""
    for pool, count in (
        (reading.query_threads, reading.settings.report.queries),
        (reading.export_threads, EXPORT_THREADS),
    ):
        together = threading.Barrier(count)
        for waiting in [pool.submit(together.wait, 10) for _ in range(count)]:
            waiting.result()
