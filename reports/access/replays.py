"""Replays of an account's own rejects: the port to the gateway that judges them, and one at a time for an account."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from runtime.errors import RetryableError, UnavailableError
from schemas.lines import RejectLine
from schemas.outcomes import ReplayedReject


class NobodyReplaysError(Exception):
    """No gateway is beside this process."""


class ReplayUnderWayError(Exception):
    """A replay of the same account is under way."""


class RejectReplayer(Protocol):
    """A gateway that judges kept rejects once more."""

    async def replay(self, lines: Sequence[RejectLine], *, asked_by: str, dry_run: bool) -> list[ReplayedReject]:
        """Return what became, or would, of each of *lines*, in their order.

        Raises `RetryableError` or `UnavailableError` where it could not be stored; to ask again is harmless.
        """
        ...


class AccountReplays:
    """Which accounts have a replay under way in this process; touched in the event loop only."""

    def __init__(self) -> None:
        self._running: set[str] = set()

    @contextmanager
    def one_of(self, account_id: str) -> Iterator[None]:
        """Let one replay of the account run. Raises `ReplayUnderWayError` where one does."""
        if account_id in self._running:
            raise ReplayUnderWayError
        self._running.add(account_id)
        try:
            yield
        finally:
            self._running.discard(account_id)


async def judge(
    replayer: RejectReplayer, lines: Sequence[RejectLine], *, asked_by: str, dry_run: bool
) -> list[ReplayedReject]:
    """Return what became of each of *lines*. Raises `UnavailableError` where it could not be stored."""
    try:
        return await replayer.replay(lines, asked_by=asked_by, dry_run=dry_run)
    except RetryableError as error:
        raise UnavailableError(str(error)) from error
