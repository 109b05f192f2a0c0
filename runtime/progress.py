"""Whether work that waits moves: a process can be alive, answer, and yet do nothing."""

import time
from collections.abc import Callable


class ProgressAge:
    """How long work has waited without any of it being done. The clock is the caller's."""

    def __init__(self) -> None:
        self._moved = -1
        self._since: float | None = None

    def read(self, now: float, *, moved: int, waiting: int) -> float:
        """Return the seconds since *moved* last changed while something was *waiting*; 0 where nothing waits."""
        if moved != self._moved or not waiting or self._since is None:
            self._moved, self._since = moved, now
        return now - self._since


class LoopHeartbeat:
    """When a loop last turned. `beat` from the loop, `problem` from anywhere."""

    def __init__(self, what: str, *, stuck_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._stuck_s = stuck_s
        self._now = now
        self._at: float | None = None

    def beat(self) -> None:
        """Note that the loop turns."""
        self._at = self._now()

    def end(self) -> None:
        """Note that it turns no more, on purpose."""
        self._at = None

    def problem(self) -> str | None:
        """Return in words that the loop stands still, or None: a check for `Health`; silent before the first beat.

        It begins with "stuck", by which who started the process knows that a new start would help.
        """
        at = self._at
        age_s = 0.0 if at is None else self._now() - at
        return None if age_s < self._stuck_s else f"stuck: {self._what} for {age_s:.0f} s"
