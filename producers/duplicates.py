"""The duplicate window: which event ids each account has had accepted, for a day, in bounded memory."""

import asyncio
from collections.abc import Iterable

from runtime.metrics import GATEWAY_DUPLICATE_WINDOW

AccountEvent = tuple[str, str]
"""Account id and event id: the identity of an event."""
Ids = dict[str, set[str]]


class DuplicateWindow:
    """Remembers accepted ids in two generations: the older one is forgotten as a whole when the newer is full or old.

    So an id is remembered for at least *keep_ms* unless more than half of *max_ids* came since, and for at most twice
    that. An id on its way to the broker is *pending*: the same id meanwhile waits for its outcome.
    Used from one event loop only.
    """

    def __init__(self, *, keep_ms: int, max_ids: int) -> None:
        self._keep_ms = keep_ms
        self._generation_ids = max(1, max_ids // 2)
        self._newer: Ids = {}
        self._older: Ids = {}
        self._newer_count = 0
        self._older_count = 0
        self._began_ms = 0
        self._pending: dict[AccountEvent, asyncio.Future[bool]] = {}

    def holds(self, account_id: str, event_id: str) -> bool:
        """Tell whether the broker has acknowledged this id within the window."""
        newer = self._newer.get(account_id)
        if newer is not None and event_id in newer:
            return True
        older = self._older.get(account_id)
        return older is not None and event_id in older

    def pending(self, account_id: str, event_id: str) -> asyncio.Future[bool] | None:
        """Return what the id's publish will come to (True: acknowledged), or None where it is not on its way."""
        return self._pending.get((account_id, event_id)) if self._pending else None

    def claim(self, identity: AccountEvent, published: asyncio.Future[bool]) -> None:
        """Note that the event is on its way."""
        self._pending[identity] = published

    def settle(self, identities: Iterable[AccountEvent], *, acknowledged: bool, now_ms: int) -> None:
        """Note what became of claimed events; those acknowledged are remembered from now on."""
        self._rotate(now_ms)
        for identity in identities:
            self._pending.pop(identity, None)
            if acknowledged:
                account_id, event_id = identity
                ids = self._newer.get(account_id)
                if ids is None:
                    ids = self._newer[account_id] = set()
                ids.add(event_id)
                self._newer_count += 1
        GATEWAY_DUPLICATE_WINDOW.set(self._newer_count + self._older_count)

    def _rotate(self, now_ms: int) -> None:
        if self._newer_count >= self._generation_ids or now_ms - self._began_ms >= self._keep_ms:
            self._older, self._older_count = self._newer, self._newer_count
            self._newer, self._newer_count, self._began_ms = {}, 0, now_ms
