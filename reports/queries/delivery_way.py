"""One delivery's way, hop by hop, with its times and the verdict of each of its events: for whoever sent it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from reports.queries.account_model import DeliveredEvent, DeliveryHop, DeliveryWay, HopName, told, told_or_none
from reports.queries.context import QueryContext
from reports.queries.rejects import without_pseudonyms

LISTED = 200
"""Accepted events named; all are counted."""


def delivery_way(context: QueryContext, account_id: str, delivery_id: str) -> DeliveryWay | None:
    """Return the way of *delivery_id*; None where the account has none of that id that is stored by now."""
    mine = {"account": account_id, "delivery": delivery_id}
    line = _line(context, mine)
    if line is None:
        return None
    rejects = _rejects(context, account_id, line)
    events = [*_accepted(context, mine, line), *_others(line, rejects)]
    hops = _hops(context, mine, line, rejects)
    return DeliveryWay(
        delivery_id=line.delivery_id,
        account=account_id,
        platform=line.platform,
        flow=line.flow,
        status=line.status,
        requests=line.requests,
        detail=line.detail,
        received=line.received,
        accepted=line.accepted,
        duplicate=line.duplicate,
        rejected=line.rejected,
        body_bytes=line.body_bytes,
        replay=bool(line.replay),
        asked_by=line.asked_by,
        complete=all(hop.reached for hop in hops),
        hops=hops,
        events=events,
        listed_all=len(events) >= line.received,
        call=sample(context.rows("delivery_call", mine)),
    )


def delivery_hops(context: QueryContext, account_id: str, delivery_id: str) -> list[DeliveryHop] | None:
    """Return only how far *delivery_id* has come and when, likewise: for whoever waits for it."""
    mine = {"account": account_id, "delivery": delivery_id}
    line = _line(context, mine)
    return None if line is None else _hops(context, mine, line, _rejects(context, account_id, line))


def _line(context: QueryContext, mine: dict[str, Any]) -> "_Line | None":
    found = context.rows("delivery_line", mine)
    return _Line(*found[0]) if found else None


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of `delivery_line.sql`."""

    delivery_id: str
    platform: str
    flow: str
    status: int
    received: int
    accepted: int
    duplicate: int
    rejected: int
    reasons: dict[str, int]
    others: Sequence[Sequence[Any]]
    body_bytes: int
    replay: bool
    asked_by: str
    requests: int
    detail: str
    received_ms: int
    validated_ms: int
    answered_ms: int
    stored_ms: int


@dataclass(frozen=True, slots=True)
class _Reject:
    field: str
    message: str
    event_id: str
    stored_ms: int


def _rejects(context: QueryContext, account_id: str, line: _Line) -> dict[str, _Reject]:
    wanted = sorted({str(other[4]) for other in line.others if other[4]})
    if not wanted:
        return {}
    rows = context.rows("delivery_rejects", {"account": account_id, "rejects": wanted})
    return {
        str(reject_id): _Reject(str(field), str(message), str(event_id), int(stored_ms))
        for reject_id, _, field, message, event_id, _, stored_ms, _ in rows
    }


def _accepted(context: QueryContext, mine: dict[str, Any], line: _Line) -> list[DeliveredEvent]:
    rows = context.rows("delivery_events", {**mine, "received_ms": line.received_ms, "listed": LISTED})
    return [
        DeliveredEvent(
            event_id=str(row[0]),
            verdict="accepted",
            kind=str(row[1]),
            product_id=str(row[2]),
            trial_id=str(row[3]),
            placement_id=str(row[4]),
            arm=str(row[5]),
            attributes=_json(str(row[7])),
            occurred_at=told(int(row[8])),
        )
        for row in rows
    ]


def _others(line: _Line, rejects: dict[str, _Reject]) -> list[DeliveredEvent]:
    found = []
    for index, verdict, event_id, reason, reject_id in line.others:
        kept = rejects.get(str(reject_id), _Reject("", "", "", 0))
        found.append(
            DeliveredEvent(
                event_id=str(event_id) or kept.event_id,
                verdict="duplicate" if verdict == "duplicate" else "rejected",
                index=int(index),
                reason=str(reason),
                field=kept.field,
                message=kept.message,
                reject_id=str(reject_id),
            )
        )
    return found


def _hops(context: QueryContext, mine: dict[str, Any], line: _Line, rejects: dict[str, _Reject]) -> list[DeliveryHop]:
    rows = context.rows("delivery_progress", {**mine, "received_ms": line.received_ms})
    stored = sum(int(row[0]) for row in rows)
    counted = sum(int(row[0]) for row in rows if row[2])
    is_stored, is_counted = stored >= line.accepted, counted >= line.accepted
    at = {
        "received": line.received_ms,
        "validated": line.validated_ms,
        "acknowledged": line.answered_ms,
        # Rejects and the delivery's own line are stored beside its events, by the same sink.
        "stored": max([line.stored_ms, *(int(row[1]) for row in rows), *(one.stored_ms for one in rejects.values())])
        if is_stored
        else 0,
        # Of a delivery in several sources the time is known where each one's is.
        "counted": max(int(row[4]) for row in rows) if rows and is_counted and all(row[4] for row in rows) else 0,
    }
    if not line.accepted:
        at["counted"] = at["stored"]
    at["visible"] = max(at["stored"], at["counted"]) if at["stored"] and at["counted"] else 0
    events = {"stored": stored, "counted": counted, "visible": min(stored, counted)}
    reached = {"stored": is_stored, "counted": is_counted, "visible": is_stored and is_counted}
    names: tuple[HopName, ...] = ("received", "validated", "acknowledged", "stored", "counted", "visible")
    return [
        DeliveryHop(
            name,
            told_or_none(at[name]),
            at[name] - line.received_ms if at[name] else None,
            events.get(name, line.accepted if name == "acknowledged" else line.received),
            reached.get(name, True),
        )
        for name in names
    ]


def sample(rows: Sequence[Sequence[Any]]) -> Any:
    """Return the sample of a call, of *rows* whose first column it is; None where there is none."""
    return _json(str(rows[0][0])) if rows else None


def _json(text: str) -> Any:
    """Return *text*, what was kept as JSON, without pseudonyms; None where it is none."""
    try:
        return without_pseudonyms(msgspec.json.decode(text)) if text else None
    except msgspec.DecodeError:
        return None
