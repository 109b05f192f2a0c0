"""The signed-in pages: trials, one trial, its trend alone, the avenue."""

from typing import Any

from litestar import get
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response
from litestar.status_codes import HTTP_410_GONE

from registry.retention import kept_until_ms
from reports.dashboard.avenue_page import AvenuePage
from reports.dashboard.home_page import home_page, judge_the_rest
from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import signed_in
from reports.dashboard.timeline import timeline
from reports.dashboard.trend import TrendPage, TrendPick, trend, trend_interval
from reports.dashboard.trial_data import VerdictPick, trial_data
from reports.dashboard.trial_page import TrialPage, freshness_values
from reports.presentation.language import Translator
from reports.queries import freshness
from reports.queries.avenue_map import avenue_map
from reports.queries.context import QueryContext
from reports.scope import Reader, trial_seen
from schemas.registry import Trial


def trial_routes(pages: PageRenderer) -> list[HTTPRouteHandler]:
    """Return the routes; each asks first who is signed in and whether the trial is theirs to see."""
    service = pages.service

    @get("/trials", include_in_schema=False)
    async def trials(request: PageRequest) -> Response[Any]:
        reader, words = signed_in(request, service), pages.translator(request)
        home = await service.run_query(lambda context: home_page(context, reader, words))
        answer = pages.answer(request, RenderedPage("trials.html", {"trials": home.rows}, reader=reader))
        if home.unjudged:
            answer.background = BackgroundTask(judge_the_rest, service, home.unjudged)
        return answer

    @get("/trials/{trial_id:str}", include_in_schema=False)
    async def trial(request: PageRequest, trial_id: FromPath[str]) -> Response[Any]:
        reader, words = signed_in(request, service), pages.translator(request)
        seen = seen_trial(pages, reader, trial_id)
        pick = TrendPick.read(dict(request.query_params), primary=seen.primary_metric)
        verdict = VerdictPick.read(dict(request.query_params), seen)
        data = await service.run_query(lambda context: trial_data(context, seen.id, pick, verdict))
        base_url = service.settings.http.public_url or str(request.base_url).rstrip("/")
        return pages.answer(
            request, RenderedPage("trial.html", TrialPage(data, words, base_url).values(), reader=reader)
        )

    @get("/trials/{trial_id:str}/trend", include_in_schema=False)
    async def trend_alone(request: PageRequest, trial_id: FromPath[str]) -> Response[Any]:
        reader, words = signed_in(request, service), pages.translator(request)
        seen = seen_trial(pages, reader, trial_id)
        pick = TrendPick.read(dict(request.query_params), primary=seen.primary_metric)
        values = await service.run_query(lambda context: trend_values(context, seen, pick, words))
        return pages.answer(request, RenderedPage("_trend_only.html", values, reader=reader))

    @get("/avenue", include_in_schema=False)
    async def avenue(request: PageRequest) -> Response[Any]:
        reader, words = signed_in(request, service), pages.translator(request)
        found, directory = await service.run_query(lambda context: (avenue_map(context, reader), context.directory))
        return pages.answer(
            request, RenderedPage("avenue.html", {"map": AvenuePage(found, directory, words).values()}, reader=reader)
        )

    return [trials, trial, trend_alone, avenue]


def seen_trial(pages: PageRenderer, reader: Reader, trial_id: str) -> Trial:
    """Return the trial of *trial_id*; where *reader* may see none, or its numbers are gone, that is the answer."""
    found = trial_seen(reader, pages.service.directory(), trial_id)
    if found is None:
        raise NotFoundException
    registry = pages.service.directory().registry
    # Beyond its time there is nothing to show, and nought would be a wrong number.
    if registry is not None and kept_until_ms(found, registry, pages.service.settings) <= pages.service.clock.now_ms():
        raise HTTPException(status_code=HTTP_410_GONE)
    return found


def trend_values(context: QueryContext, trial: Trial, pick: TrendPick, words: Translator) -> dict[str, Any]:
    """Return what the trend alone needs."""
    span = context.span(trial.id)
    fresh = freshness.freshness(context, trial.id, trend_interval(pick, span, context.now_ms))
    told = timeline(context.directory, trial.id, words, now_ms=context.now_ms)
    page = TrendPage(trend(context, trial.id, pick), fresh, context.directory, words, told)
    return {
        "trial": trial,
        "trend": page.values(),
        "freshness": freshness_values(fresh, context.now_ms, words),
    }
