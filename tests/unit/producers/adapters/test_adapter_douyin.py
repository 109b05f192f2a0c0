"""Douyin's four flows: what is particular to each."""

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from producers.adapters import douyin_live as douyin_live_adapter
from producers.adapters import douyin_webhook as douyin_webhook_adapter
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
from schemas.outcomes import RejectReason
from tests.support.adapter_signing import (
    NOW_MS,
    Sent,
    douyin_webhook,
    kept_payload,
    life_spi,
    live,
    make_account,
    make_push,
    public_pem,
    trade,
)

SECRET = b"dy-secret"
NOW_S = NOW_MS // 1000
ORDER = {"order_id": "8001", "account_id": "7001", "pay_amount": 1990, "pay_time": NOW_S}
PAID = {"event": "life_trade_order_notify", "client_key": "aw", "content": {"action": "pay_success", "order": ORDER}}
COMMENT = {"msg_id": "m-1", "sec_openid": "o-1", "timestamp": NOW_MS}


def as_push(sent: Sent, flow: str) -> NativePush:
    return make_push(sent, make_account("douyin"), flow, [SECRET])


def read(sent: Sent, flow: str = "webhook") -> AdapterResult:
    adapter = adapter_for("douyin", flow)
    assert adapter is not None
    return adapter.adapt(as_push(sent, flow))


def messages(sent: Sent, flow: str = "webhook") -> tuple[PlatformMessage, ...]:
    reading = read(sent, flow)
    assert isinstance(reading, VerifiedPush), reading
    return reading.messages


def webhook(body: Any, **headers: str) -> PlatformMessage:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    (message,) = messages(douyin_webhook(raw, SECRET, **headers))
    return message


def spi(body: Any) -> PlatformMessage:
    (message,) = messages(life_spi(json.dumps(body).encode(), SECRET), "life-spi")
    return message


def lacking(message: PlatformMessage) -> str:
    assert isinstance(message, UnmappedMessage)
    assert message.reason is RejectReason.UNSUPPORTED_EVENT
    return message.field


def test_content_may_be_an_object_or_its_text() -> None:
    as_text = webhook({**PAID, "content": json.dumps(PAID["content"])})
    as_object = webhook(PAID)

    assert isinstance(as_text, MappedMessage)
    assert isinstance(as_object, MappedMessage)
    assert as_text.fields == as_object.fields


def test_one_order_has_one_id_by_webhook_and_by_spi() -> None:
    by_webhook = webhook(PAID)
    by_spi = spi({"order_id": "8001", "account_id": "7001", "pay_amount": 1990, "pay_time_unix": NOW_S})

    assert isinstance(by_webhook, MappedMessage)
    assert isinstance(by_spi, MappedMessage)
    assert by_webhook.fields == by_spi.fields
    assert by_webhook.fields["event_id"] == "dy-order:8001"


@pytest.mark.parametrize("name", ["order_id", "account_id", "pay_amount", "pay_time"])
def test_an_order_that_lacks_a_field_is_kept_with_its_name(name: str) -> None:
    order = {key: value for key, value in ORDER.items() if key != name}

    message = webhook({**PAID, "content": {"action": "pay_success", "order": order}})

    assert lacking(message) == f"content.order.{name}"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"action": "refund_success", "order": ORDER}, "content.action"),
        ({"action": "pay_success", "order": {**ORDER, "pay_amount": -1}}, "content.order.pay_amount"),
        ({"action": "pay_success", "order": {**ORDER, "pay_amount": 19.9}}, "content.order.pay_amount"),
        ({"action": "pay_success", "order": {**ORDER, "pay_time": "soon"}}, "content.order.pay_time"),
        ({"action": "pay_success", "order": []}, "content.order"),
        ("", "content"),
        (None, "content"),
    ],
)
def test_an_order_that_is_not_as_agreed_is_kept_with_the_fields_name(content: Any, field: str) -> None:
    assert lacking(webhook({**PAID, "content": content})) == field


def test_content_text_that_is_no_json_makes_the_body_unreadable() -> None:
    message = webhook({**PAID, "content": '{"action":1,"action":2}'})

    assert isinstance(message, UnmappedMessage)
    assert message.reason is RejectReason.MALFORMED


@pytest.mark.parametrize(
    ("event", "kind", "outcome"),
    [
        ("im_receive_msg", "interaction", None),
        ("im_enter_direct_msg", "interaction", None),
        ("im_group_receive_msg", "interaction", None),
        ("receive_msg", "interaction", None),
        ("enter_im", "interaction", None),
        ("dial_phone", "interaction", None),
        ("website_contact", "interaction", None),
        ("personal_tab_contact", "interaction", None),
        ("create_video", "content.published", "ok"),
        ("authorize", "consent.granted", None),
        ("unauthorize", "consent.withdrawn", None),
    ],
)
def test_an_event_about_a_user_becomes_its_line(event: str, kind: str, outcome: str | None) -> None:
    body = json.dumps({"event": event, "client_key": "aw", "from_user_id": "o-1", "content": {}}).encode()

    message = webhook(body)

    assert isinstance(message, MappedMessage)
    assert message.fields == {
        "event_id": "dy:" + hashlib.sha256(body).hexdigest()[:32],
        "kind": kind,
        "occurred_at": NOW_MS,
        "subject": "o-1",
        **({"outcome": outcome} if outcome else {}),
    }
    assert message.match == ({"client_key": "aw"},)


def test_a_message_has_the_time_it_was_written() -> None:
    body = {"event": "im_receive_msg", "client_key": "aw", "from_user_id": "o-1"}

    in_ms = webhook({**body, "content": {"create_time": NOW_MS - 5000}})
    in_s = webhook({**body, "content": {"create_time": str(NOW_S - 5)}})

    assert isinstance(in_ms, MappedMessage)
    assert isinstance(in_s, MappedMessage)
    assert in_ms.fields["occurred_at"] == in_s.fields["occurred_at"] == NOW_MS - 5000


def test_line_breaks_change_neither_signature_nor_id() -> None:
    body = b'{"event":"create_video",\r\n "client_key":"aw","from_user_id":"o-1"}\n'
    one_line = body.replace(b"\r", b"").replace(b"\n", b"")
    by_line = Sent(body, douyin_webhook(one_line, SECRET).headers)

    first, second, third = webhook(body), messages(by_line)[0], webhook(one_line)

    assert isinstance(first, MappedMessage)
    assert first == second
    assert first == third


def test_the_unsigned_msg_id_is_an_alias_and_no_part_of_the_id() -> None:
    body = {"event": "create_video", "client_key": "aw", "from_user_id": "o-1"}

    one, other, none = webhook(body, **{"Msg-Id": "m-1"}), webhook(body, **{"Msg-Id": "m-2"}), webhook(body)

    assert isinstance(one, MappedMessage)
    assert isinstance(other, MappedMessage)
    assert isinstance(none, MappedMessage)
    assert (one.alias, other.alias, none.alias) == ("dy-msg:m-1", "dy-msg:m-2", "")
    assert one.fields == other.fields == none.fields


def test_consent_without_a_person_is_kept_and_without_a_place_holds() -> None:
    nobody = webhook({"event": "unauthorize", "client_key": "aw"})
    nowhere = webhook({"event": "unauthorize", "client_key": "", "from_user_id": "o-1"})

    assert lacking(nobody) == "from_user_id"
    assert isinstance(nowhere, MappedMessage)
    assert nowhere.match == ()


CERTIFICATE = {"certificate_id": "9001", "order_id": "8001", "account_id": "7001", "code": "secret-voucher"}


def voucher(action: str, **certificate: Any) -> PlatformMessage:
    content = {"action": action, "msg_time": NOW_S - 5, "certificate": CERTIFICATE | certificate}
    return webhook({"event": "life_trade_certificate_notify", "client_key": "aw", "content": json.dumps(content)})


def test_a_redeemed_voucher_is_a_use_at_the_place() -> None:
    message = voucher("verify")

    assert isinstance(message, MappedMessage)
    assert message.fields == {
        "event_id": "dy-cert:9001",
        "kind": "use.completed",
        "outcome": "ok",
        "occurred_at": NOW_MS - 5000,
    }
    assert message.match == ({"account_id": "7001"},)


def test_a_voucher_given_back_refunds_its_order_once() -> None:
    order, first, second = webhook(PAID), voucher("refund_success"), voucher("refund_success", certificate_id="9002")

    assert isinstance(order, MappedMessage)
    assert isinstance(first, MappedMessage)
    assert isinstance(second, MappedMessage)
    assert first.fields == {"event_id": "dy-refund:8001", "kind": "order.refunded", "occurred_at": NOW_MS - 5000}
    assert first.fields == second.fields
    assert order.order_id == first.order_id == "dy:8001"


def test_an_order_by_spi_is_found_by_a_refund_too() -> None:
    message = spi({"order_id": "8001", "account_id": "7001", "pay_amount": 1990, "pay_time_unix": NOW_S})

    assert isinstance(message, MappedMessage)
    assert message.order_id == "dy:8001"


@pytest.mark.parametrize(
    ("action", "name", "field"),
    [
        ("verify_cancel", "", "content.action"),
        ("fulfilled", "", "content.action"),
        ("verify", "certificate_id", "content.certificate.certificate_id"),
        ("verify", "account_id", "content.certificate.account_id"),
        ("refund_success", "order_id", "content.certificate.order_id"),
    ],
)
def test_a_voucher_that_becomes_nothing_keeps_its_ids(action: str, name: str, field: str) -> None:
    message = voucher(action, **({name: None} if name else {}))

    assert lacking(message) == field
    kept = kept_payload(message)["body"]["content"]["certificate"]
    names = {"certificate_id", "order_id", "account_id"} - {name}
    assert {key: kept[key] for key in names} == {key: CERTIFICATE[key] for key in names}
    assert "secret-voucher" not in json.dumps(message.payload)


@pytest.mark.parametrize("event", douyin_webhook_adapter.UNMAPPED_EVENTS)
def test_a_published_event_that_becomes_nothing_says_why(event: str) -> None:
    message = webhook({"event": event, "client_key": "aw", "content": {"create_time": NOW_MS}})

    assert lacking(message) == "event"
    assert isinstance(message, UnmappedMessage)
    assert message.message == f"event {douyin_webhook_adapter.UNMAPPED_EVENTS[event]}"


def test_an_event_without_a_line_is_kept() -> None:
    assert lacking(webhook({"event": "group_fans_event", "client_key": "aw"})) == "event"
    assert lacking(webhook({})) == "event"


def test_a_challenge_is_answered_only_when_it_is_signed() -> None:
    sent = douyin_webhook(b'{"event":"verify_webhook","client_key":"","content":{"challenge":77}}', SECRET)

    answered, refused = read(sent), read(replace(sent, headers={}))

    assert isinstance(answered, PlatformHandshake)
    assert answered.answer.body == b'{"challenge":77}'
    assert isinstance(refused, RefusedPush)


@pytest.mark.parametrize("challenge", [True, "77", 7.7, None, {}])
def test_a_challenge_that_is_no_integer_is_not_echoed(challenge: Any) -> None:
    assert lacking(webhook({"event": "verify_webhook", "content": {"challenge": challenge}})) == "event"


@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null"])
def test_a_body_that_is_no_object_holds_no_message(body: bytes) -> None:
    message = webhook(body)

    assert lacking(message) == ""
    assert message.payload == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_spi_signs_its_query_decoded_and_sorted() -> None:
    body = b"{}"
    text = SECRET + f"&a=x y&client_key=aw&timestamp={NOW_MS}&http_body=".encode() + body
    query = f"timestamp={NOW_MS}&sign=old&client_key=aw&a=x%20y".encode()
    sent = Sent(body, {"x-life-sign": hashlib.sha256(text).hexdigest()}, query)

    assert isinstance(read(sent, "life-spi"), VerifiedPush)
    assert isinstance(read(replace(sent, query=query + b"&b=1"), "life-spi"), RefusedPush)
    assert isinstance(read(replace(sent, method="GET"), "life-spi"), RefusedPush)


@pytest.mark.parametrize("query", ["client_key=aw", "timestamp=1795312800000&timestamp=1795312800000", "timestamp=now"])
def test_spi_without_one_signed_time_is_refused(query: str) -> None:
    parts = "&".join(sorted(query.split("&")))
    signature = hashlib.sha256(SECRET + f"&{parts}&http_body={{}}".encode()).hexdigest()

    reading = read(Sent(b"{}", {"x-life-sign": signature}, query.encode()), "life-spi")

    assert isinstance(reading, RefusedPush)
    assert "timestamp" in reading.message


@pytest.mark.parametrize("name", ["order_id", "account_id", "pay_amount", "pay_time_unix"])
def test_an_spi_call_that_lacks_a_field_is_kept_with_its_name(name: str) -> None:
    body = {"order_id": "8001", "account_id": "7001", "pay_amount": 1990, "pay_time_unix": NOW_S}
    del body[name]

    assert lacking(spi(body)) == name


def test_each_element_of_a_live_push_is_a_message_of_its_own() -> None:
    body = json.dumps([COMMENT, {**COMMENT, "msg_id": 7}, {"sec_openid": "o-1"}, "text", None]).encode()

    first, second, third, fourth, fifth = messages(live(body, SECRET), "live")

    assert isinstance(first, MappedMessage)
    assert isinstance(second, MappedMessage)
    assert (first.fields["event_id"], second.fields["event_id"]) == ("dy-live:m-1", "dy-live:7")
    assert [lacking(m) for m in (third, fourth, fifth)] == ["msg_id", "message", "message"]


@pytest.mark.parametrize("marked", [True, "true"])
@pytest.mark.parametrize("sort", ["live_comment", "live_gift", "live_like", "live_fansclub", "live_follow"])
def test_the_consoles_self_test_is_no_event(sort: str, marked: Any) -> None:
    body = json.dumps([COMMENT | {"test": marked}, COMMENT | {"test": False}]).encode()

    self_test, real = messages(live(body, SECRET, x_msg_type=sort), "live")

    assert lacking(self_test) == "test"
    assert isinstance(self_test, UnmappedMessage)
    assert "self-test" in self_test.message
    assert kept_payload(self_test)["message"]["test"] == marked
    assert isinstance(real, MappedMessage)


def test_a_like_is_one_act_and_says_how_many_it_stands_for() -> None:
    body = json.dumps([COMMENT | {"like_num": 30}, COMMENT | {"like_num": "many"}, COMMENT | {"like_num": 2**60}])

    many, unclear, beyond = messages(live(body.encode(), SECRET, x_msg_type="live_like"), "live")

    assert isinstance(many, MappedMessage)
    assert many.fields["attributes"] == {"action": "like", "like_num": 30}
    for message in (unclear, beyond):
        assert isinstance(message, MappedMessage)
        assert message.fields["attributes"] == {"action": "like"}


@pytest.mark.parametrize("sort", douyin_live_adapter.UNMAPPED_EVENTS)
def test_a_published_live_sort_that_becomes_nothing_says_why(sort: str) -> None:
    (message,) = messages(live(json.dumps([COMMENT]).encode(), SECRET, x_msg_type=sort), "live")

    assert lacking(message) == "x-msg-type"
    assert isinstance(message, UnmappedMessage)
    assert message.message == f"x-msg-type {douyin_live_adapter.UNMAPPED_EVENTS[sort]}"


@pytest.mark.parametrize(
    ("msg_type", "action"),
    [
        ("live_comment", "comment"),
        ("live_gift", "gift"),
        ("live_like", "like"),
        ("live_fansclub", "fansclub"),
        ("live_follow", "follow"),
    ],
)
def test_a_live_message_names_its_action(msg_type: str, action: str) -> None:
    sent = live(json.dumps([COMMENT]).encode(), SECRET, x_msg_type=msg_type)

    (message,) = messages(sent, "live")

    assert isinstance(message, MappedMessage)
    assert message.fields["attributes"] == {"action": action}
    assert message.match == ({"room_id": "7300"},)


def test_a_live_message_without_a_person_counts_all_the_same() -> None:
    (message,) = messages(live(json.dumps([{"msg_id": "m", "timestamp": NOW_MS}]).encode(), SECRET), "live")

    assert isinstance(message, MappedMessage)
    assert "subject" not in message.fields


@pytest.mark.parametrize(
    "element", [{"timestamp": NOW_MS}, {"msg_id": ""}, {"msg_id": None}, {"msg_id": {}}, {"msg_id": "x" * 300}]
)
def test_a_live_message_without_an_id_is_kept(element: dict[str, Any]) -> None:
    (message,) = messages(live(json.dumps([element]).encode(), SECRET), "live")

    assert lacking(message) == "msg_id"


@pytest.mark.parametrize("body", [b"[]", b"7", b"null"])
def test_an_empty_live_push_is_one_kept_reject(body: bytes) -> None:
    (message,) = messages(live(body, SECRET), "live")

    assert lacking(message) == ""
    assert isinstance(message, UnmappedMessage)
    assert "holds no message" in message.message


def test_a_live_push_of_too_many_messages_is_one_kept_reject() -> None:
    (message,) = messages(live(b"[" + b"{}," * 10_000 + b"{}]", SECRET), "live")

    assert isinstance(message, UnmappedMessage)
    assert message.reason is RejectReason.TOO_LARGE


def test_live_verify_request_is_a_handshake_when_signed() -> None:
    sent = live(b"", SECRET, x_msg_type="verify_request")

    assert isinstance(read(sent, "live"), PlatformHandshake)
    assert isinstance(read(replace(sent, body=b"x"), "live"), RefusedPush)


def test_a_room_that_the_signature_does_not_cover_is_not_believed() -> None:
    body = json.dumps([COMMENT]).encode()
    head = {"x-appid": "tt1", "x-msg-type": "live_comment", "x-nonce-str": "n1", "x-timestamp": str(NOW_MS)}
    signed_for_app = live(body, SECRET, **{name.replace("-", "_"): value for name, value in head.items()})
    text = "&".join(f"{name}={head[name]}" for name in sorted(head)).encode()
    digest = hashlib.md5(text + body + SECRET).digest()

    forged = replace(
        signed_for_app, headers={**head, "x-roomid": "7300", "x-signature": base64.b64encode(digest).decode()}
    )

    (message,) = messages(forged, "live")

    assert lacking(message) == "x-roomid"


def test_trade_is_verified_and_kept() -> None:
    adapter = adapter_for("douyin", "trade")
    assert adapter is not None
    sent = trade(b'{"type":"payment","msg":"{\\"order_id\\":\\"O-1\\",\\"buyer\\":\\"x\\"}"}', "one")

    reading = adapter.adapt(make_push(sent, make_account("douyin"), "trade", [public_pem("one")]))

    assert isinstance(reading, VerifiedPush)
    (message,) = reading.messages
    assert lacking(message) == "type"
    assert kept_payload(message)["body"]["msg"] == {"order_id": "O-1", "buyer": {"type": "string", "length": 1}}
