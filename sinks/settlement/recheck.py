"""What readers see, against a full recomputation from the stored events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runtime.clickhouse import ClickHouse, Client
from schemas.timing import DAY_MS
from sinks.clickhouse.sql import query
from sinks.settlement.blocks import BLOCK_S, lateness_parameters
from sinks.settlement.retired import read_retired
from sinks.settlement.sources import read_epochs, timing_among

# Days of one comparison are put together up to so many rows, so that it ends within a query's time.
CHUNK_ROWS = 2_000_000
DAY_S = DAY_MS // 1000
SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class CellDifference:
    """A cell that a reader sees and that is not what the stored events come to."""

    product_id: str
    trial_id: str
    platform: str
    placement_id: str
    arm: str
    kind: str
    minute_s: int
    layer: str
    """`settled` or `live`: which cell is shown; `at settlement`: a cell that a settlement found and has put right."""
    shown_events: int
    expected_events: int
    waiting: bool = False
    """Its block has rows that its settlement has not seen yet."""

    @property
    def block_s(self) -> int:
        """The start of its block, Unix seconds."""
        return self.minute_s - self.minute_s % BLOCK_S


def differences(clickhouse: ClickHouse, trial: str | None = None) -> list[CellDifference]:
    """Return the cells that differ from a full recomputation from stored events, of *trial* or of all.

    Cells of a trial whose events are no longer kept cannot be recomputed, and are left out until they are gone too.
    """
    client = clickhouse.reader()
    epochs = read_epochs(client)
    fixed = {**lateness_parameters(epochs, timing_among(epochs)), **read_retired(client).parameters}
    found: list[CellDifference] = []
    for from_s, until_s in _chunks(client):
        parameters = {**fixed, "from_s": from_s, "until_s": until_s, "trial": trial or ""}
        for row in client.query(query("cells_that_differ"), parameters=parameters).result_rows:
            layer = SETTLED if row[7] else "live"
            found.append(_difference([*row[:7], layer, *row[8:]]))
    return found


def wrongly_settled(clickhouse: ClickHouse) -> list[CellDifference]:
    """Return the settled cells that differ from a full recomputation and wait for no settlement.

    Looks twice where there are any: an event that is stored while it looks makes a difference that passes.
    """
    found = _settled(clickhouse)
    return [item for item in _settled(clickhouse) if item in found] if found else []


def _settled(clickhouse: ClickHouse) -> list[CellDifference]:
    return [item for item in differences(clickhouse) if item.layer == SETTLED and not item.waiting]


def standing(clickhouse: ClickHouse, trial: str | None = None) -> list[CellDifference]:
    """Return the cells that the last day's settlements found wrong and could not explain; their numbers are right."""
    rows = clickhouse.reader().query(query("standing_differences"), parameters={"trial": trial or ""}).result_rows
    return [_difference([*row[:7], "at settlement", *row[7:], False]) for row in rows]


def _difference(row: Sequence[Any]) -> CellDifference:
    product_id, trial_id, platform, placement_id, arm, kind, minute_s, layer, shown, expected, waiting = row
    return CellDifference(
        *(product_id, trial_id, platform, placement_id, arm, kind),
        minute_s=int(minute_s),
        layer=layer,
        shown_events=int(shown),
        expected_events=int(expected),
        waiting=bool(waiting),
    )


def _chunks(client: Client) -> list[tuple[int, int]]:
    """Return spans of whole days that hold events, each of a bounded number of rows where days allow it."""
    chunks: list[tuple[int, int]] = []
    held = 0
    for day_s, rows in client.query(query("event_days")).result_rows:
        start, count = int(day_s), int(rows)
        if chunks and held + count <= CHUNK_ROWS:
            chunks[-1] = (chunks[-1][0], start + DAY_S)
            held += count
        else:
            chunks.append((start, start + DAY_S))
            held = count
    return chunks
