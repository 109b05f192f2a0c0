"""The button for a test event on the account's page, and what became of it, hop by hop."""

from typing import Any

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from reports.access.road_checks import NobodyChecksError, RoadCheckRefusedError
from reports.api.road_checks import check_road
from reports.dashboard.account_pages import HOPS, overview_values, window_asked
from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import account_signed_in
from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import Translator
from schemas.road_check import RoadAnswer

PATH = "/account/test"
HOP_NAMES = {
    "gateway": HOPS["received"],
    "kafka": HOPS["acknowledged"],
    "clickhouse": HOPS["stored"],
    "worker": HOPS["counted"],
}
"""In the order in which they are shown, as on the page of any delivery."""


def road_check_route(pages: PageRenderer) -> HTTPRouteHandler:
    """Return what the button asks for."""
    service = pages.service

    @post(PATH, include_in_schema=False, status_code=200, request_max_body_size=1024)
    async def check(request: PageRequest) -> Response[Any]:
        reader, words = account_signed_in(request, service), pages.translator(request)
        try:
            said = road_check_said(await check_road(service, reader.account_id), words)
        except NobodyChecksError:
            said = _refused(words.say("This server has no gateway beside it; ask the operator."))
        except RoadCheckRefusedError as error:
            busy = words.say("A test is under way, or this account is told to come later. Try again in a few seconds.")
            said = _refused(busy) if error.busy else _refused(words.say("No test event was sent:"), str(error))
        window = window_asked(request)
        values = await service.run_query(lambda context: overview_values(context, reader, window, words))
        return pages.answer(request, RenderedPage("account.html", {**values, "road": said}, reader=reader))

    return check


def _refused(text: str, detail: str = "") -> dict[str, Any]:
    return {"state": "warning", "text": text, "detail": detail, "hops": [], "delivery": ""}


def road_check_said(found: RoadAnswer, words: Translator) -> dict[str, Any]:
    """Return what became of a test event, in words."""
    f = LocaleFormatter(words)
    after = {hop.hop: hop.after_ms for hop in found.hops}
    passed = words.say("The test event came through every step. It is in no trial's numbers.")
    waiting = words.say("Not every step had the test event in time. It is not lost: look at its delivery in a moment.")
    return {
        "state": "good" if found.passed else "warning",
        "text": passed if found.passed else waiting,
        "detail": "",
        "hops": [
            {
                "name": words.say(name),
                "state": "none" if after[hop] is None else "good",
                "after": words.say("not yet") if (ms := after[hop]) is None else f.duration(ms),
            }
            for hop, name in HOP_NAMES.items()
        ],
        "delivery": found.delivery_id,
    }
