"""Answers about summed days, kept in the process: a question names the run of each of its days, so none goes stale."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

MAX_BYTES = 64 << 20
"""A trial of 90 days and 2.5 million events takes about 2 MB: some thirty trials that are looked at again and again."""
_VALUE_BYTES = 40
"""A number or a short text as Python holds it, with its place in a tuple."""

Rows = Sequence[Sequence[Any]]


class Kept:
    """The rows of what was asked last, up to *max_bytes*; what was not looked at for longest goes first.

    For all threads of a process. Rows are shared: nobody may change one.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._rows: OrderedDict[Hashable, tuple[Rows, int]] = OrderedDict()
        self._bytes = 0

    def take(self, key: Hashable) -> Rows | None:
        """Return the rows kept under *key*, or None."""
        with self._lock:
            found = self._rows.get(key)
            if found is None:
                return None
            self._rows.move_to_end(key)
            return found[0]

    def keep(self, key: Hashable, rows: Rows) -> Rows:
        """Keep *rows* under *key*, lists of numbers as arrays; return them as kept."""
        packed = tuple(tuple(_packed(value) for value in row) for row in rows)
        size = sum(_size(row) for row in packed)
        with self._lock:
            if key not in self._rows and size <= self._max_bytes:
                self._rows[key] = packed, size
                self._bytes += size
                while self._bytes > self._max_bytes:
                    _, (_, gone) = self._rows.popitem(last=False)
                    self._bytes -= gone
        return packed


def _packed(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return value
    found = np.asarray(value, dtype=np.int64)
    return found.astype(np.uint32) if found.size and found.min() >= 0 and found.max() < 1 << 32 else found


def _size(row: Iterable[Any]) -> int:
    return sum(_VALUE_BYTES + (value.nbytes if isinstance(value, np.ndarray) else 0) for value in row)
