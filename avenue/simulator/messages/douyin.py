"""Douyin's webhooks and life-service calls."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from avenue.simulator.messages.base import (
    JSON,
    BuildMessage,
    ExpectedEvent,
    FlowSigner,
    MessageContext,
    PushMessage,
    PushRequest,
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


def _webhook(signer: FlowSigner, context: MessageContext, body: bytes, mark: str = "") -> PushRequest:
    return PushRequest(
        platform="douyin",
        account=signer.account.id,
        flow="webhook",
        path=f"/in/{signer.account.id}/webhook",
        body=body,
        headers={
            "content-type": JSON,
            "X-Douyin-Signature": sign.webhook_signature(signer.secret, body),
            "Msg-Id": f"msg-{context.token}{mark}",
        },
        positive=_acknowledged,
    )


def _envelope(context: MessageContext, event: str, content: object, **users: str) -> bytes:
    envelope = {"event": event, "client_key": context.keys.get("client_key", CLIENT_KEY), **users}
    return compact({**envelope, "content": content, "log_id": f"log{context.token}"})


def order_notify(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a paid life-service order; `content` is a JSON string, as the platform sends it."""
    order_id = context.number(19)
    paid_s = context.occurred_ms // 1000
    content = {
        "action": "pay_success",
        "msg_time": paid_s + 1,
        "order": {
            "order_id": order_id,
            "account_id": context.keys["account_id"],
            "pay_amount": context.fen,
            "original_amount": context.fen + context.rng.choice((0, 500, 1000)),
            "create_time": paid_s - context.rng.randint(5, 90),
            "pay_time": paid_s,
        },
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    body = _envelope(context, "life_trade_order_notify", text)
    event = ExpectedEvent(f"dy-order:{order_id}", "order.paid", whole_seconds(context.occurred_ms))
    return PushMessage(_webhook(signer, context, body), (event,))


def _by_receipt(event: str, kind: str) -> Any:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        content = {"share_id": context.token, "item_id": f"@9Vx{context.token}"} if event == "create_video" else {}
        body = _envelope(context, event, content, from_user_id=context.subject, to_user_id="")
        return PushMessage(_webhook(signer, context, body), (ExpectedEvent(body_id("dy:", body), kind, None),))

    build.__name__ = event
    build.__doc__ = f"Return a `{event}` message; it holds no time of its own."
    return build


create_video = _by_receipt("create_video", "content.published")
authorize = _by_receipt("authorize", "consent.granted")
unauthorize = _by_receipt("unauthorize", "consent.withdrawn")


def voucher_redeemed(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return that a voucher was redeemed at the place."""
    body = _voucher(context, "verify")
    event = ExpectedEvent(f"dy-cert:{context.number(18)}", "use.completed", whole_seconds(context.occurred_ms))
    return PushMessage(_webhook(signer, context, body), (event,))


def order_refunded(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return that the voucher of an order was given back; it names no sum."""
    body = _voucher(context, "refund_success")
    event = ExpectedEvent(f"dy-refund:{context.number(19)}", "order.refunded", whole_seconds(context.occurred_ms))
    return PushMessage(_webhook(signer, context, body, "-refund"), (event,))


def _voucher(context: MessageContext, action: str) -> bytes:
    certificate = {
        "certificate_id": context.number(18),
        "order_id": context.number(19),
        "account_id": context.keys["account_id"],
    }
    content = {"action": action, "msg_time": context.occurred_ms // 1000, "certificate": certificate}
    return _envelope(context, "life_trade_certificate_notify", compact(content).decode())


def _act(name: str) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        body = _envelope(context, name, _letter(context), from_user_id=context.subject, to_user_id="merchant")
        return PushMessage(
            _webhook(signer, context, body), (ExpectedEvent(body_id("dy:", body), "interaction", context.occurred_ms),)
        )

    return build


def _letter(context: MessageContext) -> dict[str, Any]:
    """Return a private message, with the sender's name and text as a real one has them."""
    return {
        "conversation_short_id": f"@conv{context.token}",
        "server_message_id": f"@msg{context.token}",
        "conversation_type": 1,
        "message_type": "text",
        "text": context.rng.choice(_COMMENTS),
        "source": "other",
        "create_time": context.occurred_ms,
        "user_infos": [{"open_id": context.subject, "nick_name": "模拟访客", "avatar": "https://example.com/a.png"}],
    }


ACTS: Mapping[str, BuildMessage] = {
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


def im_message(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return what a visitor did towards the merchant: wrote, rang, looked."""
    return context.rng.choice(tuple(ACTS.values()))(signer, context)


def _unmapped(name: str) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        content = {"group_id": context.token, "status": "1", "create_time": context.now_ms}
        return PushMessage(_webhook(signer, context, _envelope(context, name, content)), (_unsupported(),))

    return build


def redemption_cancelled(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return that a redemption was taken back: it becomes nothing here."""
    where = replace(context, keys={"account_id": context.keys.get("account_id", "7000000"), **context.keys})
    return PushMessage(_webhook(signer, context, _voucher(where, "verify_cancel")), (_unsupported(),))


UNMAPPED_WEBHOOKS: Mapping[str, BuildMessage] = {
    "life_trade_certificate_notify verify_cancel": redemption_cancelled,
    **{
        name: _unmapped(name)
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


def unmapped_webhook(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return an event that becomes nothing here."""
    return context.rng.choice(tuple(UNMAPPED_WEBHOOKS.values()))(signer, context)


def broken_webhook(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a signed body that is not JSON."""
    body = b'{"event":"im_receive_msg","client_key":"' + context.token.encode()
    return PushMessage(_webhook(signer, context, body), (_malformed(),))


def _malformed() -> ExpectedEvent:
    return ExpectedEvent("", "", None, "rejected", RejectReason.MALFORMED, "malformed")


def _unsupported() -> ExpectedEvent:
    return ExpectedEvent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")


def life_spi(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a life-service call that tells of a paid order."""
    order_id = context.number(19)
    amount = {"account_id": context.keys["account_id"], "pay_amount": context.fen}
    paid = {"pay_time_unix": context.occurred_ms // 1000}
    body = compact({"order_id": order_id, "order_out_id": f"OUT-{context.token}", **amount, **paid})
    event = ExpectedEvent(f"dy-order:{order_id}", "order.paid", whole_seconds(context.occurred_ms))
    return PushMessage(_spi_request(signer, context, body), (event,))


def _unmapped_call(**more: Any) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        ids = {"order_id": context.number(19), "order_out_id": f"OUT-{context.token}"}
        body = compact({**ids, "pay_time_unix": context.occurred_ms // 1000, **more})
        return PushMessage(_spi_request(signer, context, body), (_unsupported(),))

    return build


UNMAPPED_CALLS: Mapping[str, BuildMessage] = {
    "pay_notify": _unmapped_call(),
    "cancel_notify": _unmapped_call(cancel_type=1),
    "can_buy": _unmapped_call(count=1),
}


def unmapped_call(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a call without an amount: it becomes nothing here."""
    return context.rng.choice(tuple(UNMAPPED_CALLS.values()))(signer, context)


def _spi_request(signer: FlowSigner, context: MessageContext, body: bytes) -> PushRequest:
    query = {"client_key": CLIENT_KEY, "timestamp": str(context.now_ms)}
    query["sign"] = sign.life_legacy_sign(signer.secret, query, body)
    return PushRequest(
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
            "X-Bytedance-Logid": f"log{context.token}",
        },
        positive=_spi_acknowledged,
    )
