"""What pages, API and commands ask of whoever tells: which channels fail, and a test of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Outcome = Literal["told", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class ChannelFailure:
    """Since when a channel fails and until when it is left alone (Unix ms), and why; nothing of its address."""

    since_ms: int
    until_ms: int
    why: str
    unreached: bool = False
    """Nothing was sent: the address is not there, or is none."""


@dataclass(frozen=True, slots=True)
class ChannelTest:
    """What came of a test: *why* says what went wrong, and holds nothing of the address."""

    outcome: Outcome
    why: str = ""
    unreached: bool = False
    """Nothing was sent: the address is not there, or is none."""


class NobodyTellsError(Exception):
    """No channel is told from this process."""


class TooManyTestsError(Exception):
    """The channel was tried as often as it may be within an hour."""


class ChannelTeller(Protocol):
    """Who tells the channels, in this process."""

    def failures(self) -> Mapping[str, ChannelFailure]:
        """Return which channels fail, by id."""
        ...

    def test(self, channel_id: str) -> ChannelTest:
        """Send a test to a channel of the registry in force, now; for a thread that may wait.

        Raises `KeyError` where there is none, `TooManyTestsError` where it was tried too often.
        """
        ...
