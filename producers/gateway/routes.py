"""The gateway's paths on the HTTP framework: bytes in, bytes out. Well-formed pushes take `PushASGIApp` instead."""

from typing import Annotated, Any

from litestar import Request, Response, post, route
from litestar.params import PathParameter

from producers.gateway.asgi import BATCH_PATH
from producers.gateway.documented import KEY, NATIVE_GET, NATIVE_POST, SIGNATURE, NativeOperation, PushOperation
from producers.gateway.http_request import HttpRequest, request_of
from producers.gateway.pipeline import PushPipeline
from producers.gateway.responses import HttpAnswer
from runtime.problems import problem_responses

NATIVE_PATH = "/in/{account:str}/{flow:str}"
AccountId = Annotated[str, PathParameter(description="the account's id in the registry")]
FlowName = Annotated[
    str, PathParameter(description="one of the platform's flows; without a secret for it, it is a 404")
]


def gateway_routes(pipeline: PushPipeline) -> list[Any]:
    """Return the handlers of batch and native push."""

    @post(
        BATCH_PATH,
        status_code=200,
        summary="Push pilot-usage events",
        operation_id="pushEvents",
        operation_class=PushOperation,
        responses=problem_responses(400, 401, 403, 409, 413, 415, 429, 500, 503),
        security=[{KEY: []}, {SIGNATURE: []}],
        tags=["push"],
    )
    async def push_events(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Take a batch in: one verdict for each event, always; accepted means stored on all in-sync replicas."""
        return _respond(await pipeline.push_batch(await _request(request)))

    @route(
        NATIVE_PATH,
        http_method=["GET", "POST"],
        status_code=200,
        summary="Push in a platform's own format",
        operation_id=_native_id,
        operation_class=NativeOperation,
        responses=problem_responses(401, 404, 413),
        tags=["push"],
    )
    async def push_native(request: Request[Any, Any, Any], account: AccountId, flow: FlowName) -> Response[bytes]:
        """Take a platform's push in; who sent it follows from the signature. GET is for handshakes, and for pushes
        whose every field stands in their address.
        """
        return _respond(await pipeline.push_native(account, flow, await _request(request)))

    return [push_events, push_native]


def _native_id(_: Any, method: Any, __: Any) -> str:
    return NATIVE_POST if method == "POST" else NATIVE_GET


async def _request(request: Request[Any, Any, Any]) -> HttpRequest:
    return request_of(request.scope, await request.body())


def _respond(answer: HttpAnswer) -> Response[bytes]:
    return Response(
        answer.body, status_code=answer.status, media_type=answer.content_type, headers=answer.headers or None
    )
