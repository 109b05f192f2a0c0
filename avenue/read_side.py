"""The HTTP application put together: the roles' routes, operators' internal ones, errors, limits, OpenAPI."""

from typing import Any

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from reports.reading import Reading
from runtime.settings import Settings

VERSION = "1"


def application(routes: list[Any], settings: Settings, *, reading: Reading | None) -> Litestar:
    """Return the application that serves *routes*; *reading* is given where the reading roles are among them."""
    handlers: dict[Any, Any] = {}
    if reading is not None:
        from reports.api.app import exception_handlers

        handlers = dict(exception_handlers(reading))
    return Litestar(
        route_handlers=routes,
        exception_handlers=handlers,
        # The wire's bytes; what they unpack to is bounded where they are unpacked.
        request_max_body_size=settings.gateway.max_body_bytes,
        openapi_config=OpenAPIConfig(
            title="Avenue", version=VERSION, path="/", render_plugins=[JsonRenderPlugin(path="/openapi.json")]
        ),
        logging_config=None,
        debug=False,
    )


def read_side_routes(reading: Reading) -> list[Any]:
    """Return the reading API, the pages, and the operators' internal routes."""
    from reports.api.app import read_routes

    from avenue.internal_routes import internal_routes
    from reports.dashboard.routes import page_routes

    return [*read_routes(reading), *page_routes(reading), *internal_routes(reading)]
