"""Aihuishou: Standard Webhooks, our proposal to them, since nothing of theirs is public."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from producers.adapters.base import Answer, Context, Message, Push, Reading, Refused, bounded_event_id
from producers.adapters.standard_webhooks import verify
from producers.adapters.wire.fields import Draft, Fields, read_object, understand
from producers.adapters.wire.masking import Allowed, Shape

STATUS_CHANGED = "recycle.order.status_changed"
STATUS_KINDS: Mapping[str, str] = MappingProxyType({"quoted": "trade_in.quoted", "completed": "trade_in.completed"})
POSITIVE = Answer(200, b"{}")
NEGATIVE = Answer(503, b"{}")
ALLOWED: Allowed = {
    "event_id": Shape.ID,
    "body": {
        "type": Shape.WORD,
        "timestamp": Shape.TIME,
        "data": {
            "order_no": Shape.ID,
            "status": Shape.WORD,
            "amount_fen": Shape.NUMBER,
            "store_id": Shape.ID,
            "occurred_at": Shape.TIME,
        },
    },
}


@dataclass(frozen=True, slots=True)
class AihuishouWebhook:
    """The flow `webhook`."""

    platform: str = "aihuishou"
    flow: str = "webhook"
    fast: bool = False
    positive: Answer = POSITIVE
    negative: Answer = NEGATIVE

    def read(self, push: Push) -> Reading:
        """Verify *push* and take it apart. Total."""
        signed = verify(push.headers, push.body, push.secrets, push.received_ms)
        if isinstance(signed, Refused):
            return signed
        context = Context(push.account, push.flow, push.received_ms)
        event_id = bounded_event_id("ahs:", signed.webhook_id)
        return read_object(push.body, lambda body: self.interpret({"event_id": event_id, "body": body}, context))

    def interpret(self, document: Mapping[str, Any], context: Context) -> Message:
        """Map *document* by today's rules. Total."""
        del context
        return understand(document, ALLOWED, _draft, str(document.get("event_id", "")))


def _draft(document: Fields) -> Draft:
    body = Fields(document.child("body").tree)
    if body.identifier("type") != STATUS_CHANGED:
        raise body.lacking("type", "is of a sort that has no mapping")
    data = body.child("data")
    status = data.identifier("status")
    kind = STATUS_KINDS.get(status, "interaction")
    found: dict[str, Any] = {
        "event_id": document.identifier("event_id"),
        "kind": kind,
        "occurred_at": data.moment_or("occurred_at", lambda: body.moment("timestamp")),
    }
    if data.has("amount_fen"):
        found["amount_fen"] = data.fen("amount_fen")
    if kind == "interaction":
        found["attributes"] = {"status": status}
    return Draft(found, ({"store_id": data.identifier("store_id")},))
