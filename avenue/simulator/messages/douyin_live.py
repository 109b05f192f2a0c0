"""Douyin's live play pushes and mini-program trade callbacks."""

import json
from collections.abc import Mapping
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
    compact,
    json_field,
)
from avenue.simulator.signers import douyin as sign
from schemas.outcomes import RejectReason

_COMMENTS = ("好喝吗？", "排队多久", "这个头环怎么用", "机械臂好稳", "666")


def _acknowledged(status: int, body: bytes) -> bool:
    return json_field(status, body, "err_no") == 0


def _unsupported() -> ExpectedEvent:
    return ExpectedEvent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")


def _live_of(message_type: str) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        elements = [_element(context, message_type, i) for i in range(context.rng.randint(1, max(1, context.count)))]
        events = tuple(ExpectedEvent(f"dy-live:{e['msg_id']}", "interaction", e["timestamp"]) for e in elements)
        return PushMessage(_live_request(signer, context, message_type, compact(elements)), events)

    return build


def _unmapped(message_type: str, **more: Any) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        body = compact([{**_element(context, message_type, 0), **more}])
        return PushMessage(_live_request(signer, context, message_type, body), (_unsupported(),))

    return build


LIVE: Mapping[str, BuildMessage] = {
    message_type: _live_of(message_type)
    for message_type in ("live_comment", "live_gift", "live_like", "live_fansclub", "live_follow")
}
UNMAPPED_LIVE: Mapping[str, BuildMessage] = {
    "live_user_enter_leave": _unmapped("live_user_enter_leave"),
    "user_group": _unmapped("user_group"),
    "live_comment test=true": _unmapped("live_comment", test=True),
}


def live(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return one push of a room: up to `context.count` comments, gifts, likes, new members or followers."""
    return context.rng.choice(tuple(LIVE.values()))(signer, context)


def unmapped_live(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return who came and went, a choice of team or the console's self-test: it becomes nothing here."""
    return context.rng.choice(tuple(UNMAPPED_LIVE.values()))(signer, context)


def _element(context: MessageContext, message_type: str, index: int) -> dict[str, Any]:
    return {
        "msg_id": f"{context.token}-{index}",
        "sec_openid": f"{context.subject}-{index % 3}",
        **_live_content(context, message_type),
        "avatar_url": "https://example.com/a.png",
        "nickname": "模拟观众",
        "timestamp": context.occurred_ms + index,
    }


def _live_content(context: MessageContext, message_type: str) -> Mapping[str, Any]:
    if message_type == "live_comment":
        return {"content": context.rng.choice(_COMMENTS)}
    if message_type == "live_gift":
        return {"sec_gift_id": "gift-1", "gift_num": context.rng.randint(1, 5), "gift_value": 100}
    return {"like_num": context.rng.randint(1, 30)} if message_type == "live_like" else {}


def _live_request(signer: FlowSigner, context: MessageContext, message_type: str, body: bytes) -> PushRequest:
    headers = {
        "x-nonce-str": f"n{context.token}",
        "x-timestamp": str(context.now_ms),
        "x-roomid": context.keys.get("room_id", "7300000000000"),
        "x-msg-type": message_type,
    }
    return PushRequest(
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


def trade_of(message_type: str) -> BuildMessage:
    """Return what makes mini-program callbacks of *message_type*: verified, and kept for a mapping still to come."""

    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        order = {"app_id": "tt_simulated", "out_order_no": f"O-{context.token}", "status": "SUCCESS"}
        body = compact(
            {"version": "3.0", "type": message_type, "msg": json.dumps({**order, "total_amount": context.fen})}
        )
        return PushMessage(_trade_request(signer, context, body), (_unsupported(),))

    return build


UNMAPPED_TRADE: Mapping[str, BuildMessage] = {"payment": trade_of("payment"), "refund": trade_of("refund")}


def trade(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a mini-program payment or refund callback."""
    return context.rng.choice(tuple(UNMAPPED_TRADE.values()))(signer, context)


def _trade_request(signer: FlowSigner, context: MessageContext, body: bytes) -> PushRequest:
    timestamp, nonce = str(context.now_ms // 1000), f"n{context.token}"
    return PushRequest(
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
