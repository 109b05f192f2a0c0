"""What came of an account in a window, and how it sends: counts against the period before, scorecard, conflicts."""

from collections.abc import Mapping
from typing import Any, Final

from registry.directory import Directory
from reports.queries.account_credentials import credential_uses
from reports.queries.account_model import (
    AccountCounts,
    AccountOverview,
    ConflictingEvent,
    ConflictingId,
    FlowSeen,
    ReasonCount,
    RefusedRequests,
    Scorecard,
    Window,
    told,
)
from reports.queries.account_rejects import reject_groups
from reports.queries.context import QueryContext, moment
from reports.queries.freshness import flagged_of, lag
from reports.queries.model import Freshness, Interval
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS, Timing
from schemas.topics import Topic

WINDOW_MS: Final[dict[Window, int]] = {
    "5m": 5 * MINUTE_MS,
    "1h": HOUR_MS,
    "24h": DAY_MS,
    "7d": 7 * DAY_MS,
}
LISTED = 50
"""Kinds of refused requests, and ids in conflict: a page of each."""


def window_of(window: Window, now_ms: int) -> Interval:
    """Return the window that ends now."""
    return Interval(now_ms - WINDOW_MS[window], now_ms)


def account_overview(context: QueryContext, account_id: str, window: Window) -> AccountOverview:
    """Return what came of the account in the *window* that ends now."""
    interval = window_of(window, context.now_ms)
    parameters = account_parameters(account_id, interval)
    stored = {bool(row[0]): row[1:] for row in context.rows("account_stored", parameters | _lateness(context))}
    counts = {bool(row[0]): row[1:] for row in context.rows("account_counts", parameters)}
    now, before = (_counts(counts.get(one, ()), stored.get(one, ())) for one in (True, False))
    return AccountOverview(
        account=account_id,
        window=window,
        from_=told(interval.from_ms),
        to=told(interval.to_ms),
        now=now,
        before=before,
        reasons=[ReasonCount(str(r), int(n), int(b)) for r, n, b in context.rows("account_reasons", parameters)],
        rejects=reject_groups(context, account_id, interval),
        refused=_refused(context, parameters),
        scorecard=_scorecard(context, account_id, now, stored.get(True, ())),
        conflicts=_conflicts(context, parameters),
        credentials=credential_uses(context, account_id),
    )


def account_parameters(account_id: str, interval: Interval) -> dict[str, Any]:
    """Return the parameters of statements about an account in *interval* and the same time before it."""
    before_ms = 2 * interval.from_ms - interval.to_ms
    return {
        "account": account_id,
        "before": moment(before_ms),
        "from": moment(interval.from_ms),
        "to": moment(interval.to_ms),
        "listed": LISTED,
    }


def account_freshness(context: QueryContext, account_id: str, interval: Interval) -> Freshness:
    """Return how fresh what is told of an account is: up to when every delivery and event of it is stored.

    Rejects are those kept of *interval*; flagged windows are those of the products that it may send for.
    """
    stored = [int(row[0]) for row in context.rows("account_delivered", {"topic": Topic.DELIVERIES.value})]
    epoch = context.directory.epoch
    if epoch is not None:
        sources = context.rows("freshness_sources", {"epoch": epoch.number, "topic": Topic.EVENTS.value})
        stored += [int(ms) for side, _, _, ms in sources if side == "stored"]
    as_of_ms = min(stored, default=0) or None
    flagged = tuple(
        block
        for product in sorted(products_of(context.directory, account_id))
        for block in flagged_of(context, product, interval)
    )
    counts = {bool(row[0]): row for row in context.rows("account_counts", account_parameters(account_id, interval))}
    rejected = int(counts[True][5]) if True in counts else 0
    return Freshness(as_of_ms, lag(context, as_of_ms), rejected, len(flagged), flagged[:LISTED])


def products_of(directory: Directory, account_id: str) -> set[str]:
    """Return the products that the account may send for."""
    placed = {p.product_id for p in directory.placed.values() if p.account_id == account_id}
    return (placed | set(directory.products_of(account_id))) & directory.products.keys()


def _counts(delivered: Any, stored: Any) -> AccountCounts:
    requests, received, accepted, duplicate, rejected, refused = map(int, delivered or (0,) * 6)
    return AccountCounts(requests, received, accepted, duplicate, rejected, int(stored[0]) if stored else 0, refused)


def _lateness(context: QueryContext) -> dict[str, Any]:
    epochs = context.directory.epochs
    return {
        "epochs": [epoch.number for epoch in epochs] or [0],
        "graces_ms": [epoch.grace_ms for epoch in epochs] or [Timing().grace_ms],
        "grace_ms": Timing().grace_ms,
    }


def _refused(context: QueryContext, parameters: Mapping[str, Any]) -> list[RefusedRequests]:
    return [
        RefusedRequests(str(flow), int(status), str(detail), int(requests), told(int(last_ms)))
        for flow, status, detail, requests, last_ms in context.rows("account_refused", parameters)
    ]


def _scorecard(context: QueryContext, account_id: str, now: AccountCounts, stored: Any) -> Scorecard:
    visible, late, quantiles, ahead, ahead_ms = stored or (0, 0, (), 0, 0)
    p50, p95, most = (float(ms) / 1000 for ms in quantiles) if visible else (None, None, None)
    epoch = context.directory.epoch
    grace_ms = epoch.grace_ms if epoch is not None else Timing().grace_ms
    flows = context.rows("account_last", {"account": account_id})
    return Scorecard(
        on_time_share=_share(int(visible) - int(late), int(visible)),
        on_time_within_s=grace_ms // 1000,
        lag_s_p50=p50,
        lag_s_p95=p95,
        lag_s_max=most,
        rejected_share=_share(now.rejected, now.received),
        duplicate_share=_share(now.duplicate, now.received),
        ahead_share=_share(int(ahead), int(visible)),
        ahead_s_max=max(0.0, float(ahead_ms) / 1000) if visible else None,
        flows=[
            FlowSeen(str(flow), told(int(last_ms)), max(0.0, (context.now_ms - int(last_ms)) / 1000))
            for flow, last_ms in flows
        ],
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _conflicts(context: QueryContext, parameters: Mapping[str, Any]) -> list[ConflictingId]:
    return [
        ConflictingId(
            str(event_id),
            [
                ConflictingEvent(str(delivery), str(kind), told(int(occurred)), told(int(received)), bool(stands))
                for delivery, kind, occurred, received, stands in events
            ],
        )
        for event_id, _, events in context.rows("account_conflicts", parameters)
    ]
