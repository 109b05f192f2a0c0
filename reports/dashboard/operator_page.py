"""The operator's page: the road from left to right, what is wrong with it and what to do, on one screen."""

from typing import Any

from litestar import get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from reports.api.operator_road import OPERATOR, PATH
from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import signed_in
from reports.presentation.operator_road import road_values


def operator_page(pages: PageRenderer) -> HTTPRouteHandler:
    """Return the page's route: to anybody but an operator it is an address that leads nowhere."""
    service = pages.service

    @get("/ops", include_in_schema=False)
    async def road(request: PageRequest) -> Response[Any]:
        reader = signed_in(request, service)
        if reader.scope != OPERATOR:
            raise NotFoundException
        found = await service.operator_look.road(service)
        values = road_values(found, service.directory(), pages.translator(request))
        every_ms = round(service.settings.report.ops_every_s * 1000)
        return pages.answer(request, RenderedPage("ops.html", {**values, "every_ms": every_ms, "json": PATH}, reader))

    return road
