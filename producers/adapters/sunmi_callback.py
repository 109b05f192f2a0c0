"""Sunmi's cloud callbacks: devices that go online and offline, and what they report of themselves.

`Sunmi-Sign` covers body, Appid, Timestamp, Nonce and NotifyType, joined without separators: hex HMAC-SHA256, or base64
RSA-SHA256 where the secret is Sunmi's public key.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from producers.adapters.base import (
    AdapterResult,
    MappingContext,
    NativePush,
    PlatformAnswer,
    PlatformMessage,
    RefusedPush,
    WhatHappened,
    bounded_event_id,
)
from producers.adapters.wire.fields import DocumentFields, EventDraft, LackingError, map_document, read_object
from producers.adapters.wire.masking import AllowList, ValueFormat, mask_document
from producers.adapters.wire.signing import from_base64, from_hex, header_bytes, holds, rsa_holds
from producers.adapters.wire.times import is_fresh, unix_ms
from schemas.event import Kind
from schemas.event_struct import Attributes

SIGNATURE = "sunmi-sign"
TIMESTAMP, NONCE, NOTIFY_TYPE = "sunmi-timestamp", "sunmi-nonce", "sunmi-notifytype"
# What is signed has no separators, so a digit moved from one header to the next keeps the signature and would make
# another event id: the lengths are held to what the platform documents.
_FORMS = {TIMESTAMP: re.compile(r"[0-9]{10}\Z"), NONCE: re.compile(r"[0-9]{6}\Z"), NOTIFY_TYPE: re.compile(r".+\Z")}
ONLINE = 4
ACTIONS: Mapping[int, Kind] = {1: "device.online", 2: "device.offline"}
_W, _N = ValueFormat.WORD, ValueFormat.NUMBER
# Totals since the device was made, signal strengths, model and versions; never an identity, a place or a password.
REPORTED: Mapping[str, ValueFormat] = {
    "model": _W,
    "app_version": _W,
    "hardware_version": _W,
    "boot_loader_version": _W,
    "firmware_version": _W,
    "font_library_version": _W,
    "tts_version": _W,
    "tts_language": _W,
    "lack_paper_count": _N,
    "hit_knife_count": _N,
    "failed_cutting_count": _N,
    "clip_knife_count": _N,
    "open_count": _N,
    "paper_blocking_count": _N,
    "not_take_paper_count": _N,
    "paper_will_end_count": _N,
    "print_head_broken_count": _N,
    "open_money_box_count": _N,
    "printed_kilometre": _N,
    "wifi_strength": _N,
    "gprs_strength": _N,
    "network_type": _N,
    "play_time": _N,
    "volume_level": _N,
}
# Kept for a mapping to come, and no attributes: ids of what a speaker announced.
ANNOUNCED: Mapping[str, ValueFormat] = {"trade_no": ValueFormat.ID, "task_id": ValueFormat.ID}
# Any of them may stand in any of these objects: one official sample has base fields under the timing object.
PARTS = ("device_base_data", "device_status_data", "device_timing_data")
POSITIVE = PlatformAnswer(200, b"SUCCESS", "text/plain")
NEGATIVE = PlatformAnswer(500, b"FAIL", "text/plain")
ALLOWED: AllowList = {
    "headers": {TIMESTAMP: ValueFormat.TIME, NONCE: ValueFormat.ID, NOTIFY_TYPE: _W},
    "body": {
        "sn": ValueFormat.ID,
        "report_type": _N,
        "device_online_data": {"action": _N, "update_at": ValueFormat.TIME},
        **{part: {**REPORTED, **ANNOUNCED} for part in PARTS},
    },
}


@dataclass(frozen=True, slots=True)
class SunmiCallback:
    """The flow `callback`. Anything but the text SUCCESS makes the platform send again."""

    platform: str = "sunmi"
    flow: str = "callback"
    fast: bool = False
    positive: PlatformAnswer = POSITIVE
    negative: PlatformAnswer = NEGATIVE

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total."""
        if not _holds(push):
            return RefusedPush(
                f"{SIGNATURE} is missing or does not match; check the Appkey, and that NotifyType is signed"
            )
        head = {name: push.headers.get(name, "") for name in _FORMS}
        for name, form in _FORMS.items():
            if not form.match(head[name]):
                return RefusedPush(f"{name} is missing or not of its form")
        sent_ms = unix_ms(head[TIMESTAMP])
        if sent_ms is None or not is_fresh(sent_ms, push.received_ms, push.account.max_age_s):
            return RefusedPush(f"{TIMESTAMP} is too far from the server's time")
        context = MappingContext(push.account, push.flow, push.received_ms)
        return read_object(push.body, lambda body: self.interpret({"headers": head, "body": body}, context))

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document* by today's rules. Total."""
        del context
        return map_document(document, ALLOWED, _draft, _event_id_or_blank(document))


def _holds(push: NativePush) -> bool:
    names = ("sunmi-appid", TIMESTAMP, NONCE, NOTIFY_TYPE)
    signed = push.body + b"".join(header_bytes(push.headers.get(name, "")) for name in names)
    presented = push.headers.get(SIGNATURE)
    by_key = holds(from_hex(presented), push.secrets, lambda secret: (hmac.digest(secret, signed, "sha256"),))
    return by_key or rsa_holds(from_base64(presented), signed, push.secrets)


def _event_id(document: DocumentFields) -> str:
    headers = DocumentFields(document.child("headers").tree)
    body = DocumentFields(document.child("body").tree)
    notify_type = re.sub(r"\s", "", headers.identifier(NOTIFY_TYPE))
    parts = (body.identifier("sn"), notify_type, headers.identifier(TIMESTAMP), headers.identifier(NONCE))
    return bounded_event_id("sm:", ":".join(parts))


def _event_id_or_blank(document: Mapping[str, object]) -> str:
    try:
        return _event_id(DocumentFields(document))
    except LackingError:
        return ""


def _draft(document: DocumentFields) -> EventDraft:
    body = DocumentFields(document.child("body").tree)
    report_type = body.number("report_type")
    if report_type == ONLINE:
        found = _went(body)
    elif report_type in {1, 2, 3}:
        headers = DocumentFields(document.child("headers").tree)
        found = {"kind": "device.reported", "occurred_at": headers.moment(TIMESTAMP)}
        if attributes := _reported(body):
            found["attributes"] = attributes
    else:
        raise body.lacking("report_type", "is none of 1 to 4")
    return EventDraft({"event_id": _event_id(document), **found}, ({"sn": body.identifier("sn")},))


def _went(body: DocumentFields) -> WhatHappened:
    online = body.child("device_online_data")
    kind = ACTIONS.get(online.number("action"))
    if kind is None:
        raise online.lacking("action", "is neither 1 nor 2")
    return {"kind": kind, "occurred_at": online.moment("update_at")}


def _reported(body: DocumentFields) -> Attributes:
    """Return the listed fields as attributes: what has another form than its field should have stays a masked leaf."""
    attributes: Attributes = {}
    for part in PARTS:
        values = body.tree.get(part)
        kept = mask_document(values, REPORTED) if isinstance(values, Mapping) else {}
        for name, shape in REPORTED.items():
            value = _attribute(kept.get(name), shape)
            if isinstance(value, str | int | float):
                attributes[name] = value
    return attributes


def _attribute(value: object, shape: ValueFormat) -> object:
    """Return a counter as a number, also where it was sent as text."""
    if shape is not ValueFormat.NUMBER or not isinstance(value, str):
        return value
    return float(value) if "." in value else int(value)
