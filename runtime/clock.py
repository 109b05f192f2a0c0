"""The clock as a value, so that tests move it instead of waiting."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time in Unix milliseconds, UTC."""

    def now_ms(self) -> int:
        """Return the present time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return the present time."""
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the time it was last set to."""
        return self._now_ms

    def advance(self, ms: int) -> None:
        """Move on by *ms*."""
        self._now_ms += ms

    def set(self, now_ms: int) -> None:
        """Move to *now_ms*."""
        self._now_ms = now_ms
