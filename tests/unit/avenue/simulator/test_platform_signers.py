"""The simulator signs as the platforms publish it: their examples come out to the digit."""

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, unquote_plus

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from avenue.simulator.messages.meituan import TWICE_ENCODED
from avenue.simulator.signers import bilibili, douyin, meituan, sunmi
from avenue.simulator.signers.rsa import rsa_signature
from registry import webhook_signing as signing
from runtime.errors import ConfigurationError
from tests.support.paths import SIGNATURE_VECTORS

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS: dict[str, dict[str, Any]] = json.loads(SIGNATURE_VECTORS.read_text())


def form(body: str, *, drop: str) -> dict[str, str]:
    return {name: value for name, value in parse_qsl(body, keep_blank_values=True) if name != drop}


def stamp(headers: dict[str, str]) -> sunmi.CallbackStamp:
    return sunmi.CallbackStamp(
        headers["Sunmi-Appid"], headers["Sunmi-Timestamp"], headers["Sunmi-Nonce"], headers["Sunmi-NotifyType"]
    )


def verify(public_key: str, signature: str, text: bytes) -> None:
    key = serialization.load_pem_public_key(public_key.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(base64.b64decode(signature), text, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("name", ["D1_douyin_webhook", "D1b_douyin_challenge"])
def test_douyin_webhook(name: str) -> None:
    vector = VECTORS[name]
    signature = douyin.webhook_signature(vector["secret"].encode(), vector["body"].encode())
    assert signature == vector["header"]["X-Douyin-Signature"]


def test_douyin_life_service_call() -> None:
    vector = VECTORS["D2_douyin_spi"]
    call = (vector["secret"].encode(), dict(parse_qsl(vector["query"])), vector["body"].encode())

    assert douyin.life_signed_text(*call).decode() == vector["signed_string"]
    assert douyin.life_signature(*call) == vector["header"]["x-life-sign"]
    assert douyin.life_legacy_sign(*call) == vector["legacy_query_sign_md5"]


def test_the_legacy_sign_in_the_query_is_not_signed_itself() -> None:
    vector = VECTORS["D2_douyin_spi"]
    query = {**dict(parse_qsl(vector["query"])), "sign": vector["legacy_query_sign_md5"]}
    signature = douyin.life_signature(vector["secret"].encode(), query, vector["body"].encode())
    assert signature == vector["header"]["x-life-sign"]


def test_douyin_live_play() -> None:
    vector = VECTORS["D3_douyin_live"]
    signature = douyin.live_signature(vector["secret"].encode(), vector["header"], vector["body"].encode())
    assert signature == vector["header"]["x-signature"]


def test_the_platforms_own_live_example() -> None:
    headers = {"x-roomid": "268", "x-msg-type": "user_group", "x-nonce-str": "123456", "x-timestamp": "456789"}
    assert douyin.live_signature(b"123abc", headers, "abc123你好".encode()) == "GAkalGmhzqlUGQO/TgvMug=="


def test_douyin_trade_signs_the_published_text() -> None:
    vector = VECTORS["D4_douyin_byte_signature_rsa"]
    headers = vector["header"]
    text = douyin.trade_signed_text(headers["Byte-Timestamp"], headers["Byte-Nonce-Str"], vector["body"].encode())

    assert text.decode() == vector["signed_string"]
    verify(vector["public_key"], headers["Byte-Signature"], text)


@pytest.mark.parametrize("name", ["B1_bilibili_webhook", "B1b_bilibili_challenge"])
def test_bilibili_webhook(name: str) -> None:
    vector = VECTORS[name]
    signature = bilibili.webhook_signature(vector["secret"].encode(), vector["body"].encode())
    assert signature == vector["header"]["x-bilibili-signature"]


def test_bilibilis_third_party_example() -> None:
    assert bilibili.webhook_signature(b"secret", b"body") == "16d335e9e89439586140f1ab58ccd5d60b998b92"


def test_meituan_waimai_signs_the_text_decoded_twice() -> None:
    vector = VECTORS["M1_meituan_sig"]
    wire = form(vector["body"], drop="sig")
    plain = {name: unquote_plus(value) if name in TWICE_ENCODED else value for name, value in wire.items()}

    signed = meituan.waimai_signed_text(vector["secret"], vector["configured_url"], plain)
    assert signed == vector["signed_string"]
    assert meituan.waimai_sig(vector["secret"], vector["configured_url"], plain) == vector["sig"]


def test_meituans_own_example() -> None:
    parameters = {"timestamp": "1389751221", "app_id": "1235123121", "app_poi_codes": "31", "img_data": "left out"}
    url = "http://waimaiopen.meituan.com/api/v1/poi/mget"
    signature = meituan.waimai_sig("d31ba58fd73c71db697ab5e4946d52d", url, parameters)
    assert signature == "00934d00d0aea6f12161edfb6456143d"


def test_meituan_service() -> None:
    vector = VECTORS["M2_meituan_sign"]
    parameters = form(vector["body"], drop="sign")

    assert meituan.service_signed_text(vector["secret"], parameters) == vector["signed_string"]
    assert meituan.service_sign(vector["secret"], parameters) == vector["sign"]


def test_sunmi_callback() -> None:
    vector = VECTORS["S1_sunmi_callback_hmac"]
    signature = sunmi.callback_hmac(vector["secret"].encode(), stamp(vector["header"]), vector["body"].encode())
    assert signature == vector["header"]["Sunmi-Sign"]


def test_a_callback_is_not_signed_like_a_request() -> None:
    vector = VECTORS["S1_sunmi_callback_hmac"]
    request = stamp({**vector["header"], "Sunmi-NotifyType": ""})
    signature = sunmi.callback_hmac(vector["secret"].encode(), request, vector["body"].encode())
    assert signature == VECTORS["S1b_sunmi_request_hmac_no_notifytype"]["sign"]


def test_sunmi_rsa_signs_the_published_text() -> None:
    vector = VECTORS["S4_sunmi_callback_rsa"]
    text = sunmi.callback_signed_text(stamp(vector["header"]), vector["body"].encode())

    assert text.decode() == vector["signed_string"]
    verify(vector["public_key"], vector["header"]["Sunmi-Sign"], text)


def test_sunmi_receipt() -> None:
    vector = VECTORS["S3_sunmi_receipt_md5"]
    parameters = form(vector["body"], drop="sign")

    assert sunmi.receipt_signed_text(vector["secret"], parameters) == vector["signed_string"]
    assert sunmi.receipt_sign(vector["secret"], parameters) == vector["sign"]


def test_standard_webhooks() -> None:
    vector = VECTORS["A1_standard_webhooks"]
    key = signing.secret_bytes(vector["secret"])
    headers = signing.standard_headers(key, "msg_test_0001", 1_751_328_000_999, vector["body"].encode())
    assert headers == vector["header"]


def test_the_standards_own_example() -> None:
    key = signing.secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = signing.standard_signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64", "whsec_é"])
def test_a_secret_that_is_none_is_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        signing.secret_bytes(secret)
    assert "not base64" not in str(refused.value)


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----\nno\n-----END PRIVATE KEY-----"])
def test_a_key_that_is_none_is_a_fault_of_the_configuration(pem: bytes) -> None:
    with pytest.raises(ConfigurationError):
        rsa_signature(pem, b"text")


def test_what_an_rsa_key_signs_its_public_half_verifies() -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signature = base64.b64decode(douyin.trade_signature(pem, "1751328000", "n", b"{}"))
    assert len(signature) == 256
    key.public_key().verify(signature, b"1751328000\nn\n{}\n", padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, b"1751328001\nn\n{}\n", padding.PKCS1v15(), hashes.SHA256())


@given(
    parameters=st.dictionaries(st.sampled_from("abcdefgh"), st.text(max_size=12), min_size=1),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_parameters_never_matters(parameters: dict[str, str], order: Any) -> None:
    names = list(parameters)
    order.shuffle(names)
    other = {name: parameters[name] for name in names}

    assert meituan.waimai_sig("s", "https://x/y", other) == meituan.waimai_sig("s", "https://x/y", parameters)
    assert meituan.service_sign("s", other) == meituan.service_sign("s", parameters)
    assert sunmi.receipt_sign("s", other) == sunmi.receipt_sign("s", parameters)


@given(body=st.binary(min_size=1, max_size=64), at=st.integers(0, 63), bit=st.integers(0, 7))
def test_one_bit_of_the_body_changes_every_signature(body: bytes, at: int, bit: int) -> None:
    changed = bytearray(body)
    changed[at % len(body)] ^= 1 << bit
    mark = sunmi.CallbackStamp("a", "1", "2", "Cloud Printed_1")
    headers = dict.fromkeys(douyin.LIVE_SIGNED_HEADERS, "x")

    signers: tuple[Callable[[bytes], str], ...] = (
        lambda b: douyin.webhook_signature(b"s", b),
        lambda b: douyin.life_signature(b"s", {"a": "1"}, b),
        lambda b: douyin.live_signature(b"s", headers, b),
        lambda b: bilibili.webhook_signature(b"s", b),
        lambda b: sunmi.callback_hmac(b"s", mark, b),
        lambda b: signing.standard_signature(b"s", "id", "1", b),
    )
    for sign in signers:
        assert sign(body) != sign(bytes(changed))


@given(st.text(max_size=40))
def test_a_value_encoded_twice_comes_back_whole(value: str) -> None:
    from avenue.simulator.messages.meituan import _wire

    ((name, once),) = parse_qsl(_wire({"caution": value}), keep_blank_values=True)
    assert (name, unquote(once)) == ("caution", value)
    assert unquote_plus(once) == value
