"""Asking something that may hang: one question at a time, and a bounded wait for whoever asks."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class BoundedReading(Generic[Answer]):
    """Asks *ask* and waits *timeout_s* for it. While one question hangs no other is asked, however many wait.

    In one event loop, by one caller at a time.
    """

    def __init__(self, ask: Callable[[], Awaitable[Answer]], timeout_s: float) -> None:
        self._ask = ask
        self._timeout_s = timeout_s
        self._task: asyncio.Future[Answer] | None = None

    async def read(self) -> Answer:
        """Return the answer to a question of now. Raises `TimeoutError`, and whatever the question raises."""
        if self._task is not None and self._task.done():
            # What somebody waited for in vain is old by now.
            self._task.cancelled() or self._task.exception()
            self._task = None
        if self._task is None:
            self._task = asyncio.ensure_future(self._ask())
        task = self._task
        done, _ = await asyncio.wait({task}, timeout=self._timeout_s)
        if not done:
            raise TimeoutError
        self._task = None
        return task.result()
