"""What was rejected of a trial: reasons with counts, the way out, and the newest few as they were kept."""

import json
from collections.abc import Sequence
from typing import Any

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response

from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import signed_in
from reports.dashboard.trial_data import so_far
from reports.dashboard.trial_page import freshness_values
from reports.dashboard.trial_routes import seen_trial
from reports.presentation.formats import LocaleFormatter
from reports.presentation.labels import REASONS
from reports.presentation.language import Translator
from reports.presentation.names import platform_name
from reports.queries.context import QueryContext
from reports.queries.freshness import freshness
from reports.queries.rejects import ReasonRejects, RejectSample, trial_rejects
from schemas.outcomes import RejectReason
from schemas.registry import Trial


def rejects_route(pages: PageRenderer) -> HTTPRouteHandler:
    """Return the route of the page."""

    @get("/trials/{trial_id:str}/rejects", include_in_schema=False)
    async def rejects(request: PageRequest, trial_id: FromPath[str]) -> Response[Any]:
        reader, words = signed_in(request, pages.service), pages.translator(request)
        trial = seen_trial(pages, reader, trial_id)
        values = await pages.service.run_query(lambda context: rejects_values(context, trial, words))
        return pages.answer(request, RenderedPage("trial_rejects.html", values, reader=reader))

    return rejects


def rejects_values(context: QueryContext, trial: Trial, words: Translator) -> dict[str, Any]:
    """Return what the template needs."""
    interval = so_far(trial, context.now_ms)
    found = trial_rejects(context, trial.id, interval)
    most = max((one.count for one in found), default=0)
    return {
        "trial": trial,
        "product": words.pick(context.directory.products[trial.product].name),
        "freshness": freshness_values(freshness(context, trial.id, interval), context.now_ms, words),
        "reasons": [_reason(one, most, words) for one in found],
    }


def _reason(found: ReasonRejects, most: int, words: Translator) -> dict[str, Any]:
    text = REASONS[RejectReason(found.reason)]
    return {
        "id": found.reason,
        "title": words.say(text.title),
        "cause": words.say(text.cause),
        "way_out": words.say(text.way_out),
        "count": LocaleFormatter(words).whole(found.count),
        "width": round(found.count / most * 100, 1),
        "samples": _samples(found.samples, words),
    }


def _samples(samples: Sequence[RejectSample], words: Translator) -> list[dict[str, str]]:
    return [
        {
            "at": LocaleFormatter(words).exact(sample.received_ms),
            "account": sample.account_id,
            "platform": platform_name(sample.platform, words),
            "flow": sample.flow,
            "field": sample.field,
            "message": sample.message,
            "payload": json.dumps(sample.payload, ensure_ascii=False, indent=2),
        }
        for sample in samples
    ]
