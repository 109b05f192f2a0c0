"""The reading API as a whole: its routes with what they need, for the server to mount."""

from typing import Any

from litestar import Request, Router
from litestar.datastructures import State
from litestar.di import Provide

from reports.api.access_log import READER, WatchReads
from reports.api.auth import reader_of
from reports.api.live import Board
from reports.api.routes import (
    Asker,
    ReportMaker,
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
from reports.service import Reading

ROUTES = (
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
KEY, SESSION = "key", "session"
"""The document's names of the ways to say who reads."""


def read_routes(reading: Reading, report: ReportMaker) -> list[Router]:
    """Return the reading API over *reading*; *report* makes the trial report."""
    board = Board(reading)

    def provide_asker(request: Request[Any, Any, State]) -> Asker:
        reader = reader_of(request, reading)
        request.scope["state"][READER] = reader
        return Asker(reader, reading)

    dependencies = {
        "asker": Provide(provide_asker, sync_to_thread=False),
        "board": Provide(lambda: board, sync_to_thread=False),
        "report": Provide(lambda: report, sync_to_thread=False),
    }
    return [
        Router(
            path="/",
            route_handlers=ROUTES,
            dependencies=dependencies,
            middleware=[WatchReads()],
            security=[{KEY: []}, {SESSION: []}],
            tags=["reading"],
        ),
        Router(path="/", route_handlers=[get_definitions], middleware=[WatchReads()], tags=["reading"]),
    ]
