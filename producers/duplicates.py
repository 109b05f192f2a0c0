"""The duplicate window: which event ids each account has had accepted, for a day, in bounded memory."""

import asyncio
from collections.abc import Iterable

from runtime.metrics import GATEWAY_DUPLICATE_WINDOW

Ids = dict[str, set[str]]


class DuplicateWindow:
    """Remembers accepted ids in two generations: the older one is forgotten as a whole when the newer is full or old.

    So an id is remembered for at least *keep_ms* unless more than *max_ids* came since, and for at most twice that.
    An id on its way to the broker is *pending*: the same id meanwhile waits for its outcome.
    Used from one event loop only.
    """

    def __init__(self, *, keep_ms: int, max_ids: int) -> None:
        self._keep_ms = keep_ms
        self._generation_ids = max(1, max_ids // 2)
        self._newer: Ids = {}
        self._older: Ids = {}
        self._newer_count = 0
        self._began_ms = 0
        self._pending: dict[tuple[str, str], asyncio.Future[bool]] = {}

    def holds(self, account_id: str, event_id: str) -> bool:
        """Tell whether the broker has acknowledged this id within the window."""
        newer = self._newer.get(account_id)
        if newer is not None and event_id in newer:
            return True
        older = self._older.get(account_id)
        return older is not None and event_id in older

    def pending(self, account_id: str, event_id: str) -> asyncio.Future[bool] | None:
        """Return what the id's publish will come to (True: acknowledged), or None where it is not on its way."""
        return self._pending.get((account_id, event_id))

    def claim(self, account_id: str, event_ids: Iterable[str], published: asyncio.Future[bool]) -> None:
        """Note that *event_ids* are on their way."""
        for event_id in event_ids:
            self._pending[account_id, event_id] = published

    def settle(self, account_id: str, event_ids: Iterable[str], *, acknowledged: bool, now_ms: int) -> None:
        """Note what became of claimed ids; those acknowledged are remembered from now on."""
        if acknowledged:
            self._rotate(now_ms)
            ids = self._newer.setdefault(account_id, set())
            before = len(ids)
        for event_id in event_ids:
            self._pending.pop((account_id, event_id), None)
            if acknowledged:
                ids.add(event_id)
        if acknowledged:
            self._newer_count += len(ids) - before
            GATEWAY_DUPLICATE_WINDOW.set(self._newer_count + sum(map(len, self._older.values())))

    def _rotate(self, now_ms: int) -> None:
        if self._newer_count >= self._generation_ids or now_ms - self._began_ms >= self._keep_ms:
            self._older, self._newer = self._newer, {}
            self._newer_count, self._began_ms = 0, now_ms
