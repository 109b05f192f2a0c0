"""The pages of reference: reject reasons, metric definitions, the API to try. None needs a sign-in."""

from typing import Any

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import maybe_signed_in
from reports.metrics import METRICS
from reports.presentation.labels import API_SUMMARIES, API_WORDS, REASONS
from reports.presentation.language import Translator
from reports.scope import Reader, trials_seen


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
        trials = trials_seen(reader, pages.service.directory()) if isinstance(reader, Reader) else ()
        english = () if words.language == "en" else (*API_WORDS, *API_SUMMARIES)
        said = {text: words.say(text) for text in english}
        values = {"data": {"trials": [trial.id for trial in trials], "words": said}}
        return pages.answer(request, RenderedPage("docs_api.html", values, reader=reader))

    return [rejects, metrics, api]


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
