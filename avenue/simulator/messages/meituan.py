"""Meituan's messages: waimai pushes (forms whose values are percent-encoded twice) and tech-service pushes."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from avenue.simulator.messages.base import (
    FORM,
    BuildMessage,
    ExpectedEvent,
    FlowSigner,
    MessageContext,
    PushMessage,
    PushRequest,
    compact,
    fitting_id,
    json_field,
    whole_seconds,
    yuan,
)
from avenue.simulator.signers import meituan as sign
from schemas.event import REQUIRED_BY_KIND
from schemas.outcomes import RejectReason

APP_ID = "4001"
# These arrive still percent-encoded after the form has been decoded; the signature covers the plain text.
TWICE_ENCODED = frozenset(
    {"detail", "recipient_name", "recipient_address", "caution", "wm_poi_name", "extras", "reason"}
)
# A person of no place: real pushes carry all of this, and none of it may be stored.
_PERSON = {
    "recipient_name": "测试(先生)",
    "recipient_phone": "00000000000",
    "recipient_address": "虚构路 0 号 & 不存在大厦",
    "latitude": "31.0000",
    "longitude": "121.0000",
}


def _waimai_acknowledged(status: int, body: bytes) -> bool:
    return json_field(status, body, "data") == "ok"


def _service_acknowledged(status: int, body: bytes) -> bool:
    return json_field(status, body, "code") == 0


def _wire(parameters: Mapping[str, str]) -> str:
    twice = {k: quote(v, safe="") if k in TWICE_ENCODED else v for k, v in parameters.items()}
    return urlencode(twice)


def _waimai(signer: FlowSigner, flow: str, parameters: dict[str, str], method: str = "POST") -> PushRequest:
    """Return the push; it is signed for the address in the platform's console, wherever it is sent."""
    path = f"/in/{signer.account.id}/{flow}"
    address = (signer.account.public_url or "").rstrip("/") + path
    form = _wire({**parameters, "sig": sign.waimai_sig(signer.text, address, parameters)})
    return PushRequest(
        platform="meituan",
        account=signer.account.id,
        flow=flow,
        path=path,
        method=method,
        query=form if method == "GET" else "",
        body=b"" if method == "GET" else form.encode(),
        headers={} if method == "GET" else {"content-type": FORM},
        positive=_waimai_acknowledged,
    )


def _order(context: MessageContext, **more: str) -> dict[str, str]:
    return {
        "app_id": APP_ID,
        "app_poi_code": context.keys["app_poi_code"],
        "timestamp": str(context.now_ms // 1000),
        "order_id": context.number(17),
        **more,
    }


def _event_id(flow: str, parameters: Mapping[str, str], state: str) -> str:
    kind = flow.removeprefix("waimai-")
    return fitting_id("mt:", f"{parameters['app_id']}:{kind}:{parameters['order_id']}:{state}:{parameters['utime']}")


def _full_order(context: MessageContext, status: str) -> dict[str, str]:
    seconds = context.occurred_ms // 1000
    dish = {"app_food_code": "F1", "food_name": "拿铁", "price": float(yuan(context.fen)), "quantity": 1, "unit": "杯"}
    return _order(
        context,
        wm_order_id_view=context.number(17),
        status=status,
        total=yuan(context.fen),
        original_price=yuan(context.fen + 300),
        shipping_fee="0.0",
        ctime=str(seconds - context.rng.randint(10, 60)),
        utime=str(seconds),
        delivery_time="0",
        day_seq=str(context.serial % 400 + 1),
        wm_poi_name="脑智大道 咖啡",
        caution=context.rng.choice(("", "少冰 100%", "不要糖+加热")),
        detail=compact([dish]).decode(),
        **_PERSON,
    )


def order_paid(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a paid order."""
    parameters = _full_order(context, "2")
    event_id = _event_id("waimai-order-paid", parameters, "2")
    event = ExpectedEvent(event_id, "order.paid", whole_seconds(context.occurred_ms))
    return PushMessage(_waimai(signer, "waimai-order-paid", parameters), (event,))


def order_completed(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a completed order."""
    parameters = _full_order(context, "8")
    event_id = _event_id("waimai-order-completed", parameters, "8")
    event = ExpectedEvent(event_id, "use.completed", whole_seconds(context.occurred_ms))
    return PushMessage(_waimai(signer, "waimai-order-completed", parameters), (event,))


def order_cancelled(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a cancelled order: a GET, as public receivers see it."""
    seconds = str(context.occurred_ms // 1000)
    parameters = _order(context, status="9", utime=seconds, reason_code="2005", reason="用户取消 (其他)")
    event_id = _event_id("waimai-order-cancelled", parameters, "9")
    event = ExpectedEvent(event_id, "use.completed", whole_seconds(context.occurred_ms))
    return PushMessage(_waimai(signer, "waimai-order-cancelled", parameters, "GET"), (event,))


def order_refunded(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return an agreed refund of part of an order; some come without `utime`, and are then of when they were signed."""
    parameters = _order(context, notify_type="agree", money=yuan(context.fen), reason="协商一致")
    if context.rng.random() < 0.3:
        event = ExpectedEvent("", "order.refunded", whole_seconds(context.now_ms))
    else:
        parameters["utime"] = str(context.occurred_ms // 1000)
        event_id = _event_id("waimai-order-refunded", parameters, "agree")
        event = ExpectedEvent(event_id, "order.refunded", whole_seconds(context.occurred_ms))
    return PushMessage(_waimai(signer, "waimai-order-refunded", parameters, "GET"), (event,))


def _refund(context: MessageContext, **more: str) -> dict[str, str]:
    ctime = str(context.occurred_ms // 1000)
    return _order(
        context, refund_id=context.number(16), ctime=ctime, res_type="2", is_appeal="0", reason="不想要了", **more
    )


def refund_of(**more: str) -> BuildMessage:
    """Return what makes an agreed refund of a whole order: it names no sum, and no `utime`."""

    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        event = ExpectedEvent("", "order.refunded", whole_seconds(context.occurred_ms))
        return PushMessage(_waimai(signer, "waimai-order-refunded", _refund(context, **more), "GET"), (event,))

    return build


full_refund = refund_of(notify_type="agree")
AGREED_STATES: Mapping[str, BuildMessage] = {
    "order-refunded status=21": refund_of(status="21"),
    "order-refunded status=27": refund_of(status="27"),
    "order-refunded status=10 service_type=1": refund_of(status="10", service_type="1"),
    "order-refunded status=17 service_type=1": refund_of(status="17", service_type="1"),
}


def whole_refund(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return an agreed refund of a whole order, from a shop that takes goods back or from another."""
    return context.rng.choice((full_refund, full_refund, *AGREED_STATES.values()))(signer, context)


def _unmapped(flow: str, **more: str) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        event = ExpectedEvent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
        return PushMessage(_waimai(signer, flow, _refund(context, **more), "GET"), (event,))

    return build


NOT_AGREED = ("apply", "reject", "cancelRefund", "cancelRefundComplaint")
NO_LAST_WORD = ("1", "10", "11", "16", "17", "18", "20", "22", "26", "28", "30")
UNMAPPED_KINDS = (
    "order-created",
    "order-confirmed",
    "delivery-status",
    "order-urged",
    "order-settled",
    "number-degraded",
    "shop-status",
)
UNMAPPED_WAIMAI: Mapping[str, BuildMessage] = {
    **{f"order-refunded notify_type={n}": _unmapped("waimai-order-refunded", notify_type=n) for n in NOT_AGREED},
    **{
        f"order-refunded status={n}": _unmapped("waimai-order-refunded", status=n, service_type="2")
        for n in NO_LAST_WORD
    },
    **{kind: _unmapped(f"waimai-{kind}", logistics_status="20") for kind in UNMAPPED_KINDS},
}


def unmapped_waimai(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a notice that becomes nothing here: a refund that was not agreed, a courier's way."""
    return context.rng.choice(tuple(UNMAPPED_WAIMAI.values()))(signer, context)


def service_kinds(signer: FlowSigner) -> dict[str, str]:
    """Return the account's message types that a message with an amount alone can stand for."""
    return {
        number: kind
        for number, kind in signer.account.message_types.items()
        if REQUIRED_BY_KIND.get(kind, "amount_fen") == "amount_fen" and not kind.startswith("consent.")
    }


def _service_of(
    number: str, kind: str, signer: FlowSigner, context: MessageContext, content: dict[str, Any]
) -> PushMessage:
    message_id = context.number(18)
    event = ExpectedEvent(f"mt-s:{message_id}", kind, whole_seconds(context.occurred_ms))
    return PushMessage(_service_request(signer, context, number, message_id, content), (event,))


def service(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a tech-service message of one of the types agreed with the account."""
    number, kind = context.rng.choice(sorted(service_kinds(signer).items()))
    content = context.rng.choice((_amount(context), _amount_in_item(context)))
    return _service_of(number, kind, signer, context, content)


def service_amount(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a message of the first type agreed, its amount in fen."""
    number, kind = min(service_kinds(signer).items())
    return _service_of(number, kind, signer, context, _amount(context))


def service_item(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a message of the first type agreed, its amount in the item, in yuan."""
    number, kind = min(service_kinds(signer).items())
    return _service_of(number, kind, signer, context, _amount_in_item(context))


def _amount(context: MessageContext) -> dict[str, Any]:
    return {"orderId": f"T{context.token}", "amount": context.fen}


def _amount_in_item(context: MessageContext) -> dict[str, Any]:
    return {
        "orderId": f"T{context.token}",
        "bizData": {"item": {"money": f"{context.fen // 100}.{context.fen % 100:02d}"}},
    }


def unmapped_service(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a message of a type that nobody agreed on."""
    event = ExpectedEvent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
    return PushMessage(_service_request(signer, context, "999999", context.number(18), _amount(context)), (event,))


def _service_request(
    signer: FlowSigner, context: MessageContext, number: str, message_id: str, content: Mapping[str, Any]
) -> PushRequest:
    parameters = {
        "developerId": "100001",
        "businessId": "58",
        "ePoiId": context.keys.get("ePoiId", ""),
        "opBizCode": context.keys.get("opBizCode", ""),
        "msgType": number,
        "msgId": message_id,
        "timestamp": str(context.occurred_ms // 1000),
        "message": compact(content).decode(),
    }
    parameters["sign"] = sign.service_sign(signer.text, parameters)
    return PushRequest(
        platform="meituan",
        account=signer.account.id,
        flow="service",
        path=f"/in/{signer.account.id}/service",
        body=urlencode(parameters).encode(),
        headers={"content-type": FORM},
        positive=_service_acknowledged,
    )
