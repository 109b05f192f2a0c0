"""The outcomes of a run of events: what was accepted, gathered for its partition, and every other judgement."""

from collections.abc import Callable, Iterator, Sequence
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
        self.piles = _PartitionBatches()
        """By partition."""
        self.others: list[tuple[int, DuplicateEvent | InFlightDuplicate | RejectedEvent]] = []
        """With their indexes in the request."""
        self.effects: list[EventEffect] = []
        """What the accepted and the rejected ones cause."""
        self._with_alias: list[PartitionBatch] = []

    @property
    def accepted(self) -> list[PartitionBatch]:
        """Every pile."""
        return [*self.piles.values(), *self._with_alias]

    def add(self, index: int, judgement: ValidationResult) -> None:
        """Add the judgement of the event with *index*."""
        if isinstance(judgement, AcceptedEvent | RejectedEvent):
            self.effects += judgement.effects
        if not isinstance(judgement, AcceptedEvent):
            self.others.append((index, judgement))
            return
        if judgement.alias:
            pile = PartitionBatch(judgement.partition)
            self._with_alias.append(pile)
        else:
            pile = self.piles[judgement.partition]
        if judgement.effects and pile.held_from is None:
            pile.held_from = len(pile.lines)
        pile.lines.append(judgement.line)
        pile.ids += (judgement.event_id, judgement.alias) if judgement.alias else (judgement.event_id,)
        pile.indexes.append(index)


Validate = Callable[[Sequence[int]], BatchResults]
"""Judges the events of a request that have these indexes, in order."""
