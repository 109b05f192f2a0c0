"""The extract's events as columns of numbers, and their groups."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.timing import DAY_MS, SHANGHAI_MS

Ints = npt.NDArray[np.int64]
NO_VALUE = -1
"""In `duration_ms`, `amount_fen` and `rating`, none of which is below 0."""
_NAMED = ("platform", "placement", "arm", "kind", "outcome")
_NUMBERS = ("event", "grace_ms", "subject", "session")
_OPTIONAL = ("duration_ms", "amount_fen", "rating")
_TIMES = ("occurred_at", "received_at")


@dataclass(frozen=True, slots=True)
class EventTable:
    """Columns of one length; those of text hold numbers of `names`. Times are Unix ms."""

    columns: Mapping[str, Ints]
    names: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(self.columns["event"])

    def __getitem__(self, column: str) -> Ints:
        return self.columns[column]

    def of(self, column: str, *texts: str) -> npt.NDArray[np.bool_]:
        """Return which rows have one of *texts* in *column*."""
        wanted = [number for number, text in enumerate(self.names[column]) if text in texts]
        return np.isin(self.columns[column], wanted)

    def where(self, rows: npt.NDArray[Any]) -> "EventTable":
        """Return the rows that *rows* chooses."""
        return EventTable({name: column[rows] for name, column in self.columns.items()}, self.names)

    def between(self, from_ms: int, to_ms: int) -> "EventTable":
        """Return what occurred from *from_ms* until before *to_ms*."""
        at = self.columns["occurred_at"]
        return self.where((at >= from_ms) & (at < to_ms))

    def by(self, *columns: str) -> Iterator[tuple[tuple[Any, ...], "EventTable"]]:
        """Give each group of the same values of *columns*, in their order; texts as texts."""
        if not len(self):
            return
        keys = np.stack([self.columns[name] for name in columns], axis=1)
        groups, inverse = np.unique(keys, axis=0, return_inverse=True)
        order = np.argsort(inverse.ravel(), kind="stable")
        ends = np.cumsum(np.bincount(inverse.ravel()))
        found = []
        for number, key in enumerate(groups):
            named = tuple(self._named(name, int(value)) for name, value in zip(columns, key, strict=True))
            found.append((named, order[(ends[number - 1] if number else 0) : ends[number]]))
        for named, rows in sorted(found, key=lambda group: group[0]):
            yield named, self.where(rows)

    def _named(self, column: str, value: int) -> str | int:
        return self.names[column][value] if column in self.names else value


def event_table(table: pa.Table) -> EventTable:
    """Return the rows of an extract."""
    columns: dict[str, Ints] = {}
    names: dict[str, Sequence[str]] = {}
    for name in _NAMED:
        encoded = table.column(name).combine_chunks().dictionary_encode()
        columns[name] = _numbers(encoded.indices)
        names[name] = encoded.dictionary.to_pylist()
    for name in _NUMBERS:
        columns[name] = _numbers(table.column(name).combine_chunks())
    for name in _OPTIONAL:
        columns[name] = _numbers(table.column(name).combine_chunks().cast(pa.int64()).fill_null(NO_VALUE))
    for name in _TIMES:
        columns[name] = _numbers(table.column(name).combine_chunks().cast(pa.int64()))
    columns["day"] = (columns["occurred_at"] + SHANGHAI_MS) // DAY_MS * DAY_MS - SHANGHAI_MS
    return EventTable(columns, names)


def _numbers(array: Any) -> Ints:
    found: Ints = array.to_numpy(zero_copy_only=False).astype(np.int64)
    return found
