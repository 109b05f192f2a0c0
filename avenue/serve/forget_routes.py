"""Where `avenue forget` asks the running server: operators only, and no part of the public contract."""

from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.exceptions import ClientException

from avenue.serve.internal_routes import let_operator_in
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
        try:
            asked = msgspec.json.decode(await request.body(), type=ForgetRequest)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ClientException(f"the body is no request to forget: {error}") from error
        request.scope["state"][SUBJECT] = asked.account_id
        now_ms = read_service.clock.now_ms()
        return Response(
            await read_service.run_query(lambda _: note_forget(read_service.clickhouse.writer(), asked, now_ms))
        )

    return [forget]
