"""Where the gateway takes kept rejects to judge them once more: operators only, and no part of the public contract."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.params import FromQuery

from producers.gateway.replayer import Replayer
from producers.gateway.responses import HttpAnswer, problem
from registry.audit_topic import AuditWriter, all_written
from registry.directory import Directory
from runtime.clock import Clock
from runtime.errors import RetryableError, UnavailableError
from schemas.audit import DRY_RUN, AuditLine
from schemas.lines import RejectLine
from schemas.registry import AccessKey

AnyRequest = Request[Any, Any, Any]

PATH = "/internal/rejects/replay"
# A second's work of the gateway at most, so that pushes do not wait for a replay.
MAX_LINES = 500
_decode = msgspec.json.Decoder(list[RejectLine]).decode


@dataclass(frozen=True, slots=True)
class ReplayRoutesDeps:
    """What replays are asked of, and where is noted who asked."""

    replayer: Replayer
    directory: Callable[[], Directory]
    clock: Clock
    audit: AuditWriter


def replay_routes(deps: ReplayRoutesDeps) -> list[Any]:
    """Return the handler of replays; it asks for a key of scope operator."""

    @post(PATH, include_in_schema=False, status_code=200)
    async def replay(request: AnyRequest, dry_run: FromQuery[bool] = False) -> Response[bytes]:  # noqa: FBT002 - a query's
        """Judge the kept rejects of the body, a JSON array of their lines, once more."""
        key = _operator(request, deps.directory(), deps.clock)
        if isinstance(key, HttpAnswer):
            return _respond(key)
        lines = _lines(await request.body())
        if isinstance(lines, HttpAnswer):
            return _respond(lines)
        try:
            found = await deps.replayer.replay(lines, asked_by=key.id, dry_run=dry_run)
            content = msgspec.json.encode(found)
            await all_written([deps.audit.note(_line(key, deps.clock, len(content), dry_run=dry_run))])
        except (RetryableError, UnavailableError) as error:
            return _respond(problem(503, str(error), retry_after_s=getattr(error, "retry_after_s", 5)))
        return Response(content, media_type="application/json")

    return [replay]


def _line(key: AccessKey, clock: Clock, size: int, *, dry_run: bool) -> AuditLine:
    return AuditLine(
        at_ms=clock.now_ms(),
        key=key.id,
        scope=key.scope,
        method="POST",
        route=PATH,
        subject=DRY_RUN if dry_run else "",
        status=200,
        sent_bytes=size,
    )


def _operator(request: AnyRequest, directory: Directory, clock: Clock) -> AccessKey | HttpAnswer:
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    key = directory.key_of(presented.strip(), now_ms=clock.now_ms()) if scheme.lower() == "bearer" else None
    if key is None:
        return problem(401, "the key is unknown, expired or revoked; send `Authorization: Bearer <key>`")
    return key if key.scope == "operator" else problem(403, "a key of scope operator is needed")


def _lines(body: bytes) -> list[RejectLine] | HttpAnswer:
    try:
        lines = _decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        return problem(400, f"the body is a JSON array of kept rejects: {error}")
    if len(lines) > MAX_LINES:
        return problem(413, f"at most {MAX_LINES} rejects are replayed in one request")
    # The same one twice would be told once.
    return list({line.reject_id: line for line in lines}.values())


def _respond(answer: HttpAnswer) -> Response[bytes]:
    return Response(
        answer.body, status_code=answer.status, media_type=answer.content_type, headers=answer.headers or None
    )
