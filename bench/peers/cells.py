"""What the Python peers keep per product, platform, placement, arm, kind and minute; nothing but the standard library.

A peer that writes its state out after each event keeps a sketch of distinct users, as anyone would whose cells grow;
one that keeps it in memory keeps sets. Ids of repeats live inside the cell: a repeat carries the time of its first,
so it comes to the same cell, and forgetting the cell forgets them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

MINUTE_MS = 60_000
REGISTERS = 1024
FAILED = "failed"
KEY_FIELDS = ("product_id", "platform", "placement_id", "arm", "kind")


def key_of(event: Mapping[str, Any]) -> str:
    """Return the cell's key but for its minute."""
    return "|".join(event[name] for name in KEY_FIELDS)


def bin_of(duration_ms: int) -> int:
    """Return the histogram bin: exact below 256 ms, then 128 bins a doubling."""
    exponent = max(0, duration_ms.bit_length() - 8)
    return (exponent << 7) + (duration_ms >> exponent)


def new_cell() -> dict[str, Any]:
    """Return an empty cell that survives JSON."""
    return {"events": 0, "failed": 0, "duration_ms_sum": 0, "bins": {}, "users": {}, "sessions": {}, "ids": {}}


def add_to_cell(cell: dict[str, Any], event: Mapping[str, Any], *, dedupe: bool) -> dict[str, Any]:
    """Take *event* into *cell*, unless *dedupe* and its id is known; return *cell*."""
    if dedupe:
        name = f"{event['account_id']}/{event['event_id']}"
        if name in cell["ids"]:
            return cell
        cell["ids"][name] = 1
    cell["events"] += 1
    cell["failed"] += event["outcome"] == FAILED
    duration_ms = event["duration_ms"]
    cell["duration_ms_sum"] += duration_ms
    index = str(bin_of(duration_ms))
    cell["bins"][index] = cell["bins"].get(index, 0) + 1
    add_to_sketch(cell["users"], event["subject"])
    add_to_sketch(cell["sessions"], event["session_id"])
    return cell


def add_to_sketch(sketch: dict[str, int], hash_hex: str) -> None:
    """Add to a sparse HyperLogLog of 1,024 registers; the hash is one already, so its bits are used as they are."""
    bits = int(hash_hex[:16], 16)
    index, rest = str(bits & (REGISTERS - 1)), bits >> 10
    rank = (rest ^ (rest - 1)).bit_count() if rest else 55
    if rank > sketch.get(index, 0):
        sketch[index] = rank


def estimate(ranks: list[int]) -> float:
    """Return how many distinct hashes were added, from the *ranks* of the registers that are not empty."""
    empty = REGISTERS - len(ranks)
    raw = 0.7213 / (1 + 1.079 / REGISTERS) * REGISTERS**2 / (empty + math.fsum(2.0**-rank for rank in ranks))
    return REGISTERS * math.log(REGISTERS / empty) if empty and raw <= 2.5 * REGISTERS else raw


def result_of(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a reader of the peer's output gets: figures, no ids."""
    return {name: value for name, value in cell.items() if name != "ids"}


@dataclass(slots=True)
class SetCell:
    """A cell in memory, with everything exact."""

    events: int = 0
    failed: int = 0
    duration_ms_sum: int = 0
    bins: dict[int, int] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    ids: set[tuple[str, str]] = field(default_factory=set)

    def result(self) -> dict[str, Any]:
        """Return the figures, with the distinct ones counted."""
        return {
            "events": self.events,
            "failed": self.failed,
            "duration_ms_sum": self.duration_ms_sum,
            "bins": self.bins,
            "users": len(self.users),
            "sessions": len(self.sessions),
        }


class PeerEvent(Protocol):
    """What is counted of an event."""

    @property
    def event_id(self) -> str:
        """As in a line."""

    @property
    def account_id(self) -> str:
        """As in a line."""

    @property
    def outcome(self) -> str:
        """As in a line."""

    @property
    def subject(self) -> str:
        """As in a line."""

    @property
    def session_id(self) -> str:
        """As in a line."""

    @property
    def duration_ms(self) -> int | None:
        """As in a line."""


def add_to_sets(cell: SetCell, event: PeerEvent, *, dedupe: bool) -> SetCell:
    """Take *event* into *cell*, unless *dedupe* and its id is known; return *cell*."""
    if dedupe:
        name = (event.account_id, event.event_id)
        if name in cell.ids:
            return cell
        cell.ids.add(name)
    cell.events += 1
    cell.failed += event.outcome == FAILED
    duration_ms = event.duration_ms or 0
    cell.duration_ms_sum += duration_ms
    index = bin_of(duration_ms)
    cell.bins[index] = cell.bins.get(index, 0) + 1
    cell.users.add(event.subject)
    cell.sessions.add(event.session_id)
    return cell
