"""The HTTP application put together: the roles' routes, operators' internal ones, errors, limits, OpenAPI."""

from typing import TYPE_CHECKING, Any

from litestar import Litestar
from litestar.exceptions import NotFoundException

from runtime.settings import Settings

if TYPE_CHECKING:
    from reports.reading import Reading


def application(routes: list[Any], settings: Settings, *, reading: "Reading | None") -> Litestar:
    """Return the application that serves *routes*; *reading* is given where the reading roles are among them."""
    from reports.api.app import openapi_config
    from reports.api.problems import HANDLERS

    handlers: dict[Any, Any] = dict(HANDLERS)
    if reading is not None:
        from reports.dashboard.routes import unknown_address

        handlers[NotFoundException] = unknown_address(reading)
    return Litestar(
        route_handlers=routes,
        exception_handlers=handlers,
        # The wire's bytes; what they unpack to is bounded where they are unpacked.
        request_max_body_size=settings.gateway.max_body_bytes,
        openapi_config=openapi_config(),
        logging_config=None,
        debug=False,
    )


def read_side_routes(reading: "Reading") -> list[Any]:
    """Return the reading API, the pages, and the operators' internal routes."""
    from avenue.internal_routes import internal_routes
    from reports.api.app import read_routes
    from reports.dashboard.routes import page_routes
    from reports.trial_report.make import report_maker

    report = report_maker(reading.settings)
    return [*read_routes(reading, report=report), *page_routes(reading), *internal_routes(reading)]
