"""Aihuishou: Standard Webhooks, our proposal to them, since nothing of theirs is public."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from producers.adapters.base import (
    AdapterResult,
    MappedFields,
    MappingContext,
    NativePush,
    PlatformAnswer,
    PlatformMessage,
    RefusedPush,
    bounded_event_id,
)
from producers.adapters.standard_webhooks import verify
from producers.adapters.wire.fields import DocumentFields, EventDraft, map_document, read_object
from producers.adapters.wire.masking import AllowList, ValueFormat
from schemas.event import Kind

STATUS_CHANGED = "recycle.order.status_changed"
STATUS_KINDS: Mapping[str, Kind] = MappingProxyType({"quoted": "trade_in.quoted", "completed": "trade_in.completed"})
POSITIVE = PlatformAnswer(200, b"{}")
NEGATIVE = PlatformAnswer(503, b"{}")
ALLOWED: AllowList = {
    "event_id": ValueFormat.ID,
    "body": {
        "type": ValueFormat.WORD,
        "timestamp": ValueFormat.TIME,
        "data": {
            "order_no": ValueFormat.ID,
            "status": ValueFormat.WORD,
            "amount_fen": ValueFormat.NUMBER,
            "store_id": ValueFormat.ID,
            "occurred_at": ValueFormat.TIME,
        },
    },
}


@dataclass(frozen=True, slots=True)
class AihuishouWebhook:
    """The flow `webhook`."""

    platform: str = "aihuishou"
    flow: str = "webhook"
    fast: bool = False
    positive: PlatformAnswer = POSITIVE
    negative: PlatformAnswer = NEGATIVE

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total."""
        signed = verify(push.headers, push.body, push.secrets, push.received_ms)
        if isinstance(signed, RefusedPush):
            return signed
        context = MappingContext(push.account, push.flow, push.received_ms)
        event_id = bounded_event_id("ahs:", signed.webhook_id)
        return read_object(push.body, lambda body: self.interpret({"event_id": event_id, "body": body}, context))

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document* by today's rules. Total."""
        del context
        return map_document(document, ALLOWED, _draft, str(document.get("event_id", "")))


def _draft(document: DocumentFields) -> EventDraft:
    body = DocumentFields(document.child("body").tree)
    if body.identifier("type") != STATUS_CHANGED:
        raise body.lacking("type", "is of a sort that has no mapping")
    data = body.child("data")
    status = data.identifier("status")
    kind: Kind = STATUS_KINDS.get(status, "interaction")
    found: MappedFields = {
        "event_id": document.identifier("event_id"),
        "kind": kind,
        "occurred_at": data.moment_or("occurred_at", lambda: body.moment("timestamp")),
    }
    if data.has("amount_fen"):
        found["amount_fen"] = data.fen("amount_fen")
    attributes = data.attribute("status", ValueFormat.WORD) if kind == "interaction" else {}
    if attributes:
        found["attributes"] = attributes
    return EventDraft(found, ({"store_id": data.identifier("store_id")},))
