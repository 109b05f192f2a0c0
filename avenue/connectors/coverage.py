"""When a connector listened, and the times in which it may have missed something."""

from collections.abc import Callable

from avenue.connectors.spool import Hole
from runtime.clock import Clock

REMEMBER_EVERY_MS = 1_000
"""How late a kill may find the time at which it was last known to listen: a hole begins no later than it did."""


class Coverage:
    """Counts open links; with none open, what comes is missed.

    A hole begins with the last sign of life of the last link, since what was sent after it may be lost, and ends when
    the next link is open. Over a restart it begins with what *last_heard_ms* says.
    """

    def __init__(self, clock: Clock, last_heard_ms: int | None, told: Callable[[Hole], None]) -> None:
        self._clock = clock
        self._last_heard_ms = last_heard_ms
        self._told = told
        self._open = 0
        self._why = "the connector did not run"

    @property
    def listening(self) -> bool:
        """Whether any link is open."""
        return self._open > 0

    def opened(self) -> None:
        """Take note that a link is open: the platform has accepted who listens."""
        now_ms = self._clock.now_ms()
        if not self._open and self._last_heard_ms is not None:
            self._told(Hole(self._last_heard_ms, now_ms, self._why))
        self._open += 1
        self._last_heard_ms = now_ms

    def heard(self) -> None:
        """Take note of a frame: until now nothing of this link was missed."""
        self._last_heard_ms = self._clock.now_ms()

    def closed(self, why: str) -> None:
        """Take note that a link is no longer open."""
        self._open -= 1
        self._why = why

    def dropped(self, count: int) -> None:
        """Take note that *count* messages came and could not be kept."""
        now_ms = self._clock.now_ms()
        self._told(Hole(now_ms, now_ms, f"{count} messages found no room: too many wait for the gateway"))
