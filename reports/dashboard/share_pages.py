"""Pages of share links: the trial as a visitor sees it, and where its startup makes, lists and ends them."""

from typing import Any, Final

from litestar import get, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response
from litestar.status_codes import HTTP_403_FORBIDDEN, HTTP_410_GONE

from reports.access.sharing import SharedTrial, may_give, shared_trial, shares_in_force
from reports.api.access_log import READER
from reports.api.problems import (
    NoLongerKeptError,
    NotSeenError,
    NotYoursToGiveError,
    ParameterError,
    TooManySharesError,
)
from reports.api.routes import AuthenticatedReader
from reports.api.share_routes import give_share, take_share_back
from reports.dashboard.render import HEADERS, PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import SEE_OTHER, signed_in
from reports.dashboard.trend import TrendPick
from reports.dashboard.trial_data import VerdictPick, trial_data
from reports.dashboard.trial_page import TrialPage
from reports.dashboard.trial_routes import seen_trial, trend_values
from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import Translator
from schemas.access import ShareEntry
from schemas.registry import Trial

FORM_BYTES = 1024
"""A number of days."""
DAYS: Final = (7, 30, 90)
PAGE = "shares.html"


def shared_routes(pages: PageRenderer) -> list[HTTPRouteHandler]:
    """Return what a share link opens: a trial's page and its trend. No cookie and no key is asked for or looked at."""
    service = pages.service

    @get("/s/{token:str}", include_in_schema=False)
    async def shared_page(request: PageRequest, token: FromPath[str]) -> Response[Any]:
        shared, words = _shared(request, pages, token), pages.translator(request)
        trial = seen_trial(pages, shared.reader, shared.entry.trial_id)
        pick = TrendPick.read(dict(request.query_params), primary=trial.primary_metric)
        verdict = VerdictPick.read(dict(request.query_params), trial)
        data = await service.run_query(lambda context: trial_data(context, trial.id, pick, verdict))
        values = TrialPage(data, words, "").values() | {
            "shared_until": LocaleFormatter(words).moment(shared.entry.until_ms)
        }
        return pages.answer(request, RenderedPage("trial.html", values, shared_at=f"/s/{token}"))

    @get("/s/{token:str}/trend", include_in_schema=False)
    async def shared_trend(request: PageRequest, token: FromPath[str]) -> Response[Any]:
        shared, words = _shared(request, pages, token), pages.translator(request)
        trial = seen_trial(pages, shared.reader, shared.entry.trial_id)
        pick = TrendPick.read(dict(request.query_params), primary=trial.primary_metric)
        values = await service.run_query(lambda context: trend_values(context, trial, pick, words))
        return pages.answer(request, RenderedPage("_trend_only.html", values, shared_at=f"/s/{token}"))

    return [shared_page, shared_trend]


def _shared(request: PageRequest, pages: PageRenderer, token: str) -> SharedTrial:
    found = shared_trial(pages.service, token)
    if found is None:
        raise NotFoundException
    # For the audit log: which link showed the page.
    request.scope["state"][READER] = found.reader
    return found


def share_routes(pages: PageRenderer) -> list[HTTPRouteHandler]:
    """Return the page of a trial's links, and the forms on it."""
    service = pages.service

    @get("/trials/{trial_id:str}/shares", include_in_schema=False, sync_to_thread=False)
    def listed(request: PageRequest, trial_id: FromPath[str]) -> Response[Any]:
        reader = signed_in(request, service)
        return pages.answer(request, _page(request, pages, seen_trial(pages, reader, trial_id)))

    @post("/trials/{trial_id:str}/shares", include_in_schema=False, request_max_body_size=FORM_BYTES)
    async def make(request: PageRequest, trial_id: FromPath[str]) -> Response[Any]:
        reader = AuthenticatedReader(signed_in(request, service), service)
        days = str((await request.form()).get("days", ""))
        try:
            _, address = await give_share(reader, trial_id, int(days) if days.isdecimal() else 0, request)
        except (ParameterError, TooManySharesError) as error:
            page = _page(request, pages, seen_trial(pages, reader.identity, trial_id), problem=error)
            return pages.answer(request, page)
        except (NotSeenError, NotYoursToGiveError, NoLongerKeptError) as error:
            raise _as_page(error) from error
        return pages.answer(
            request, _page(request, pages, seen_trial(pages, reader.identity, trial_id), address=address)
        )

    @post("/trials/{trial_id:str}/shares/{share_id:str}/end", include_in_schema=False, request_max_body_size=FORM_BYTES)
    async def end(request: PageRequest, trial_id: FromPath[str], share_id: FromPath[str]) -> Response[Any]:
        reader = AuthenticatedReader(signed_in(request, service), service)
        try:
            await take_share_back(reader, share_id, of_trial=trial_id)
        except (NotSeenError, NotYoursToGiveError) as error:
            raise _as_page(error) from error
        return Response(b"", status_code=SEE_OTHER, headers={**HEADERS, "location": f"/trials/{trial_id}/shares"})

    return [listed, make, end]


def _as_page(error: Exception) -> HTTPException:
    """Return what the pages show for an error that the reading API tells as a problem."""
    if isinstance(error, NotSeenError):
        return NotFoundException()
    return HTTPException(status_code=HTTP_403_FORBIDDEN if isinstance(error, NotYoursToGiveError) else HTTP_410_GONE)


def _page(
    request: PageRequest, pages: PageRenderer, trial: Trial, *, address: str = "", problem: Exception | None = None
) -> RenderedPage:
    service, words = pages.service, pages.translator(request)
    reader, most_days = signed_in(request, service), service.settings.report.share_days
    product = service.directory().products[trial.product]
    values = {
        "trial": trial,
        "product": words.pick(product.name),
        "address": address,
        "problem": _problem_text(problem, words),
        "may_give": may_give(reader),
        "days": [(days, _days_text(days, words)) for days in sorted({*DAYS, most_days}) if days <= most_days],
        "shares": [_row(entry, words) for entry in shares_in_force(service, trial.id)],
    }
    return RenderedPage(PAGE, values, reader=reader, status=200 if problem is None else 400)


def _problem_text(problem: Exception | None, words: Translator) -> str:
    if problem is None:
        return ""
    if isinstance(problem, TooManySharesError):
        return words.say("This trial has as many links as it may. End one first.")
    return words.say("Choose for how many days the link opens.")


def _days_text(days: int, words: Translator) -> str:
    return words.count("%(n)s day", "%(n)s days", days, n=days)


def _row(entry: ShareEntry, words: Translator) -> dict[str, str]:
    formats = LocaleFormatter(words)
    return {
        "id": entry.id,
        "made": formats.moment(entry.created_ms),
        "until": formats.moment(entry.until_ms),
        "made_by": entry.key_id,
    }
