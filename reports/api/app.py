"""The reading API as a whole: its routes with what they need, for the server to mount."""

from typing import Any

from litestar import Request, Router
from litestar.datastructures import State
from litestar.di import Provide

from reports.api.access_log import READER, AccessLogMiddleware
from reports.api.account_routes import ACCOUNT_ROUTES, AuthenticatedAccount, newest_calls
from reports.api.auth import account_reader_of, reader_of
from reports.api.channel_routes import get_channels, test_channel
from reports.api.comparison import get_comparison
from reports.api.frozen_routes import get_frozen_extract, get_frozen_report, get_frozen_reports
from reports.api.live import LiveCountsFeed
from reports.api.operator_road import get_operator_road
from reports.api.private_answers import PrivateAnswersMiddleware, UnlinkedAnswersMiddleware
from reports.api.routes import (
    AuthenticatedReader,
    ReportMaker,
    get_avenue,
    get_definitions,
    get_events,
    get_live,
    get_me,
    get_metrics,
    get_products,
    get_readout,
    get_rejects,
    get_report,
    get_trial,
    get_trials,
)
from reports.api.share_routes import SharedLive, delete_share, get_shared_live, get_shares, post_share
from reports.service import ReadService

ROUTES = (
    get_me,
    get_products,
    get_trials,
    get_trial,
    get_metrics,
    get_readout,
    get_comparison,
    get_rejects,
    get_events,
    get_report,
    get_frozen_reports,
    get_frozen_report,
    get_frozen_extract,
    get_live,
    get_avenue,
    get_shares,
    post_share,
    delete_share,
    get_channels,
    test_channel,
    get_operator_road,
)
KEY, SESSION = "key", "session"
"""The document's names of the ways to say who reads."""


def read_routes(service: ReadService, report: ReportMaker) -> list[Router]:
    """Return the reading API over *service*; *report* makes the trial report."""
    live_counts_feed = LiveCountsFeed(service)
    calls_feed = LiveCountsFeed(service, newest_calls, "calls")
    shared_live = SharedLive(service, live_counts_feed)

    def provide_reader(request: Request[Any, Any, State]) -> AuthenticatedReader:
        identity = reader_of(request, service)
        request.scope["state"][READER] = identity
        return AuthenticatedReader(identity, service)

    def provide_account(request: Request[Any, Any, State]) -> AuthenticatedAccount:
        identity = account_reader_of(request, service)
        request.scope["state"][READER] = identity
        return AuthenticatedAccount(identity, service)

    dependencies = {
        "reader": Provide(provide_reader, sync_to_thread=False),
        "live_counts_feed": Provide(lambda: live_counts_feed, sync_to_thread=False),
        "report": Provide(lambda: report, sync_to_thread=False),
    }
    return [
        Router(
            path="/",
            route_handlers=ROUTES,
            dependencies=dependencies,
            middleware=[AccessLogMiddleware(service), PrivateAnswersMiddleware()],
            security=[{KEY: []}, {SESSION: []}],
            tags=["reading"],
        ),
        Router(
            path="/",
            route_handlers=ACCOUNT_ROUTES,
            dependencies={
                "account": Provide(provide_account, sync_to_thread=False),
                "calls_feed": Provide(lambda: calls_feed, sync_to_thread=False),
                "replays": Provide(lambda: service.replays, sync_to_thread=False),
            },
            middleware=[AccessLogMiddleware(service), PrivateAnswersMiddleware()],
            security=[{KEY: []}, {SESSION: []}],
            tags=["account"],
        ),
        Router(
            path="/",
            route_handlers=[get_shared_live],
            dependencies={"shared_live": Provide(lambda: shared_live, sync_to_thread=False)},
            middleware=[AccessLogMiddleware(service), PrivateAnswersMiddleware(), UnlinkedAnswersMiddleware()],
        ),
        Router(path="/", route_handlers=[get_definitions], middleware=[AccessLogMiddleware(service)], tags=["reading"]),
    ]
