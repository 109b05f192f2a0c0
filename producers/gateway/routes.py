"""The gateway's paths on the HTTP framework: bytes in, bytes out. Pushes as they should be take `PushFirst` instead."""

from typing import Any

from litestar import Request, Response, post, route
from litestar.params import FromPath

from producers.gateway import door
from producers.gateway.answers import HttpAnswer
from producers.gateway.push_first import BATCH_PATH, request_of


def gateway_routes(gate: door.Door) -> list[Any]:
    """Return the handlers of batch and native push."""

    @post(
        BATCH_PATH,
        status_code=200,
        summary="Push pilot-usage events",
        description='A JSON array, {"events": […]}, one object, or NDJSON; gzip or zstd. One verdict per event.',
        tags=["push"],
        operation_id="pushEvents",
    )
    async def push_events(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Take a batch in."""
        return _respond(await gate.push_batch(await _request(request)))

    @route(
        "/in/{account:str}/{flow:str}",
        http_method=["GET", "POST"],
        status_code=200,
        summary="Push in a platform's own format",
        tags=["push"],
        operation_id="pushNative",
    )
    async def push_native(
        request: Request[Any, Any, Any], account: FromPath[str], flow: FromPath[str]
    ) -> Response[bytes]:
        """Take a platform's push in."""
        return _respond(await gate.push_native(account, flow, await _request(request)))

    return [push_events, push_native]


async def _request(request: Request[Any, Any, Any]) -> door.Request:
    return request_of(request.scope, await request.body())


def _respond(answer: HttpAnswer) -> Response[bytes]:
    return Response(
        answer.body, status_code=answer.status, media_type=answer.content_type, headers=answer.headers or None
    )
