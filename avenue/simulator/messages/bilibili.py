"""Bilibili's webhooks. Live-room messages come by a connector, as batch pushes."""

from typing import Any

from avenue.simulator.messages.base import (
    JSON,
    BuildMessage,
    ExpectedEvent,
    FlowSigner,
    MessageContext,
    PushMessage,
    PushRequest,
    any_2xx,
    body_id,
    compact,
    local_text,
    whole_seconds,
)
from avenue.simulator.signers import bilibili as sign
from schemas.outcomes import RejectReason

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _request(signer: FlowSigner, body: bytes) -> PushRequest:
    return PushRequest(
        platform="bilibili",
        account=signer.account.id,
        flow="webhook",
        path=f"/in/{signer.account.id}/webhook",
        body=body,
        headers={
            "content-type": JSON,
            "x-bilibili-signature": sign.webhook_signature(signer.secret, body),
        },
        positive=any_2xx,
    )


def _message(
    signer: FlowSigner, context: MessageContext, event: str, content: dict[str, Any], kind: str
) -> PushMessage:
    body = compact({"event": event, "content": content, "timestamp": local_text(context.occurred_ms)})
    sent = ExpectedEvent(body_id("bili:", body), kind, whole_seconds(context.occurred_ms))
    return PushMessage(_request(signer, body), (sent,))


def _user(context: MessageContext) -> dict[str, Any]:
    return {"openid": context.subject, "client_id": context.keys["client_id"]}


def authorize(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a user's authorisation of the app."""
    content = {**_user(context), "permits": "USER_INFO,USER_DATA"}
    return _message(signer, context, "authorize", content, "consent.granted")


def deauthorize(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return its withdrawal."""
    return _message(signer, context, "deauthorize", _user(context), "consent.withdrawn")


def _resource(context: MessageContext) -> str:
    value, text = int(context.number(14)), ""
    while value:
        value, digit = divmod(value, len(_ALPHABET))
        text += _ALPHABET[digit]
    return "BV1" + text


def _video(event: str, state: int, text: str) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        content = {**_user(context), "resource_id": _resource(context), "state": state, "state_desc": text}
        return _message(signer, context, event, content, "content.published")

    return build


video_open, video_fail = _video("video_open", 0, "开放浏览"), _video("video_fail", -2, "打回")


def video(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return that a video submitted through the app is open (most), or was returned."""
    return (video_open if context.rng.random() < 0.9 else video_fail)(signer, context)


def unmapped(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return an event that becomes nothing here."""
    content = {**_user(context), "item_id": context.token}
    body = compact({"event": "shop_item_changed", "content": content, "timestamp": local_text(context.now_ms)})
    sent = ExpectedEvent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
    return PushMessage(_request(signer, body), (sent,))


def broken(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a signed body that is not JSON."""
    body = b'{"event":"video_open","content":{"openid":"' + context.token.encode()
    sent = ExpectedEvent("", "", None, "rejected", RejectReason.MALFORMED, "malformed")
    return PushMessage(_request(signer, body), (sent,))
