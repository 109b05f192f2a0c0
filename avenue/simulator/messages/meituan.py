"""Meituan's messages: waimai pushes (forms whose values are percent-encoded twice) and tech-service pushes."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from avenue.simulator.messages.base import (
    FORM,
    Build,
    Message,
    Request,
    Scene,
    Sent,
    Signer,
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


def _waimai(signer: Signer, flow: str, parameters: dict[str, str], method: str = "POST") -> Request:
    """Return the push; it is signed for the address in the platform's console, wherever it is sent."""
    path = f"/in/{signer.account.id}/{flow}"
    address = (signer.account.public_url or "").rstrip("/") + path
    form = _wire({**parameters, "sig": sign.waimai_sig(signer.text, address, parameters)})
    return Request(
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


def _order(scene: Scene, **more: str) -> dict[str, str]:
    return {
        "app_id": APP_ID,
        "app_poi_code": scene.keys["app_poi_code"],
        "timestamp": str(scene.now_ms // 1000),
        "order_id": scene.number(17),
        **more,
    }


def _event_id(flow: str, parameters: Mapping[str, str], state: str) -> str:
    kind = flow.removeprefix("waimai-")
    return fitting_id("mt:", f"{parameters['app_id']}:{kind}:{parameters['order_id']}:{state}:{parameters['utime']}")


def _full_order(scene: Scene, status: str) -> dict[str, str]:
    seconds = scene.occurred_ms // 1000
    dish = {"app_food_code": "F1", "food_name": "拿铁", "price": float(yuan(scene.fen)), "quantity": 1, "unit": "杯"}
    return _order(
        scene,
        wm_order_id_view=scene.number(17),
        status=status,
        total=yuan(scene.fen),
        original_price=yuan(scene.fen + 300),
        shipping_fee="0.0",
        ctime=str(seconds - scene.rng.randint(10, 60)),
        utime=str(seconds),
        delivery_time="0",
        day_seq=str(scene.serial % 400 + 1),
        wm_poi_name="脑智大道 咖啡",
        caution=scene.rng.choice(("", "少冰 100%", "不要糖+加热")),
        detail=compact([dish]).decode(),
        **_PERSON,
    )


def order_paid(signer: Signer, scene: Scene) -> Message:
    """Return a paid order."""
    parameters = _full_order(scene, "2")
    event_id = _event_id("waimai-order-paid", parameters, "2")
    event = Sent(event_id, "order.paid", whole_seconds(scene.occurred_ms))
    return Message(_waimai(signer, "waimai-order-paid", parameters), (event,))


def order_completed(signer: Signer, scene: Scene) -> Message:
    """Return a completed order."""
    parameters = _full_order(scene, "8")
    event_id = _event_id("waimai-order-completed", parameters, "8")
    event = Sent(event_id, "use.completed", whole_seconds(scene.occurred_ms))
    return Message(_waimai(signer, "waimai-order-completed", parameters), (event,))


def order_cancelled(signer: Signer, scene: Scene) -> Message:
    """Return a cancelled order: a GET, as public receivers see it."""
    seconds = str(scene.occurred_ms // 1000)
    parameters = _order(scene, status="9", utime=seconds, reason_code="2005", reason="用户取消 (其他)")
    event_id = _event_id("waimai-order-cancelled", parameters, "9")
    event = Sent(event_id, "use.completed", whole_seconds(scene.occurred_ms))
    return Message(_waimai(signer, "waimai-order-cancelled", parameters, "GET"), (event,))


def order_refunded(signer: Signer, scene: Scene) -> Message:
    """Return an agreed refund of part of an order; some come without `utime`, and are then of when they were signed."""
    parameters = _order(scene, notify_type="agree", money=yuan(scene.fen), reason="协商一致")
    if scene.rng.random() < 0.3:
        event = Sent("", "order.refunded", whole_seconds(scene.now_ms))
    else:
        parameters["utime"] = str(scene.occurred_ms // 1000)
        event_id = _event_id("waimai-order-refunded", parameters, "agree")
        event = Sent(event_id, "order.refunded", whole_seconds(scene.occurred_ms))
    return Message(_waimai(signer, "waimai-order-refunded", parameters, "GET"), (event,))


def _refund(scene: Scene, **more: str) -> dict[str, str]:
    ctime = str(scene.occurred_ms // 1000)
    return _order(
        scene, refund_id=scene.number(16), ctime=ctime, res_type="2", is_appeal="0", reason="不想要了", **more
    )


def refund_of(**more: str) -> Build:
    """Return what makes an agreed refund of a whole order: it names no sum, and no `utime`."""

    def build(signer: Signer, scene: Scene) -> Message:
        event = Sent("", "order.refunded", whole_seconds(scene.occurred_ms))
        return Message(_waimai(signer, "waimai-order-refunded", _refund(scene, **more), "GET"), (event,))

    return build


full_refund = refund_of(notify_type="agree")
AGREED_STATES: Mapping[str, Build] = {
    "order-refunded status=21": refund_of(status="21"),
    "order-refunded status=27": refund_of(status="27"),
    "order-refunded status=10 service_type=1": refund_of(status="10", service_type="1"),
    "order-refunded status=17 service_type=1": refund_of(status="17", service_type="1"),
}


def whole_refund(signer: Signer, scene: Scene) -> Message:
    """Return an agreed refund of a whole order, from a shop that takes goods back or from another."""
    return scene.rng.choice((full_refund, full_refund, *AGREED_STATES.values()))(signer, scene)


def _kept(flow: str, **more: str) -> Build:
    def build(signer: Signer, scene: Scene) -> Message:
        event = Sent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
        return Message(_waimai(signer, flow, _refund(scene, **more), "GET"), (event,))

    return build


NOT_AGREED = ("apply", "reject", "cancelRefund", "cancelRefundComplaint")
NO_LAST_WORD = ("1", "10", "11", "16", "17", "18", "20", "22", "26", "28", "30")
KEPT_KINDS = (
    "order-created",
    "order-confirmed",
    "delivery-status",
    "order-urged",
    "order-settled",
    "number-degraded",
    "shop-status",
)
KEPT_WAIMAI: Mapping[str, Build] = {
    **{f"order-refunded notify_type={n}": _kept("waimai-order-refunded", notify_type=n) for n in NOT_AGREED},
    **{f"order-refunded status={n}": _kept("waimai-order-refunded", status=n, service_type="2") for n in NO_LAST_WORD},
    **{kind: _kept(f"waimai-{kind}", logistics_status="20") for kind in KEPT_KINDS},
}


def unmapped_waimai(signer: Signer, scene: Scene) -> Message:
    """Return a notice that becomes nothing here: a refund that was not agreed, a courier's way."""
    return scene.rng.choice(tuple(KEPT_WAIMAI.values()))(signer, scene)


def service_kinds(signer: Signer) -> dict[str, str]:
    """Return the account's message types that a message with an amount alone can stand for."""
    return {
        number: kind
        for number, kind in signer.account.message_types.items()
        if REQUIRED_BY_KIND.get(kind, "amount_fen") == "amount_fen" and not kind.startswith("consent.")
    }


def _service_of(number: str, kind: str, signer: Signer, scene: Scene, content: dict[str, Any]) -> Message:
    message_id = scene.number(18)
    event = Sent(f"mt-s:{message_id}", kind, whole_seconds(scene.occurred_ms))
    return Message(_service_request(signer, scene, number, message_id, content), (event,))


def service(signer: Signer, scene: Scene) -> Message:
    """Return a tech-service message of one of the types agreed with the account."""
    number, kind = scene.rng.choice(sorted(service_kinds(signer).items()))
    content = scene.rng.choice((_amount(scene), _amount_in_item(scene)))
    return _service_of(number, kind, signer, scene, content)


def service_amount(signer: Signer, scene: Scene) -> Message:
    """Return a message of the first type agreed, its amount in fen."""
    number, kind = min(service_kinds(signer).items())
    return _service_of(number, kind, signer, scene, _amount(scene))


def service_item(signer: Signer, scene: Scene) -> Message:
    """Return a message of the first type agreed, its amount in the item, in yuan."""
    number, kind = min(service_kinds(signer).items())
    return _service_of(number, kind, signer, scene, _amount_in_item(scene))


def _amount(scene: Scene) -> dict[str, Any]:
    return {"orderId": f"T{scene.token}", "amount": scene.fen}


def _amount_in_item(scene: Scene) -> dict[str, Any]:
    return {"orderId": f"T{scene.token}", "bizData": {"item": {"money": f"{scene.fen // 100}.{scene.fen % 100:02d}"}}}


def unmapped_service(signer: Signer, scene: Scene) -> Message:
    """Return a message of a type that nobody agreed on."""
    event = Sent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
    return Message(_service_request(signer, scene, "999999", scene.number(18), _amount(scene)), (event,))


def _service_request(signer: Signer, scene: Scene, number: str, message_id: str, content: Mapping[str, Any]) -> Request:
    parameters = {
        "developerId": "100001",
        "businessId": "58",
        "ePoiId": scene.keys.get("ePoiId", ""),
        "opBizCode": scene.keys.get("opBizCode", ""),
        "msgType": number,
        "msgId": message_id,
        "timestamp": str(scene.occurred_ms // 1000),
        "message": compact(content).decode(),
    }
    parameters["sign"] = sign.service_sign(signer.text, parameters)
    return Request(
        platform="meituan",
        account=signer.account.id,
        flow="service",
        path=f"/in/{signer.account.id}/service",
        body=urlencode(parameters).encode(),
        headers={"content-type": FORM},
        positive=_service_acknowledged,
    )
