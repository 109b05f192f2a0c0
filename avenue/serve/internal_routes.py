"""What the command line asks of the running server: operators only, and no part of the public contract."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request, Response, get, post
from litestar.exceptions import ClientException, NotFoundException, PermissionDeniedException
from litestar.params import FromPath, FromQuery, QueryParameter

from avenue.serve.operations import (
    MAX_REJECTS,
    OpenRejects,
    QueryRefusedError,
    accounts_with_rejects,
    find_reject,
    list_rejects,
    open_rejects,
    run_sql,
)
from reports.api.access_log import READER, READS_ONLY
from reports.api.auth import reader_of
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from sinks.reconciliation.reconcile import reconcile

Answer = TypeVar("Answer")
Body = TypeVar("Body")
AnyRequest = Request[Any, Any, Any]
MAX_WAIT_S = 120.0
Limit = Annotated[int, QueryParameter(ge=0, le=MAX_REJECTS)]


def internal_routes(read_service: ReadService) -> list[Any]:
    """Return the handlers under `/internal`; each asks for a key of scope operator."""
    routes = _InternalRoutes(read_service)
    return [*routes.sql_routes(), *routes.reject_routes(), *routes.reconcile_routes()]


def let_operator_in(request: AnyRequest, read_service: ReadService) -> None:
    """Refuse whoever is no operator; note who it is for the audit. Raises `PermissionDeniedException`."""
    reader = reader_of(request, read_service)
    request.scope["state"][READER] = reader
    if reader.scope != "operator":
        raise PermissionDeniedException("a key of scope operator is needed")


async def body_of(request: AnyRequest, form: type[Body], what: str) -> Body:
    """Return the request's JSON body as *form*, which is *what*. Raises `ClientException`."""
    try:
        return msgspec.json.decode(await request.body(), type=form)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ClientException(f"the body is no {what}: {error}") from error


class _InternalRoutes:
    """Where operators ask."""

    def __init__(self, read_service: ReadService) -> None:
        self._read_service = read_service

    def _let_in(self, request: AnyRequest) -> None:
        """Refuse whoever is no operator, before anything that they sent is looked at."""
        let_operator_in(request, self._read_service)

    async def _ask(self, request: AnyRequest, question: Callable[[ClickHouse], Answer]) -> Answer:
        self._let_in(request)
        try:
            return await self._read_service.run_query(lambda _context: question(self._read_service.clickhouse))
        except QueryRefusedError as error:
            raise ClientException(str(error)) from error

    def sql_routes(self) -> list[Any]:
        @post("/internal/sql", include_in_schema=False, status_code=200, opt={READS_ONLY: True})
        async def sql(request: AnyRequest) -> Response[bytes]:
            """Run read-only SQL."""
            self._let_in(request)
            text = (await request.body()).decode("utf-8", "replace")
            rows = await self._ask(request, lambda clickhouse: b"".join(run_sql(clickhouse, text)))
            return Response(rows, media_type="application/x-ndjson")

        return [sql]

    def reject_routes(self) -> list[Any]:
        @get("/internal/rejects", include_in_schema=False)
        async def rejects(
            request: AnyRequest, account: FromQuery[str] = "", reason: FromQuery[str] = "", limit: Limit = 100
        ) -> Response[bytes]:
            """List kept rejects."""
            return _json(
                await self._ask(request, lambda c: list_rejects(c, account=account, reason=reason, limit=limit))
            )

        @get("/internal/rejects/{reject_id:str}", include_in_schema=False)
        async def reject(request: AnyRequest, reject_id: FromPath[str]) -> Response[bytes]:
            """Show one."""
            row = await self._ask(request, lambda clickhouse: find_reject(clickhouse, reject_id))
            if row is None:
                raise NotFoundException(f"no kept reject {reject_id}")
            return _json(row)

        @post("/internal/open-rejects", include_in_schema=False, status_code=200, opt={READS_ONLY: True})
        async def still_open(request: AnyRequest) -> Response[bytes]:
            """List the lines of rejects that no replay has made an event of."""
            self._let_in(request)
            asked = await body_of(request, OpenRejects, "question for kept rejects")
            return _json(await self._ask(request, lambda clickhouse: open_rejects(clickhouse, asked)))

        @get("/internal/reject-accounts", include_in_schema=False)
        async def accounts(request: AnyRequest) -> Response[bytes]:
            """List the accounts that may be asked for: registered, or with kept rejects."""
            registered = set(self._read_service.directory().accounts)
            return _json(sorted(registered | await self._ask(request, accounts_with_rejects)))

        return [rejects, reject, still_open, accounts]

    def reconcile_routes(self) -> list[Any]:
        @get("/internal/reconcile", include_in_schema=False)
        async def reconciliation(
            request: AnyRequest, trial: FromQuery[str] = "", wait_s: FromQuery[float] = 60.0
        ) -> Response[bytes]:
            """Close the sums and compare every cell with its recomputation."""
            return _json(
                await self._ask(request, lambda c: reconcile(c, trial or None, min(MAX_WAIT_S, max(0.0, wait_s))))
            )

        return [reconciliation]


def _json(found: object) -> Response[bytes]:
    return Response(msgspec.json.encode(found), media_type="application/json")
