"""How far the store is complete: rows and cells of every source, and so which blocks are over."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from runtime.clickhouse import Client
from schemas.registry import Epoch
from schemas.timing import Timing
from schemas.topics import Topic
from sinks.clickhouse.sql import query


@dataclass(frozen=True, slots=True)
class SourceMark:
    """What the sink has stored of a source, and what the worker's cells in the store go up to. Times are Unix ms."""

    stored_next: int = 0
    stored_ms: int = 0
    idle_ms: int = 0
    """When it was last read to its end; 0: never."""
    counted_next: int = 0
    counted_ms: int = 0

    def rows_until(self, timing: Timing, delivery_timeout_ms: int) -> int:
        """Return up to when, that moment included, every event received is stored.

        Before the watermark less the slack; or, read to its end, then less the time-out within which a record that was
        stamped before may still arrive.
        """
        idle = self.idle_ms - delivery_timeout_ms if self.idle_ms else 0
        return max(0, max(_before(self.stored_ms), idle) - timing.slack_ms)

    def cells_until(self, timing: Timing, delivery_timeout_ms: int) -> int:
        """Return up to when every event received is counted in a cell that is stored."""
        rows = self.rows_until(timing, delivery_timeout_ms)
        if self.counted_next >= self.stored_next:
            return rows
        return min(rows, max(0, _before(self.counted_ms) - timing.slack_ms))


def _before(watermark_ms: int) -> int:
    # Disorder of exactly the slack is allowed, and its event counts live: the moment itself may not be whole yet.
    return watermark_ms - 1


def read_marks(client: Client, epoch: Epoch) -> dict[int, SourceMark]:
    """Return the mark of each partition of *epoch*; a partition the sink has not seen has an empty one."""
    parameters = {"topic": Topic.EVENTS.value, "epoch": epoch.number}
    rows = client.query(query("source_marks"), parameters=parameters).result_rows
    found = {int(row[0]): SourceMark(*(int(value) for value in row[1:])) for row in rows}
    return {partition: found.get(partition, SourceMark()) for partition in range(epoch.partitions)}


def complete_until(marks: dict[int, SourceMark], timing: Timing, delivery_timeout_ms: int) -> int:
    """Return up to when rows and cells of every source are complete, Unix ms; 0 where one was never read.

    Sources of earlier epochs do not count: nothing can come from them any more.
    """
    return min((mark.cells_until(timing, delivery_timeout_ms) for mark in marks.values()), default=0)


def read_epochs(client: Client) -> list[Epoch]:
    """Return the epochs that the store knows from the registry's topic."""
    rows = client.query(
        "SELECT body FROM registry_records FINAL WHERE entry_type = 'epoch' AND NOT deleted"
    ).result_rows
    epochs = []
    for (body,) in rows:
        try:
            epochs.append(Epoch.model_validate_json(body))
        except ValidationError:
            # The follower has logged it; an epoch nobody can read was never in force.
            continue
    return epochs


def timing_among(epochs: Iterable[Epoch]) -> Timing:
    """Return the tolerances of the newest of *epochs*, the defaults where there is none."""
    newest = max(epochs, key=lambda epoch: epoch.number, default=None)
    if newest is None:
        return Timing()
    return Timing(grace_ms=newest.grace_ms, lead_ms=newest.lead_ms, slack_ms=newest.slack_ms)


def stored_until(client: Client) -> int:
    """Return the time, Unix ms, up to which every partition of the gateway's topics is stored; 0 where none is."""
    ((until_ms,),) = client.query(query("stored_until")).result_rows
    return int(until_ms)


def arrived(client: Client, at_ms: int) -> bool:
    """Tell whether all that was published before *at_ms* is stored, and counted in cells that are stored."""
    ((missing,),) = client.query(query("not_arrived"), parameters={"at_ms": at_ms}).result_rows
    return not missing
