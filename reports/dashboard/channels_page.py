"""The page of channels: who is told what, whether it arrives, and a button that tries one."""

from collections.abc import Mapping
from typing import Any

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response

from reports.api.channel_routes import UNREACHED, try_channel
from reports.api.problems import NotSeenError
from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import signed_in
from reports.notifications.teller import ChannelFailure, ChannelTest, NobodyTellsError, TooManyTestsError
from reports.presentation.formats import LocaleFormatter
from reports.presentation.labels import BETWEEN_NAMES, N_
from reports.presentation.language import Translator
from reports.scope import Reader, channels_seen
from schemas.registry import NotificationChannel, NotificationKind

KINDS: Mapping[NotificationKind, str] = {
    "digest": N_("weekly digest"),
    "trial_silent": N_("trial silent"),
    "placement_silent": N_("placement silent"),
    "guardrail_harmed": N_("guardrail worse"),
    "verdict_reached": N_("verdict reached"),
    "report_frozen": N_("report frozen"),
}


def channel_pages(pages: PageRenderer) -> list[HTTPRouteHandler]:
    """Return the page and its button; both ask first who is signed in and whose the channel is."""

    @get("/channels", include_in_schema=False)
    async def channels(request: PageRequest) -> Response[Any]:
        return _page(request, pages, signed_in(request, pages.service))

    @post("/channels/{channel_id:str}/test", include_in_schema=False, status_code=200)
    async def try_one(request: PageRequest, channel_id: FromPath[str]) -> Response[Any]:
        reader = signed_in(request, pages.service)
        words = pages.translator(request)
        try:
            said = _said(await try_channel(pages.service, reader, channel_id), words)
        except NotSeenError as error:
            raise NotFoundException from error
        except TooManyTestsError:
            said = "warning", words.say("This channel was tried often enough for now. Try it again later.")
        except NobodyTellsError:
            said = "warning", words.say("This server tells no channels.")
        return _page(request, pages, reader, tried=channel_id, said=said)

    return [channels, try_one]


def _page(
    request: PageRequest,
    pages: PageRenderer,
    reader: Reader,
    *,
    tried: str = "",
    said: tuple[str, str] = ("", ""),
) -> Response[Any]:
    words, service = pages.translator(request), pages.service
    failures = service.teller.failures() if service.teller is not None else {}
    seen = channels_seen(reader, service.directory())
    values = {
        "channels": [_row(channel, failures.get(channel.id), words) for channel in seen],
        "tried": tried,
        "state": said[0],
        "said": said[1],
    }
    return pages.answer(request, RenderedPage("channels.html", values, reader=reader))


def _row(channel: NotificationChannel, failure: ChannelFailure | None, words: Translator) -> dict[str, Any]:
    return {
        "id": channel.id,
        "owner": channel.trial or channel.startup or "",
        "tells": words.say(BETWEEN_NAMES).join(words.say(KINDS[kind]) for kind in channel.tells),
        "language": channel.language,
        "failing": failure is not None,
        "since": LocaleFormatter(words).moment(failure.since_ms) if failure else "",
    }


def _said(found: ChannelTest, words: Translator) -> tuple[str, str]:
    match found.outcome:
        case "told":
            return "good", words.say("The test has arrived.")
        case "unknown":
            return "warning", words.say("The test was sent, and no answer came; look whether it has arrived.")
        case _ if found.why == UNREACHED:
            return "bad", words.say("The test was not sent: the operator has to give this channel its address.")
        case _:
            return "bad", words.say("The test did not arrive: %(why)s", why=found.why)
