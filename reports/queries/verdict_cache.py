"""What was worked out of a trial's rows, kept in the process under a digest of them: none goes stale."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from cachetools import LRUCache

MAX_KEPT = 10_000
"""Some 2 KB each: fifty trials of ninety days with two metrics that are looked at."""

Found = TypeVar("Found")


class VerdictCache:
    """What was worked out last, up to *size* results; what was not asked for longest goes first. For all threads."""

    def __init__(self, size: int = MAX_KEPT) -> None:
        self._lock = threading.Lock()
        self._found: LRUCache[Hashable, tuple[Any]] = LRUCache(size)

    def take(self, key: Hashable, make: Callable[[], Found]) -> Found:
        """Return what is kept under *key*, and keep what *make* returns where nothing is."""
        with self._lock:
            known = self._found.get(key)
        if known is None:
            # A result that is None is kept, too. Two threads that ask at once work it out twice, to the same.
            known = (make(),)
            with self._lock:
                self._found[key] = known
        found: Found = known[0]
        return found
