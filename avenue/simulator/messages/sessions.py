"""What a partner batches: whole sessions of use, as generic events, one JSON line each."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from avenue.simulator.behaviour import BASELINE_ARM, UsageProfile, duration_ms, price, stars, usage_profile, visitor
from avenue.simulator.messages.base import CHINA, ExpectedEvent
from registry.directory import PlacementSpan
from schemas.codec import encode
from schemas.timing import day_of

Fields = dict[str, Any]
_SCENES = ("café", "步道", "kiosk", "夜市")


@dataclass(frozen=True, slots=True)
class SimulatedPlacement:
    """A placement as the simulator uses it; times are Unix milliseconds, `until_ms` is excluded."""

    placed: PlacementSpan
    from_ms: int
    until_ms: int
    starts_ms: int
    """Of the trial: what comes before is its baseline, and of no arm."""
    alone: bool
    """Its product has one trial only, so that the product's name and a time say the rest."""
    heartbeat: bool

    @property
    def placement_id(self) -> str:
        """What a batch names it by."""
        return self.placed.placement_id

    def profile(self, at_ms: int) -> UsageProfile:
        """Return how use goes there at *at_ms*; before the trial nothing is tried yet."""
        arm = self.placed.arm_at(at_ms) if at_ms >= self.starts_ms else BASELINE_ARM
        return usage_profile(self.placed.product_id, arm, self.placed.place_id, day_of(at_ms))


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One line of a batch and what must become of it."""

    wire: bytes
    sent: ExpectedEvent


def rfc3339(at_ms: int) -> str:
    """Return *at_ms* as RFC 3339 in UTC+8 with milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, CHINA).isoformat(timespec="milliseconds")


def line_of(fields: Fields, at_ms: int, *, fault: str = "") -> BatchLine:
    """Return *fields* as a line that must be accepted."""
    wire = encode(fields)
    return BatchLine(wire, ExpectedEvent(fields["event_id"], fields["kind"], at_ms, fault=fault, event=wire))


class SessionMaker:
    """Makes sessions; deterministic in the generator and the names it is given."""

    def __init__(self, rng: random.Random, next_id: Callable[[], str], *, recycles: bool) -> None:
        self._rng = rng
        self._next_id = next_id
        self._recycles = recycles

    def one(self, placement: SimulatedPlacement, end_ms: int, *, fault: str = "") -> Iterator[BatchLine]:
        """Yield the events of one session whose last falls on *end_ms*: seen, tried, used, rated, bought."""
        steps = self._steps(placement, placement.profile(end_ms))
        subject = visitor(self._rng, f"{self._rng.getrandbits(40):010x}")
        session_id = f"s-{self._rng.getrandbits(48):012x}"
        at_ms = max(placement.from_ms, end_ms - sum(wait for wait, _ in steps))
        for wait, step in steps:
            at_ms = min(at_ms + wait, placement.until_ms - 1)
            common = self._place(placement, step, at_ms)
            if step["kind"] not in {"device.online", "device.reported"}:
                common |= {"subject": subject, "session_id": session_id}
            fields = {"event_id": self._next_id(), "occurred_at": rfc3339(at_ms), **common, **step}
            yield line_of(fields, at_ms, fault=fault)

    def _place(self, placement: SimulatedPlacement, step: Fields, at_ms: int) -> Fields:
        """Name the place in one of the ways that the contract allows."""
        chance = self._rng.random()
        if chance < 0.03 and placement.alone and not step["kind"].startswith("device."):
            arm = {"arm": placement.placed.arm_at(at_ms)} if at_ms >= placement.starts_ms else {}
            return {"product_id": placement.placed.product_id, **arm}
        if chance < 0.2:
            return {
                "placement_id": placement.placement_id,
                "product_id": placement.placed.product_id,
                "trial_id": placement.placed.trial_id,
            }
        return {"placement_id": placement.placement_id}

    def _steps(self, placement: SimulatedPlacement, profile: UsageProfile) -> list[tuple[int, Fields]]:
        """Return what happens and how long after the step before, in milliseconds."""
        rng = self._rng
        if placement.heartbeat and rng.random() < 0.05:
            return [(0, {"kind": rng.choice(("device.online", "device.reported"))})]
        if self._recycles and rng.random() < 0.5:
            return self._trade_in(profile)
        steps: list[tuple[int, Fields]] = [(0, {"kind": "exposure"})]
        if rng.random() < 0.25:
            return steps
        steps.append((rng.randint(800, 9000), {"kind": "interaction", "attributes": {"scene": rng.choice(_SCENES)}}))
        if rng.random() < 0.15:
            return steps
        return [*steps, *self._use(profile)]

    def _use(self, profile: UsageProfile) -> list[tuple[int, Fields]]:
        rng = self._rng
        took, outcome = duration_ms(rng, profile), "ok"
        if rng.random() >= profile.success:
            outcome = "abandoned" if rng.random() < profile.abandon else "failed"
            took = max(300, int(took * rng.uniform(0.2, 0.9)))
        done: Fields = {"kind": "use.completed", "outcome": outcome, "duration_ms": took}
        if rng.random() < 0.3:
            done |= {"rating": None, "attributes": {"firmware": "1.4.2", "assisted": rng.random() < 0.2, "temp": 21.5}}
        steps: list[tuple[int, Fields]] = [(rng.randint(500, 4000), {"kind": "use.started"}), (took, done)]
        if rng.random() < 0.3:
            steps.append((rng.randint(2000, 9000), {"kind": "rating.given", "rating": stars(rng, profile)}))
        if outcome == "ok" and rng.random() < profile.order:
            fen = price(rng, profile)
            steps.append((rng.randint(2000, 9000), {"kind": "order.paid", "amount_fen": fen}))
            if rng.random() < 0.04:
                steps.append((rng.randint(5000, 15_000), {"kind": "order.refunded", "amount_fen": fen}))
        return steps

    def _trade_in(self, profile: UsageProfile) -> list[tuple[int, Fields]]:
        fen = 50 * price(self._rng, profile)
        steps: list[tuple[int, Fields]] = [(0, {"kind": "trade_in.quoted", "amount_fen": fen})]
        if self._rng.random() < profile.success - 0.2:
            steps.append((self._rng.randint(5000, 40_000), {"kind": "trade_in.completed", "amount_fen": fen}))
        return steps
