"""Douyin's webhooks and life-service calls."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from avenue.simulator.messages.base import (
    JSON,
    Build,
    Message,
    Request,
    Scene,
    Sent,
    Signer,
    body_id,
    compact,
    json_field,
    whole_seconds,
)
from avenue.simulator.signers import douyin as sign
from schemas.outcomes import RejectReason

# Named in messages that are placed by something else.
CLIENT_KEY = "aw_simulated"
_COMMENTS = ("好喝吗？", "排队多久", "这个头环怎么用", "机械臂好稳", "666")


def _acknowledged(status: int, body: bytes) -> bool:
    return json_field(status, body, "err_no") == 0


def _spi_acknowledged(status: int, body: bytes) -> bool:
    return json_field(status, body, "data", "error_code") == 0


def _webhook(signer: Signer, scene: Scene, body: bytes, mark: str = "") -> Request:
    return Request(
        platform="douyin",
        account=signer.account.id,
        flow="webhook",
        path=f"/in/{signer.account.id}/webhook",
        body=body,
        headers={
            "content-type": JSON,
            "X-Douyin-Signature": sign.webhook_signature(signer.secret, body),
            "Msg-Id": f"msg-{scene.token}{mark}",
        },
        positive=_acknowledged,
    )


def _envelope(scene: Scene, event: str, content: object, **users: str) -> bytes:
    envelope = {"event": event, "client_key": scene.keys.get("client_key", CLIENT_KEY), **users}
    return compact({**envelope, "content": content, "log_id": f"log{scene.token}"})


def order_notify(signer: Signer, scene: Scene) -> Message:
    """Return a paid life-service order; `content` is a JSON string, as the platform sends it."""
    order_id = scene.number(19)
    paid_s = scene.occurred_ms // 1000
    content = {
        "action": "pay_success",
        "msg_time": paid_s + 1,
        "order": {
            "order_id": order_id,
            "account_id": scene.keys["account_id"],
            "pay_amount": scene.fen,
            "original_amount": scene.fen + scene.rng.choice((0, 500, 1000)),
            "create_time": paid_s - scene.rng.randint(5, 90),
            "pay_time": paid_s,
        },
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    body = _envelope(scene, "life_trade_order_notify", text)
    event = Sent(f"dy-order:{order_id}", "order.paid", whole_seconds(scene.occurred_ms))
    return Message(_webhook(signer, scene, body), (event,))


def _by_receipt(event: str, kind: str) -> Any:
    def build(signer: Signer, scene: Scene) -> Message:
        content = {"share_id": scene.token, "item_id": f"@9Vx{scene.token}"} if event == "create_video" else {}
        body = _envelope(scene, event, content, from_user_id=scene.subject, to_user_id="")
        return Message(_webhook(signer, scene, body), (Sent(body_id("dy:", body), kind, None),))

    build.__name__ = event
    build.__doc__ = f"Return a `{event}` message; it holds no time of its own."
    return build


create_video = _by_receipt("create_video", "content.published")
authorize = _by_receipt("authorize", "consent.granted")
unauthorize = _by_receipt("unauthorize", "consent.withdrawn")


def voucher_redeemed(signer: Signer, scene: Scene) -> Message:
    """Return that a voucher was redeemed at the place."""
    body = _voucher(scene, "verify")
    event = Sent(f"dy-cert:{scene.number(18)}", "use.completed", whole_seconds(scene.occurred_ms))
    return Message(_webhook(signer, scene, body), (event,))


def order_refunded(signer: Signer, scene: Scene) -> Message:
    """Return that the voucher of an order was given back; it names no sum."""
    body = _voucher(scene, "refund_success")
    event = Sent(f"dy-refund:{scene.number(19)}", "order.refunded", whole_seconds(scene.occurred_ms))
    return Message(_webhook(signer, scene, body, "-refund"), (event,))


def _voucher(scene: Scene, action: str) -> bytes:
    certificate = {
        "certificate_id": scene.number(18),
        "order_id": scene.number(19),
        "account_id": scene.keys["account_id"],
    }
    content = {"action": action, "msg_time": scene.occurred_ms // 1000, "certificate": certificate}
    return _envelope(scene, "life_trade_certificate_notify", compact(content).decode())


def _act(name: str) -> Build:
    def build(signer: Signer, scene: Scene) -> Message:
        body = _envelope(scene, name, _letter(scene), from_user_id=scene.subject, to_user_id="merchant")
        return Message(_webhook(signer, scene, body), (Sent(body_id("dy:", body), "interaction", scene.occurred_ms),))

    return build


def _letter(scene: Scene) -> dict[str, Any]:
    """Return a private message, with the sender's name and text as a real one has them."""
    return {
        "conversation_short_id": f"@conv{scene.token}",
        "server_message_id": f"@msg{scene.token}",
        "conversation_type": 1,
        "message_type": "text",
        "text": scene.rng.choice(_COMMENTS),
        "source": "other",
        "create_time": scene.occurred_ms,
        "user_infos": [{"open_id": scene.subject, "nick_name": "模拟访客", "avatar": "https://example.com/a.png"}],
    }


ACTS: Mapping[str, Build] = {
    name: _act(name)
    for name in (
        "im_receive_msg",
        "im_enter_direct_msg",
        "im_group_receive_msg",
        "receive_msg",
        "enter_im",
        "dial_phone",
        "website_contact",
        "personal_tab_contact",
    )
}


def im_message(signer: Signer, scene: Scene) -> Message:
    """Return what a visitor did towards the merchant: wrote, rang, looked."""
    return scene.rng.choice(tuple(ACTS.values()))(signer, scene)


def _kept(name: str) -> Build:
    def build(signer: Signer, scene: Scene) -> Message:
        content = {"group_id": scene.token, "status": "1", "create_time": scene.now_ms}
        return Message(_webhook(signer, scene, _envelope(scene, name, content)), (_unsupported(),))

    return build


def redemption_cancelled(signer: Signer, scene: Scene) -> Message:
    """Return that a redemption was taken back: it becomes nothing here."""
    where = replace(scene, keys={"account_id": scene.keys.get("account_id", "7000000"), **scene.keys})
    return Message(_webhook(signer, scene, _voucher(where, "verify_cancel")), (_unsupported(),))


KEPT_WEBHOOKS: Mapping[str, Build] = {
    "life_trade_certificate_notify verify_cancel": redemption_cancelled,
    **{
        name: _kept(name)
        for name in (
            "im_send_msg",
            "im_recall_msg",
            "contract_authorize",
            "contract_unauthorize",
            "life_product_common_audit",
            "life_product_status_change",
            "life_takeout_delivery_change",
            "life_partner_order_notify",
            "group_fans_event",
            "enter_group_audit_change",
        )
    },
}


def unmapped_webhook(signer: Signer, scene: Scene) -> Message:
    """Return an event that becomes nothing here."""
    return scene.rng.choice(tuple(KEPT_WEBHOOKS.values()))(signer, scene)


def broken_webhook(signer: Signer, scene: Scene) -> Message:
    """Return a signed body that is not JSON."""
    body = b'{"event":"im_receive_msg","client_key":"' + scene.token.encode()
    return Message(_webhook(signer, scene, body), (_malformed(),))


def _malformed() -> Sent:
    return Sent("", "", None, "rejected", RejectReason.MALFORMED, "malformed")


def _unsupported() -> Sent:
    return Sent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")


def life_spi(signer: Signer, scene: Scene) -> Message:
    """Return a life-service call that tells of a paid order."""
    order_id = scene.number(19)
    amount = {"account_id": scene.keys["account_id"], "pay_amount": scene.fen}
    paid = {"pay_time_unix": scene.occurred_ms // 1000}
    body = compact({"order_id": order_id, "order_out_id": f"OUT-{scene.token}", **amount, **paid})
    event = Sent(f"dy-order:{order_id}", "order.paid", whole_seconds(scene.occurred_ms))
    return Message(_spi_request(signer, scene, body), (event,))


def _kept_call(**more: Any) -> Build:
    def build(signer: Signer, scene: Scene) -> Message:
        ids = {"order_id": scene.number(19), "order_out_id": f"OUT-{scene.token}"}
        body = compact({**ids, "pay_time_unix": scene.occurred_ms // 1000, **more})
        return Message(_spi_request(signer, scene, body), (_unsupported(),))

    return build


KEPT_CALLS: Mapping[str, Build] = {
    "pay_notify": _kept_call(),
    "cancel_notify": _kept_call(cancel_type=1),
    "can_buy": _kept_call(count=1),
}


def unmapped_call(signer: Signer, scene: Scene) -> Message:
    """Return a call without an amount: it becomes nothing here."""
    return scene.rng.choice(tuple(KEPT_CALLS.values()))(signer, scene)


def _spi_request(signer: Signer, scene: Scene, body: bytes) -> Request:
    query = {"client_key": CLIENT_KEY, "timestamp": str(scene.now_ms)}
    query["sign"] = sign.life_legacy_sign(signer.secret, query, body)
    return Request(
        platform="douyin",
        account=signer.account.id,
        flow="life-spi",
        path=f"/in/{signer.account.id}/life-spi",
        query=urlencode(query),
        body=body,
        headers={
            "content-type": JSON,
            "x-life-clientkey": CLIENT_KEY,
            "x-life-sign": sign.life_signature(signer.secret, query, body),
            "X-Bytedance-Logid": f"log{scene.token}",
        },
        positive=_spi_acknowledged,
    )
