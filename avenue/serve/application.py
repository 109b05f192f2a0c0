"""The HTTP application of a process: all that its roles answer. Servers and tests have it from here."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from litestar import Litestar, Request, Response, Router
from litestar.exceptions import NotFoundException
from litestar.routes import HTTPRoute

from avenue.serve.openapi import openapi_route
from avenue.serve.replay_routes import ReplayRoutesDeps, replay_routes
from avenue.serve.road_test_routes import road_test_routes
from avenue.serve.watched_road import WatchedRoad
from producers.gateway.asgi import PushASGIApp
from producers.gateway.pipeline import PushPipeline
from producers.gateway.push_tester import PushTester
from producers.gateway.replayer import Replayer
from producers.gateway.routes import gateway_routes
from registry.audit_topic import AuditWriter
from registry.directory import Directory
from runtime.clock import SystemClock
from runtime.settings import Settings

if TYPE_CHECKING:
    from reports.service import ReadService


class GatewaySide(Protocol):
    """What a gateway answers with."""

    @property
    def pipeline(self) -> PushPipeline:
        """Takes pushes."""
        ...

    @property
    def tester(self) -> PushTester:
        """Pushes test events."""
        ...

    @property
    def replayer(self) -> Replayer:
        """Judges kept rejects once more."""
        ...

    @property
    def audit(self) -> AuditWriter:
        """Where is noted who asked for that."""
        ...


def http_application(
    settings: Settings,
    directory: Callable[[], Directory],
    *,
    gateway: GatewaySide | None = None,
    read_service: "ReadService | None" = None,
    road: WatchedRoad | None = None,
) -> Any:
    """Return the ASGI application of a process with the role gateway, the role reports (*read_service*), or both.

    *road*: what the read side sends test events by, where it does; those of the API are bounded together with them.
    """
    framework = litestar_application(settings, directory, gateway=gateway, read_service=read_service, road=road)
    if gateway is None:
        return framework
    return PushASGIApp(gateway.pipeline, framework, settings.gateway)


def litestar_application(
    settings: Settings,
    directory: Callable[[], Directory],
    *,
    gateway: GatewaySide | None = None,
    read_service: "ReadService | None" = None,
    road: WatchedRoad | None = None,
) -> Litestar:
    """Return the part of that application that has routes: everything but the short way of pushes."""
    from reports.api.problems import HANDLERS

    routes: list[Any] = []
    handlers: dict[Any, Any] = dict(HANDLERS)
    if gateway is not None:
        deps = ReplayRoutesDeps(gateway.replayer, directory, SystemClock(), gateway.audit)
        routes += [*gateway_routes(gateway.pipeline), *replay_routes(deps)]
        routes += road_test_routes(gateway.tester, road or WatchedRoad(gateway.tester), read_service)
    if read_service is not None:
        from reports.dashboard.routes import unknown_address

        routes += _read_side(read_service)
        handlers[NotFoundException] = unknown_address(read_service)
    return Litestar(
        route_handlers=[*routes, openapi_route(routes)],
        exception_handlers=handlers,
        before_request=_tell_methods,
        # The wire's bytes; what they unpack to is bounded where they are unpacked.
        request_max_body_size=settings.gateway.max_body_bytes,
        # The document is at /openapi.json. The framework's own pages of it load scripts from elsewhere.
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _tell_methods(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Answer OPTIONS, whose own handler forgets the methods of a path that has several handlers."""
    if request.method != "OPTIONS":
        return None
    template = request.scope["path_template"]
    route = next(
        route for route in request.app.routes if route.path_format == template and isinstance(route, HTTPRoute)
    )
    return Response(None, status_code=204, headers={"Allow": ", ".join(sorted(route.route_handler_map))})


def _read_side(read_service: "ReadService") -> list[Any]:
    """Return the reading API, the pages, and the operators' internal routes."""
    from avenue.serve.forget_routes import forget_routes
    from avenue.serve.freeze_routes import freeze_routes
    from avenue.serve.internal_routes import internal_routes
    from reports.api.access_log import AccessLogMiddleware
    from reports.api.app import read_routes
    from reports.dashboard.routes import page_routes
    from reports.trial_report.make import report_maker

    report = report_maker(read_service.settings)
    operators = [*internal_routes(read_service), *freeze_routes(read_service), *forget_routes(read_service)]
    return [
        *read_routes(read_service, report),
        *page_routes(read_service),
        Router(path="/", route_handlers=operators, middleware=[AccessLogMiddleware(read_service)]),
    ]
