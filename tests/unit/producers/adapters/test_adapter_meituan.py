"""Meituan's two families of pushes: what is particular to each."""

import hashlib
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

import pytest

from producers.adapters.base import (
    AdapterResult,
    MappedMessage,
    NativePush,
    PlatformHandshake,
    PlatformMessage,
    RefusedPush,
    UnmappedMessage,
    VerifiedPush,
)
from producers.adapters.catalogue import adapter_for
from producers.adapters.meituan_waimai import REFUND_STATES, UNMAPPED_EVENTS
from schemas.outcomes import RejectReason
from tests.support.adapter_signing import (
    NOW_MS,
    PUBLIC_URL,
    Sent,
    kept_payload,
    make_account,
    make_push,
    service,
    waimai,
)

SECRET = b"mt-secret"
NOW_S = NOW_MS // 1000
ORDER = {
    "app_id": "4001",
    "app_poi_code": "S001",
    "order_id": "289",
    "status": "2",
    "total": "20.5",
    "utime": str(NOW_S - 60),
    "timestamp": str(NOW_S),
}
SERVICE = {"msgType": "580001", "msgId": "9001", "opBizCode": "op", "ePoiId": "e", "timestamp": str(NOW_S)}


def waimai_push(sent: Sent, kind: str = "order-paid", public_url: str | None = PUBLIC_URL) -> NativePush:
    return make_push(sent, make_account("meituan", public_url=public_url), f"waimai-{kind}", [SECRET])


def read(push: NativePush) -> AdapterResult:
    adapter = adapter_for("meituan", push.flow)
    assert adapter is not None
    return adapter.adapt(push)


def only(push: NativePush) -> PlatformMessage:
    reading = read(push)
    assert isinstance(reading, VerifiedPush), reading
    (message,) = reading.messages
    return message


def paid(kind: str = "order-paid", method: str = "POST", /, **changes: str | None) -> PlatformMessage:
    params: dict[str, str | bytes] = {k: v for k, v in (ORDER | changes).items() if v is not None}
    return only(waimai_push(waimai(params, SECRET, f"waimai-{kind}", method), kind))


def serviced(message_types: dict[str, str] | None = None, /, **changes: str | None) -> PlatformMessage:
    params: dict[str, str | bytes] = {
        k: v for k, v in (SERVICE | {"message": '{"amount":1990}'} | changes).items() if v is not None
    }
    account = make_account("meituan", message_types=message_types or {"580001": "order.paid"})
    return only(make_push(service(params, SECRET), account, "service", [SECRET]))


def fields(message: PlatformMessage) -> dict[str, Any]:
    assert isinstance(message, MappedMessage), message
    return dict(message.fields)


def lacking(message: PlatformMessage) -> str:
    assert isinstance(message, UnmappedMessage), message
    assert message.reason is RejectReason.UNSUPPORTED_EVENT
    return message.field


def signed(text: str) -> str:
    return hashlib.md5(f"{PUBLIC_URL}/in/acct/waimai-order-paid?{text}".encode() + SECRET).hexdigest()


def test_an_empty_probe_is_answered_and_nothing_else_unsigned_is() -> None:
    by_get, by_post = (read(waimai_push(Sent(method=method))) for method in ("GET", "POST"))

    assert isinstance(by_get, PlatformHandshake)
    assert by_get == by_post
    assert by_get.answer.body == b'{"data":"ok"}'
    assert isinstance(read(waimai_push(Sent(b"x=1"))), RefusedPush)
    assert isinstance(read(waimai_push(Sent(query=b"x=1", method="GET"))), RefusedPush)
    assert isinstance(read(waimai_push(Sent(b"x=1", method="GET"))), RefusedPush)


def test_the_signed_address_is_the_accounts_and_never_the_requests() -> None:
    sent = waimai(ORDER, SECRET, "waimai-order-paid")
    push = waimai_push(sent)

    other_host = replace(push, headers={"host": "elsewhere.example"})
    assert isinstance(read(other_host), VerifiedPush)
    assert isinstance(read(waimai_push(sent, public_url=PUBLIC_URL + "/")), VerifiedPush)
    assert isinstance(read(waimai_push(sent, public_url="https://other.example")), RefusedPush)
    assert isinstance(read(replace(push, path="/in/acct/waimai-order-refunded")), RefusedPush)


def test_an_account_without_an_address_refuses_and_says_why() -> None:
    reading = read(waimai_push(waimai(ORDER, SECRET, "waimai-order-paid"), public_url=None))

    assert isinstance(reading, RefusedPush)
    assert "public_url" in reading.message


SPELLINGS = {
    # listed fields once more, others as received; empties kept
    "a": ("caution=不要辣&note=50%25&remark=&timestamp={t}", "caution={c2}&note=50%2525&remark=&timestamp={t}"),
    "b": ("caution=不要辣&note=50%&remark=&timestamp={t}", "caution={c2}&note=50%2525&remark=&timestamp={t}"),
    "c": ("caution={c1}&note=50%25&remark=&timestamp={t}", "caution={c2}&note=50%2525&remark=&timestamp={t}"),
    "d": ("caution=不要辣&note=50%&timestamp={t}", "caution={c2}&note=50%2525&remark=&timestamp={t}"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_each_of_the_four_spellings_is_accepted(spelling: str) -> None:
    once = quote_plus("不要辣")
    text, wire = (part.format(t=NOW_S, c1=once, c2=quote_plus(once)) for part in SPELLINGS[spelling])

    message = only(waimai_push(Sent(f"{wire}&sig={signed(text)}".encode())))

    assert lacking(message) == "app_id"
    assert kept_payload(message)["form"]["caution"]["length"] == (len(once) if spelling == "c" else 3)


def test_a_fifth_spelling_is_refused() -> None:
    text = f"caution=不要辣&note=50%25&timestamp={NOW_S}"  # empties dropped, only listed fields decoded
    wire = f"caution={quote_plus(quote_plus('不要辣'))}&note=50%2525&remark=&timestamp={NOW_S}"

    assert isinstance(read(waimai_push(Sent(f"{wire}&sig={signed(text)}".encode()))), RefusedPush)


def test_img_data_is_neither_signed_nor_believed() -> None:
    plain = waimai(ORDER, SECRET, "waimai-order-paid")
    with_image = replace(plain, body=plain.body + b"&img_data=anything")

    assert only(waimai_push(with_image)) == only(waimai_push(plain))


def test_a_parameter_appended_or_repeated_breaks_the_signature() -> None:
    sent = waimai(ORDER, SECRET, "waimai-order-paid")

    for more in (b"&total=1", b"&sig=0", b"&x=1", b"&total=20.5"):
        assert isinstance(read(waimai_push(replace(sent, body=sent.body + more))), RefusedPush), more
    empty = replace(sent, body=sent.body + b"&x=")
    assert only(waimai_push(empty)) == only(waimai_push(sent))


def test_a_repeated_parameter_that_is_signed_is_unreadable() -> None:
    text = f"app_id=1&timestamp={NOW_S}&total=1&total=2"

    message = only(waimai_push(Sent(f"{text}&sig={signed(text)}".encode())))

    assert isinstance(message, UnmappedMessage)
    assert message.reason is RejectReason.MALFORMED


def test_what_is_kept_of_an_unreadable_get_is_its_query() -> None:
    text = f"app_id=1&app_id=2&timestamp={NOW_S}"
    query = f"{text}&sig={signed(text)}".encode()

    message = only(waimai_push(Sent(query=query, method="GET")))

    assert message.payload == {"bytes": len(query), "sha256": hashlib.sha256(query).hexdigest()}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_paid_order_is_read_from_form_and_query_alike(method: str) -> None:
    message = paid("order-paid", method)

    assert fields(message) == {
        "event_id": f"mt:4001:order-paid:289:2:{NOW_S - 60}",
        "kind": "order.paid",
        "occurred_at": NOW_MS - 60_000,
        "amount_fen": 2050,
    }


@pytest.mark.parametrize("total", ["20.505", "-1", "NaN", "1e5", "", "abc", "1,5", "+1", None])
def test_a_total_that_is_no_exact_amount_is_kept_with_the_fields_name(total: str | None) -> None:
    assert lacking(paid(total=total)) == "total"


@pytest.mark.parametrize("name", ["app_id", "app_poi_code", "order_id", "utime"])
def test_a_paid_order_that_lacks_a_field_is_kept_with_its_name(name: str) -> None:
    assert lacking(paid(**{name: None})) == name


@pytest.mark.parametrize(("kind", "outcome"), [("order-completed", "ok"), ("order-cancelled", "abandoned")])
def test_the_end_of_an_order_is_a_use(kind: str, outcome: str) -> None:
    with_utime = fields(paid(kind))
    without = fields(paid(kind, utime=None))

    assert (with_utime["kind"], with_utime["outcome"]) == ("use.completed", outcome)
    assert with_utime["occurred_at"] == NOW_MS - 60_000
    assert without["occurred_at"] == NOW_MS


def test_without_utime_the_id_is_made_of_the_signed_parameters_but_their_time() -> None:
    kept = {k: v for k, v in ORDER.items() if k not in {"utime", "timestamp"}}
    digest = hashlib.sha256("&".join(f"{k}={kept[k]}" for k in sorted(kept)).encode()).hexdigest()[:16]

    first = fields(paid("order-cancelled", utime=None))
    retry = fields(paid("order-cancelled", utime=None, timestamp=str(NOW_S + 30)))
    other = fields(paid("order-cancelled", utime=None, reason_code="1001"))

    assert first["event_id"] == retry["event_id"] == f"mt:4001:order-cancelled:289:2:{digest}"
    assert other["event_id"] != first["event_id"]


def test_only_an_agreed_refund_moves_money() -> None:
    agreed = fields(paid("order-refunded", notify_type="agree", money="5.25", status=None))

    assert agreed == {
        "event_id": f"mt:4001:order-refunded:289:agree:{NOW_S - 60}",
        "kind": "order.refunded",
        "occurred_at": NOW_MS - 60_000,
        "amount_fen": 525,
    }
    assert lacking(paid("order-refunded", notify_type="apply", money="5.25")) == "notify_type"
    assert lacking(paid("order-refunded", money="5.25")) == "notify_type"
    assert lacking(paid("order-refunded", notify_type="agree", money="5.255")) == "money"


FULL = {"status": None, "utime": None, "total": None, "res_type": "2", "refund_id": "77", "ctime": str(NOW_S - 300)}


def test_a_full_refund_names_no_sum_and_gives_back_what_its_order_has_left() -> None:
    order, refund = paid(), paid("order-refunded", **FULL, notify_type="agree")

    assert isinstance(order, MappedMessage)
    assert isinstance(refund, MappedMessage)
    assert fields(refund) | {"event_id": ""} == {
        "event_id": "",
        "kind": "order.refunded",
        "occurred_at": NOW_MS - 300_000,
    }
    assert order.order_id == refund.order_id == "mt:289"


def test_a_refund_is_of_its_own_time_else_of_its_asking_else_of_its_telling() -> None:
    told = {"notify_type": "agree", "money": "1"}
    times = [
        fields(paid("order-refunded", **told, utime=utime, ctime=ctime))["occurred_at"]
        for utime, ctime in ((str(NOW_S - 1), str(NOW_S - 2)), (None, str(NOW_S - 2)), (None, None))
    ]

    assert times == [NOW_MS - 1000, NOW_MS - 2000, NOW_MS]


@pytest.mark.parametrize("status", REFUND_STATES)
def test_where_goods_come_back_only_the_final_agreement_moves_money(status: str) -> None:
    message = paid("order-refunded", **(FULL | {"status": status}))

    if status in {"21", "27"}:
        assert fields(message)["kind"] == "order.refunded"
    else:
        assert lacking(message) == "status"


@pytest.mark.parametrize(("status", "moves"), [("1", False), ("10", True), ("11", False), ("17", True), ("20", False)])
def test_where_no_goods_come_back_the_first_agreement_is_the_last(status: str, moves: bool) -> None:
    message = paid("order-refunded", **(FULL | {"status": status, "service_type": "1"}))

    assert isinstance(message, MappedMessage) is moves


def test_one_refund_told_in_other_words_is_one_refund() -> None:
    by_shop, by_platform = (paid("order-refunded", **(FULL | more)) for more in ({"status": "21"}, {"status": "27"}))
    other = paid("order-refunded", **(FULL | {"status": "21", "refund_id": "78"}))

    assert isinstance(by_shop, MappedMessage)
    assert isinstance(by_platform, MappedMessage)
    assert isinstance(other, MappedMessage)
    assert by_shop.fields["event_id"] != by_platform.fields["event_id"]
    assert by_shop.alias == by_platform.alias == "mt-refund:77" != other.alias


def test_what_is_kept_of_a_refund_that_moved_nothing_maps_once_it_may() -> None:
    message = paid("order-refunded", **(FULL | {"status": "20", "service_type": "2", "reason": "不想要了"}))

    form = kept_payload(message)["form"]
    kept = ("order_id", "refund_id", "res_type", "status", "service_type", "ctime")
    assert {name: form[name] for name in kept} == {
        "order_id": "289",
        "refund_id": "77",
        "res_type": "2",
        "status": "20",
        "service_type": "2",
        "ctime": str(NOW_S - 300),
    }
    assert form["reason"] == {"type": "string", "length": 4}


def test_a_remark_cut_in_the_middle_of_a_character_costs_no_order() -> None:
    params: dict[str, str | bytes] = {**ORDER, "caution": "少冰".encode()[:-1]}

    message = only(waimai_push(waimai(params, SECRET, "waimai-order-paid")))

    assert fields(message)["amount_fen"] == 2050
    assert kept_payload(message)["form"]["caution"] == {"type": "string", "length": 3}


def test_an_id_that_is_no_text_is_none() -> None:
    params: dict[str, str | bytes] = {**ORDER, "app_poi_code": b"S\xff1"}

    assert lacking(only(waimai_push(waimai(params, SECRET, "waimai-order-paid")))) == "app_poi_code"


@pytest.mark.parametrize("kind", UNMAPPED_EVENTS)
def test_a_kind_that_becomes_nothing_says_why(kind: str) -> None:
    message = paid(kind)

    assert lacking(message) == ""
    assert isinstance(message, UnmappedMessage)
    assert message.message == f"notices of kind {kind} {UNMAPPED_EVENTS[kind]}"


def test_a_kind_without_a_line_is_kept_with_what_may_be_kept() -> None:
    message = paid("order-created", recipient_phone="13800138000")

    assert lacking(message) == ""
    assert kept_payload(message)["form"]["order_id"] == "289"
    assert kept_payload(message)["form"]["recipient_phone"] == {"type": "string", "length": 11}


def test_long_parts_become_a_digest_of_the_whole_id() -> None:
    found = fields(paid(order_id="9" * 60))["event_id"]
    whole = f"mt:4001:order-paid:{'9' * 60}:2:{NOW_S - 60}"

    assert found == "mt:" + hashlib.sha256(whole.encode()).hexdigest()[:32]


def test_a_service_message_means_what_the_account_agreed() -> None:
    message = serviced()

    assert fields(message) == {
        "event_id": "mt-s:9001",
        "kind": "order.paid",
        "occurred_at": NOW_MS,
        "amount_fen": 1990,
    }
    assert isinstance(message, MappedMessage)
    assert message.match == ({"opBizCode": "op"}, {"opBizCode": "op", "ePoiId": "e"})


def test_a_service_message_is_placed_by_what_it_names() -> None:
    by_shop, by_neither = serviced(opBizCode=""), serviced(opBizCode="", ePoiId=None)

    assert isinstance(by_shop, MappedMessage)
    assert by_shop.match == ({"ePoiId": "e"},)
    assert lacking(by_neither) == "opBizCode"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"msgType": "999"}, "msgType"),
        ({"msgId": ""}, "msgId"),
        ({"message": ""}, "message"),
        ({"message": "[]"}, "message"),
        ({"message": '{"amount":19.9}'}, "message.amount"),
        ({"message": '{"amount":null}'}, "message.amount"),
        ({"message": "{}"}, "message.amount"),
        ({"message": '{"bizData":{"item":{"money":"12.345"}}}'}, "message.bizData.item.money"),
        ({"message": '{"bizData":{"item":[{"money":"12.34"}]}}'}, "message.amount"),
    ],
)
def test_a_service_message_that_lacks_something_is_kept_with_its_name(changes: dict[str, str], field: str) -> None:
    assert lacking(serviced(**changes)) == field


def test_kinds_without_money_need_none_and_kinds_beyond_the_mapping_are_kept() -> None:
    seen = fields(serviced({"580001": "exposure"}, message=None))

    assert seen == {"event_id": "mt-s:9001", "kind": "exposure", "occurred_at": NOW_MS}
    for kind in ("use.completed", "rating.given", "consent.withdrawn"):
        assert lacking(serviced({"580001": kind})) == "message"


@pytest.mark.parametrize(
    "changes",
    [
        {"message": '{"bizData":{"item":{"money":"12.30"}}}'},
        {"message": json.dumps({"bizData": '{"item":{"money":"12.30"}}'})},
        {"message": None, "bizData": '{"item":{"money":"12.30"}}'},
        {"message": '{"amount":1230,"bizData":{"item":{"money":"9.99"}}}'},
    ],
)
def test_a_service_amount_may_stand_in_the_item_in_yuan(changes: dict[str, str | None]) -> None:
    assert fields(serviced(**changes))["amount_fen"] == 1230


def test_a_service_refund_without_an_amount_needs_its_order() -> None:
    refunds = {"580002": "order.refunded", "580001": "order.paid"}
    refund = serviced(refunds, msgType="580002", message='{"orderId":"T1"}')
    order = serviced(refunds, message='{"orderId":"T1","amount":1990}')

    assert isinstance(refund, MappedMessage)
    assert isinstance(order, MappedMessage)
    assert "amount_fen" not in refund.fields
    assert refund.order_id == order.order_id == "mt-s:T1"
    assert lacking(serviced(refunds, msgType="580002", message="{}")) == "message.amount"


def test_service_times_come_in_seconds_and_in_milliseconds() -> None:
    assert fields(serviced(timestamp=str(NOW_MS)))["occurred_at"] == NOW_MS


def test_a_service_push_without_a_time_is_refused() -> None:
    params = {k: v for k, v in SERVICE.items() if k != "timestamp"}

    reading = read(make_push(service(params, SECRET), make_account("meituan"), "service", [SECRET]))

    assert isinstance(reading, RefusedPush)
