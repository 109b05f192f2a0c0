"""Share links: a trial's startup makes, lists and ends them; whoever has one follows that trial's counts."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import Body, FromPath, PathParameter
from litestar.response import Stream

from reports.access.sharing import make_share, may_give, shared_trial, shares_in_force
from reports.api.access_log import READER, SUBJECT
from reports.api.live import LiveCountsFeed
from reports.api.params import MAX_SHARE_DAYS, as_written
from reports.api.problems import NotSeenError, NotYoursToGiveError, ParameterError, TooManySharesError
from reports.api.routes import AuthenticatedReader, TrialId
from reports.queries.spans import iso
from reports.scope import trial_seen
from reports.service import ReadService, TooBusyError
from runtime.problems import problem_responses
from schemas.access import ShareEntry

AnyRequest = Request[Any, Any, Any]
Days = Annotated[int, msgspec.Meta(ge=1, le=MAX_SHARE_DAYS, description="for how long the link opens")]
ShareId = Annotated[str, PathParameter(description="a share link's id")]


class NewShareJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a share link is to be."""

    days: Days


class ShareJson(msgspec.Struct, frozen=True):
    """A share link in force; of its address a hash is kept, so that it cannot be shown again."""

    id: str
    trial: str
    created: str
    until: str
    made_by: str


class MadeShareJson(ShareJson, frozen=True, kw_only=True):
    """A new share link with its address, shown this once."""

    url: str


class SharesAnswer(msgspec.Struct, frozen=True):
    """A trial's share links in force, the newest first."""

    shares: list[ShareJson]


@get(
    "/v1/trials/{trial_id:str}/shares",
    summary="Share links of a trial",
    operation_id="shares",
    responses=problem_responses(401, 403, 404),
)
async def get_shares(reader: NamedDependency[AuthenticatedReader], trial_id: TrialId) -> SharesAnswer:
    """The links in force, the newest first."""
    trial = reader.trial(trial_id)
    return SharesAnswer([ShareJson(**_share(entry)) for entry in shares_in_force(reader.service, trial.id)])


@post(
    "/v1/trials/{trial_id:str}/shares",
    summary="Make a share link",
    operation_id="makeShare",
    responses=problem_responses(400, 401, 403, 404, 409, 410, 503),
)
async def post_share(
    request: AnyRequest,
    reader: NamedDependency[AuthenticatedReader],
    trial_id: TrialId,
    data: Annotated[NewShareJson, Body(description="for how long")],
) -> MadeShareJson:
    """Make a link that shows this trial's page to whoever has it, read only, until its time is over."""
    asked = await as_written(request, type(data))
    share, address = await give_share(reader, trial_id, asked.days, request)
    return MadeShareJson(**_share(share), url=address)


async def give_share(
    reader: AuthenticatedReader, trial_id: str, days: int, request: AnyRequest
) -> tuple[ShareEntry, str]:
    """Make a link and return it with its address.

    Raises `NotYoursToGiveError`, `NotSeenError`, `NoLongerKeptError`, `ParameterError`, `TooManySharesError` and
    `UnavailableError`.
    """
    service = reader.service
    if not may_give(reader.identity):
        raise NotYoursToGiveError
    trial = reader.readable_trial(trial_id)
    if not 1 <= days <= service.settings.report.share_days:
        raise ParameterError("days", f"a link opens for 1 to {service.settings.report.share_days} days")
    if len(shares_in_force(service, trial.id)) >= service.settings.report.shares_per_trial:
        raise TooManySharesError(service.settings.report.shares_per_trial)
    made = await asyncio.to_thread(make_share, service, reader.identity, trial, days)
    request.scope["state"][SUBJECT] = made.entry.id
    base_url = service.settings.http.public_url or str(request.base_url)
    return made.entry, f"{base_url.rstrip('/')}/s/{made.token}"


@delete(
    "/v1/shares/{share_id:str}",
    summary="End a share link",
    operation_id="endShare",
    responses=problem_responses(401, 403, 404, 503),
)
async def delete_share(reader: NamedDependency[AuthenticatedReader], share_id: ShareId) -> None:
    """End a link: it opens nothing any more, in every process within 5 seconds."""
    await take_share_back(reader, share_id)


async def take_share_back(reader: AuthenticatedReader, share_id: str, *, of_trial: str | None = None) -> None:
    """End a link. Raises `NotYoursToGiveError`, `NotSeenError` (also where it is none of *of_trial*) and
    `UnavailableError`.
    """
    service = reader.service
    if not may_give(reader.identity):
        raise NotYoursToGiveError
    entry = service.access.share(share_id, service.clock.now_ms())
    if entry is None or of_trial not in {None, entry.trial_id}:
        raise NotSeenError
    if trial_seen(reader.identity, service.directory(), entry.trial_id) is None:
        raise NotSeenError
    await asyncio.to_thread(service.access.end_share, entry.id)


class SharedLive:
    """The live counts behind share links: so many watch one link, and all of them count among all who watch."""

    def __init__(self, service: ReadService, feed: LiveCountsFeed) -> None:
        self._service = service
        self._feed = feed
        self._watching: Counter[str] = Counter()

    def stream(self, request: AnyRequest, token: str) -> AsyncIterator[bytes]:
        """Return the events of the link's trial until it ends. Raises `NotSeenError` and `TooBusyError`."""
        shared = shared_trial(self._service, token)
        if shared is None:
            raise NotSeenError
        request.scope["state"][READER] = shared.reader
        if self._watching[shared.entry.id] >= self._service.settings.report.share_viewers:
            raise TooBusyError("too many watch this link")
        self._feed.admit()
        return self._watched(shared.entry, token)

    async def _watched(self, entry: ShareEntry, token: str) -> AsyncIterator[bytes]:
        self._watching[entry.id] += 1
        try:
            async for part in self._feed.events(entry.trial_id, lambda: shared_trial(self._service, token) is not None):
                yield part
        finally:
            self._watching[entry.id] -= 1
            self._watching += Counter()


@get("/s/{token:str}/live", include_in_schema=False)
async def get_shared_live(
    request: AnyRequest, shared_live: NamedDependency[SharedLive], token: FromPath[str]
) -> Stream:
    """Server-sent events of a shared trial, as for its readers."""
    return Stream(
        shared_live.stream(request, token), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
    )


def _share(entry: ShareEntry) -> dict[str, str]:
    return {
        "id": entry.id,
        "trial": entry.trial_id,
        "created": iso(entry.created_ms),
        "until": iso(entry.until_ms),
        "made_by": entry.key_id,
    }
