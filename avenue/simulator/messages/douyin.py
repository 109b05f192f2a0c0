"""Douyin's messages: webhooks, life-service calls, live play pushes, mini-program trade callbacks."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from avenue.simulator.messages.base import (
    JSON,
    Message,
    Request,
    Scene,
    Sent,
    Signer,
    any_2xx,
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


def _webhook(signer: Signer, scene: Scene, body: bytes) -> Request:
    return Request(
        platform="douyin",
        account=signer.account.id,
        flow="webhook",
        path=f"/in/{signer.account.id}/webhook",
        body=body,
        headers={
            "content-type": JSON,
            "X-Douyin-Signature": sign.webhook_signature(signer.secret, body),
            "Msg-Id": f"msg-{scene.token}",
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


def im_message(signer: Signer, scene: Scene) -> Message:
    """Return a private message to the merchant, with the sender's name and text as a real one has them."""
    content = {
        "conversation_short_id": f"@conv{scene.token}",
        "server_message_id": f"@msg{scene.token}",
        "conversation_type": 1,
        "message_type": "text",
        "text": scene.rng.choice(_COMMENTS),
        "source": "other",
        "create_time": scene.occurred_ms,
        "user_infos": [{"open_id": scene.subject, "nick_name": "模拟访客", "avatar": "https://example.com/a.png"}],
    }
    name = scene.rng.choice(("im_receive_msg", "im_enter_direct_msg"))
    body = _envelope(scene, name, content, from_user_id=scene.subject, to_user_id="merchant")
    return Message(_webhook(signer, scene, body), (Sent(body_id("dy:", body), "interaction", scene.occurred_ms),))


def unmapped_webhook(signer: Signer, scene: Scene) -> Message:
    """Return an event that becomes nothing here."""
    body = _envelope(scene, "group_fans_event", {"group_id": scene.token, "create_time": scene.now_ms})
    return Message(_webhook(signer, scene, body), (_unsupported(),))


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
    body = compact(
        {
            "order_id": order_id,
            "order_out_id": f"OUT-{scene.token}",
            "account_id": scene.keys["account_id"],
            "pay_amount": scene.fen,
            "pay_time_unix": scene.occurred_ms // 1000,
        }
    )
    query = {"client_key": CLIENT_KEY, "timestamp": str(scene.now_ms)}
    query["sign"] = sign.life_legacy_sign(signer.secret, query, body)
    request = Request(
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
    return Message(request, (Sent(f"dy-order:{order_id}", "order.paid", whole_seconds(scene.occurred_ms)),))


def live(signer: Signer, scene: Scene) -> Message:
    """Return one push of comments, gifts or likes of a room: up to `scene.count` of them."""
    action = scene.rng.choice(("comment", "comment", "gift", "like"))
    elements: list[dict[str, Any]] = [
        {
            "msg_id": f"{scene.token}-{index}",
            "sec_openid": f"{scene.subject}-{index % 3}",
            **_live_content(scene, action),
            "avatar_url": "https://example.com/a.png",
            "nickname": "模拟观众",
            "timestamp": scene.occurred_ms + index,
        }
        for index in range(scene.rng.randint(1, max(1, scene.count)))
    ]
    events = tuple(Sent(f"dy-live:{e['msg_id']}", "interaction", e["timestamp"]) for e in elements)
    return Message(_live_request(signer, scene, f"live_{action}", compact(elements)), events)


def _live_content(scene: Scene, action: str) -> Mapping[str, Any]:
    if action == "comment":
        return {"content": scene.rng.choice(_COMMENTS)}
    if action == "gift":
        return {"sec_gift_id": "gift-1", "gift_num": scene.rng.randint(1, 5), "gift_value": 100}
    return {"like_num": scene.rng.randint(1, 30)}


def _live_request(signer: Signer, scene: Scene, sort: str, body: bytes) -> Request:
    headers = {
        "x-nonce-str": f"n{scene.token}",
        "x-timestamp": str(scene.now_ms),
        "x-roomid": scene.keys["room_id"],
        "x-msg-type": sort,
    }
    return Request(
        platform="douyin",
        account=signer.account.id,
        flow="live",
        path=f"/in/{signer.account.id}/live",
        body=body,
        headers={
            **headers,
            "content-type": JSON,
            "x-signature": sign.live_signature(signer.secret, headers, body),
        },
        positive=any_2xx,
    )


def trade(signer: Signer, scene: Scene) -> Message:
    """Return a mini-program payment callback: verified, and kept for a mapping still to come."""
    message = json.dumps(
        {
            "app_id": "tt_simulated",
            "out_order_no": f"O-{scene.token}",
            "status": "SUCCESS",
            "total_amount": scene.fen,
        }
    )
    body = compact({"version": "3.0", "type": "payment", "msg": message})
    timestamp, nonce = str(scene.now_ms // 1000), f"n{scene.token}"
    request = Request(
        platform="douyin",
        account=signer.account.id,
        flow="trade",
        path=f"/in/{signer.account.id}/trade",
        body=body,
        headers={
            "content-type": JSON,
            "Byte-Timestamp": timestamp,
            "Byte-Nonce-Str": nonce,
            "Byte-Signature": sign.trade_signature(signer.secret, timestamp, nonce, body),
        },
        positive=_acknowledged,
    )
    return Message(request, (Sent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT),))
