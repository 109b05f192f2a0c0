"""What was worked out of a trial's rows, kept in the process under a digest of them: none goes stale."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from cachetools import LRUCache

MAX_KEPT = 10_000
"""Some 2 KB each: fifty trials of ninety days with two metrics that are looked at."""
MAX_TRIALS = 1000
"""A street of 200 metres has some dozens; each takes a few KB."""

Found = TypeVar("Found")


class VerdictBoard:
    """The latest verdict of each trial, for lists of many: up to *size* of them. For all threads of a process.

    One is given back under the key only that it was put with, and with the time of its making.
    """

    def __init__(self, size: int = MAX_TRIALS) -> None:
        self._lock = threading.Lock()
        self._found: LRUCache[str, tuple[Hashable, int, Any]] = LRUCache(size)
        self._filling = False

    def begin_to_fill(self) -> bool:
        """Tell whether the caller may judge what is missing: one does at a time, until `done`."""
        with self._lock:
            free, self._filling = not self._filling, True
        return free

    def done(self) -> None:
        """Let another one judge what is missing."""
        with self._lock:
            self._filling = False

    def put(self, trial_id: str, key: Hashable, made_ms: int, verdict: Any) -> None:
        """Keep *verdict* as the trial's latest."""
        with self._lock:
            self._found[trial_id] = key, made_ms, verdict

    def get(self, trial_id: str, key: Hashable) -> tuple[int, Any] | None:
        """Return when it was made and the trial's verdict, or None where there is none of this *key*."""
        with self._lock:
            found = self._found.get(trial_id)
        return None if found is None or found[0] != key else found[1:]


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
