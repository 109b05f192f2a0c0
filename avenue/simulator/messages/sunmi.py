"""Sunmi's messages: what devices report (callbacks 1 to 4) and the receipts of data printers."""

import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from avenue.simulator.messages.base import (
    FORM,
    JSON,
    BuildMessage,
    ExpectedEvent,
    FlowSigner,
    MessageContext,
    PushMessage,
    PushRequest,
    any_2xx,
    compact,
    fitting_id,
    local_text,
    whole_seconds,
    yuan,
)
from avenue.simulator.signers import sunmi as sign
from schemas.outcomes import RejectReason

APP_ID = "sunmi_simulated"


def _acknowledged(status: int, body: bytes) -> bool:
    return status == 200 and body == b"SUCCESS"


def _stamp(context: MessageContext, report_type: int) -> sign.CallbackStamp:
    # The nonce counts up: with device and second it names the message, and random ones would meet. Each run counts
    # from elsewhere, so that two of them at once do not.
    nonce = (zlib.crc32(context.run.encode()) + context.serial) % 1_000_000
    return sign.CallbackStamp(APP_ID, str(context.now_ms // 1000), f"{nonce:06d}", f"Cloud Printed_{report_type}")


def _callback(signer: FlowSigner, stamp: sign.CallbackStamp, body: bytes) -> PushRequest:
    signed = sign.callback_rsa if signer.rsa else sign.callback_hmac
    return PushRequest(
        platform="sunmi",
        account=signer.account.id,
        flow="callback",
        path=f"/in/{signer.account.id}/callback",
        body=body,
        headers={
            "content-type": JSON,
            "Sunmi-Appid": stamp.app_id,
            "Sunmi-Timestamp": stamp.timestamp,
            "Sunmi-Nonce": stamp.nonce,
            "Sunmi-NotifyType": stamp.notify_type,
            "Sunmi-Sign": signed(signer.secret, stamp, body),
        },
        positive=_acknowledged,
    )


def _event_id(sn: str, stamp: sign.CallbackStamp) -> str:
    notify_type = stamp.notify_type.replace(" ", "")
    return fitting_id("sm:", f"{sn}:{notify_type}:{stamp.timestamp}:{stamp.nonce}")


def _went(action: int, kind: str) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        stamp, sn = _stamp(context, 4), context.keys["sn"]
        content = {"action": action, "update_at": context.occurred_ms // 1000}
        body = compact({"sn": sn, "report_type": 4, "device_online_data": content})
        event = ExpectedEvent(_event_id(sn, stamp), kind, whole_seconds(context.occurred_ms))
        return PushMessage(_callback(signer, stamp, body), (event,))

    return build


came_online, went_offline = _went(1, "device.online"), _went(2, "device.offline")


def online(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return that a device came online (most) or went offline."""
    return (came_online if context.rng.random() < 0.8 else went_offline)(signer, context)


def report_of(report_type: int) -> BuildMessage:
    """Return what makes reports of *report_type*, with the identifiers and the position that real reports have."""

    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        stamp, sn = _stamp(context, report_type), context.keys["sn"]
        body = compact({"sn": sn, "report_type": report_type, **_report(context, report_type)})
        event = ExpectedEvent(_event_id(sn, stamp), "device.reported", whole_seconds(context.now_ms))
        return PushMessage(_callback(signer, stamp, body), (event,))

    return build


def report(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return what a device reports of itself."""
    return report_of(context.rng.choice((1, 2, 3, 3)))(signer, context)


def _report(context: MessageContext, report_type: int) -> dict[str, Any]:
    if report_type == 1:
        base = {"model": "NT310", "rom_version": "1.4.2", "app_version": "3.0.1"}
        return {
            "device_base_data": {**base, "imei": "000000000000000", "iccid": "0" * 20, "boot_mac": "00:00:00:00:00:00"}
        }
    if report_type == 2:
        counters = {"lack_paper_count": context.serial // 50, "paper_will_end_count": context.serial // 20}
        return {"device_status_data": {**counters, "open_count": context.serial // 30, "lng": 121.0, "lat": 31.0}}
    timing = {"printed_kilometre": round(context.serial * 0.0021, 3), "wifi_strength": -context.rng.randint(40, 80)}
    return {"device_timing_data": {**timing, "network_type": 1, "wifi_password": "simulated", "imsi": "0" * 15}}


def broken_callback(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a signed body that is not JSON."""
    stamp = _stamp(context, 4)
    body = b'{"sn":"' + context.token.encode()
    event = ExpectedEvent("", "", None, "rejected", RejectReason.MALFORMED, "malformed")
    return PushMessage(_callback(signer, stamp, body), (event,))


def unmapped_callback(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a report of a type that becomes nothing here."""
    stamp = _stamp(context, 9)
    body = compact({"sn": context.keys["sn"], "report_type": 9, "device_new_data": {"serial": context.serial}})
    event = ExpectedEvent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
    return PushMessage(_callback(signer, stamp, body), (event,))


def _paper(context: MessageContext, **more: Any) -> dict[str, Any]:
    return {
        "id": f"t-{context.token}",
        "sn": context.keys.get("sn", "N000UNPLACED"),
        "order_id": f"T-{context.token}",
        "order_time": local_text(context.occurred_ms),
        "order_received_amount": yuan(context.fen),
        "sales_detail_list": [{"item": "拿铁", "amount": yuan(context.fen), "quantity": "1", "barcode": ""}],
        **more,
    }


def _expected(payload: dict[str, Any], kind: str, context: MessageContext, receipt_type: int) -> ExpectedEvent:
    event_id = fitting_id("sm-r:", f"{payload['sn']}:{payload['order_id']}:{receipt_type}")
    return ExpectedEvent(event_id, kind, whole_seconds(context.occurred_ms))


def parsed_receipt(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a parsed receipt (6003), which names no type."""
    payload = _paper(context)
    return PushMessage(_receipt(signer, context, "6003", payload), (_expected(payload, "order.paid", context, 1),))


def sale(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a parsed receipt with its payments (6004), its amount as paper shows it."""
    amount = context.rng.choice((yuan(context.fen), f"￥{context.fen // 100:,}.{context.fen % 100:02d}"))
    more = {"seq": context.serial, "receipt_type": 1, "calculated_pay_amount": yuan(context.fen)}
    payload = _paper(context, order_received_amount=amount, **more)
    return PushMessage(_receipt(signer, context, "6004", payload), (_expected(payload, "order.paid", context, 1),))


def receipt(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a receipt of a paid order."""
    return context.rng.choice((parsed_receipt, sale))(signer, context)


def reprint(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return another print of the same order: another receipt, and no other order."""
    payload = _paper(context, id=f"t-{context.token}-copy")
    return PushMessage(_receipt(signer, context, "6003", payload), (_expected(payload, "order.paid", context, 1),))


def refund_slip(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return a refund slip; tills print it with or without a minus."""
    amount = context.rng.choice(("", "-")) + yuan(context.fen)
    payload = _paper(context, id=f"t-{context.token}-back", receipt_type=2, order_received_amount=amount)
    return PushMessage(_receipt(signer, context, "6004", payload), (_expected(payload, "order.refunded", context, 2),))


def _unmapped(event: str, **more: Any) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        sent = ExpectedEvent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
        return PushMessage(_receipt(signer, context, event, _paper(context, **more)), (sent,))

    return build


UNMAPPED_RECEIPTS: Mapping[str, BuildMessage] = {
    "6004 receipt_type=3": _unmapped("6004", receipt_type=3, order_received_amount="5000.00"),
    "6004 receipt_type=4": _unmapped("6004", receipt_type=4),
    "6001": _unmapped("6001", content="5oiQ5Yqf"),
    "6002": _unmapped("6002", content="aW1hZ2U="),
}


def unmapped_receipt(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return paper that is nobody's order: raw, a shift handover, another type."""
    return context.rng.choice(tuple(UNMAPPED_RECEIPTS.values()))(signer, context)


def _receipt(signer: FlowSigner, context: MessageContext, event: str, payload: dict[str, Any]) -> PushRequest:
    parameters = {
        "app_id": APP_ID,
        "event": event,
        "payload": compact(payload).decode(),
        "random": f"R{context.serial % 10**7:07d}",
        "shop_id": context.keys.get("shop_id", "1"),
        "sunmi_shop_no": "28393437387",
        "timestamp": str(context.now_ms // 1000),
    }
    parameters["sign"] = sign.receipt_sign(signer.text, parameters)
    return PushRequest(
        platform="sunmi",
        account=signer.account.id,
        flow="receipt",
        path=f"/in/{signer.account.id}/receipt",
        body=urlencode(parameters).encode(),
        headers={"content-type": FORM},
        positive=any_2xx,
    )
