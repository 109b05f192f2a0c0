"""Douyin's live play pushes and mini-program trade callbacks."""

import json
from collections.abc import Mapping
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
    compact,
    json_field,
)
from avenue.simulator.signers import douyin as sign
from schemas.outcomes import RejectReason

_COMMENTS = ("好喝吗？", "排队多久", "这个头环怎么用", "机械臂好稳", "666")


def _acknowledged(status: int, body: bytes) -> bool:
    return json_field(status, body, "err_no") == 0


def _unsupported() -> Sent:
    return Sent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")


def _live_of(sort: str) -> Build:
    def build(signer: Signer, scene: Scene) -> Message:
        elements = [_element(scene, sort, i) for i in range(scene.rng.randint(1, max(1, scene.count)))]
        events = tuple(Sent(f"dy-live:{e['msg_id']}", "interaction", e["timestamp"]) for e in elements)
        return Message(_live_request(signer, scene, sort, compact(elements)), events)

    return build


def _kept(sort: str, **more: Any) -> Build:
    def build(signer: Signer, scene: Scene) -> Message:
        body = compact([{**_element(scene, sort, 0), **more}])
        return Message(_live_request(signer, scene, sort, body), (_unsupported(),))

    return build


LIVE: Mapping[str, Build] = {
    sort: _live_of(sort) for sort in ("live_comment", "live_gift", "live_like", "live_fansclub", "live_follow")
}
KEPT_LIVE: Mapping[str, Build] = {
    "live_user_enter_leave": _kept("live_user_enter_leave"),
    "user_group": _kept("user_group"),
    "live_comment test=true": _kept("live_comment", test=True),
}


def live(signer: Signer, scene: Scene) -> Message:
    """Return one push of a room: up to `scene.count` comments, gifts, likes, new members or followers."""
    return scene.rng.choice(tuple(LIVE.values()))(signer, scene)


def unmapped_live(signer: Signer, scene: Scene) -> Message:
    """Return who came and went, a choice of team or the console's self-test: it becomes nothing here."""
    return scene.rng.choice(tuple(KEPT_LIVE.values()))(signer, scene)


def _element(scene: Scene, sort: str, index: int) -> dict[str, Any]:
    return {
        "msg_id": f"{scene.token}-{index}",
        "sec_openid": f"{scene.subject}-{index % 3}",
        **_live_content(scene, sort),
        "avatar_url": "https://example.com/a.png",
        "nickname": "模拟观众",
        "timestamp": scene.occurred_ms + index,
    }


def _live_content(scene: Scene, sort: str) -> Mapping[str, Any]:
    if sort == "live_comment":
        return {"content": scene.rng.choice(_COMMENTS)}
    if sort == "live_gift":
        return {"sec_gift_id": "gift-1", "gift_num": scene.rng.randint(1, 5), "gift_value": 100}
    return {"like_num": scene.rng.randint(1, 30)} if sort == "live_like" else {}


def _live_request(signer: Signer, scene: Scene, sort: str, body: bytes) -> Request:
    headers = {
        "x-nonce-str": f"n{scene.token}",
        "x-timestamp": str(scene.now_ms),
        "x-roomid": scene.keys.get("room_id", "7300000000000"),
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


def trade_of(sort: str) -> Build:
    """Return what makes mini-program callbacks of *sort*: verified, and kept for a mapping still to come."""

    def build(signer: Signer, scene: Scene) -> Message:
        order = {"app_id": "tt_simulated", "out_order_no": f"O-{scene.token}", "status": "SUCCESS"}
        body = compact({"version": "3.0", "type": sort, "msg": json.dumps({**order, "total_amount": scene.fen})})
        return Message(_trade_request(signer, scene, body), (_unsupported(),))

    return build


KEPT_TRADE: Mapping[str, Build] = {"payment": trade_of("payment"), "refund": trade_of("refund")}


def trade(signer: Signer, scene: Scene) -> Message:
    """Return a mini-program payment or refund callback."""
    return scene.rng.choice(tuple(KEPT_TRADE.values()))(signer, scene)


def _trade_request(signer: Signer, scene: Scene, body: bytes) -> Request:
    timestamp, nonce = str(scene.now_ms // 1000), f"n{scene.token}"
    return Request(
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
