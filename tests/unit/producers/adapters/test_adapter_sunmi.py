"""Sunmi's callbacks and receipts: what is particular to each."""

import json
from dataclasses import replace
from typing import Any

import pytest

from producers.adapters.base import (
    AdapterResult,
    MappedMessage,
    NativePush,
    PlatformMessage,
    RefusedPush,
    UnmappedMessage,
    VerifiedPush,
)
from producers.adapters.catalogue import adapter_for
from producers.adapters.sunmi_receipt import NO_ORDER
from schemas.outcomes import RejectReason
from tests.support.adapter_signing import (
    NOW_MS,
    Sent,
    callback,
    callback_headers,
    kept_payload,
    make_account,
    make_push,
    receipt,
)

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


def as_push(sent: Sent, flow: str) -> NativePush:
    return make_push(sent, make_account("sunmi"), flow, [SECRET])


def read(sent: Sent, flow: str) -> AdapterResult:
    adapter = adapter_for("sunmi", flow)
    assert adapter is not None
    return adapter.adapt(as_push(sent, flow))


def only(sent: Sent, flow: str) -> PlatformMessage:
    reading = read(sent, flow)
    assert isinstance(reading, VerifiedPush), reading
    (message,) = reading.messages
    return message


def called(body: Any, **headers: str) -> PlatformMessage:
    head = callback_headers() | {name.replace("_", "-"): value for name, value in headers.items()}
    return only(callback(json.dumps(body).encode(), SECRET, head), "callback")


def printed(payload: Any = None, **changes: str | None) -> PlatformMessage:
    text = json.dumps(PAYLOAD if payload is None else payload)
    params: dict[str, str | bytes] = {k: v for k, v in (FORM | {"payload": text} | changes).items() if v is not None}
    return only(receipt(params, SECRET), "receipt")


def lacking(message: PlatformMessage) -> str:
    assert isinstance(message, UnmappedMessage), message
    assert message.reason is RejectReason.UNSUPPORTED_EVENT
    return message.field


@pytest.mark.parametrize(("action", "kind"), [(1, "device.online"), ("2", "device.offline")])
def test_a_device_goes_online_and_offline_at_its_own_time(action: Any, kind: str) -> None:
    message = called({**ONLINE, "device_online_data": {"action": action, "update_at": NOW_S - 5}})

    assert isinstance(message, MappedMessage)
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

    assert isinstance(message, MappedMessage)
    assert message.fields == {
        "event_id": f"sm:N301:CloudPrinted_2:{NOW_S}:123456",
        "kind": "device.reported",
        "occurred_at": NOW_MS,
        "attributes": {"lack_paper_count": 3, "model": "NT311", "open_count": 7, "wifi_strength": -60.5},
    }


def test_ids_that_a_speaker_announced_are_kept_and_are_no_attributes() -> None:
    status = {"trade_no": "4200001", "task_id": "t-1", "play_time": 3}

    message = called({"sn": "N301", "report_type": 2, "device_status_data": status})

    assert isinstance(message, MappedMessage)
    assert message.fields["attributes"] == {"play_time": 3}
    assert kept_payload(message)["body"]["device_status_data"] == status


def test_a_report_without_known_counters_has_no_attributes() -> None:
    message = called({"sn": "N301", "report_type": 1, "device_base_data": {"imei": "86", "model": "call 13800138000"}})

    assert isinstance(message, MappedMessage)
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

    assert isinstance(read(replace(sent, headers={**sent.headers, **moved}), "callback"), RefusedPush)
    moved = {"Sunmi-Timestamp": f"{NOW_S}123", "Sunmi-Nonce": "456"}
    assert isinstance(read(replace(sent, headers={**sent.headers, **moved}), "callback"), RefusedPush)


def test_a_receipt_becomes_a_paid_order_at_chinas_time() -> None:
    message = printed()

    assert isinstance(message, MappedMessage)
    assert message.fields == {
        "event_id": "sm-r:t-1",
        "kind": "order.paid",
        "occurred_at": NOW_MS - 60_000,
        "amount_fen": 2050,
    }
    assert message.match == ({"sn": "N302"}, {"sn": "N302", "shop_id": "292"})


def test_a_receipt_with_the_received_amount_is_one_too() -> None:
    assert isinstance(printed(event="6004"), MappedMessage)
    assert lacking(printed(event="6001", payload={"id": "t-1"})) == "event"


ORDERED = PAYLOAD | {"order_id": "T-1"}


def of_order(**changes: Any) -> MappedMessage:
    message = printed(ORDERED | changes, event="6004")
    assert isinstance(message, MappedMessage), message
    return message


def test_every_print_of_an_order_is_one_order() -> None:
    first = of_order(receipt_type=1)
    reprint = of_order(id="t-2", order_time="2026-11-22 10:05:00", order_received_amount="20.50", receipt_type="1")
    of_6003 = printed(ORDERED)

    assert isinstance(of_6003, MappedMessage)
    ids = {message.fields["event_id"] for message in (first, reprint, of_6003)}
    assert ids == {"sm-r:N302:T-1:1"}
    assert first.order_id == "sm:N302:T-1"


def test_two_tills_number_their_own_orders() -> None:
    here, there, shop = of_order(), of_order(sn="N303"), of_order(sn=None)

    assert [m.fields["event_id"] for m in (here, there, shop)] == [
        "sm-r:N302:T-1:1",
        "sm-r:N303:T-1:1",
        "sm-r:292:T-1:1",
    ]


@pytest.mark.parametrize("amount", ["20.5", "-20.5", "-￥20.50", "￥-20.5", "¥ 20.50"])
def test_a_refund_slip_gives_back_with_or_without_a_minus(amount: str) -> None:
    refund = of_order(receipt_type=2, order_received_amount=amount)

    assert refund.fields == {
        "event_id": "sm-r:N302:T-1:2",
        "kind": "order.refunded",
        "occurred_at": NOW_MS - 60_000,
        "amount_fen": 2050,
    }
    assert refund.order_id == of_order().order_id


def test_a_refund_slip_without_an_amount_needs_its_order() -> None:
    assert "amount_fen" not in of_order(receipt_type=2, order_received_amount=None).fields
    slip = PAYLOAD | {"receipt_type": 2, "order_received_amount": ""}
    assert lacking(printed(slip)) == "payload.order_received_amount"


@pytest.mark.parametrize("sort", [3, "3", 4, 5, 0, "x"])
def test_paper_that_is_no_order_is_kept_and_never_revenue(sort: Any) -> None:
    message = printed(ORDERED | {"receipt_type": sort, "order_received_amount": "5000.00"}, event="6004")

    assert lacking(message) == "payload.receipt_type"


def test_a_handover_says_why_it_is_none() -> None:
    message = printed(ORDERED | {"receipt_type": 3}, event="6004")

    assert isinstance(message, UnmappedMessage)
    assert message.message == f"payload.receipt_type {NO_ORDER[3]}"
    assert message.event_id == "sm-r:N302:T-1:3"


@pytest.mark.parametrize(
    ("amount", "fen"),
    [("￥20", 2000), ("¥1,234.50", 123_450), ("12,345,678", 1_234_567_800), ("20.5元", 2050), ("20 元", 2000)],
)
def test_an_amount_may_be_spelt_as_paper_shows_it(amount: str, fen: int) -> None:
    message = printed(PAYLOAD | {"order_received_amount": amount})

    assert isinstance(message, MappedMessage)
    assert message.fields["amount_fen"] == fen
    assert kept_payload(message)["form"]["payload"]["order_received_amount"] == amount


@pytest.mark.parametrize("amount", ["1,23", "12,34,567", "--1", "-￥-1", "￥", "1,234,5", "$20", "20.505", "1,234.567"])
def test_what_is_no_amount_on_paper_either_is_kept(amount: str) -> None:
    assert lacking(printed(PAYLOAD | {"order_received_amount": amount})) == "payload.order_received_amount"


def test_a_time_without_seconds_is_its_minutes_start() -> None:
    message = printed(PAYLOAD | {"order_time": "2026-11-22 09:59"})

    assert isinstance(message, MappedMessage)
    assert message.fields["occurred_at"] == NOW_MS - 60_000
    assert kept_payload(message)["form"]["payload"]["order_time"] == "2026-11-22 09:59"


def test_a_receipt_without_a_device_is_placed_by_its_shop() -> None:
    by_shop = printed({name: value for name, value in PAYLOAD.items() if name != "sn"})
    by_neither = printed({name: value for name, value in PAYLOAD.items() if name != "sn"}, shop_id="")

    assert isinstance(by_shop, MappedMessage)
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

    assert isinstance(message, MappedMessage)
    assert message.fields["amount_fen"] == 1999


def test_a_receipt_whose_payload_is_no_json_is_unreadable() -> None:
    message = only(receipt(FORM | {"payload": "{"}, SECRET), "receipt")

    assert isinstance(message, UnmappedMessage)
    assert message.reason is RejectReason.MALFORMED
    assert lacking(printed(payload=[])) == "payload"
