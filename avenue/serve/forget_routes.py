"""Where `avenue forget` asks the running server: operators only, and no part of the public contract."""

from typing import Any

from litestar import Request, Response, post

from avenue.serve.internal_routes import body_of, let_operator_in
from reports.api.access_log import SUBJECT
from reports.service import ReadService
from sinks.retention.forget import ForgetRequest, ForgetState, note_forget

PATH = "/internal/forget"


def forget_routes(read_service: ReadService) -> list[Any]:
    """Return the handler; it asks for a key of scope operator."""

    @post(PATH, include_in_schema=False, status_code=200)
    async def forget(request: Request[Any, Any, Any]) -> Response[ForgetState]:
        """Note that a subject, given by its hashes, is to be forgotten, and say how far that is."""
        let_operator_in(request, read_service)
        asked = await body_of(request, ForgetRequest, "request to forget")
        request.scope["state"][SUBJECT] = asked.account_id
        now_ms = read_service.clock.now_ms()
        return Response(
            await read_service.run_query(lambda _: note_forget(read_service.clickhouse.writer(), asked, now_ms))
        )

    return [forget]
