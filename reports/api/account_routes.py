"""A partner's own account: what became of what it sent. Every question is of the key's account and no other's."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, get_args

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import Body, PathParameter, QueryParameter
from litestar.response import Stream

from reports.access.replays import AccountReplays, NobodyReplaysError, judge
from reports.api.access_log import SUBJECT
from reports.api.auth import account_reader_of
from reports.api.documented import STORE, CallsLiveOperation
from reports.api.live import LiveCountsFeed
from reports.api.params import as_written, choice
from reports.api.problems import NotSeenError
from reports.api.responses import freshness_json
from reports.api.shapes import FreshnessJson
from reports.queries.account import WINDOW_MS, account_freshness, account_overview, window_of
from reports.queries.account_calls import CallsQuestion, account_calls
from reports.queries.account_model import (
    AccountCall,
    AccountOverview,
    DeliveryWay,
    RejectGroup,
    RejectReplay,
    Window,
)
from reports.queries.account_rejects import open_lines, reject_groups, reject_replays
from reports.queries.context import QueryContext
from reports.queries.delivery_way import delivery_way
from reports.scope import AccountReader
from reports.service import ReadService
from runtime.problems import problem_responses
from schemas.audit import DRY_RUN
from schemas.lines import RejectLine
from schemas.outcomes import ReplayedReject

ACCOUNT_QUESTION = problem_responses(400, 401, 403, 503)
DELIVERY = problem_responses(401, 403, 404, 503)
MAX_CALLS = 200
"""Calls of one answer; `before` leads to the ones before them."""
MAX_SEARCH_CHARS = 128
LIVE_CALLS = 20
"""Told at once as they land: as many as a person can follow."""
REPLAY = problem_responses(400, 401, 403, 429, 503)
MAX_REPLAYED = 1000
"""Rejects of one request: some seconds; `more` says that there are others."""
REPLAY_PAGE = 200
"""Read and judged at a time, so that pushes go on in between."""

WindowText = Annotated[
    str,
    QueryParameter(name="window", description="ends now", schema_extra={"enum": list(WINDOW_MS)}),
]
Before = Annotated[
    str, QueryParameter(name="before", description="a delivery's id: calls older than it", max_length=64)
]
FlowText = Annotated[str, QueryParameter(name="flow", description="one of the account's flows", max_length=64)]
SearchText = Annotated[
    str,
    QueryParameter(
        name="search",
        description="a part of a delivery's id, of a sample or of why it was refused; or whole: a reason, a status, "
        "an event's id",
        max_length=MAX_SEARCH_CHARS,
    ),
]
LimitOfCalls = Annotated[int, QueryParameter(name="limit", ge=1, le=MAX_CALLS)]
DeliveryId = Annotated[
    str, PathParameter(description="as the answer's `delivery_id` or its header `Avenue-Delivery-Id` says")
]


@dataclass(frozen=True, slots=True)
class AuthenticatedAccount:
    """The account that asks, and what there is to read."""

    identity: AccountReader
    service: ReadService


class AccountOverviewAnswer(AccountOverview, frozen=True, kw_only=True):
    """What came of an account, and how fresh that is."""

    freshness: FreshnessJson


class CallsAnswer(msgspec.Struct, frozen=True):
    """An account's requests, the newest first; `next_before` asks for those before them, '' where there are none."""

    account: str
    calls: list[AccountCall]
    next_before: str
    freshness: FreshnessJson


class AccountRejectsAnswer(msgspec.Struct, frozen=True):
    """An account's kept rejects of a window, and the latest replays."""

    account: str
    rejects: list[RejectGroup]
    replays: list[RejectReplay]
    freshness: FreshnessJson


class DeliveryAnswer(DeliveryWay, frozen=True, kw_only=True):
    """A delivery's way, and how fresh that is."""

    freshness: FreshnessJson


@get("/v1/account/overview", summary="The account", operation_id="accountOverview", responses=ACCOUNT_QUESTION)
async def get_account_overview(
    account: NamedDependency[AuthenticatedAccount], window: WindowText = "24h"
) -> AccountOverviewAnswer:
    """Received, accepted, duplicate, rejected by reason and visible, against the same time before; how it sends."""
    return await account.service.run_query(lambda context: overview_answer(context, account.identity, window))


def overview_answer(context: QueryContext, reader: AccountReader, window: str) -> AccountOverviewAnswer:
    """Return the overview of the account. Raises `ParameterError`."""
    chosen = choice("window", window, get_args(Window))
    found = account_overview(context, reader.account_id, chosen)
    return AccountOverviewAnswer(**msgspec.structs.asdict(found), freshness=_fresh(context, reader, chosen))


@get("/v1/account/calls", summary="Recent calls", operation_id="accountCalls", responses=ACCOUNT_QUESTION)
async def get_account_calls(
    account: NamedDependency[AuthenticatedAccount],
    limit: LimitOfCalls = 50,
    before: Before = "",
    flow: FlowText = "",
    search: SearchText = "",
) -> CallsAnswer:
    """The account's requests as they were sent, masked, where they are in the sample, and what was answered."""
    question = CallsQuestion(account.identity.account_id, limit, before, flow, search)
    return await account.service.run_query(lambda context: calls_answer(context, account.identity, question))


def calls_answer(context: QueryContext, reader: AccountReader, question: CallsQuestion) -> CallsAnswer:
    """Return the calls that are asked for."""
    found = account_calls(context, question)
    last = found[-1].delivery_id if len(found) == question.limit else ""
    return CallsAnswer(reader.account_id, found, last, _fresh(context, reader, "24h"))


@get(
    "/v1/account/calls/live",
    summary="Calls as they land",
    operation_id="accountCallsLive",
    operation_class=CallsLiveOperation,
    responses=STORE,
)
async def get_account_calls_live(
    request: Request[Any, Any, Any],
    account: NamedDependency[AuthenticatedAccount],
    calls_feed: NamedDependency[LiveCountsFeed],
) -> Stream:
    """Server-sent events named `calls`: the account's newest calls, whenever there are others."""
    account_id = account.identity.account_id

    def still_reader() -> bool:
        try:
            return account_reader_of(request, account.service).account_id == account_id
        except PermissionError:
            return False

    calls_feed.admit()
    headers = {"x-accel-buffering": "no"}
    return Stream(calls_feed.events(account_id, still_reader), media_type="text/event-stream", headers=headers)


def newest_calls(context: QueryContext, account_id: str) -> bytes:
    """Return the account's newest calls as JSON."""
    found = account_calls(context, CallsQuestion(account_id, LIVE_CALLS))
    fresh = freshness_json(account_freshness(context, account_id, window_of("5m", context.now_ms)))
    return msgspec.json.encode(CallsAnswer(account_id, found, "", fresh))


@get("/v1/account/rejects", summary="The account's rejects", operation_id="accountRejects", responses=ACCOUNT_QUESTION)
async def get_account_rejects(
    account: NamedDependency[AuthenticatedAccount], window: WindowText = "7d"
) -> AccountRejectsAnswer:
    """Kept rejects by reason and field, the newest of each with what closed it, and the latest replays."""
    return await account.service.run_query(lambda context: rejects_of_account(context, account.identity, window))


def rejects_of_account(context: QueryContext, reader: AccountReader, window: str) -> AccountRejectsAnswer:
    """Return the account's rejects. Raises `ParameterError`."""
    chosen = choice("window", window, get_args(Window))
    return AccountRejectsAnswer(
        reader.account_id,
        reject_groups(context, reader.account_id, window_of(chosen, context.now_ms)),
        reject_replays(context, reader.account_id),
        _fresh(context, reader, chosen),
    )


@get("/v1/deliveries/{delivery_id:str}", summary="One delivery", operation_id="delivery", responses=DELIVERY)
async def get_delivery(account: NamedDependency[AuthenticatedAccount], delivery_id: DeliveryId) -> DeliveryAnswer:
    """One delivery hop by hop, with times, and the verdict of each of its events; found once the sink has stored it."""
    return await account.service.run_query(lambda context: delivery_answer(context, account.identity, delivery_id))


def delivery_answer(context: QueryContext, reader: AccountReader, delivery_id: str) -> DeliveryAnswer:
    """Return the delivery. Raises `NotSeenError` where this account has none of that id."""
    found = delivery_way(context, reader.account_id, delivery_id)
    if found is None:
        raise NotSeenError
    return DeliveryAnswer(**msgspec.structs.asdict(found), freshness=_fresh(context, reader, "24h"))


def _fresh(context: QueryContext, reader: AccountReader, window: Window) -> FreshnessJson:
    return freshness_json(account_freshness(context, reader.account_id, window_of(window, context.now_ms)))


class ReplayRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which open rejects are judged once more; '' is any. Without `dry_run: false` nothing is changed."""

    reason: str = ""
    field: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_REPLAYED)] = MAX_REPLAYED
    dry_run: bool = True


class ReplayAnswer(msgspec.Struct, frozen=True):
    """What became, or in a dry run would become, of each; `more`: others are open beyond the limit."""

    dry_run: bool
    counts: dict[str, int]
    more: bool
    results: list[ReplayedReject]


@post(
    "/v1/account/rejects/replay",
    summary="Replay rejects",
    operation_id="replayAccountRejects",
    responses=REPLAY,
    status_code=200,
)
async def replay_account_rejects(
    request: Request[Any, Any, Any],
    account: NamedDependency[AuthenticatedAccount],
    replays: NamedDependency[AccountReplays],
    data: Annotated[ReplayRequest, Body(description="which, and whether for real")],
) -> ReplayAnswer:
    """Judge the account's open rejects once more, the oldest first: after a fix of registry or mapping. A dry run
    unless told otherwise; once more does no harm, and who asked when stands with the rejects.
    """
    asked = await as_written(request, type(data))
    request.scope["state"][SUBJECT] = DRY_RUN if asked.dry_run else ""
    return await replay_rejects(account.service, account.identity, replays, asked)


async def replay_rejects(
    service: ReadService, reader: AccountReader, replays: AccountReplays, asked: ReplayRequest
) -> ReplayAnswer:
    """Replay what is *asked* for. Raises `NobodyReplaysError`, `ReplayUnderWayError` and `UnavailableError`."""
    if service.replayer is None:
        raise NobodyReplaysError
    results: list[ReplayedReject] = []
    last, more = None, True
    with replays.one_of(reader.account_id):
        while more and len(results) < asked.limit:
            size = min(REPLAY_PAGE, asked.limit - len(results))
            wanted = _open_after(reader, asked, last, size + 1)
            lines = await service.run_query(partial(open_lines, asked=wanted))
            more, lines = len(lines) > size, lines[:size]
            if lines:
                last = lines[-1]
                results += await judge(service.replayer, lines, asked_by=reader.key_id, dry_run=asked.dry_run)
    return ReplayAnswer(asked.dry_run, dict(Counter(one.outcome for one in results)), more, results)


def _open_after(reader: AccountReader, asked: ReplayRequest, last: RejectLine | None, limit: int) -> dict[str, Any]:
    return {
        "account": reader.account_id,
        "reason": asked.reason,
        "field": asked.field,
        "after_ms": -1 if last is None else last.received_ms,
        "after_id": "" if last is None else last.reject_id,
        "limit": limit,
    }


ACCOUNT_ROUTES = (
    get_account_overview,
    get_account_calls,
    get_account_calls_live,
    get_account_rejects,
    replay_account_rejects,
    get_delivery,
)
