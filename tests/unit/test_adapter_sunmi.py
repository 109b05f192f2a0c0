"""Sunmi's callbacks and receipts: what is particular to each."""

import json
from dataclasses import replace
from typing import Any

import pytest

from producers.adapters.base import Mapped, Message, Push, Read, Reading, Refused, Unmapped
from producers.adapters.catalogue import adapter_for
from schemas.outcomes import RejectReason
from tests.contract.adapter_signing import NOW_MS, Sent, callback, callback_headers, make_account, make_push, receipt

SECRET = b"sm-secret"
NOW_S = NOW_MS // 1000
ONLINE = {"sn": "N301", "report_type": 4, "device_online_data": {"action": 1, "update_at": NOW_S - 5}}
PAYLOAD = {
    "id": "t-1",
    "sn": "N302",
    "order_time": "2026-11-22 09:59:00",
    "order_received_amount": "20.5",
}
FORM = {"app_id": "A", "event": "6003", "random": "R", "shop_id": "292", "timestamp": str(NOW_S)}


def as_push(sent: Sent, flow: str) -> Push:
    return make_push(sent, make_account("sunmi"), flow, [SECRET])


def read(sent: Sent, flow: str) -> Reading:
    adapter = adapter_for("sunmi", flow)
    assert adapter is not None
    return adapter.read(as_push(sent, flow))


def only(sent: Sent, flow: str) -> Message:
    reading = read(sent, flow)
    assert isinstance(reading, Read), reading
    (message,) = reading.messages
    return message


def called(body: Any, **headers: str) -> Message:
    head = callback_headers() | {name.replace("_", "-"): value for name, value in headers.items()}
    return only(callback(json.dumps(body).encode(), SECRET, head), "callback")


def printed(payload: Any = None, **changes: str | None) -> Message:
    text = json.dumps(PAYLOAD if payload is None else payload)
    params: dict[str, str | bytes] = {k: v for k, v in (FORM | {"payload": text} | changes).items() if v is not None}
    return only(receipt(params, SECRET), "receipt")


def lacking(message: Message) -> str:
    assert isinstance(message, Unmapped), message
    assert message.reason is RejectReason.UNSUPPORTED_EVENT
    return message.field


@pytest.mark.parametrize(("action", "kind"), [(1, "device.online"), ("2", "device.offline")])
def test_a_device_goes_online_and_offline_at_its_own_time(action: Any, kind: str) -> None:
    message = called({**ONLINE, "device_online_data": {"action": action, "update_at": NOW_S - 5}})

    assert isinstance(message, Mapped)
    assert message.fields == {
        "event_id": f"sm:N301:CloudPrinted_4:{NOW_S}:123456",
        "kind": kind,
        "occurred_at": NOW_MS - 5000,
    }
    assert message.match == ({"sn": "N301"},)


def test_a_report_has_the_headers_time_and_the_counters_wherever_they_stand() -> None:
    body = {
        "sn": "N301",
        "report_type": 2,
        "device_status_data": {"lack_paper_count": 3, "lng": 121.4, "lat": 31.2},
        "device_timing_data": {"model": "NT311", "imei": "86000000", "open_count": "7", "wifi_strength": -60.5},
    }

    message = called(body, Sunmi_NotifyType="Cloud Printed_2")

    assert isinstance(message, Mapped)
    assert message.fields == {
        "event_id": f"sm:N301:CloudPrinted_2:{NOW_S}:123456",
        "kind": "device.reported",
        "occurred_at": NOW_MS,
        "attributes": {"lack_paper_count": 3, "model": "NT311", "open_count": 7, "wifi_strength": -60.5},
    }


def test_a_report_without_known_counters_has_no_attributes() -> None:
    message = called({"sn": "N301", "report_type": 1, "device_base_data": {"imei": "86", "model": "call 13800138000"}})

    assert isinstance(message, Mapped)
    assert "attributes" not in message.fields


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**ONLINE, "report_type": 5}, "report_type"),
        ({**ONLINE, "report_type": None}, "report_type"),
        ({**ONLINE, "sn": ""}, "sn"),
        ({"sn": "N301", "report_type": 4}, "device_online_data"),
        ({**ONLINE, "device_online_data": {"action": 3, "update_at": NOW_S}}, "device_online_data.action"),
        ({**ONLINE, "device_online_data": {"action": 1}}, "device_online_data.update_at"),
    ],
)
def test_a_callback_that_lacks_something_is_kept_with_its_name(body: Any, field: str) -> None:
    assert lacking(called(body)) == field


def test_digits_moved_between_the_joined_headers_make_no_other_event() -> None:
    sent = callback(json.dumps(ONLINE).encode(), SECRET)
    moved = {"Sunmi-Nonce": "12345", "Sunmi-NotifyType": "6Cloud Printed_4"}

    assert isinstance(read(replace(sent, headers={**sent.headers, **moved}), "callback"), Refused)
    moved = {"Sunmi-Timestamp": f"{NOW_S}123", "Sunmi-Nonce": "456"}
    assert isinstance(read(replace(sent, headers={**sent.headers, **moved}), "callback"), Refused)


def test_a_receipt_becomes_a_paid_order_at_chinas_time() -> None:
    message = printed()

    assert isinstance(message, Mapped)
    assert message.fields == {
        "event_id": "sm-r:t-1",
        "kind": "order.paid",
        "occurred_at": NOW_MS - 60_000,
        "amount_fen": 2050,
    }
    assert message.match == ({"sn": "N302"}, {"sn": "N302", "shop_id": "292"})


def test_a_receipt_with_the_received_amount_is_one_too() -> None:
    assert isinstance(printed(event="6004"), Mapped)
    assert lacking(printed(event="6001", payload={"id": "t-1"})) == "event"


def test_a_receipt_without_a_device_is_placed_by_its_shop() -> None:
    by_shop = printed({name: value for name, value in PAYLOAD.items() if name != "sn"})
    by_neither = printed({name: value for name, value in PAYLOAD.items() if name != "sn"}, shop_id="")

    assert isinstance(by_shop, Mapped)
    assert by_shop.match == ({"shop_id": "292"},)
    assert lacking(by_neither) == "payload.sn"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": None}, "payload.id"),
        ({"order_time": "yesterday"}, "payload.order_time"),
        ({"order_received_amount": "20.505"}, "payload.order_received_amount"),
        ({"order_received_amount": "-1"}, "payload.order_received_amount"),
        ({"order_received_amount": "1e5"}, "payload.order_received_amount"),
        ({"order_received_amount": None}, "payload.order_received_amount"),
    ],
)
def test_a_receipt_that_lacks_something_is_kept_with_its_name(changes: dict[str, Any], field: str) -> None:
    assert lacking(printed(PAYLOAD | changes)) == field


def test_a_receipts_amount_may_be_a_json_number_and_stays_exact() -> None:
    message = printed(PAYLOAD | {"order_received_amount": 19.99})

    assert isinstance(message, Mapped)
    assert message.fields["amount_fen"] == 1999


def test_a_receipt_whose_payload_is_no_json_is_unreadable() -> None:
    message = only(receipt(FORM | {"payload": "{"}, SECRET), "receipt")

    assert isinstance(message, Unmapped)
    assert message.reason is RejectReason.MALFORMED
    assert lacking(printed(payload=[])) == "payload"
