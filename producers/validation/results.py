"""The outcomes of a run of events: what was accepted, gathered for its partition, and every other outcome."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from producers.validation.validator import (
    AcceptedEvent,
    DuplicateEvent,
    InFlightDuplicate,
    RejectedEvent,
    ValidationResult,
)

if TYPE_CHECKING:
    from producers.validation.effects import EventEffect


class PartitionBatch:
    """Accepted events of one partition: their lines, ids and indexes in the request, in order."""

    __slots__ = ("held_from", "ids", "indexes", "lines", "partition")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.lines: list[bytes] = []
        self.ids: list[str] = []
        """One a line; where a line is alone, its alias may follow."""
        self.indexes: list[int] = []
        self.held_from: int | None = None
        """The first line that waits until what it causes is acknowledged, and all that follow with it."""

    def events(self) -> Iterator[tuple[int, str]]:
        """Yield index and id of each event."""
        return zip(self.indexes, self.ids, strict=False)


class _PartitionBatches(dict[int, PartitionBatch]):
    def __missing__(self, partition: int) -> PartitionBatch:
        found = self[partition] = PartitionBatch(partition)
        return found


class BatchResults:
    """The outcomes, each event in one of the two."""

    def __init__(self) -> None:
        self.by_partition = _PartitionBatches()
        """What was accepted, but for events with an alias."""
        self.others: list[tuple[int, DuplicateEvent | InFlightDuplicate | RejectedEvent]] = []
        """With their indexes in the request."""
        self.effects: list[EventEffect] = []
        """What the accepted and the rejected ones cause."""
        self._with_alias: list[PartitionBatch] = []

    @property
    def accepted(self) -> list[PartitionBatch]:
        """Every batch of accepted events."""
        return [*self.by_partition.values(), *self._with_alias]

    def add(self, index: int, result: ValidationResult) -> None:
        """Add the outcome of the event with *index*."""
        if isinstance(result, AcceptedEvent | RejectedEvent):
            self.effects += result.effects
        if not isinstance(result, AcceptedEvent):
            self.others.append((index, result))
            return
        if result.alias:
            batch = PartitionBatch(result.partition)
            self._with_alias.append(batch)
        else:
            batch = self.by_partition[result.partition]
        if result.effects and batch.held_from is None:
            batch.held_from = len(batch.lines)
        batch.lines.append(result.line)
        batch.ids += (result.event_id, result.alias) if result.alias else (result.event_id,)
        batch.indexes.append(index)
