"""Sunmi's messages: what devices report (callbacks 1 to 4) and the receipts of data printers."""

import zlib
from typing import Any
from urllib.parse import urlencode

from avenue.simulator.messages.base import (
    FORM,
    JSON,
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


def online(signer: Signer, scene: Scene) -> Message:
    """Return that a device came online (most) or went offline."""
    action = 1 if scene.rng.random() < 0.8 else 2
    stamp, sn = _stamp(scene, 4), scene.keys["sn"]
    content = {"action": action, "update_at": scene.occurred_ms // 1000}
    body = compact({"sn": sn, "report_type": 4, "device_online_data": content})
    kind = "device.online" if action == 1 else "device.offline"
    event = Sent(_event_id(sn, stamp), kind, whole_seconds(scene.occurred_ms))
    return Message(_callback(signer, stamp, body), (event,))


def report(signer: Signer, scene: Scene) -> Message:
    """Return what a device reports of itself, with the identifiers and the position that real reports have."""
    sort = scene.rng.choice((1, 2, 3, 3))
    stamp, sn = _stamp(scene, sort), scene.keys["sn"]
    body = compact({"sn": sn, "report_type": sort, **_report(scene, sort)})
    event = Sent(_event_id(sn, stamp), "device.reported", whole_seconds(scene.now_ms))
    return Message(_callback(signer, stamp, body), (event,))


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


def receipt(signer: Signer, scene: Scene) -> Message:
    """Return a parsed receipt of a data printer (6003, or 6004 with its payments)."""
    event = scene.rng.choice(("6003", "6004"))
    payload: dict[str, Any] = {
        "id": f"t-{scene.token}",
        "sn": scene.keys.get("sn", "N000UNPLACED"),
        "order_id": f"T-{scene.serial}",
        "order_time": local_text(scene.occurred_ms),
        "order_received_amount": yuan(scene.fen),
        "sales_detail_list": [{"item": "拿铁", "amount": yuan(scene.fen), "quantity": "1", "barcode": ""}],
    }
    if event == "6004":
        payload |= {"seq": scene.serial, "receipt_type": 1, "calculated_pay_amount": yuan(scene.fen)}
    sent = Sent(fitting_id("sm-r:", payload["id"]), "order.paid", whole_seconds(scene.occurred_ms))
    return Message(_receipt(signer, scene, event, payload), (sent,))


def unmapped_receipt(signer: Signer, scene: Scene) -> Message:
    """Return a receipt that was not parsed (6001): raw text becomes nothing here."""
    payload = {"id": f"t-{scene.token}", "sn": scene.keys.get("sn", ""), "content": "5oiQ5Yqf"}
    sent = Sent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
    return Message(_receipt(signer, scene, "6001", payload), (sent,))


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
