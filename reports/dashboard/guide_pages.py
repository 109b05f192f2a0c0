"""Partners' guides, the programs beside them and the event's schema. None needs a sign-in."""

from pathlib import Path
from typing import Any

from litestar import get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response

import schemas
from reports.dashboard.guides import EXAMPLES, FIRST, URL, Guides, load_guides
from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import maybe_signed_in

EVENT_SCHEMA = Path(schemas.__file__).parent / "json" / "event.v1.schema.json"
NOT_SNIFFED = {"x-content-type-options": "nosniff"}


def guide_routes(pages: PageRenderer) -> list[HTTPRouteHandler]:
    """Return the routes of these pages. Raises `ConfigurationError` where the guides are not made."""
    guides = load_guides()

    @get(URL, include_in_schema=False, sync_to_thread=False)
    def first(request: PageRequest) -> Response[Any]:
        return _answer(pages, guides, request, FIRST)

    @get(f"{URL}/{{name:str}}", include_in_schema=False, sync_to_thread=False)
    def one(request: PageRequest, name: FromPath[str]) -> Response[Any]:
        return _answer(pages, guides, request, name)

    @get(f"{URL}/pushes/{{name:str}}", include_in_schema=False, sync_to_thread=False)
    def whole_pushes(request: PageRequest, name: FromPath[str]) -> Response[Any]:
        return _answer(pages, guides, request, f"pushes/{name}")

    @get(f"{URL}/{EXAMPLES}/{{name:str}}", include_in_schema=False, sync_to_thread=False)
    def example(name: FromPath[str]) -> Response[str]:
        if name not in guides.examples:
            raise NotFoundException
        return Response(guides.examples[name], media_type="text/plain", headers=NOT_SNIFFED)

    @get(f"{URL}/{EVENT_SCHEMA.name}", include_in_schema=False, sync_to_thread=False)
    def event_schema() -> Response[bytes]:
        return Response(EVENT_SCHEMA.read_bytes(), media_type="application/schema+json", headers=NOT_SNIFFED)

    return [first, one, whole_pushes, example, event_schema]


def _answer(pages: PageRenderer, guides: Guides, request: PageRequest, name: str) -> Response[Any]:
    language = pages.translator(request).language
    guide = guides.pages.get((name, language)) or guides.pages.get((name, "en"))
    if guide is None:
        raise NotFoundException
    values = {"guide": guide, "translated": (name, language) in guides.pages}
    reader = maybe_signed_in(request, pages.service)
    return pages.answer(request, RenderedPage("docs_guide.html", values, reader=reader))
