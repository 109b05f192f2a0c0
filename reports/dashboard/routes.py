"""The dashboard's routes: `page_routes(service)` is all that a server needs to add."""

from collections.abc import Callable
from typing import Any

from litestar import Router
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from reports.api.access_log import AccessLogMiddleware
from reports.api.auth import ForeignOriginError
from reports.api.private_answers import UnlinkedAnswersMiddleware
from reports.api.problems import not_found
from reports.dashboard.account_pages import account_pages
from reports.dashboard.assets import asset_route, load_assets
from reports.dashboard.channels_page import channel_pages
from reports.dashboard.compare_page import compare_route
from reports.dashboard.docs_pages import docs_routes
from reports.dashboard.forms import leads_back
from reports.dashboard.guide_pages import guide_routes
from reports.dashboard.operator_page import operator_page
from reports.dashboard.rejects_page import rejects_route
from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.road_check_page import road_check_route
from reports.dashboard.share_pages import share_routes, shared_routes
from reports.dashboard.signin import SignInNeededError, ask_to_sign_in, maybe_signed_in, sign_in_routes
from reports.dashboard.trial_routes import trial_routes
from reports.service import ReadService, TooBusyError
from runtime.clickhouse import ClickHouseError
from runtime.errors import UnavailableError, first_line
from runtime.logging import get_logger

log = get_logger(__name__)

PROGRAMS = ("/v1/", "/in/")


def page_routes(service: ReadService) -> list[HTTPRouteHandler | Router]:
    """Return the pages over *service* and their static files.

    Raises `ConfigurationError` where the script is not built or a catalogue not compiled.
    """
    pages = PageRenderer(service, load_assets())
    handlers = [
        *sign_in_routes(pages),
        *docs_routes(pages),
        *guide_routes(pages),
        *trial_routes(pages),
        *share_routes(pages),
        *channel_pages(pages),
        *account_pages(pages),
        road_check_route(pages),
        leads_back("/account/test", "/account"),
        leads_back("/account/rejects/replay", "/account/rejects"),
        leads_back("/channels/{channel_id:str}/test", "/channels"),
        rejects_route(pages),
        compare_route(pages),
        operator_page(pages),
    ]
    audited = Router(path="/", route_handlers=handlers, middleware=[AccessLogMiddleware(service)])
    unlinked = Router(
        path="/",
        route_handlers=shared_routes(pages),
        middleware=[AccessLogMiddleware(service), UnlinkedAnswersMiddleware()],
    )
    router = Router(
        path="/",
        route_handlers=[audited, unlinked],
        exception_handlers={
            SignInNeededError: lambda request, _: ask_to_sign_in(request, pages),
            ForeignOriginError: lambda request, _: _error(request, pages, 403),
            NotFoundException: lambda request, _: _error(request, pages, 404),
            HTTPException: lambda request, error: _error(request, pages, error.status_code),
            TooBusyError: lambda request, _: _error(request, pages, 503),
            UnavailableError: lambda request, error: _failed(request, pages, error, 503),
            ClickHouseError: lambda request, error: _failed(request, pages, error, 503),
            Exception: lambda request, error: _failed(request, pages, error, 500),
        },
    )
    return [asset_route(pages.assets), router]


def unknown_address(service: ReadService) -> Callable[[PageRequest, Exception], Response[Any]]:
    """Return the application's handler of 404: a page for browsers, a problem for programs.

    It is the same page as for somebody else's trial. Programs are who asks for JSON, or below `/v1` and `/in`.
    """
    pages = PageRenderer(service, load_assets())

    def answer(request: PageRequest, error: Exception) -> Response[Any]:
        browser = "text/html" in request.headers.get("accept", "")
        if browser and not request.url.path.startswith(PROGRAMS):
            return _error(request, pages, 404)
        return not_found(request, error)

    return answer


def _failed(request: PageRequest, pages: PageRenderer, error: Exception, status: int) -> Response[Any]:
    # The first line names the fault; what follows may hold the query.
    detail = first_line(error)
    # The template and not the path, which may hold a share link's token.
    log.error("a page failed", route=request.scope.get("path_template", "-"), error=type(error).__name__, detail=detail)
    return _error(request, pages, status)


def _error(request: PageRequest, pages: PageRenderer, status: int) -> Response[Any]:
    words = pages.translator(request)
    texts = {
        403: (
            words.say("Asked for by another site"),
            words.say("This form came from another site. Open the page here and try again."),
        ),
        404: (
            words.say("Nothing is here"),
            words.say("This address leads nowhere, or to something that your key does not open."),
        ),
        410: (
            words.say("No longer kept"),
            words.say(
                "This trial's events and numbers were destroyed when their time was over; a frozen report stays."
            ),
        ),
        503: (words.say("Busy just now"), words.say("More readers ask than can be answered. Reload in a few seconds.")),
    }
    title, message = texts.get(
        status, (words.say("This did not work"), words.say("Reload the page, or go back and try again."))
    )
    values = {"code": status, "title": title, "message": message}
    page = RenderedPage("error.html", values, reader=maybe_signed_in(request, pages.service), status=status)
    return pages.answer(request, page)
