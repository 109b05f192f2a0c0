"""An account's latest requests: what was sent where it is in the sample, and what was answered."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reports.queries.account_model import AccountCall, CallVerdict, told
from reports.queries.context import QueryContext
from reports.queries.delivery_way import sample


@dataclass(frozen=True, slots=True)
class CallsQuestion:
    """Which requests: the *limit* newest that are older than the delivery *before*; '' is any."""

    account: str
    limit: int = 50
    before: str = ""
    flow: str = ""
    search: str = ""
    """A part of a delivery's id, of a sample or of why it was refused; or whole: a reason, a status, an event's id."""


def account_calls(context: QueryContext, question: CallsQuestion) -> list[AccountCall]:
    """Return them, the newest first."""
    return [_call(row) for row in context.rows("account_calls", asdict(question))]


def _call(row: Sequence[Any]) -> AccountCall:
    (delivery_id, flow, status, received_ms, answered_ms, *counts) = row[:9]
    reasons, others, body_bytes, replay, requests, detail, call = row[9:]
    received, accepted, duplicate, rejected = map(int, counts)
    return AccountCall(
        delivery_id=str(delivery_id),
        flow=str(flow),
        status=int(status),
        received_at=told(int(received_ms)),
        answered_in_ms=max(0, int(answered_ms) - int(received_ms)),
        received=received,
        accepted=accepted,
        duplicate=duplicate,
        rejected=rejected,
        reasons={str(reason): int(count) for reason, count in reasons.items()},
        others=_others(others),
        body_bytes=int(body_bytes),
        replay=bool(replay),
        requests=int(requests),
        detail=str(detail),
        call=sample([[call]]),
    )


def _others(others: Sequence[Sequence[Any]]) -> list[CallVerdict]:
    return [
        CallVerdict(
            int(index), str(event_id), "duplicate" if verdict == "duplicate" else "rejected", str(reason), str(reject)
        )
        for index, verdict, event_id, reason, reject in others
    ]
