"""An account's kept rejects: by reason and field with the newest of each, what closed them, and those still open."""

from collections import defaultdict
from typing import Any, get_args

from reports.queries.account_model import ClosedBy, KeptReject, RejectGroup, RejectReplay, told, told_or_none
from reports.queries.context import QueryContext, moment
from reports.queries.model import Interval
from reports.queries.rejects import SAMPLES, shown
from schemas.lines import RejectLine
from schemas.outcomes import RejectReason, help_link

LISTED = 100
"""Reasons and fields in one answer, and replays."""


def reject_groups(context: QueryContext, account_id: str, interval: Interval) -> list[RejectGroup]:
    """Return the account's rejects that were received in *interval*; those with most open ones first."""
    parameters = {"account": account_id, "from": moment(interval.from_ms), "to": moment(interval.to_ms)}
    rows = context.rows("account_reject_groups", {**parameters, "listed": LISTED})
    samples = _samples(context, parameters) if rows else {}
    return [
        RejectGroup(
            str(reason),
            str(field),
            int(count),
            int(count) - int(closed),
            told(int(last_ms)),
            help_link(RejectReason(reason)),
            samples.get((str(reason), str(field)), []),
        )
        for reason, field, count, closed, last_ms in rows
    ]


def reject_replays(context: QueryContext, account_id: str) -> list[RejectReplay]:
    """Return the latest replays of the account's rejects."""
    rows = context.rows("account_replays", {"account": account_id, "listed": LISTED})
    return [RejectReplay(str(row[0]), told(int(row[1])), str(row[2]), str(row[3]), *map(int, row[4:])) for row in rows]


def open_lines(context: QueryContext, asked: dict[str, Any]) -> list[RejectLine]:
    """Return the open rejects that are *asked* for, as lines to replay, the oldest first."""
    rows = context.rows("account_open_rejects", asked)
    return [RejectLine(**dict(zip(RejectLine.__struct_fields__, row, strict=True))) for row in rows]


def _samples(context: QueryContext, parameters: dict[str, Any]) -> dict[tuple[str, str], list[KeptReject]]:
    found: dict[tuple[str, str], list[KeptReject]] = defaultdict(list)
    for row in context.rows("account_reject_samples", {**parameters, "samples": SAMPLES}):
        reason, field, reject_id, flow, message, event_id, payload, received_ms, delivery_id, *closing = row
        verdict, closed_by, closed_ms = closing
        closed: ClosedBy | None = next((one for one in get_args(ClosedBy) if one == verdict), None)
        found[str(reason), str(field)].append(
            KeptReject(
                str(reject_id),
                str(flow),
                str(message),
                str(event_id),
                shown(str(payload)),
                told(int(received_ms)),
                str(delivery_id),
                closed,
                str(closed_by or ""),
                told_or_none(int(closed_ms or 0)),
            )
        )
    return found
