"""What the command line asks of the running server: operators only, and no part of the public contract."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException, PermissionDeniedException

from avenue.operations import QueryRefusedError, find_reject, list_rejects, run_sql
from reports.api.auth import reader_of
from reports.reading import Reading
from runtime.clickhouse import ClickHouse

NDJSON = "application/x-ndjson"
MAX_WAIT_S = 120.0


def internal_routes(reading: Reading) -> list[Any]:
    """Return the handlers under `/internal`; each asks for a key of scope operator."""

    def allow(request: Request[Any, Any, Any]) -> None:
        if reader_of(request, reading).scope != "operator":
            raise PermissionDeniedException("a key of scope operator is needed")

    def ask(question: Any) -> Any:
        return reading.ask(lambda _context: question(reading.clickhouse))

    @post("/internal/sql", include_in_schema=False, status_code=200)
    async def sql(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Run read-only SQL."""
        allow(request)
        text = (await request.body()).decode("utf-8", "replace")
        try:
            rows = await ask(lambda clickhouse: b"".join(run_sql(clickhouse, text)))
        except QueryRefusedError as error:
            return Response(str(error).encode(), status_code=400, media_type="text/plain")
        return Response(rows, media_type=NDJSON)

    @get("/internal/rejects", include_in_schema=False)
    async def rejects(
        request: Request[Any, Any, Any], account: str = "", reason: str = "", limit: int = 100
    ) -> Response[bytes]:
        """List kept rejects."""
        allow(request)
        rows = await ask(lambda clickhouse: list_rejects(clickhouse, account=account, reason=reason, limit=limit))
        return Response(msgspec.json.encode(rows), media_type="application/json")

    @get("/internal/rejects/{reject_id:str}", include_in_schema=False)
    async def reject(request: Request[Any, Any, Any], reject_id: str) -> Response[bytes]:
        """Show one."""
        allow(request)
        row = await ask(lambda clickhouse: find_reject(clickhouse, reject_id))
        if row is None:
            raise NotFoundException(f"no kept reject {reject_id}")
        return Response(msgspec.json.encode(row), media_type="application/json")

    @get("/internal/reconcile", include_in_schema=False)
    async def reconcile(request: Request[Any, Any, Any], trial: str = "", wait_s: float = 60.0) -> Response[bytes]:
        """Close the sums and compare every cell with its recomputation."""
        allow(request)
        rows = await ask(lambda clickhouse: _reconcile(clickhouse, trial, min(wait_s, MAX_WAIT_S)))
        return Response(rows, media_type="application/json")

    return [sql, rejects, reject, reconcile]


def _reconcile(clickhouse: ClickHouse, trial: str, wait_s: float) -> bytes:
    from sinks.sums import reconcile

    return msgspec.json.encode(reconcile(clickhouse, trial or None, wait_s))
