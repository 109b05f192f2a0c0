"""`POST /v1/test`: a partner's test event, the whole road, with each hop and its time."""

from typing import TYPE_CHECKING, Any

from litestar import Request, Response, post

from avenue.serve.watched_road import WatchedRoad
from producers.gateway.documented import KEY, SIGNATURE
from producers.gateway.http_request import request_of
from producers.gateway.push_tester import PushTester
from producers.gateway.responses import HttpAnswer
from runtime.problems import problem_responses
from schemas.road_check import RoadAnswer

if TYPE_CHECKING:
    from reports.service import ReadService

PATH = "/v1/test"


def road_test_routes(tester: PushTester, road: WatchedRoad, read_service: "ReadService | None") -> list[Any]:
    """Return the handler of test events."""
    look = _look(read_service)

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
        answer = account if isinstance(account, HttpAnswer) else await road.answer(account, look)
        if isinstance(answer, HttpAnswer):
            refused: Any = Response(
                answer.body, status_code=answer.status, media_type=answer.content_type, headers=answer.headers or None
            )
            return refused  # type: ignore[no-any-return] # a problem, as the document says of these statuses
        return Response(answer)

    return [push_test]


def _look(read_service: "ReadService | None") -> Any:
    if read_service is None:
        return None
    from reports.api.road_checks import road_look

    return road_look(read_service)
