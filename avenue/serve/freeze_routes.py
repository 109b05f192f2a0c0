"""Where `avenue report --freeze` asks the running server: operators only, and no part of the public contract."""

from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.exceptions import ClientException, NotFoundException

from avenue.serve.internal_routes import body_of, let_operator_in
from reports.api.access_log import SUBJECT, TRIALS
from reports.api.streaming import whole_export
from reports.frozen.keep import FreezeRequest, freeze_and_keep
from reports.frozen.store import SignedReport
from reports.queries.context import QueryContext
from reports.queries.model import NotCompleteError
from reports.service import ReadService, TooBusyError
from runtime.clickhouse import ClickHouseError
from runtime.errors import PipelineError


class FreezeQuestion(msgspec.Struct, frozen=True):
    """What the command sends."""

    trial: str
    as_of_ms: int | None = None


class FreezeAnswer(msgspec.Struct, frozen=True):
    """What it gets: the rest it reads as anybody does."""

    report_id: str
    extract_sha256: str


def freeze_routes(read_service: ReadService) -> list[Any]:
    """Return the handler; it asks for a key of scope operator."""

    @post("/internal/freeze", include_in_schema=False, status_code=200)
    async def freeze(request: Request[Any, Any, Any]) -> Response[FreezeAnswer]:
        """Freeze a trial's report and keep it."""
        let_operator_in(request, read_service)
        asked = await body_of(request, FreezeQuestion, "question for a frozen report")
        if asked.trial not in read_service.directory().trials:
            raise NotFoundException(f"no trial {asked.trial!r}")
        request.scope["state"][TRIALS] = (asked.trial,)
        try:
            report = await whole_export(read_service, lambda context: _kept(read_service, context, asked))
        except (ClickHouseError, NotCompleteError, TooBusyError):
            raise
        except PipelineError as error:
            raise ClientException(str(error), status_code=409) from error
        request.scope["state"][SUBJECT] = report.report_id
        return Response(FreezeAnswer(report.report_id, report.extract_sha256))

    return [freeze]


def _kept(read_service: ReadService, context: QueryContext, asked: FreezeQuestion) -> SignedReport:
    writer = read_service.clickhouse.writer()
    return freeze_and_keep(context, writer, read_service.settings, FreezeRequest(asked.trial, asked.as_of_ms))
