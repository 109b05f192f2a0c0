"""Aihuishou's webhooks, in the form this project agrees with it: Standard Webhooks."""

from datetime import UTC, datetime

from avenue.simulator.messages.base import (
    CHINA,
    BuildMessage,
    ExpectedEvent,
    FlowSigner,
    MessageContext,
    PushMessage,
    PushRequest,
    compact,
    fitting_id,
)
from avenue.simulator.messages.standard_webhook import signed_request
from schemas.outcomes import RejectReason

_KINDS = {"quoted": "trade_in.quoted", "completed": "trade_in.completed"}
_MODELS = ("头环 一代", "旧手机 128G", "平板 10 寸")


def _request(signer: FlowSigner, context: MessageContext, body: bytes) -> PushRequest:
    return signed_request("aihuishou", "webhook", signer, context, body)


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _body(context: MessageContext, message_type: str, status: str) -> bytes:
    return compact(
        {
            "type": message_type,
            "timestamp": _utc(context.now_ms),
            "data": {
                "order_no": f"R{context.token}",
                "status": status,
                "device_model": context.rng.choice(_MODELS),
                "amount_fen": context.fen * 50,
                "store_id": context.keys["store_id"],
                "occurred_at": datetime.fromtimestamp(context.occurred_ms / 1000, CHINA).isoformat(
                    timespec="milliseconds"
                ),
            },
        }
    )


def _changed_to(status: str) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        body = _body(context, "recycle.order.status_changed", status)
        event_id = fitting_id("ahs:", f"msg_{context.token}")
        event = ExpectedEvent(event_id, _KINDS.get(status, "interaction"), context.occurred_ms)
        return PushMessage(_request(signer, context, body), (event,))

    return build


quoted, completed, moved_on = _changed_to("quoted"), _changed_to("completed"), _changed_to("inspected")


def status_changed(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a change of a trade-in's status: quoted, inspected, completed."""
    return context.rng.choice((quoted, quoted, moved_on, completed))(signer, context)


def unmapped(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a message of a type that becomes nothing here."""
    body = _body(context, "recycle.store.opened", "open")
    event = ExpectedEvent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
    return PushMessage(_request(signer, context, body), (event,))


def broken(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a signed body that is not JSON."""
    body = b'{"type":"recycle.order.status_changed","data":{"order_no":"' + context.token.encode()
    event = ExpectedEvent("", "", None, "rejected", RejectReason.MALFORMED, "malformed")
    return PushMessage(_request(signer, context, body), (event,))
