"""`POST /v1/test`: a partner's test event, the whole road, with each hop and its time."""

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from litestar import Request, Response, post

from producers.gateway.documented import KEY, SIGNATURE
from producers.gateway.http_request import request_of
from producers.gateway.push_tester import PushedTest, PushTester
from producers.gateway.responses import HttpAnswer, problem
from runtime.logging import get_logger
from runtime.problems import problem_responses
from schemas.registry import Account

if TYPE_CHECKING:
    from reports.service import ReadService

log = get_logger(__name__)

PATH = "/v1/test"
WAIT_S = 10.0
"""For worker and sink together; a quiet stack takes one or two."""
LOOK_EVERY_S = 0.1
MAX_AT_ONCE = 4
"""Tests that are waited for, one an account: each of them asks the store ten times a second."""
BUSY_S = 5.0
_SAID = {
    "passed": "the test event came through every hop, and is in no trial's numbers",
    "elsewhere": "the log has it; this process does not read the store, so ask for the delivery where that is read",
    "waiting": "not every hop had it in time; it is not lost, and may be seen a moment later",
}


@dataclass(frozen=True)
class RoadHop:
    """One hop of the road; `after_ms` since the request came in, null where it was not seen in time."""

    hop: str
    after_ms: int | None


@dataclass(frozen=True)
class RoadAnswer:
    """What became of a test event, hop by hop."""

    event_id: str
    delivery_id: str
    passed: bool
    message: str
    hops: list[RoadHop]


class WatchedRoad:
    """Lets a few test events through at a time and watches them."""

    def __init__(self, tester: PushTester, read_service: "ReadService | None", *, wait_s: float = WAIT_S) -> None:
        self._tester = tester
        self._read_service = read_service
        self._wait_s = wait_s
        self._under_way: set[str] = set()

    async def answer(self, account: Account) -> RoadAnswer | HttpAnswer:
        """Push a test event of *account* and watch it for at most *wait_s*."""
        if account.id in self._under_way or len(self._under_way) >= MAX_AT_ONCE:
            return problem(429, "a test is under way already; ask again when it has ended", retry_after_s=BUSY_S)
        self._under_way.add(account.id)
        try:
            began_s = time.monotonic()
            pushed = await self._tester.push(account)
            if isinstance(pushed, HttpAnswer):
                return pushed
            return await self._watch(pushed, began_s)
        finally:
            self._under_way.discard(account.id)

    async def _watch(self, pushed: PushedTest, began_s: float) -> RoadAnswer:
        hops = {"gateway": 0, "kafka": pushed.kafka_ms, "worker": None, "clickhouse": None}
        service = self._read_service
        while service is not None and None in hops.values() and time.monotonic() - began_s < self._wait_s:
            seen = await service.run_query(partial(_hops_of, pushed))
            after_ms = round((time.monotonic() - began_s) * 1000)
            for hop, there in (("worker", seen.counted), ("clickhouse", seen.stored)):
                if there and hops[hop] is None:
                    hops[hop] = after_ms
            await asyncio.sleep(LOOK_EVERY_S)
        passed = None not in hops.values()
        said = "passed" if passed else "waiting" if service is not None else "elsewhere"
        log.info("test event", account=pushed.account.id, delivery=pushed.delivery_id, passed=passed)
        told = [RoadHop(hop, after_ms) for hop, after_ms in hops.items()]
        return RoadAnswer(pushed.event_id, pushed.delivery_id, passed, _SAID[said], told)


def _hops_of(pushed: PushedTest, context: Any) -> Any:
    from reports.queries.event_hops import SandboxEvent, event_hops

    stored = pushed.stored
    return event_hops(context, SandboxEvent(pushed.account.id, stored.product_id, stored.trial_id, pushed.event_id))


def road_test_routes(tester: PushTester, read_service: "ReadService | None") -> list[Any]:
    """Return the handler of test events."""
    road = WatchedRoad(tester, read_service)

    @post(
        PATH,
        status_code=200,
        summary="Send a test event down the whole road",
        operation_id="pushTest",
        responses=problem_responses(401, 403, 409, 429, 503),
        security=[{KEY: []}, {SIGNATURE: []}],
        tags=["push"],
    )
    async def push_test(request: Request[Any, Any, Any]) -> Response[RoadAnswer]:
        """Make an event for the key's account, take it through gateway, log, worker and store, and say when each had
        it. It is marked, and in no trial's numbers. The body is not looked at.
        """
        account = tester.sender_of(request_of(request.scope, await request.body()))
        answer = account if isinstance(account, HttpAnswer) else await road.answer(account)
        if isinstance(answer, HttpAnswer):
            refused: Any = Response(
                answer.body, status_code=answer.status, media_type=answer.content_type, headers=answer.headers or None
            )
            return refused  # type: ignore[no-any-return] # a problem, as the document says of these statuses
        return Response(answer)

    return [push_test]
