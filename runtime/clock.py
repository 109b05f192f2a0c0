"""The clock as a value, so that tests move it instead of waiting."""

import time
from collections.abc import Callable
from typing import Protocol

# More than a clock is set by that runs well; less than any mistake that could make a year's end come early.
LEAP_MS = 60_000


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


class ClockWatch:
    """Tells whether a clock has gone evenly long enough to be gone by in what cannot be undone.

    A machine may start years ahead and be set right a minute later. Its wall clock has then moved otherwise than its
    monotonic one, and the wait of *steady_s* begins anew.
    """

    def __init__(self, clock: Clock, *, steady_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steady_s = steady_s
        self._monotonic_s = monotonic_s
        self._since_s = monotonic_s()
        self._apart_ms = self._clock.now_ms() - self._since_s * 1000

    def is_steady(self) -> bool:
        """Look at both clocks, and tell whether they have gone together for *steady_s*."""
        now_s = self._monotonic_s()
        apart_ms = self._clock.now_ms() - now_s * 1000
        if abs(apart_ms - self._apart_ms) > LEAP_MS:
            self._since_s, self._apart_ms = now_s, apart_ms
        return now_s - self._since_s >= self._steady_s


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
