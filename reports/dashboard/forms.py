"""Where a form's address leads who comes to it without the form: by a reload, a bookmark, the switch of language."""

from typing import Any

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect, Response

from reports.dashboard.render import HEADERS, PageRequest
from reports.dashboard.signin import SEE_OTHER


def leads_back(path: str, target: str) -> HTTPRouteHandler:
    """Return the handler that leads from a form's *path* to the page that it stands on, and keeps what was asked."""

    @get(path, include_in_schema=False, sync_to_thread=False)
    def back(request: PageRequest) -> Response[Any]:
        query = f"?{request.url.query}" if request.url.query else ""
        return Redirect(f"{target}{query}", status_code=SEE_OTHER, headers=HEADERS)

    return back
