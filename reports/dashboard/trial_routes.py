"""The signed-in pages: trials, one trial, its trend alone, the avenue."""

from typing import Any

from litestar import get
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response
from litestar.status_codes import HTTP_410_GONE

from registry.retention import kept_until_ms
from reports.dashboard.avenue_page import AvenuePage
from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import signed_in
from reports.dashboard.trend import TrendPage, TrendPick, trend, trend_interval
from reports.dashboard.trial_data import SPARK_DAYS, picked_course, so_far, trial_data
from reports.dashboard.trial_page import TrialPage, freshness_values, state_name, trial_state
from reports.metrics import METRICS
from reports.presentation.drawing import spark
from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import Translator
from reports.queries import freshness
from reports.queries.avenue_map import avenue_map
from reports.queries.context import QueryContext
from reports.queries.model import Freshness
from reports.queries.overview import TrialOverview, overviews
from reports.scope import Reader, trial_seen, trials_seen
from schemas.registry import Trial, epoch_ms


def trial_routes(pages: PageRenderer) -> list[HTTPRouteHandler]:
    """Return the routes; each asks first who is signed in and whether the trial is theirs to see."""
    service = pages.service

    @get("/trials", include_in_schema=False)
    async def trials(request: PageRequest) -> Response[Any]:
        reader, words = signed_in(request, service), pages.translator(request)
        rows = await service.run_query(lambda context: _rows(context, reader, words))
        return pages.answer(request, RenderedPage("trials.html", {"trials": rows}, reader=reader))

    @get("/trials/{trial_id:str}", include_in_schema=False)
    async def trial(request: PageRequest, trial_id: FromPath[str]) -> Response[Any]:
        reader, words = signed_in(request, service), pages.translator(request)
        seen = seen_trial(pages, reader, trial_id)
        pick = TrendPick.read(dict(request.query_params), primary=seen.primary_metric)
        course = picked_course(dict(request.query_params), seen)
        data = await service.run_query(lambda context: trial_data(context, seen.id, pick, course))
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
    page = TrendPage(trend(context, trial.id, pick), fresh, context.directory, words)
    return {
        "trial": trial,
        "trend": page.values(),
        "freshness": freshness_values(fresh, context.now_ms, words),
    }


def _rows(context: QueryContext, reader: Reader, words: Translator) -> list[dict[str, Any]]:
    seen = trials_seen(reader, context.directory)
    intervals = {trial.id: so_far(trial, context.now_ms) for trial in seen}
    found = overviews(context, intervals, SPARK_DAYS)
    rejected = freshness.rejected_of_many(context, intervals)
    return [
        _row(context, trial, found[trial.id], words)
        | _fresh(context, trial, rejected[trial.id], words)
        | {"startup": _startup_name(context, trial, words) if reader.startup_id is None else ""}
        for trial in seen
    ]


def _fresh(context: QueryContext, trial: Trial, rejected: int, words: Translator) -> dict[str, Any]:
    """Return how fresh a trial's row is; which windows wait is said on the trial's own page."""
    as_of_ms = freshness.complete_until(context, trial.product)
    found = Freshness(as_of_ms, freshness.lag(context, as_of_ms), rejected, flagged_windows=0)
    return {"freshness": freshness_values(found, context.now_ms, words)}


def _row(context: QueryContext, trial: Trial, found: TrialOverview, words: Translator) -> dict[str, Any]:
    starts, ends = epoch_ms(trial.starts), epoch_ms(trial.ends)
    formats, product = LocaleFormatter(words), context.directory.products[trial.product]
    state = trial_state(trial, context.now_ms)
    return {
        "id": trial.id,
        "product": words.pick(product.name),
        "dates": f"{formats.date(starts)} – {formats.date(ends - 1)}",
        "state": state,
        "state_name": state_name(state, words),
        "primary_name": words.pick(METRICS[trial.primary_metric].name),
        "primary": {
            "value": formats.metric(trial.primary_metric, found.primary.value),
            "n": formats.whole(found.primary.n),
        },
        "events": formats.whole(found.events.value or 0),
        "spark": spark(found.days) if found.days else None,
    }


def _startup_name(context: QueryContext, trial: Trial, words: Translator) -> str:
    startup_id = context.directory.products[trial.product].startup
    registry = context.directory.registry
    return next((words.pick(s.name) for s in (registry.startups if registry else []) if s.id == startup_id), startup_id)
