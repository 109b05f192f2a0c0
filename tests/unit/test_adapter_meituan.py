"""Meituan's two families of pushes: what is particular to each."""

import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

import pytest

from producers.adapters.base import Handshake, Mapped, Message, Push, Read, Reading, Refused, Unmapped
from producers.adapters.catalogue import adapter_for
from schemas.outcomes import RejectReason
from tests.contract.adapter_signing import NOW_MS, PUBLIC_URL, Sent, make_account, make_push, service, waimai

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


def waimai_push(sent: Sent, kind: str = "order-paid", public_url: str | None = PUBLIC_URL) -> Push:
    return make_push(sent, make_account("meituan", public_url=public_url), f"waimai-{kind}", [SECRET])


def read(push: Push) -> Reading:
    adapter = adapter_for("meituan", push.flow)
    assert adapter is not None
    return adapter.read(push)


def only(push: Push) -> Message:
    reading = read(push)
    assert isinstance(reading, Read), reading
    (message,) = reading.messages
    return message


def paid(kind: str = "order-paid", method: str = "POST", /, **changes: str | None) -> Message:
    params: dict[str, str | bytes] = {k: v for k, v in (ORDER | changes).items() if v is not None}
    return only(waimai_push(waimai(params, SECRET, f"waimai-{kind}", method), kind))


def serviced(message_types: dict[str, str] | None = None, /, **changes: str | None) -> Message:
    params: dict[str, str | bytes] = {
        k: v for k, v in (SERVICE | {"message": '{"amount":1990}'} | changes).items() if v is not None
    }
    account = make_account("meituan", message_types=message_types or {"580001": "order.paid"})
    return only(make_push(service(params, SECRET), account, "service", [SECRET]))


def fields(message: Message) -> dict[str, Any]:
    assert isinstance(message, Mapped), message
    return dict(message.fields)


def lacking(message: Message) -> str:
    assert isinstance(message, Unmapped), message
    assert message.reason is RejectReason.UNSUPPORTED_EVENT
    return message.field


def signed(text: str) -> str:
    return hashlib.md5(f"{PUBLIC_URL}/in/acct/waimai-order-paid?{text}".encode() + SECRET).hexdigest()


def test_an_empty_probe_is_answered_and_nothing_else_unsigned_is() -> None:
    by_get, by_post = (read(waimai_push(Sent(method=method))) for method in ("GET", "POST"))

    assert isinstance(by_get, Handshake)
    assert by_get == by_post
    assert by_get.answer.body == b'{"data":"ok"}'
    assert isinstance(read(waimai_push(Sent(b"x=1"))), Refused)
    assert isinstance(read(waimai_push(Sent(query=b"x=1", method="GET"))), Refused)
    assert isinstance(read(waimai_push(Sent(b"x=1", method="GET"))), Refused)


def test_the_signed_address_is_the_accounts_and_never_the_requests() -> None:
    sent = waimai(ORDER, SECRET, "waimai-order-paid")
    push = waimai_push(sent)

    other_host = replace(push, headers={"host": "elsewhere.example"})
    assert isinstance(read(other_host), Read)
    assert isinstance(read(waimai_push(sent, public_url=PUBLIC_URL + "/")), Read)
    assert isinstance(read(waimai_push(sent, public_url="https://other.example")), Refused)
    assert isinstance(read(replace(push, path="/in/acct/waimai-order-refunded")), Refused)


def test_an_account_without_an_address_refuses_and_says_why() -> None:
    reading = read(waimai_push(waimai(ORDER, SECRET, "waimai-order-paid"), public_url=None))

    assert isinstance(reading, Refused)
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
    assert message.payload["form"]["caution"]["length"] == (len(once) if spelling == "c" else 3)


def test_a_fifth_spelling_is_refused() -> None:
    text = f"caution=不要辣&note=50%25&timestamp={NOW_S}"  # empties dropped, only listed fields decoded
    wire = f"caution={quote_plus(quote_plus('不要辣'))}&note=50%2525&remark=&timestamp={NOW_S}"

    assert isinstance(read(waimai_push(Sent(f"{wire}&sig={signed(text)}".encode()))), Refused)


def test_img_data_is_neither_signed_nor_believed() -> None:
    plain = waimai(ORDER, SECRET, "waimai-order-paid")
    with_image = replace(plain, body=plain.body + b"&img_data=anything")

    assert only(waimai_push(with_image)) == only(waimai_push(plain))


def test_a_parameter_appended_or_repeated_breaks_the_signature() -> None:
    sent = waimai(ORDER, SECRET, "waimai-order-paid")

    for more in (b"&total=1", b"&sig=0", b"&x=1", b"&total=20.5"):
        assert isinstance(read(waimai_push(replace(sent, body=sent.body + more))), Refused), more
    empty = replace(sent, body=sent.body + b"&x=")
    assert only(waimai_push(empty)) == only(waimai_push(sent))


def test_a_repeated_parameter_that_is_signed_is_unreadable() -> None:
    text = f"app_id=1&timestamp={NOW_S}&total=1&total=2"

    message = only(waimai_push(Sent(f"{text}&sig={signed(text)}".encode())))

    assert isinstance(message, Unmapped)
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
    assert lacking(paid("order-refunded", notify_type="agree")) == "money"


def test_a_kind_without_a_line_is_kept_with_what_may_be_kept() -> None:
    message = paid("order-created", recipient_phone="13800138000")

    assert lacking(message) == ""
    assert message.payload["form"]["order_id"] == "289"
    assert message.payload["form"]["recipient_phone"] == {"type": "string", "length": 11}


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
    assert isinstance(message, Mapped)
    assert message.match == ({"opBizCode": "op"}, {"opBizCode": "op", "ePoiId": "e"})


def test_a_service_message_is_placed_by_what_it_names() -> None:
    by_shop, by_neither = serviced(opBizCode=""), serviced(opBizCode="", ePoiId=None)

    assert isinstance(by_shop, Mapped)
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
    ],
)
def test_a_service_message_that_lacks_something_is_kept_with_its_name(changes: dict[str, str], field: str) -> None:
    assert lacking(serviced(**changes)) == field


def test_kinds_without_money_need_none_and_kinds_beyond_the_mapping_are_kept() -> None:
    seen = fields(serviced({"580001": "exposure"}, message=None))

    assert seen == {"event_id": "mt-s:9001", "kind": "exposure", "occurred_at": NOW_MS}
    for kind in ("use.completed", "rating.given", "consent.withdrawn"):
        assert lacking(serviced({"580001": kind})) == "message"


def test_service_times_come_in_seconds_and_in_milliseconds() -> None:
    assert fields(serviced(timestamp=str(NOW_MS)))["occurred_at"] == NOW_MS


def test_a_service_push_without_a_time_is_refused() -> None:
    params = {k: v for k, v in SERVICE.items() if k != "timestamp"}

    reading = read(make_push(service(params, SECRET), make_account("meituan"), "service", [SECRET]))

    assert isinstance(reading, Refused)
