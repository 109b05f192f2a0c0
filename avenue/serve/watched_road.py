"""A test event's way down the whole road: pushed by the gateway, watched in the store, for a bounded time."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from producers.gateway.push_tester import PushedTest, PushTester
from producers.gateway.responses import HttpAnswer, problem
from reports.access.road_checks import RoadCheckRefusedError
from runtime.logging import get_logger
from schemas.registry import Account
from schemas.road_check import RoadAnswer, RoadHop

log = get_logger(__name__)

WAIT_S = 10.0
"""For worker and sink together; a quiet stack takes one or two."""
LOOK_EVERY_S = 0.2
"""When each hop had it is told by the store, not by when it was looked at."""
MAX_AT_ONCE = 4
"""Tests that are waited for, one an account: each of them asks the store five times a second."""
BUSY_S = 5.0
_SAID = {
    "passed": "the test event came through every hop, and is in no trial's numbers",
    "elsewhere": "the log has it; this process does not read the store, so ask for the delivery where that is read",
    "waiting": "not every hop had it in time; it is not lost, and may be seen a moment later",
}

Look = Callable[[str, str], Awaitable[Mapping[Any, int | None]]]


class WatchedRoad:
    """Lets a few test events through at a time and watches them."""

    def __init__(self, tester: PushTester, *, wait_s: float = WAIT_S) -> None:
        self._tester = tester
        self._wait_s = wait_s
        self._under_way: set[str] = set()

    async def answer(self, account: Account, look: Look | None) -> RoadAnswer | HttpAnswer:
        """Push a test event of *account* and watch it for at most *wait_s*; *look* is None where no store is read."""
        if account.id in self._under_way or len(self._under_way) >= MAX_AT_ONCE:
            return problem(429, "a test is under way already; ask again when it has ended", retry_after_s=BUSY_S)
        self._under_way.add(account.id)
        try:
            began_s = time.monotonic()
            pushed = await self._tester.push(account)
            if isinstance(pushed, HttpAnswer):
                return pushed
            return await self._watch(pushed, look, began_s)
        finally:
            self._under_way.discard(account.id)

    async def check(self, account_id: str, look: Look) -> RoadAnswer:
        """Do the same for who is signed in as the account. Raises `RoadCheckRefusedError`."""
        account = self._tester.directory().accounts.get(account_id)
        if account is None:
            raise RoadCheckRefusedError("this account is not in the registry any more", busy=False)
        found = await self.answer(account, look)
        if isinstance(found, HttpAnswer):
            raise RoadCheckRefusedError(str(json.loads(found.body)["detail"]), busy=found.status in {429, 503})
        return found

    async def _watch(self, pushed: PushedTest, look: Look | None, began_s: float) -> RoadAnswer:
        seen: Mapping[Any, int | None] = {}
        while look is not None and time.monotonic() - began_s < self._wait_s:
            seen = await look(pushed.account.id, pushed.delivery_id)
            if seen.get("visible") is not None:
                break
            await asyncio.sleep(LOOK_EVERY_S)
        hops = [
            RoadHop("gateway", 0),
            RoadHop("kafka", pushed.kafka_ms),
            RoadHop("worker", seen.get("counted")),
            RoadHop("clickhouse", seen.get("stored")),
        ]
        passed = all(hop.after_ms is not None for hop in hops)
        said = "passed" if passed else "waiting" if look is not None else "elsewhere"
        log.info("test event", account=pushed.account.id, delivery=pushed.delivery_id, passed=passed)
        return RoadAnswer(pushed.event_id, pushed.delivery_id, passed, _SAID[said], hops)
