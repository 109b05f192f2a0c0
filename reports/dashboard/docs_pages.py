"""The pages of reference: reject reasons, metrics, partners' guides, the API to try. None needs a sign-in."""

from pathlib import Path
from typing import Any

from litestar import get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response

import schemas
from reports.dashboard.guides import EXAMPLES, FIRST, load_guides
from reports.dashboard.guides import URL as GUIDES
from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import maybe_signed_in
from reports.metrics import METRICS
from reports.presentation.labels import API_SUMMARIES, API_WORDS, REASONS
from reports.presentation.language import Translator
from reports.scope import trials_seen

NOT_SNIFFED = {"x-content-type-options": "nosniff"}
EVENT_SCHEMA = Path(schemas.__file__).parent / "json" / "event.v1.schema.json"


def docs_routes(pages: PageRenderer) -> list[HTTPRouteHandler]:
    """Return the routes of these pages."""

    @get("/docs/rejects", include_in_schema=False, sync_to_thread=False)
    def rejects(request: PageRequest) -> Response[Any]:
        words = pages.translator(request)
        reasons = [
            {
                "id": reason.value,
                "title": words.say(text.title),
                "cause": words.say(text.cause),
                "way_out": words.say(text.way_out),
            }
            for reason, text in REASONS.items()
        ]
        reader = maybe_signed_in(request, pages.service)
        return pages.answer(request, RenderedPage("docs_rejects.html", {"reasons": reasons}, reader=reader))

    @get("/docs/metrics", include_in_schema=False, sync_to_thread=False)
    def metrics(request: PageRequest) -> Response[Any]:
        words = pages.translator(request)
        values = {"metrics": list(METRICS.values()), "units": unit_names(words), "betters": better_names(words)}
        reader = maybe_signed_in(request, pages.service)
        return pages.answer(request, RenderedPage("docs_metrics.html", values, reader=reader))

    @get("/docs/api", include_in_schema=False, sync_to_thread=False)
    def api(request: PageRequest) -> Response[Any]:
        words, reader = pages.translator(request), maybe_signed_in(request, pages.service)
        trials = trials_seen(reader, pages.service.directory()) if reader else ()
        english = () if words.language == "en" else (*API_WORDS, *API_SUMMARIES)
        said = {text: words.say(text) for text in english}
        values = {"data": {"trials": [trial.id for trial in trials], "words": said}}
        return pages.answer(request, RenderedPage("docs_api.html", values, reader=reader))

    return [rejects, metrics, api, *_guide_routes(pages)]


def _guide_routes(pages: PageRenderer) -> list[HTTPRouteHandler]:
    guides = load_guides()

    def answer(request: PageRequest, name: str) -> Response[Any]:
        words = pages.translator(request)
        guide = guides.pages.get((name, words.language)) or guides.pages.get((name, "en"))
        if guide is None:
            raise NotFoundException
        values = {"guide": guide, "translated": (name, words.language) in guides.pages}
        reader = maybe_signed_in(request, pages.service)
        return pages.answer(request, RenderedPage("docs_guide.html", values, reader=reader))

    @get(GUIDES, include_in_schema=False, sync_to_thread=False)
    def first(request: PageRequest) -> Response[Any]:
        return answer(request, FIRST)

    @get(f"{GUIDES}/{{name:str}}", include_in_schema=False, sync_to_thread=False)
    def one(request: PageRequest, name: FromPath[str]) -> Response[Any]:
        return answer(request, name)

    @get(f"{GUIDES}/pushes/{{name:str}}", include_in_schema=False, sync_to_thread=False)
    def whole_pushes(request: PageRequest, name: FromPath[str]) -> Response[Any]:
        return answer(request, f"pushes/{name}")

    @get(f"{GUIDES}/{EVENT_SCHEMA.name}", include_in_schema=False, sync_to_thread=False)
    def event_schema() -> Response[bytes]:
        return Response(EVENT_SCHEMA.read_bytes(), media_type="application/schema+json", headers=NOT_SNIFFED)

    @get(f"{GUIDES}/{EXAMPLES}/{{name:str}}", include_in_schema=False, sync_to_thread=False)
    def example(name: FromPath[str]) -> Response[str]:
        if name not in guides.examples:
            raise NotFoundException
        return Response(guides.examples[name], media_type="text/plain; charset=utf-8", headers=NOT_SNIFFED)

    return [first, one, whole_pushes, example, event_schema]


def unit_names(words: Translator) -> dict[str, str]:
    """Return what the units are called."""
    return {
        "events": words.say("events"),
        "people": words.say("people"),
        "sessions": words.say("sessions"),
        "share": words.say("share, shown as per cent"),
        "ms": words.say("milliseconds"),
        "fen": words.say("fen, shown as yuan"),
        "stars": words.say("stars, 1 to 5"),
    }


def better_names(words: Translator) -> dict[str, str]:
    """Return which way is better."""
    return {
        "higher": words.say("higher is better"),
        "lower": words.say("lower is better"),
        "neither": words.say("neither way is better"),
    }
