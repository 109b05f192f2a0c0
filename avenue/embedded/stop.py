"""TERM and INT as a state that loops look at; while a step blocks, as an exception that ends it."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# `timeout`, `uv run` and others pass on what the terminal has already sent: one wish, two signals.
SAME_S = 1.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequested(BaseException):
    """Somebody asked the stack to end while it was starting."""


class StopSignal:
    """Counts TERM and INT: one asks to drain, a second one to hurry."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.hurry = False
        """Whether the end was asked for again."""
        self._asked_at: float | None = None
        self._now = now
        self._raise = False

    @property
    def asked(self) -> bool:
        """Whether the end was asked for."""
        return self._asked_at is not None

    def check(self) -> None:
        """Raise `StopRequested` if the end was asked for."""
        if self.asked:
            raise StopRequested

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take the signals over, and give them back at the end."""
        # A closed terminal asks to drain too, unless it was started so as to outlive it (nohup).
        hang_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
        before = {number: signal.signal(number, self.take) for number in (*_SIGNALS, *hang_up)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def breaking_in(self) -> Iterator[None]:
        """Let a signal end what blocks here, by `StopRequested`."""
        self.check()
        self._raise = True
        try:
            yield
        finally:
            self._raise = False

    def take(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Note that a signal came."""
        if self._asked_at is None:
            self._asked_at = self._now()
        elif self._now() - self._asked_at > SAME_S:
            self.hurry = True
        if self._raise:
            self._raise = False
            raise StopRequested
