"""The reading API as a whole: its routes with what they need, for the server to mount."""

from typing import Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from reports.api.auth import reader_of
from reports.api.live import Board
from reports.api.problems import HANDLERS, Problem, answer
from reports.api.routes import (
    Asker,
    ReportFile,
    ReportMaker,
    ReportRequest,
    get_avenue,
    get_definitions,
    get_events,
    get_live,
    get_me,
    get_metrics,
    get_products,
    get_readout,
    get_report,
    get_trial,
    get_trials,
)
from reports.api.watching import READER, WatchReads
from reports.queries.model import QueryContext
from reports.reading import Reading

ROUTES = (
    get_definitions,
    get_me,
    get_products,
    get_trials,
    get_trial,
    get_metrics,
    get_readout,
    get_events,
    get_report,
    get_live,
    get_avenue,
)


class NoReportError(Exception):
    """No report maker was wired into this server."""


def read_routes(reading: Reading, *, report: ReportMaker | None = None) -> list[Router]:
    """Return the reading API over *reading*; without *report* its path answers 501."""
    board = Board(reading)

    def provide_asker(request: Request[Any, Any, State]) -> Asker:
        reader = reader_of(request, reading)
        request.scope["state"][READER] = reader
        return Asker(reader, reading)

    dependencies = {
        "asker": Provide(provide_asker, sync_to_thread=False),
        "board": Provide(lambda: board, sync_to_thread=False),
        "report": Provide(lambda: report or _no_report, sync_to_thread=False),
    }
    return [
        Router(
            path="/",
            route_handlers=[*ROUTES, get_openapi],
            dependencies=dependencies,
            middleware=[WatchReads()],
            exception_handlers={**HANDLERS, NoReportError: _not_implemented},
            security=[{"key": []}],
            tags=["reading"],
        )
    ]


def openapi_config() -> OpenAPIConfig:
    """Return what the server's OpenAPI document says of itself; it stands at `/openapi.json`."""
    return OpenAPIConfig(
        title="Avenue",
        version="1",
        description="Pilot usage of products on the Brain-Inspired Avenue: events in, numbers out.",
        path="/openapi",
        components=Components(
            security_schemes={"key": SecurityScheme(type="http", scheme="bearer", description="an access key")}
        ),
    )


@get("/openapi.json", include_in_schema=False)
async def get_openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI document of everything this server serves."""
    schema = request.app.openapi_schema.to_schema()
    return Response(msgspec.json.encode(schema), media_type="application/vnd.oai.openapi+json")


def _no_report(_: QueryContext, __: ReportRequest) -> ReportFile:
    raise NoReportError


def _not_implemented(_: Request[Any, Any, Any], __: Exception) -> Response[Problem]:
    return answer(Problem(title="Not Implemented", status=501, detail="this server makes no reports"))
