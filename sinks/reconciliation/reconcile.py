"""Reconciliation: every sum closed, every cell equal to its recomputation, once what is in flight has come in."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from runtime.clickhouse import ClickHouse
from runtime.clock import Clock, SystemClock
from runtime.logging import get_logger
from runtime.metrics import CONSERVATION_GAP, RECONCILE_DIFFERENCE, SETTLE_PENDING, SINK_RETENTION_OVERDUE, STORE_FREE
from runtime.retries import poll_until
from sinks.reconciliation.conservation import SLUGS, BalanceCheck, conservation
from sinks.reconciliation.incremental import RunningSums
from sinks.reconciliation.room import measure_room
from sinks.reconciliation.settled import all_activity, unfilled
from sinks.settlement.recheck import CellDifference, differences, standing
from sinks.settlement.sources import arrived

log = get_logger(__name__)

LOOK_EVERY_S = 1.0
GAP_STANDS_S = 3.0
"""A sum's sides are read one after the other, and rows come in between: what stands this long is a gap."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The sums, the cells that differ, and what was still under way when it ended."""

    sums: list[BalanceCheck]
    differences: list[CellDifference]
    complete: bool
    """Whether all that was published before the question had been read and counted."""
    waited_s: float
    ok: bool
    """Every sum closes and no cell differs."""
    otherwise: list[BalanceCheck] = field(default_factory=list)
    """Sums that come out otherwise by what settlements left of their blocks, as the periodic sums go by it: a fault."""


def reconcile(
    clickhouse: ClickHouse, trial: str | None = None, wait_s: float = 60.0, *, clock: Clock | None = None
) -> Reconciliation:
    """Return the sums and the differences of *trial*, or of all, waiting up to *wait_s* for what is in flight.

    It ends as soon as all that was published before is in, every sum closes exactly and no cell differs. At the end
    of the time a sum is closed where its sides differ by no more than what is in flight. Blocks that wait for their
    settlement are waited for, and are differences at the end. Reads only; raises `ClickHouseError`.
    """
    asked_ms = (clock or SystemClock()).now_ms()
    began = time.monotonic()
    look = poll_until(
        lambda: _look(clickhouse, trial, asked_ms),
        is_done=lambda look: look.is_settled,
        timeout_s=wait_s,
        every_s=LOOK_EVERY_S,
    )
    found = _differing(clickhouse, trial) if look.differing is None else look.differing
    otherwise = _otherwise(clickhouse, look.sums)
    ok = all(item.closed for item in look.sums) and not found and not otherwise
    return Reconciliation(look.sums, found, look.complete, round(time.monotonic() - began, 3), ok, otherwise)


@dataclass(frozen=True, slots=True)
class _StoreLook:
    """What the store says at one moment; cells are compared only once nothing is in flight: before that they differ."""

    complete: bool
    sums: list[BalanceCheck]
    differing: list[CellDifference] | None

    @property
    def is_settled(self) -> bool:
        """Whether a later look would say the same."""
        return self.differing is not None and not any(item.waiting or item.layer == "live" for item in self.differing)


def _look(clickhouse: ClickHouse, trial: str | None, asked_ms: int) -> _StoreLook:
    complete = arrived(clickhouse.reader(), asked_ms)
    sums = conservation(clickhouse)
    is_quiet = complete and all(item.left == item.right for item in sums)
    return _StoreLook(complete, sums, _differing(clickhouse, trial) if is_quiet else None)


def _differing(clickhouse: ClickHouse, trial: str | None) -> list[CellDifference]:
    return [*differences(clickhouse, trial), *standing(clickhouse, trial)]


def forget() -> None:
    """Show no sums any more: another sink takes them now, and what this one knew would stand for ever."""
    CONSERVATION_GAP.clear()
    RECONCILE_DIFFERENCE.set(0)
    SETTLE_PENDING.set(0)
    SINK_RETENTION_OVERDUE.set(0)
    STORE_FREE.clear()


@dataclass(frozen=True, slots=True)
class StandingSums:
    """The sums and the number of standing differences, and what one reading of them took, in s."""

    sums: list[BalanceCheck]
    differences: int
    seconds: float


def standing_sums(clickhouse: ClickHouse, running: RunningSums | None = None) -> StandingSums:
    """Return the sums as they stand: one that does not close is looked at again for some seconds. Reads only without
    *running*; with it the past is not read again, but once an hour, and then compared with what was known of it.
    """
    began = time.monotonic()
    sums = _sums(clickhouse, running)
    differing = len(standing(clickhouse))
    seconds = time.monotonic() - began
    if _gaps(sums):
        sums = poll_until(
            lambda: _sums(clickhouse, running),
            is_done=lambda found: not _gaps(found),
            timeout_s=GAP_STANDS_S,
            every_s=LOOK_EVERY_S,
        )
    return StandingSums(sums, differing, seconds)


def measure(clickhouse: ClickHouse, running: RunningSums | None = None) -> float:
    """Set the gauges of the sums, of standing differences and of the store's room; return what one reading took, in s.

    *running* is as above.
    """
    measure_room(clickhouse)
    found = standing_sums(clickhouse, running)
    RECONCILE_DIFFERENCE.set(found.differences)
    gaps = dict.fromkeys(SLUGS.values(), 0)
    for item in found.sums:
        gaps[SLUGS[item.name]] += abs(item.gap)
    for slug, gap in gaps.items():
        CONSERVATION_GAP.labels(slug).set(gap)
    return found.seconds


def _sums(clickhouse: ClickHouse, running: RunningSums | None) -> list[BalanceCheck]:
    if running is None or not running.fill(clickhouse):
        return conservation(clickhouse)
    known = conservation(clickhouse, running.figures)
    if not running.old():
        return known
    running.forget()
    read = conservation(clickhouse, running.figures)
    # Gaps, not sides: what comes in between the two is in flight.
    if _gaps(known) != _gaps(read):
        log.error("the running sums were not what the store holds, and begin anew", known=_gaps(known), now=_gaps(read))
    return read


def _otherwise(clickhouse: ClickHouse, sums: Iterable[BalanceCheck]) -> list[BalanceCheck]:
    """Return the sums that have another gap by what settlements left of their blocks than *sums*, by their events."""
    client = clickhouse.reader()
    if unfilled(client):
        return []
    full = _gaps(sums)
    kept = conservation(clickhouse, RunningSums(lambda: all_activity(client)).figures)
    return [item for item in kept if item.gap != full.get(_label(item), 0)]


def _gaps(sums: Iterable[BalanceCheck]) -> dict[str, int]:
    return {_label(item): item.gap for item in sums if item.gap}


def _label(item: BalanceCheck) -> str:
    return f"{item.name}, {item.account} {item.source}".rstrip()
