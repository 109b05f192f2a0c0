"""The published and agreed signature vectors: each adapter accepts its own and refuses what is nearly it."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

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
from schemas.outcomes import RejectReason
from tests.support.adapter_signing import Sent, make_account, make_push
from tests.support.paths import SIGNATURE_VECTORS

VECTORS: dict[str, Any] = json.loads(SIGNATURE_VECTORS.read_text())
AT_MS = 1_751_328_001_000
ORDERS = {"580001": "order.paid"}
FLOWS = {
    "D1_douyin_webhook": ("douyin", "webhook"),
    "D1b_douyin_challenge": ("douyin", "webhook"),
    "D2_douyin_spi": ("douyin", "life-spi"),
    "D3_douyin_live": ("douyin", "live"),
    "B1_bilibili_webhook": ("bilibili", "webhook"),
    "B1b_bilibili_challenge": ("bilibili", "webhook"),
    "M1_meituan_sig": ("meituan", "waimai-order-paid"),
    "M2_meituan_sign": ("meituan", "service"),
    "S1_sunmi_callback_hmac": ("sunmi", "callback"),
    "S3_sunmi_receipt_md5": ("sunmi", "receipt"),
    "A1_standard_webhooks": ("aihuishou", "webhook"),
    "S4_sunmi_callback_rsa": ("sunmi", "callback"),
    "D4_douyin_byte_signature_rsa": ("douyin", "trade"),
}
FORMULA_ONLY = {"B2_bilibili_api_call", "S2_sunmi_printer_pull_md5", "S1b_sunmi_request_hmac_no_notifytype"}
PAID = {"kind": "order.paid", "occurred_at": 1_751_328_000_000, "amount_fen": 1990}
EVENTS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "D1_douyin_webhook": ({"event_id": "dy-order:8000001", **PAID}, {"account_id": "7000001"}),
    "D3_douyin_live": (
        {
            "event_id": "dy-live:m-1",
            "kind": "interaction",
            "occurred_at": 1_751_328_000_100,
            "subject": "u-1",
            "attributes": {"action": "comment"},
        },
        {"room_id": "7300000000001"},
    ),
    "B1_bilibili_webhook": (
        {
            "event_id": "bili:" + hashlib.sha256(VECTORS["B1_bilibili_webhook"]["body"].encode()).hexdigest()[:32],
            "kind": "content.published",
            "outcome": "ok",
            "occurred_at": 1_751_328_000_000,
            "subject": "o-test-1",
            "attributes": {"resource_id": "BV1S9L90H082"},
        },
        {"client_id": "c-test-1"},
    ),
    "M1_meituan_sig": (
        {
            "event_id": "mt:4001:order-paid:28980000000000001:2:1751327995",
            "kind": "order.paid",
            "occurred_at": 1_751_327_995_000,
            "amount_fen": 2050,
        },
        {"app_poi_code": "S001"},
    ),
    "M2_meituan_sign": ({"event_id": "mt-s:9001", **PAID}, {"opBizCode": "op-1"}),
    "S1_sunmi_callback_hmac": (
        {
            "event_id": "sm:N301P00TEST01:CloudPrinted_4:1751328001:953476",
            "kind": "device.online",
            "occurred_at": 1_751_328_000_000,
        },
        {"sn": "N301P00TEST01"},
    ),
    "S3_sunmi_receipt_md5": ({"event_id": "sm-r:N302TEST:T-1:1", **PAID, "amount_fen": 2000}, {"sn": "N302TEST"}),
}
EVENTS["S4_sunmi_callback_rsa"] = EVENTS["S1_sunmi_callback_hmac"]
REJECTS = {
    "D2_douyin_spi": "pay_amount",
    "D4_douyin_byte_signature_rsa": "type",
    "A1_standard_webhooks": "data.store_id",
}


def push_of(name: str) -> NativePush:
    vector = VECTORS[name]
    platform, flow = FLOWS[name]
    sent = Sent(vector["body"].encode(), vector.get("header", {}), vector.get("query", "").encode())
    account = make_account(platform, message_types=ORDERS if flow == "service" else {})
    secret = vector.get("public_key", vector.get("secret")).encode()
    push = make_push(sent, account, flow, [secret], AT_MS)
    return replace(push, path="/in/meituan/order") if name == "M1_meituan_sig" else push


def read(push: NativePush) -> AdapterResult:
    adapter = adapter_for(push.account.platform, push.flow)
    assert adapter is not None
    return adapter.adapt(push)


def message_of(name: str) -> PlatformMessage:
    reading = read(push_of(name))
    assert isinstance(reading, VerifiedPush), reading
    (message,) = reading.messages
    return message


def test_every_vector_is_used() -> None:
    assert set(VECTORS) == set(FLOWS) | FORMULA_ONLY
    assert set(FLOWS) == set(EVENTS) | set(REJECTS) | {name for name in FLOWS if "challenge" in name}


@pytest.mark.parametrize("name", EVENTS)
def test_a_vector_becomes_its_event(name: str) -> None:
    message = message_of(name)

    assert isinstance(message, MappedMessage)
    assert (dict(message.fields), message.match[0]) == EVENTS[name]


@pytest.mark.parametrize("name", REJECTS)
def test_a_vector_that_lacks_a_field_is_kept_with_its_name(name: str) -> None:
    message = message_of(name)

    assert isinstance(message, UnmappedMessage)
    assert (message.reason, message.field) == (RejectReason.UNSUPPORTED_EVENT, REJECTS[name])


@pytest.mark.parametrize("name", ["D1b_douyin_challenge", "B1b_bilibili_challenge"])
def test_a_challenge_is_echoed_byte_by_byte(name: str) -> None:
    reading = read(push_of(name))

    assert isinstance(reading, PlatformHandshake)
    assert (reading.answer.status, reading.answer.body) == (200, VECTORS[name]["reply"].encode())


@pytest.mark.parametrize("name", ["M1_meituan_sig", "M2_meituan_sign", "S1_sunmi_callback_hmac"])
def test_the_positive_answer_is_the_platforms(name: str) -> None:
    adapter = adapter_for(*FLOWS[name])

    assert adapter is not None
    assert adapter.positive.body == VECTORS[name]["reply"].encode()


@pytest.mark.parametrize("name", FLOWS)
def test_a_vector_with_one_byte_more_is_refused(name: str) -> None:
    push = push_of(name)
    more = b"&x=1" if push.body.startswith((b"app_id", b"developerId")) else b" "

    assert isinstance(read(replace(push, body=push.body + more)), RefusedPush)


@pytest.mark.parametrize("name", [name for name in FLOWS if VECTORS[name].get("header")])
def test_a_vector_without_one_of_its_signed_headers_is_refused(name: str) -> None:
    push = push_of(name)

    signed = push.headers.keys() - {"msg-id", "x-life-clientkey"}
    assert signed
    for header in signed:
        rest = {key: value for key, value in push.headers.items() if key != header}
        assert isinstance(read(replace(push, headers=rest)), RefusedPush), header


@pytest.mark.parametrize("name", [name for name in FLOWS if "douyin_webhook" not in name and "bili" not in name])
def test_a_vector_is_refused_a_year_later_where_its_time_is_signed(name: str) -> None:
    push = replace(push_of(name), received_ms=AT_MS + 365 * 86_400_000)

    assert isinstance(read(push), PlatformHandshake if name == "D1b_douyin_challenge" else RefusedPush)


def test_a_callback_signed_without_the_notify_type_is_refused() -> None:
    push = push_of("S1_sunmi_callback_hmac")
    sign = VECTORS["S1b_sunmi_request_hmac_no_notifytype"]["sign"]

    assert isinstance(read(replace(push, headers={**push.headers, "sunmi-sign": sign})), RefusedPush)


def test_the_callback_signature_may_be_in_capitals() -> None:
    push = push_of("S1_sunmi_callback_hmac")
    capitals = {**push.headers, "sunmi-sign": push.headers["sunmi-sign"].upper()}

    assert read(replace(push, headers=capitals)) == read(push)


def test_the_formula_of_calls_to_bilibili_is_the_published_one() -> None:
    vector = VECTORS["B2_bilibili_api_call"]
    header = vector["header"]
    lines = "\n".join(f"{name}:{header[name]}" for name in sorted(header) if name.startswith("x-bili"))

    assert lines == vector["signed_string"]
    assert hashlib.md5(vector["body"].encode()).hexdigest() == header["x-bili-content-md5"]
    assert hmac.new(vector["secret"].encode(), lines.encode(), "sha256").hexdigest() == header["Authorization"]


def test_the_formula_of_printer_pulls_is_the_published_one() -> None:
    vector = VECTORS["S2_sunmi_printer_pull_md5"]
    text = "&".join(sorted(vector["query"].split("&"))) + vector["secret"]

    assert text == vector["signed_string"]
    assert hashlib.md5(text.encode()).hexdigest().upper() == vector["sign"]


def test_the_live_documents_own_example_is_reproduced() -> None:
    head = {"x-msg-type": "user_group", "x-nonce-str": "123456", "x-roomid": "268", "x-timestamp": "456789"}
    text = "&".join(f"{name}={value}" for name, value in sorted(head.items())) + "abc123你好" + "123abc"
    expected = base64.b64encode(hashlib.md5(text.encode()).digest()).decode()
    sent = Sent("abc123你好".encode(), {**head, "x-signature": "GAkalGmhzqlUGQO/TgvMug=="})

    reading = read(make_push(sent, make_account("douyin"), "live", [b"123abc"]))

    assert expected == "GAkalGmhzqlUGQO/TgvMug=="
    assert reading == RefusedPush("x-timestamp is no time, or too far from the server's")


def test_the_waimai_documents_own_example_is_reproduced() -> None:
    query = b"app_id=1235123121&app_poi_codes=31&timestamp=1389751221&sig=00934d00d0aea6f12161edfb6456143d"
    account = make_account("meituan", public_url="http://waimaiopen.meituan.com")
    push = make_push(Sent(query=query, method="GET"), account, "waimai-x", [b"d31ba58fd73c71db697ab5e4946d52d"])

    reading = read(replace(push, path="/api/v1/poi/mget", received_ms=1_389_751_221_000))
    misspelt = read(replace(push, path="/api/v1/poi/mget", query=query.replace(b"codes", b"code")))

    assert isinstance(reading, VerifiedPush)
    assert isinstance(misspelt, RefusedPush)


def test_the_bilibili_signature_of_a_body_that_is_no_json_is_kept_as_malformed() -> None:
    sent = Sent(b"body", {"x-bilibili-signature": "16d335e9e89439586140f1ab58ccd5d60b998b92"})

    reading = read(make_push(sent, make_account("bilibili"), "webhook", [b"secret"]))

    assert isinstance(reading, VerifiedPush)
    (message,) = reading.messages
    assert isinstance(message, UnmappedMessage)
    assert message.reason is RejectReason.MALFORMED
