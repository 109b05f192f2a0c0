"""Answers about summed days, kept in the process: a question names the run of each of its days, so none goes stale."""

import contextlib
import threading
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from cachetools import LRUCache

MAX_BYTES = 64 << 20
"""A trial of 90 days and 2.5 million events takes about 2 MB: some thirty trials that are looked at again and again."""
_VALUE_BYTES = 40
"""A number or a short text as Python holds it, with its place in a tuple."""

Rows = Sequence[Sequence[Any]]


class RollupCache:
    """The rows of what was asked last, up to *max_bytes*; what was not looked at for longest goes first.

    For all threads of a process. Rows are shared: nobody may change one.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._lock = threading.Lock()
        self._rows: LRUCache[Hashable, Rows] = LRUCache(max_bytes, getsizeof=_rows_bytes)

    def get(self, key: Hashable) -> Rows | None:
        """Return the rows kept under *key*, or None."""
        with self._lock:
            return self._rows.get(key)

    def put(self, key: Hashable, rows: Rows) -> Rows:
        """Keep *rows* under *key*, lists of numbers as arrays; return them as kept."""
        packed = _packed_rows(rows)
        # Larger than all that is kept: the cache refuses it.
        with self._lock, contextlib.suppress(ValueError):
            self._rows[key] = packed
        return packed


def _packed_rows(rows: Rows) -> Rows:
    """Return *rows*, which have the same columns, with the lists of numbers in them as arrays."""
    lists = {place for row in rows[:1] for place, value in enumerate(row) if isinstance(value, list | tuple)}
    if not lists:
        return tuple(map(tuple, rows))
    return tuple(tuple(_packed(value) if at in lists else value for at, value in enumerate(row)) for row in rows)


def _packed(value: Sequence[int]) -> Any:
    found = np.asarray(value, dtype=np.int64)
    return found.astype(np.uint32) if found.size and found.min() >= 0 and found.max() < 1 << 32 else found


def _rows_bytes(rows: Rows) -> int:
    return sum(map(_row_bytes, rows))


def _row_bytes(row: Sequence[Any]) -> int:
    return _VALUE_BYTES * len(row) + sum(value.nbytes for value in row if isinstance(value, np.ndarray))
