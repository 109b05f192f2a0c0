"""What the conservation sums are made of, read from the whole store."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from runtime.clickhouse import Client
from schemas.foreign import FOREIGN_FLOW
from schemas.topics import Topic
from sinks.clickhouse.sql import query
from sinks.settlement.blocks import ints

Source = tuple[int, int]
"""Epoch and partition."""
Place = tuple[Source, str]
"""A source and an account."""
BySource = Mapping[Place, tuple[int, ...]]

UNANSWERED: Mapping[Topic, str] = {Topic.EVENTS: "unanswered_events", Topic.REJECTS: "unanswered_rejects"}


class Figures(Protocol):
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
    """Each figure by reading its table whole: what a person's reconciliation goes by."""

    def __init__(self, client: Client, cut_ms: int, lateness: Mapping[str, Any]) -> None:
        self._client = client
        self._cut = {"cut_ms": cut_ms}
        self._lateness = lateness

    def deliveries(self) -> Mapping[str, tuple[int, ...]]:
        """Return what was answered."""
        return {str(row[0]): ints(row[1:]) for row in self._rows("sum_deliveries", self._cut)}

    def log(self, topic: Topic) -> BySource:
        """Return the lines of *topic*."""
        return by_source(self._rows("sum_log", {**self._cut, "topic": topic.value}))

    def progress(self) -> BySource:
        """Return what workers made of the lines."""
        return by_source(self._rows("sum_progress", {}))

    def stored(self) -> BySource:
        """Return stored events."""
        return by_source(self._rows("sum_stored", self._lateness))

    def kept(self) -> Mapping[str, int]:
        """Return the kept rejects."""
        return {str(account): int(count) for account, count in self._rows("sum_kept", {"foreign": FOREIGN_FLOW})}

    def listed(self) -> int:
        """Return what settlement has listed."""
        ((listed,),) = self._rows("sum_listed", {})
        return int(listed)

    def unanswered(self, topic: Topic) -> Mapping[str, int]:
        """Return what was never answered."""
        parameters = {**self._cut, "foreign": FOREIGN_FLOW}
        return {str(account): int(count) for account, count in self._rows(f"sum_{UNANSWERED[topic]}", parameters)}

    def _rows(self, name: str, parameters: Mapping[str, Any]) -> list[Any]:
        return list(self._client.query(query(name), parameters=dict(parameters)).result_rows)


def by_source(rows: Iterable[Any]) -> BySource:
    """Return *rows* of epoch, partition, account and numbers by their place."""
    return {((int(row[0]), int(row[1])), str(row[2])): ints(row[3:]) for row in rows}
