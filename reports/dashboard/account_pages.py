"""A partner's pages: what became of what its account sent. Each asks first whose key is signed in."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, get_args

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response

from reports.access.replays import NobodyReplaysError, ReplayUnderWayError
from reports.api.access_log import SUBJECT
from reports.api.account_routes import ReplayAnswer, ReplayRequest, replay_rejects
from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import account_signed_in
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.labels import N_, REASONS
from reports.presentation.language import Translator
from reports.queries.account import account_freshness, account_overview, window_of
from reports.queries.account_calls import CallsQuestion, account_calls
from reports.queries.account_model import AccountCall, AccountOverview, DeliveryHop, DeliveryWay, RejectGroup, Window
from reports.queries.account_rejects import reject_groups, reject_replays
from reports.queries.context import QueryContext
from reports.queries.delivery_way import delivery_way
from reports.queries.model import Freshness
from reports.scope import AccountReader
from schemas.audit import DRY_RUN
from schemas.outcomes import RejectReason

GUIDE = "/docs/partners"
GUIDES = {platform: f"{GUIDE}/{platform}" for platform in ("douyin", "bilibili", "meituan", "aihuishou", "sunmi")}
CALLS = 50
"""Of one page."""
WINDOWS: dict[Window, str] = {"5m": N_("5 minutes"), "1h": N_("1 hour"), "24h": N_("24 hours"), "7d": N_("7 days")}
HOPS = {
    "received": N_("received"),
    "validated": N_("checked"),
    "acknowledged": N_("kept by the broker"),
    "stored": N_("stored"),
    "counted": N_("counted"),
    "visible": N_("visible to readers"),
}
VERDICTS = {"accepted": N_("accepted"), "duplicate": N_("duplicate"), "rejected": N_("rejected")}
CLOSED = {
    "accepted": N_("a replay made an event of it"),
    "duplicate": N_("a replay found its event"),
    "corrected": N_("it was sent again, corrected"),
}
OUTCOMES = {
    "accepted": N_("become events"),
    "duplicate": N_("are events already"),
    "rejected": N_("stay rejected"),
    "not_replayable": N_("cannot be replayed: too little was kept"),
}


def account_pages(pages: PageRenderer) -> list[HTTPRouteHandler]:
    """Return the routes of the pages."""
    service = pages.service

    @get("/account", include_in_schema=False)
    async def overview(request: PageRequest) -> Response[Any]:
        reader, words = account_signed_in(request, service), pages.translator(request)
        window = window_asked(request)
        values = await service.run_query(lambda context: overview_values(context, reader, window, words))
        return pages.answer(request, RenderedPage("account.html", values, reader=reader))

    @get("/account/calls", include_in_schema=False)
    async def calls(request: PageRequest) -> Response[Any]:
        reader, words = account_signed_in(request, service), pages.translator(request)
        search, before = (request.query_params.get(name, "")[:128] for name in ("search", "before"))
        question = CallsQuestion(reader.account_id, CALLS, before, "", search)
        values = await service.run_query(lambda context: calls_values(context, reader, question, words))
        return pages.answer(request, RenderedPage("account_calls.html", values, reader=reader))

    @get("/account/deliveries/{delivery_id:str}", include_in_schema=False)
    async def delivery(request: PageRequest, delivery_id: FromPath[str]) -> Response[Any]:
        reader, words = account_signed_in(request, service), pages.translator(request)
        values = await service.run_query(lambda context: delivery_values(context, reader, delivery_id, words))
        return pages.answer(request, RenderedPage("account_delivery.html", values, reader=reader))

    @get("/account/rejects", include_in_schema=False)
    async def rejects(request: PageRequest) -> Response[Any]:
        reader, words = account_signed_in(request, service), pages.translator(request)
        values = await service.run_query(lambda context: rejects_values(context, reader, words))
        return pages.answer(request, RenderedPage("account_rejects.html", values, reader=reader))

    return [overview, calls, delivery, rejects, _replay(pages)]


def _replay(pages: PageRenderer) -> HTTPRouteHandler:
    service = pages.service

    @post("/account/rejects/replay", include_in_schema=False, status_code=200, request_max_body_size=4096)
    async def replay(request: PageRequest) -> Response[Any]:
        reader, words = account_signed_in(request, service), pages.translator(request)
        form = await request.form()
        reason, field = (str(form.get(name, ""))[:64] for name in ("reason", "field"))
        asked = ReplayRequest(reason=reason, field=field, dry_run=form.get("really") != "yes")
        request.scope["state"][SUBJECT] = DRY_RUN if asked.dry_run else ""
        try:
            said = replay_said(await replay_rejects(service, reader, service.replays, asked), asked, words)
        except ReplayUnderWayError:
            said = {"state": "warning", "text": words.say("A replay is under way. Try again in a few seconds.")}
        except NobodyReplaysError:
            said = {"state": "warning", "text": words.say("This server has no gateway beside it; ask the operator.")}
        values = await service.run_query(lambda context: rejects_values(context, reader, words))
        return pages.answer(request, RenderedPage("account_rejects.html", {**values, "said": said}, reader=reader))

    return replay


def replay_said(found: ReplayAnswer, asked: ReplayRequest, words: Translator) -> dict[str, Any]:
    """Return what a replay came to, in words; a dry run that found events to make offers to make them."""
    f = LocaleFormatter(words)
    parts = [
        words.say("%(n)s %(outcome)s", n=f.whole(count), outcome=words.say(OUTCOMES[outcome]))
        for outcome, count in found.counts.items()
    ]
    what = ", ".join(parts) or words.say("nothing open to replay")
    begun = words.say("Tried, nothing was changed: %(what)s.", what=what)
    done = words.say("Replayed: %(what)s.", what=what)
    return {
        "state": "good" if found.counts.get("accepted") or not found.counts else "warning",
        "text": begun if found.dry_run else done,
        "offer": found.dry_run and bool(found.counts.get("accepted")),
        "reason": asked.reason,
        "field": asked.field,
    }


def window_asked(request: PageRequest) -> Window:
    """Return the period that the overview is asked for."""
    asked = request.query_params.get("window", "24h")
    return next((one for one in get_args(Window) if one == asked), "24h")


def overview_values(context: QueryContext, reader: AccountReader, window: Window, words: Translator) -> dict[str, Any]:
    """Return what the overview's template needs."""
    found = account_overview(context, reader.account_id, window)
    fresh = account_freshness(context, reader.account_id, window_of(window, context.now_ms))
    f = LocaleFormatter(words)
    return {
        "account_id": reader.account_id,
        "windows": [(one, words.say(name), one == window) for one, name in WINDOWS.items()],
        "fresh": fresh_text(fresh, context.now_ms, words),
        "steps": _steps(found, words),
        "reasons": [
            {
                "id": one.reason,
                "title": _title(one.reason, words),
                "now": f.whole(one.now),
                "before": f.whole(one.before),
            }
            for one in found.reasons
        ],
        "refused": [
            {
                **_texts(one),
                "flow": one.flow or NOTHING,
                "requests": f.whole(one.requests),
                "at": _at(one.last_at, words),
            }
            for one in found.refused
        ],
        "card": _card(found, words),
        "flows": [
            {"flow": one.flow, "last": _at(one.last_at, words), "silent": f.duration(one.silent_s * 1000)}
            for one in found.scorecard.flows
        ],
        "conflicts": _conflicts(found, words),
        "credentials": _credentials(found, words),
        "samples": _groups(found.rejects, words),
        "window": window,
        "guide": GUIDES.get(context.directory.accounts[reader.account_id].platform, GUIDE),
        "road": None,
    }


def _conflicts(found: AccountOverview, words: Translator) -> list[dict[str, Any]]:
    return [
        {
            "id": one.event_id,
            "events": [
                {
                    "delivery": event.delivery_id,
                    "kind": event.kind,
                    "occurred": _at(event.occurred_at, words),
                    "counted": event.counted,
                }
                for event in one.events
            ],
        }
        for one in found.conflicts
    ]


def _credentials(found: AccountOverview, words: Translator) -> list[dict[str, Any]]:
    return [
        {
            "is_key": one.credential == "key",
            "flow": one.flow,
            "name": one.name,
            "used": _at(one.last_used_hour, words) if one.last_used_hour else NOTHING,
            "ends": _at(one.expires_at, words) if one.expires_at else "",
        }
        for one in found.credentials
    ]


def _texts(one: Any) -> dict[str, Any]:
    return {"status": one.status, "detail": one.detail}


def _steps(found: AccountOverview, words: Translator) -> list[dict[str, str]]:
    f = LocaleFormatter(words)
    names = {
        "received": words.say("Received"),
        "accepted": words.say("Accepted"),
        "duplicate": words.say("Duplicate"),
        "rejected": words.say("Rejected"),
        "visible": words.say("Visible to readers"),
        "refused_requests": words.say("Requests refused as a whole"),
    }
    return [
        {"name": name, "now": f.whole(getattr(found.now, field)), "before": f.whole(getattr(found.before, field))}
        for field, name in names.items()
    ]


def _card(found: AccountOverview, words: Translator) -> list[tuple[str, str]]:
    f, card = LocaleFormatter(words), found.scorecard

    def share(value: float | None) -> str:
        return NOTHING if value is None else f.percent(value)

    def seconds(value: float | None) -> str:
        return NOTHING if value is None else f.duration(max(0.0, value) * 1000)

    return [
        (words.say("On time (within its minute and %(n)s s)", n=card.on_time_within_s), share(card.on_time_share)),
        (words.say("From what happened to its receipt, half within"), seconds(card.lag_s_p50)),
        (words.say("… 95 in a hundred within"), seconds(card.lag_s_p95)),
        (words.say("… the slowest"), seconds(card.lag_s_max)),
        (words.say("Rejected"), share(card.rejected_share)),
        (words.say("Sent again (duplicates)"), share(card.duplicate_share)),
        (words.say("From a clock ahead of ours"), share(card.ahead_share)),
        (words.say("… ahead by at most"), seconds(card.ahead_s_max)),
    ]


def calls_values(
    context: QueryContext, reader: AccountReader, question: CallsQuestion, words: Translator
) -> dict[str, Any]:
    """Return what the template of calls needs."""
    found = account_calls(context, question)
    fresh = account_freshness(context, reader.account_id, window_of("24h", context.now_ms))
    return {
        "account_id": reader.account_id,
        "search": question.search,
        "older": found[-1].delivery_id if len(found) == question.limit else "",
        "newest": not question.before,
        "fresh": fresh_text(fresh, context.now_ms, words),
        "calls": [_call(one, words) for one in found],
    }


def _call(found: AccountCall, words: Translator) -> dict[str, Any]:
    f = LocaleFormatter(words)
    return {
        "id": found.delivery_id,
        "at": _at(found.received_at, words),
        "flow": found.flow or NOTHING,
        "status": found.status,
        "state": "bad" if found.status != 200 else "warning" if found.rejected else "good",
        "counts": [f.whole(n) for n in (found.received, found.accepted, found.duplicate, found.rejected)],
        "requests": found.requests,
        "refused": found.status != 200,
        "detail": found.detail,
        "replay": found.replay,
        "took": f.duration(found.answered_in_ms),
        "reasons": ", ".join(found.reasons),
        "call": _json(found.call),
    }


def delivery_values(
    context: QueryContext, reader: AccountReader, delivery_id: str, words: Translator
) -> dict[str, Any]:
    """Return what the template of a delivery needs. Raises `NotFoundException` where the account has no such."""
    found = delivery_way(context, reader.account_id, delivery_id)
    if found is None:
        raise NotFoundException
    fresh = account_freshness(context, reader.account_id, window_of("24h", context.now_ms))
    return {
        "account_id": reader.account_id,
        "fresh": fresh_text(fresh, context.now_ms, words),
        "delivery": found,
        "hops": _hops(found, words),
        "events": [
            {
                "id": one.event_id or NOTHING,
                "verdict": words.say(VERDICTS[one.verdict]),
                "state": {"accepted": "good", "duplicate": "warning", "rejected": "bad"}[one.verdict],
                "kind": one.kind,
                "where": one.placement_id or one.product_id,
                "reason": one.reason,
                "title": _title(one.reason, words) if one.reason else "",
                "field": one.field,
                "message": one.message,
                "at": "" if one.occurred_at is None else _at(one.occurred_at, words),
            }
            for one in found.events
        ],
        "call": _json(found.call),
    }


def _hops(found: DeliveryWay, words: Translator) -> list[dict[str, Any]]:
    f = LocaleFormatter(words)
    return [
        {
            "name": words.say(HOPS[hop.hop]),
            "state": "good" if hop.reached else "none",
            "at": _hop_time(hop, words),
            "after": f.duration(hop.after_ms) if hop.after_ms is not None else "",
            "events": f.whole(hop.events),
        }
        for hop in found.hops
    ]


def _hop_time(hop: DeliveryHop, words: Translator) -> str:
    if hop.at is not None:
        return _at(hop.at, words)
    return words.say("yes; the time is no longer kept") if hop.reached else words.say("not yet")


def rejects_values(context: QueryContext, reader: AccountReader, words: Translator) -> dict[str, Any]:
    """Return what the template of rejects needs."""
    interval = window_of("7d", context.now_ms)
    f = LocaleFormatter(words)
    return {
        "account_id": reader.account_id,
        "fresh": fresh_text(account_freshness(context, reader.account_id, interval), context.now_ms, words),
        "groups": _groups(reject_groups(context, reader.account_id, interval), words),
        "replays": [
            {
                "id": one.delivery_id,
                "at": _at(one.at, words),
                "asked_by": one.asked_by,
                "counts": [f.whole(n) for n in (one.received, one.accepted, one.duplicate, one.rejected)],
            }
            for one in reject_replays(context, reader.account_id)
        ],
        "said": None,
    }


def _groups(found: Sequence[RejectGroup], words: Translator) -> list[dict[str, Any]]:
    f = LocaleFormatter(words)
    return [
        {
            "reason": group.reason,
            "field": group.field,
            "title": _title(group.reason, words),
            "way_out": words.say(REASONS[RejectReason(group.reason)].way_out),
            "count": f.whole(group.count),
            "open": f.whole(group.open),
            "any_open": group.open > 0,
            "samples": [
                {
                    "at": _at(sample.received_at, words),
                    "delivery": sample.delivery_id,
                    "event_id": sample.event_id,
                    "message": sample.message,
                    "payload": _json(sample.payload),
                    "closed": words.say(CLOSED[sample.closed]) if sample.closed else "",
                    "closed_by": sample.closed_by,
                }
                for sample in group.samples
            ],
        }
        for group in found
    ]


def fresh_text(fresh: Freshness, now_ms: int, words: Translator) -> str:
    """Return up to when all that was sent is in the numbers."""
    if fresh.as_of_ms is None:
        return words.say("Nothing has come yet")
    f = LocaleFormatter(words)
    return words.say("Complete until %(at)s (%(ago)s)", at=f.exact(fresh.as_of_ms), ago=f.ago(fresh.as_of_ms, now_ms))


def _title(reason: str, words: Translator) -> str:
    return words.say(REASONS[RejectReason(reason)].title)


def _at(at: datetime, words: Translator) -> str:
    return LocaleFormatter(words).exact(round(at.timestamp() * 1000))


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)
