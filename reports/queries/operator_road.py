"""What the store says of the road: what came in and what failed of late, how old the numbers are, who sends what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.queries.account_model import told_or_none
from reports.queries.context import QueryContext, moment
from reports.queries.operator_model import AccountState, ProductState
from schemas.foreign import FOREIGN_FLOW
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.topics import Topic

LATELY_MIN = 5
"""Rates and errors are of so many minutes: long enough for a rate, short enough to be now."""
WEEK_MS = 7 * DAY_MS
SILENT_FROM_REQUESTS = 10
"""As the alert AccountSilent: who makes fewer in an hour may well make none in the next."""


@dataclass(frozen=True, slots=True)
class StoreReading:
    """The store's part of the look."""

    received_per_min: float
    rejected: int
    requests: int
    limited: int
    failed: int
    undecodable: int
    """Lines that the worker rejected."""
    foreign: int
    """Rows that the sink kept as rejects."""
    delivered_until_ms: int | None
    """Every delivery until then is stored."""
    complete_until_ms: int | None
    """Every event until then is stored and counted; None before any."""
    accounts: list[AccountState]
    products: list[ProductState]


def store_reading(context: QueryContext) -> StoreReading:
    """Return what the store says now. Raises `ClickHouseError`."""
    delivered = [int(row[0]) for row in context.rows("account_delivered", {"topic": Topic.DELIVERIES.value})]
    until_ms = min([context.now_ms, *(ms for ms in delivered if ms)])
    lately = {"from": moment(until_ms - LATELY_MIN * MINUTE_MS), "to": moment(until_ms)}
    ((received, rejected, requests, limited, failed),) = context.rows("operator_gateway", lately)
    since = {"from": moment(context.now_ms - LATELY_MIN * MINUTE_MS), "foreign": FOREIGN_FLOW}
    ((undecodable, foreign),) = context.rows("operator_faults", since)
    return StoreReading(
        received_per_min=int(received) / LATELY_MIN,
        rejected=int(rejected),
        requests=int(requests),
        limited=int(limited),
        failed=int(failed),
        undecodable=int(undecodable or 0),
        foreign=int(foreign),
        delivered_until_ms=next((ms for ms in delivered if ms), None),
        complete_until_ms=_complete_until(context),
        accounts=_accounts(context),
        products=_products(context),
    )


def _complete_until(context: QueryContext) -> int | None:
    """Return the least of what each partition of the newest epoch is stored and counted up to."""
    epoch = context.directory.epoch
    if epoch is None:
        return None
    rows = context.rows("freshness_sources", {"epoch": epoch.number, "topic": Topic.EVENTS.value})
    stored = {int(part): (int(at), int(ms)) for side, part, at, ms in rows if side == "stored"}
    counted = {int(part): (int(at), int(ms)) for side, part, at, ms in rows if side == "counted"}
    until = [
        ms if counted.get(part, (0, 0))[0] >= at else min(ms, counted.get(part, (0, 0))[1])
        for part, (at, ms) in stored.items()
    ]
    return min(until, default=0) or None


def _accounts(context: QueryContext) -> list[AccountState]:
    now_ms = context.now_ms
    asked = {
        "hour": moment(now_ms - HOUR_MS),
        "yesterday": moment(now_ms - DAY_MS - HOUR_MS),
        "yesterday_to": moment(now_ms - DAY_MS),
    }
    counts = {str(row[0]): tuple(map(int, row[1:])) for row in context.rows("operator_accounts", asked)}
    last = {str(row[0]): int(row[1]) for row in context.rows("operator_last", {"week": moment(now_ms - WEEK_MS)})}
    known = context.directory.accounts
    # '' is nobody's: a request whose key or address named no account.
    names = sorted({*known, *counts, *last} - {""})
    found = [_account(context, name, counts.get(name, (0,) * 8), last) for name in names]
    return sorted(found, key=lambda one: not (one.silent or one.limited_requests or one.failed_requests))


def _account(context: QueryContext, name: str, counts: tuple[int, ...], last: Mapping[str, int]) -> AccountState:
    received, accepted, duplicate, rejected, limited, failed, requests, yesterday = counts
    account = context.directory.accounts.get(name)
    return AccountState(
        account=name,
        platform=account.platform if account else "",
        mode=account.mode if account else None,
        sandbox=bool(account and account.sandbox),
        received=received,
        accepted=accepted,
        duplicate=duplicate,
        rejected=rejected,
        limited_requests=limited,
        failed_requests=failed,
        last_at=told_or_none(last.get(name)),
        silent=requests == 0 and yesterday > SILENT_FROM_REQUESTS,
    )


def _products(context: QueryContext) -> list[ProductState]:
    now_ms = context.now_ms
    asked: dict[str, Any] = {
        "from": moment(now_ms - LATELY_MIN * MINUTE_MS),
        "week": moment(now_ms - WEEK_MS),
    }
    seen = {str(row[0]): (int(row[1]), int(row[2])) for row in context.rows("operator_products", asked)}
    return [
        ProductState(name, events / LATELY_MIN, told_or_none(last_ms))
        for name, (events, last_ms) in sorted(
            {**dict.fromkeys(context.directory.products, (0, 0)), **seen}.items(), key=lambda item: item[0]
        )
    ]
