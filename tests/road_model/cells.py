"""Cells put together by the definitions, as the store's SQL does it."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

from schemas.cells import CellRow
from schemas.lines import CountedEvent
from tests.support.counting_harness import CellName, cell_name, plain_cell

NO_PLACE = {"epoch": 0, "partition": 0, "version": 0}


def merged_by_name(rows: Iterable[CellRow]) -> dict[CellName, CellRow]:
    """Return the cells of *rows*, sources put together."""
    found: dict[CellName, CellRow] = {}
    for row in rows:
        name = cell_name(row)
        found[name] = merged(found[name], row) if name in found else msgspec.structs.replace(row, **NO_PLACE)
    return found


def merged(one: CellRow, other: CellRow) -> CellRow:
    """Return two sources' shares of a cell as one, by the definitions."""
    bins = Counter(dict(zip(one.duration_bins, one.duration_counts, strict=True)))
    bins.update(dict(zip(other.duration_bins, other.duration_counts, strict=True)))
    sums = {name: getattr(one, name) + getattr(other, name) for name in _ADDED}
    return msgspec.structs.replace(
        one,
        **NO_PLACE,
        **sums,
        duration_bins=sorted(bins),
        duration_counts=[bins[index] for index in sorted(bins)],
        subjects=_highest(one.subjects, other.subjects),
        sessions=_highest(one.sessions, other.sessions),
        first_ms=min(one.first_ms, other.first_ms),
        last_ms=max(one.last_ms, other.last_ms),
    )


_ADDED = (
    *("events", "failed", "abandoned", "duration_count", "duration_ms_sum"),
    *("amount_count", "amount_fen_sum", "rating_count", "rating_sum"),
)


def _highest(one: Iterable[int], other: Iterable[int]) -> list[int]:
    best: dict[int, int] = {}
    for packed in (*one, *other):
        best[packed >> 6] = max(packed, best.get(packed >> 6, 0))
    return sorted(best.values())


def plain_cells(events: Iterable[CountedEvent]) -> dict[CellName, CellRow]:
    """Return the cells that *events* come to, by the definitions."""
    by_name: dict[CellName, list[CountedEvent]] = defaultdict(list)
    for event in events:
        by_name[cell_name(event)].append(event)
    return {name: plain_cell(events, **NO_PLACE) for name, events in by_name.items()}


def empty_cell(name: CellName) -> CellRow:
    """Return the cell of this name with nothing in it."""
    product, trial, platform, placement, arm, kind, minute_ms = name
    return CellRow(
        product_id=product,
        trial_id=trial,
        platform=platform,
        placement_id=placement,
        arm=arm,
        kind=kind,
        minute_ms=minute_ms,
        epoch=0,
        partition=0,
        version=0,
    )
