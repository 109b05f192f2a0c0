"""The operator's look at what the read side does not know by itself: the port to the broker and to the sums."""

from dataclasses import dataclass
from typing import Protocol

from reports.queries.operator_model import SumsReading
from runtime.errors import PipelineError


class SourceSilentError(PipelineError):
    """A source could not be asked in time, and why."""


@dataclass(frozen=True, slots=True)
class GroupPosition:
    """How far a consumer group is, by the broker's word."""

    members: int
    committed: int
    """The sum of its offsets: where it moves, it works."""
    lag_records: int
    oldest_ms: int | None
    """Unix ms of the first record that waits; None where none does, or where it could not be read."""


@dataclass(frozen=True, slots=True)
class BrokerReading:
    """The log at one moment."""

    records_per_min: float
    """Published to the events' topic within the last minute."""
    faulty_partitions: int
    """Of our topics, those without a leader or with fewer replicas in sync than they should have."""
    worker: GroupPosition
    sink: GroupPosition


class RoadSources(Protocol):
    """Broker and sums. Both answer within a bounded time and raise `SourceSilentError` where they cannot."""

    async def broker(self, epoch: int) -> BrokerReading:
        """Return where the log and its readers are in *epoch*."""
        ...

    async def sums(self) -> SumsReading:
        """Return the conservation sums as they were last taken: they cost a reading of the store."""
        ...
