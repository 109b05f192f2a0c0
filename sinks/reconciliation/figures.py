"""What the conservation sums are made of, read from the whole store."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from runtime.clickhouse import Client
from schemas.foreign import FOREIGN_FLOW
from schemas.topics import Topic
from sinks.clickhouse.sql import query
from sinks.settlement.blocks import ints
from sinks.settlement.retired import SourceAccount, read_retired

BySource = Mapping[SourceAccount, tuple[int, ...]]
Key = TypeVar("Key")

UNANSWERED: Mapping[Topic, str] = {Topic.EVENTS: "unanswered_events", Topic.REJECTS: "unanswered_rejects"}


class ConservationFigures(Protocol):
    """The figures of one moment."""

    def deliveries(self) -> Mapping[str, tuple[int, ...]]:
        """Return by account: received, accepted, duplicate, rejected; accepted and rejected after the cut."""
        ...

    def log(self, topic: Topic) -> BySource:
        """Return lines on *topic*; those after the cut; those that the worker has not come to."""
        ...

    def progress(self) -> BySource:
        """Return what workers made of the lines: counted, repeated, late, disordered, rejected."""
        ...

    def stored(self) -> BySource:
        """Return stored events, and the late ones of them."""
        ...

    def kept(self) -> Mapping[str, int]:
        """Return the kept rejects of requests by account."""
        ...

    def listed(self) -> int:
        """Return the lines that settlement found to be counted in two sources."""
        ...

    def unanswered(self, topic: Topic) -> Mapping[str, int]:
        """Return by account what the store has of requests that were never answered, up to the cut."""
        ...


class FullFigures:
    """Each figure by reading its table whole: what a person's reconciliation goes by.

    What is retired counts by what was noted of it.
    """

    def __init__(self, client: Client, cut_ms: int, lateness: Mapping[str, Any]) -> None:
        self._client = client
        self._retired = read_retired(client)
        self._parameters = {"cut_ms": cut_ms, "foreign": FOREIGN_FLOW, **lateness, **self._retired.parameters}

    def deliveries(self) -> Mapping[str, tuple[int, ...]]:
        """Return what was answered."""
        rows = {str(row[0]): ints(row[1:]) for row in self._rows("sum_deliveries")}
        return added(rows, self._retired.by_account("deliveries", width=6))

    def log(self, topic: Topic) -> BySource:
        """Return the lines of *topic*."""
        rows = by_source(self._rows("sum_log", topic=topic.value))
        return added(rows, self._retired.by_source(f"log {topic}", width=3))

    def progress(self) -> BySource:
        """Return what workers made of the lines."""
        return added(by_source(self._rows("sum_progress")), self._retired.by_source("progress", width=5))

    def stored(self) -> BySource:
        """Return stored events."""
        return added(by_source(self._rows("sum_stored")), self._retired.by_source("stored", width=2))

    def kept(self) -> Mapping[str, int]:
        """Return the kept rejects."""
        return self._counts("sum_kept", "kept")

    def listed(self) -> int:
        """Return what settlement has listed."""
        ((listed,),) = self._rows("sum_listed")
        return int(listed)

    def unanswered(self, topic: Topic) -> Mapping[str, int]:
        """Return what was never answered."""
        return self._counts(f"sum_{UNANSWERED[topic]}", UNANSWERED[topic])

    def _counts(self, name: str, figure: str) -> dict[str, int]:
        rows = {str(account): (int(count),) for account, count in self._rows(name)}
        found = added(rows, self._retired.by_account(figure, width=1))
        return {account: count for account, (count,) in found.items()}

    def _rows(self, name: str, **parameters: Any) -> list[Any]:
        return list(self._client.query(query(name), parameters={**self._parameters, **parameters}).result_rows)


def added(rows: Mapping[Key, tuple[int, ...]], retired: Mapping[Key, tuple[int, ...]]) -> dict[Key, tuple[int, ...]]:
    """Return *rows* with what is *retired* of each added."""
    found = dict(rows)
    for key, numbers in retired.items():
        found[key] = tuple(map(sum, zip(found[key], numbers, strict=True))) if key in found else numbers
    return found


def by_source(rows: Iterable[Any]) -> BySource:
    """Return *rows* of epoch, partition, account and numbers by their source and account."""
    return {((int(row[0]), int(row[1])), str(row[2])): ints(row[3:]) for row in rows}
