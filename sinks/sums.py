"""Reconciliation: every sum closed, every cell equal to its recomputation, once what is in flight has come in."""

import time
from dataclasses import dataclass

from runtime.clickhouse import ClickHouse
from runtime.clock import Clock, SystemClock
from runtime.logging import get_logger
from runtime.metrics import CONSERVATION_GAP, RECONCILE_DIFFERENCE, SETTLE_PENDING
from sinks.book import SLUGS, Sum, conservation
from sinks.recheck import CellDifference, differences, standing
from sinks.sources import arrived

log = get_logger(__name__)

LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The sums, the cells that differ, and what was still under way when it ended."""

    sums: list[Sum]
    differences: list[CellDifference]
    complete: bool
    """Whether all that was published before the question had been read and counted."""
    waited_s: float
    ok: bool
    """Every sum closes and no cell differs."""


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
    while True:
        complete = arrived(clickhouse.reader(), asked_ms)
        sums = conservation(clickhouse)
        last = time.monotonic() - began >= wait_s
        quiet = complete and all(item.left == item.right for item in sums)
        found = [*differences(clickhouse, trial), *standing(clickhouse, trial)] if quiet or last else []
        if last or (quiet and not any(item.waiting or item.layer == "live" for item in found)):
            ok = all(item.closed for item in sums) and not found
            return Reconciliation(sums, found, complete, round(time.monotonic() - began, 3), ok)
        time.sleep(LOOK_EVERY_S)


def forget() -> None:
    """Show no sums any more: another sink takes them now, and what this one knew would stand for ever."""
    CONSERVATION_GAP.clear()
    RECONCILE_DIFFERENCE.set(0)
    SETTLE_PENDING.set(0)


def measure(clickhouse: ClickHouse) -> float:
    """Set the gauges of the sums and of standing differences; return what it took, in seconds."""
    began = time.monotonic()
    gaps = dict.fromkeys(SLUGS.values(), 0)
    for item in conservation(clickhouse):
        gaps[SLUGS[item.name]] += abs(item.gap)
    for slug, gap in gaps.items():
        CONSERVATION_GAP.labels(slug).set(gap)
    RECONCILE_DIFFERENCE.set(len(standing(clickhouse)))
    return time.monotonic() - began
