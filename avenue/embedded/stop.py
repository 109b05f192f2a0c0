"""TERM and INT as a state that loops look at; while a step blocks, as an exception that ends it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopAsked(BaseException):
    """Somebody asked the stack to end while it was starting."""


class StopSignal:
    """Counts TERM and INT: one asks to drain, a second one to hurry."""

    def __init__(self) -> None:
        self.count = 0
        self._raise = False

    @property
    def asked(self) -> bool:
        """Whether the end was asked for."""
        return self.count > 0

    @property
    def hurry(self) -> bool:
        """Whether it was asked for again."""
        return self.count > 1

    def check(self) -> None:
        """Raise `StopAsked` if the end was asked for."""
        if self.asked:
            raise StopAsked

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take the signals over, and give them back at the end."""
        # A closed terminal asks to drain too, unless it was started so as to outlive it (nohup).
        hang_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
        before = {number: signal.signal(number, self._take) for number in (*_SIGNALS, *hang_up)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def breaking_in(self) -> Iterator[None]:
        """Let a signal end what blocks here, by `StopAsked`."""
        self.check()
        self._raise = True
        try:
            yield
        finally:
            self._raise = False

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._raise:
            self._raise = False
            raise StopAsked
