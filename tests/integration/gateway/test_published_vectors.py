"""Each published vector that belongs to a flow, signed afresh and pushed over HTTP through a running gateway."""

import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from avenue.embedded.broker import Broker
from avenue.simulator.signers import bilibili, douyin, meituan, sunmi
from registry import webhook_signing as signing
from schemas.registry import Account
from schemas.topics import Topic
from tests.conftest import started_broker
from tests.support.factories import REGISTRY
from tests.support.gateway_client import GatewayClient, open_gateway
from tests.support.paths import SIGNATURE_VECTORS

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("vectors")]

VECTORS: Mapping[str, Any] = json.loads(SIGNATURE_VECTORS.read_text())
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
PRIVATE_PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
PUBLIC_PEM = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
OK_DOUYIN = b'{"err_no":0,"err_tips":"success","data":{"error_code":0,"description":"success"}}'


@dataclass(frozen=True)
class Twin:
    """A vector signed again: what is sent, what is answered, and what it became."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: bytes | None = None
    event_id: str = ""
    reason: str = ""
    spoil: str = "body"
    """What is changed to make the signature wrong."""


def now_s() -> int:
    return int(time.time())


def fresh(text: str) -> str:
    """Return a vector's body with its moments moved to the present."""
    present = now_s()
    for old in range(1_751_327_990, 1_751_328_001):
        text = text.replace(str(old), str(present - (1_751_328_000 - old)))
    return text.replace("2025-07-01 08:00:00", time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(present + 8 * 3600 - 60)))


def plain(name: str) -> bytes:
    return fresh(VECTORS[name]["body"]).encode()


def secret(name: str) -> bytes:
    value: str = VECTORS[name]["secret"]
    return value.encode()


def d1() -> Twin:
    body = plain("D1_douyin_webhook")
    sign = douyin.webhook_signature(secret("D1_douyin_webhook"), body)
    return Twin("/in/douyin-main/webhook", body, {"X-Douyin-Signature": sign}, OK_DOUYIN, event_id="dy-order:8000001")


def d1b() -> Twin:
    vector = VECTORS["D1b_douyin_challenge"]
    return Twin("/in/douyin-main/webhook", vector["body"].encode(), vector["header"], vector["reply"].encode())


def d2() -> Twin:
    body = plain("D2_douyin_spi")
    query = {"client_key": "aw_test_client", "timestamp": str(now_s() * 1000)}
    sign = douyin.life_signature(secret("D2_douyin_spi"), query, body)
    path = f"/in/douyin-main/life-spi?{urlencode(query)}"
    return Twin(path, body, {"x-life-clientkey": "aw_test_client", "x-life-sign": sign}, reason="unsupported_event")


def d3() -> Twin:
    body = plain("D3_douyin_live")
    signed = {**VECTORS["D3_douyin_live"]["header"], "x-timestamp": str(now_s() * 1000)}
    del signed["x-signature"]
    sign = douyin.live_signature(secret("D3_douyin_live"), signed, body)
    return Twin("/in/douyin-main/live", body, {**signed, "x-signature": sign}, event_id="dy-live:m-1")


def d4() -> Twin:
    body, stamp = plain("D4_douyin_byte_signature_rsa"), str(now_s())
    headers = {"Byte-Timestamp": stamp, "Byte-Nonce-Str": "nonce0001"}
    headers["Byte-Signature"] = douyin.trade_signature(PRIVATE_PEM, stamp, "nonce0001", body)
    answer = b'{"err_no":0,"err_tips":"success"}'
    return Twin("/in/douyin-main/trade", body, headers, answer, reason="unsupported_event")


def b1() -> Twin:
    body = plain("B1_bilibili_webhook")
    sign = bilibili.webhook_signature(secret("B1_bilibili_webhook"), body)
    return Twin("/in/bilibili-main/webhook", body, {"x-bilibili-signature": sign}, event_id="bili:")


def b1b() -> Twin:
    vector = VECTORS["B1b_bilibili_challenge"]
    return Twin("/in/bilibili-main/webhook", vector["body"].encode(), vector["header"], vector["reply"].encode())


def m1() -> Twin:
    # Percent-encoded twice on the wire; the signature covers the decoded text.
    pairs = dict(parse_qsl(fresh(VECTORS["M1_meituan_sig"]["body"]), keep_blank_values=True))
    decoded = {
        name: dict(parse_qsl(f"v={value}", keep_blank_values=True)).get("v", "") for name, value in pairs.items()
    }
    del decoded["sig"]
    path = "/in/meituan-main/waimai-order-paid"
    decoded["sig"] = meituan.waimai_sig("mt_test_secret", f"https://gw.example.com{path}", decoded)
    body = urlencode({name: quote_plus(value) for name, value in decoded.items()}).encode()
    form = {"content-type": "application/x-www-form-urlencoded"}
    return Twin(path, body, form, b'{"data":"ok"}', event_id="mt:4001:order-paid:28980000000000001:2:")


def m2() -> Twin:
    fields = dict(parse_qsl(fresh(VECTORS["M2_meituan_sign"]["body"]), keep_blank_values=True))
    del fields["sign"]
    fields["sign"] = meituan.service_sign("mt_sign_key", fields)
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = b'{"code":0,"message":"success"}'
    return Twin("/in/meituan-main/service", urlencode(fields).encode(), form, answer, event_id="mt-s:9001")


def s1(*, by_rsa: bool = False) -> Twin:
    body = plain("S1_sunmi_callback_hmac")
    stamp = sunmi.CallbackStamp("sunmi_test_appid", str(now_s()), "953476", "Cloud Printed_4")
    sign = (
        sunmi.callback_rsa(PRIVATE_PEM, stamp, body)
        if by_rsa
        else sunmi.callback_hmac(b"sunmi_test_appkey", stamp, body)
    )
    headers = {
        "Sunmi-Appid": stamp.app_id, "Sunmi-Timestamp": stamp.timestamp, "Sunmi-Nonce": stamp.nonce,
        "Sunmi-NotifyType": stamp.notify_type, "Sunmi-Sign": sign,
    }  # fmt: skip
    if by_rsa:
        return Twin("/in/sunmi-rsa/callback", body, headers, b"SUCCESS", reason="unknown_placement")
    return Twin("/in/sunmi-main/callback", body, headers, b"SUCCESS", event_id="sm:N301P00TEST01:CloudPrinted_4:")


def s3() -> Twin:
    fields = dict(parse_qsl(fresh(VECTORS["S3_sunmi_receipt_md5"]["body"]), keep_blank_values=True))
    fields["payload"] = fresh(fields["payload"])
    del fields["sign"]
    fields["sign"] = sunmi.receipt_sign("sunmi_test_appkey", fields)
    form = {"content-type": "application/x-www-form-urlencoded"}
    return Twin("/in/sunmi-main/receipt", urlencode(fields).encode(), form, event_id="sm-r:N302TEST:T-1:1")


def a1() -> Twin:
    body = plain("A1_standard_webhooks")
    key = signing.secret_bytes(VECTORS["A1_standard_webhooks"]["secret"])
    headers = signing.standard_headers(key, "msg_test_0001", now_s() * 1000, body)
    # The published body names no store, so it can be placed nowhere.
    return Twin("/in/aihuishou-main/webhook", body, headers, reason="unsupported_event")


TWINS = {
    "D1": d1, "D1b": d1b, "D2": d2, "D3": d3, "D4": d4, "B1": b1, "B1b": b1b, "M1": m1, "M2": m2, "S1": s1,
    "S4": lambda: s1(by_rsa=True), "S3": s3, "A1": a1,
}  # fmt: skip


@pytest.fixture(scope="module")
def broker(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = started_broker(tmp_path_factory.mktemp("vectors-broker"))
    yield broker
    broker.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    accounts = [
        a.model_copy(update={"secrets": {**a.secrets, "trade": [f"plain:{PUBLIC_PEM.decode()}"]}})
        if a.id == "douyin-main"
        else a
        for a in REGISTRY.accounts
    ]
    by_rsa = Account(id="sunmi-rsa", platform="sunmi", secrets={"callback": [f"plain:{PUBLIC_PEM.decode()}"]})
    registry = REGISTRY.model_copy(update={"accounts": [*accounts, by_rsa]})
    async with open_gateway(broker, tmp_path_factory.mktemp("vectors-home"), registry) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: GatewayClient) -> GatewayClient:
    running.begin()
    return running


@pytest.mark.parametrize("name", TWINS)
async def test_a_freshly_signed_twin_is_answered_as_published_and_becomes_what_it_must(
    gateway: GatewayClient, name: str
) -> None:
    twin = TWINS[name]()
    answer = await gateway.client.post(twin.path, content=twin.body, headers=dict(twin.headers))
    assert 200 <= answer.status_code < 300, answer.text
    if twin.answer is not None:
        assert (
            json.loads(answer.content) == json.loads(twin.answer)
            if twin.answer[:1] == b"{"
            else answer.content == twin.answer
        )
    events, rejects = gateway.lines(Topic.EVENTS), gateway.lines(Topic.REJECTS)
    assert [e["event_id"][: len(twin.event_id)] for e in events] == ([twin.event_id] if twin.event_id else [])
    assert [r["reason"] for r in rejects] == ([twin.reason] if twin.reason else [])


@pytest.mark.parametrize("name", TWINS)
async def test_a_twin_with_one_byte_changed_is_refused_and_leaves_nothing(gateway: GatewayClient, name: str) -> None:
    twin = TWINS[name]()
    changed = twin.body.replace(b"1", b"2", 1) if b"1" in twin.body else twin.body + b"1"
    answer = await gateway.client.post(twin.path, content=changed, headers=dict(twin.headers))
    assert answer.status_code == 401
    assert gateway.lines(Topic.EVENTS) == gateway.lines(Topic.REJECTS) == []
    # That it was refused is counted, and nothing of what was sent is kept.
    told = gateway.lines(Topic.DELIVERIES)
    assert [line for line in told if line["received"] or line["call"] or line["status"] != 401] == []


async def test_a_callback_signed_as_a_request_is_refused(gateway: GatewayClient) -> None:
    twin = s1()
    short = {**twin.headers, "Sunmi-Sign": VECTORS["S1b_sunmi_request_hmac_no_notifytype"]["sign"]}
    assert (await gateway.client.post(twin.path, content=twin.body, headers=short)).status_code == 401


async def test_an_empty_waimai_probe_is_answered_without_a_signature(gateway: GatewayClient) -> None:
    for answer in (
        await gateway.client.get("/in/meituan-main/waimai-order-paid"),
        await gateway.client.post("/in/meituan-main/waimai-order-paid"),
    ):
        assert (answer.status_code, answer.json()) == (200, {"data": "ok"})
    assert gateway.deliveries() == []
