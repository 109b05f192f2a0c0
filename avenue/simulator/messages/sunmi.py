"""Sunmi's messages: what devices report (callbacks 1 to 4) and the receipts of data printers."""

import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from avenue.simulator.messages.base import (
    FORM,
    JSON,
    Build,
    Message,
    Request,
    Scene,
    Sent,
    Signer,
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


def _stamp(scene: Scene, sort: int) -> sign.CallbackStamp:
    # The nonce counts up: with device and second it names the message, and random ones would meet. Each run counts
    # from elsewhere, so that two of them at once do not.
    nonce = (zlib.crc32(scene.run.encode()) + scene.serial) % 1_000_000
    return sign.CallbackStamp(APP_ID, str(scene.now_ms // 1000), f"{nonce:06d}", f"Cloud Printed_{sort}")


def _callback(signer: Signer, stamp: sign.CallbackStamp, body: bytes) -> Request:
    signed = sign.callback_rsa if signer.rsa else sign.callback_hmac
    return Request(
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
    sort = stamp.notify_type.replace(" ", "")
    return fitting_id("sm:", f"{sn}:{sort}:{stamp.timestamp}:{stamp.nonce}")


def _went(action: int, kind: str) -> Build:
    def build(signer: Signer, scene: Scene) -> Message:
        stamp, sn = _stamp(scene, 4), scene.keys["sn"]
        content = {"action": action, "update_at": scene.occurred_ms // 1000}
        body = compact({"sn": sn, "report_type": 4, "device_online_data": content})
        event = Sent(_event_id(sn, stamp), kind, whole_seconds(scene.occurred_ms))
        return Message(_callback(signer, stamp, body), (event,))

    return build


came_online, went_offline = _went(1, "device.online"), _went(2, "device.offline")


def online(signer: Signer, scene: Scene) -> Message:
    """Return that a device came online (most) or went offline."""
    return (came_online if scene.rng.random() < 0.8 else went_offline)(signer, scene)


def report_of(sort: int) -> Build:
    """Return what makes reports of *sort*, with the identifiers and the position that real reports have."""

    def build(signer: Signer, scene: Scene) -> Message:
        stamp, sn = _stamp(scene, sort), scene.keys["sn"]
        body = compact({"sn": sn, "report_type": sort, **_report(scene, sort)})
        event = Sent(_event_id(sn, stamp), "device.reported", whole_seconds(scene.now_ms))
        return Message(_callback(signer, stamp, body), (event,))

    return build


def report(signer: Signer, scene: Scene) -> Message:
    """Return what a device reports of itself."""
    return report_of(scene.rng.choice((1, 2, 3, 3)))(signer, scene)


def _report(scene: Scene, sort: int) -> dict[str, Any]:
    if sort == 1:
        base = {"model": "NT310", "rom_version": "1.4.2", "app_version": "3.0.1"}
        return {
            "device_base_data": {**base, "imei": "000000000000000", "iccid": "0" * 20, "boot_mac": "00:00:00:00:00:00"}
        }
    if sort == 2:
        counters = {"lack_paper_count": scene.serial // 50, "paper_will_end_count": scene.serial // 20}
        return {"device_status_data": {**counters, "open_count": scene.serial // 30, "lng": 121.0, "lat": 31.0}}
    timing = {"printed_kilometre": round(scene.serial * 0.0021, 3), "wifi_strength": -scene.rng.randint(40, 80)}
    return {"device_timing_data": {**timing, "network_type": 1, "wifi_password": "simulated", "imsi": "0" * 15}}


def broken_callback(signer: Signer, scene: Scene) -> Message:
    """Return a signed body that is not JSON."""
    stamp = _stamp(scene, 4)
    body = b'{"sn":"' + scene.token.encode()
    event = Sent("", "", None, "rejected", RejectReason.MALFORMED, "malformed")
    return Message(_callback(signer, stamp, body), (event,))


def unmapped_callback(signer: Signer, scene: Scene) -> Message:
    """Return a report of a sort that becomes nothing here."""
    stamp = _stamp(scene, 9)
    body = compact({"sn": scene.keys["sn"], "report_type": 9, "device_new_data": {"serial": scene.serial}})
    event = Sent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
    return Message(_callback(signer, stamp, body), (event,))


def _paper(scene: Scene, **more: Any) -> dict[str, Any]:
    return {
        "id": f"t-{scene.token}",
        "sn": scene.keys.get("sn", "N000UNPLACED"),
        "order_id": f"T-{scene.token}",
        "order_time": local_text(scene.occurred_ms),
        "order_received_amount": yuan(scene.fen),
        "sales_detail_list": [{"item": "拿铁", "amount": yuan(scene.fen), "quantity": "1", "barcode": ""}],
        **more,
    }


def _told(payload: dict[str, Any], kind: str, scene: Scene, sort: int) -> Sent:
    event_id = fitting_id("sm-r:", f"{payload['sn']}:{payload['order_id']}:{sort}")
    return Sent(event_id, kind, whole_seconds(scene.occurred_ms))


def parsed_receipt(signer: Signer, scene: Scene) -> Message:
    """Return a parsed receipt (6003), which says of no sort."""
    payload = _paper(scene)
    return Message(_receipt(signer, scene, "6003", payload), (_told(payload, "order.paid", scene, 1),))


def sale(signer: Signer, scene: Scene) -> Message:
    """Return a parsed receipt with its payments (6004), its amount as paper shows it."""
    amount = scene.rng.choice((yuan(scene.fen), f"￥{scene.fen // 100:,}.{scene.fen % 100:02d}"))
    more = {"seq": scene.serial, "receipt_type": 1, "calculated_pay_amount": yuan(scene.fen)}
    payload = _paper(scene, order_received_amount=amount, **more)
    return Message(_receipt(signer, scene, "6004", payload), (_told(payload, "order.paid", scene, 1),))


def receipt(signer: Signer, scene: Scene) -> Message:
    """Return a receipt of a paid order."""
    return scene.rng.choice((parsed_receipt, sale))(signer, scene)


def reprint(signer: Signer, scene: Scene) -> Message:
    """Return another print of the same order: another receipt, and no other order."""
    payload = _paper(scene, id=f"t-{scene.token}-copy")
    return Message(_receipt(signer, scene, "6003", payload), (_told(payload, "order.paid", scene, 1),))


def refund_slip(signer: Signer, scene: Scene) -> Message:
    """Return a refund slip; tills print it with or without a minus."""
    amount = scene.rng.choice(("", "-")) + yuan(scene.fen)
    payload = _paper(scene, id=f"t-{scene.token}-back", receipt_type=2, order_received_amount=amount)
    return Message(_receipt(signer, scene, "6004", payload), (_told(payload, "order.refunded", scene, 2),))


def _kept(event: str, **more: Any) -> Build:
    def build(signer: Signer, scene: Scene) -> Message:
        sent = Sent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
        return Message(_receipt(signer, scene, event, _paper(scene, **more)), (sent,))

    return build


KEPT_RECEIPTS: Mapping[str, Build] = {
    "6004 receipt_type=3": _kept("6004", receipt_type=3, order_received_amount="5000.00"),
    "6004 receipt_type=4": _kept("6004", receipt_type=4),
    "6001": _kept("6001", content="5oiQ5Yqf"),
    "6002": _kept("6002", content="aW1hZ2U="),
}


def unmapped_receipt(signer: Signer, scene: Scene) -> Message:
    """Return paper that is nobody's order: raw, a shift handover, another sort."""
    return scene.rng.choice(tuple(KEPT_RECEIPTS.values()))(signer, scene)


def _receipt(signer: Signer, scene: Scene, event: str, payload: dict[str, Any]) -> Request:
    parameters = {
        "app_id": APP_ID,
        "event": event,
        "payload": compact(payload).decode(),
        "random": f"R{scene.serial % 10**7:07d}",
        "shop_id": scene.keys.get("shop_id", "1"),
        "sunmi_shop_no": "28393437387",
        "timestamp": str(scene.now_ms // 1000),
    }
    parameters["sign"] = sign.receipt_sign(signer.text, parameters)
    return Request(
        platform="sunmi",
        account=signer.account.id,
        flow="receipt",
        path=f"/in/{signer.account.id}/receipt",
        body=urlencode(parameters).encode(),
        headers={"content-type": FORM},
        positive=any_2xx,
    )
