"""Whose work is next on the one loop that takes pushes: accounts by turns, so that none waits for another's queue.

A turn is a stretch of work without a pause, some milliseconds at most. One turn is given each time the loop goes round,
so what has just arrived is seen in between; the accounts that wait have theirs one after another, however many requests
each of them has waiting. Background work has a turn when nobody else waits, or after `BACKGROUND_WAIT_S`, and at most a
share of the time altogether: what stands behind the gateway has to keep up with it beside live traffic.

Own code: asyncio's own locks and semaphores serve in the order of asking, and there the loudest asks first.
"""

import asyncio
import time
from collections import deque
from types import TracebackType
from typing import Self

BACKGROUND_WAIT_S = 0.5

Waiter = asyncio.Future[None]


class _Waiting:
    """Who waits, by account; accounts take turns, an account's requests go in their order."""

    def __init__(self) -> None:
        self._by_account: dict[str, deque[tuple[float, Waiter]]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_account)

    def add(self, account_id: str, waiter: Waiter, now_s: float) -> None:
        self._by_account.setdefault(account_id, deque()).append((now_s, waiter))

    def since_s(self) -> float:
        """Return since when the next in line waits."""
        return next(iter(self._by_account.values()))[0][0]

    def take(self) -> Waiter | None:
        """Take the next in line out, None where none waits any longer; the account's others stand at the end."""
        while self._by_account:
            account_id = next(iter(self._by_account))
            queue = self._by_account.pop(account_id)
            _, waiter = queue.popleft()
            if queue:
                self._by_account[account_id] = queue
            if not waiter.done():
                return waiter
        return None


class FairTurns:
    """Gives turns on the running loop. *background_share*: of the loop's time, for background work."""

    def __init__(self, background_share: float = 0.25) -> None:
        self._live, self._background = _Waiting(), _Waiting()
        self._rest = 1 / background_share - 1
        self._background_from_s = 0.0
        self._giving = False
        self._timer: asyncio.TimerHandle | None = None

    def turn(self, account_id: str, *, background: bool = False) -> "Turn":
        """Return a turn of the account's, to be had by `async with`; its block has no `await`."""
        return Turn(self, account_id, background=background)

    async def wait(self, account_id: str, *, background: bool) -> None:
        """Return when it is this account's turn."""
        if not self._giving and not background:
            # Nobody had a turn since the loop last went round.
            self._go_on()
            return
        loop = asyncio.get_running_loop()
        waiter: Waiter = loop.create_future()
        (self._background if background else self._live).add(account_id, waiter, time.monotonic())
        if not self._giving:
            self._go_on()
        await waiter

    def end_background(self, took_s: float) -> None:
        """Let background work rest after a turn that took so long."""
        self._background_from_s = time.monotonic() + took_s * self._rest

    def _go_on(self) -> None:
        self._giving = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        asyncio.get_running_loop().call_soon(self._give)

    def _give(self) -> None:
        now_s = time.monotonic()
        waiter = self._take_background(now_s) or self._live.take() or None
        if waiter is not None:
            waiter.set_result(None)
            self._go_on()
            return
        self._giving = False
        if self._background:
            delay_s = max(0.0, self._background_from_s - now_s)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._go_on)

    def _take_background(self, now_s: float) -> Waiter | None:
        if not self._background or now_s < self._background_from_s:
            return None
        if self._live and now_s - self._background.since_s() < BACKGROUND_WAIT_S:
            return None
        waiter = self._background.take()
        if waiter is not None:
            # Until the turn has ended, which says for how long.
            self._background_from_s = now_s + BACKGROUND_WAIT_S
        return waiter


class Turn:
    """One turn; see `FairTurns.turn`."""

    def __init__(self, turns: FairTurns, account_id: str, *, background: bool) -> None:
        self._turns = turns
        self._account_id = account_id
        self._background = background
        self._began_s = 0.0

    async def __aenter__(self) -> Self:
        """Wait for it."""
        await self._turns.wait(self._account_id, background=self._background)
        self._began_s = time.monotonic() if self._background else 0.0
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        if self._background:
            self._turns.end_background(time.monotonic() - self._began_s)
