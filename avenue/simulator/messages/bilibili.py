"""Bilibili's webhooks. Live-room messages come by a connector, as batch pushes."""

from typing import Any

from avenue.simulator.messages.base import (
    JSON,
    Build,
    Message,
    Request,
    Scene,
    Sent,
    Signer,
    any_2xx,
    body_id,
    compact,
    local_text,
    whole_seconds,
)
from avenue.simulator.signers import bilibili as sign
from schemas.outcomes import RejectReason

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _request(signer: Signer, body: bytes) -> Request:
    return Request(
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


def _message(signer: Signer, scene: Scene, event: str, content: dict[str, Any], kind: str) -> Message:
    body = compact({"event": event, "content": content, "timestamp": local_text(scene.occurred_ms)})
    sent = Sent(body_id("bili:", body), kind, whole_seconds(scene.occurred_ms))
    return Message(_request(signer, body), (sent,))


def _user(scene: Scene) -> dict[str, Any]:
    return {"openid": scene.subject, "client_id": scene.keys["client_id"]}


def authorize(signer: Signer, scene: Scene) -> Message:
    """Return a user's authorisation of the app."""
    content = {**_user(scene), "permits": "USER_INFO,USER_DATA"}
    return _message(signer, scene, "authorize", content, "consent.granted")


def deauthorize(signer: Signer, scene: Scene) -> Message:
    """Return its withdrawal."""
    return _message(signer, scene, "deauthorize", _user(scene), "consent.withdrawn")


def _resource(scene: Scene) -> str:
    value, text = int(scene.number(14)), ""
    while value:
        value, digit = divmod(value, len(_ALPHABET))
        text += _ALPHABET[digit]
    return "BV1" + text


def _video(event: str, state: int, text: str) -> Build:
    def build(signer: Signer, scene: Scene) -> Message:
        content = {**_user(scene), "resource_id": _resource(scene), "state": state, "state_desc": text}
        return _message(signer, scene, event, content, "content.published")

    return build


video_open, video_fail = _video("video_open", 0, "开放浏览"), _video("video_fail", -2, "打回")


def video(signer: Signer, scene: Scene) -> Message:
    """Return that a video submitted through the app is open (most), or was returned."""
    return (video_open if scene.rng.random() < 0.9 else video_fail)(signer, scene)


def unmapped(signer: Signer, scene: Scene) -> Message:
    """Return an event that becomes nothing here."""
    content = {**_user(scene), "item_id": scene.token}
    body = compact({"event": "shop_item_changed", "content": content, "timestamp": local_text(scene.now_ms)})
    sent = Sent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
    return Message(_request(signer, body), (sent,))


def broken(signer: Signer, scene: Scene) -> Message:
    """Return a signed body that is not JSON."""
    body = b'{"event":"video_open","content":{"openid":"' + scene.token.encode()
    sent = Sent("", "", None, "rejected", RejectReason.MALFORMED, "malformed")
    return Message(_request(signer, body), (sent,))
