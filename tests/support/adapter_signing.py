"""The platforms' side: signs pushes as their documentation says, written apart from what verifies them."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from producers.adapters.base import NativePush, PlatformMessage
from schemas.registry import Account

NOW_MS = 1_795_312_800_000  # 2026-11-22T02:00:00Z
PUBLIC_URL = "https://gw.example.com"
WHSEC_1 = b"whsec_" + base64.b64encode(bytes(range(32)))
WHSEC_2 = b"whsec_" + base64.b64encode(bytes(range(32, 64)))


@dataclass(frozen=True)
class Sent:
    """A request as a platform sends it."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: bytes = b""
    method: str = "POST"


def make_account(platform: str, **fields: object) -> Account:
    return Account.model_validate({"id": "acct", "platform": platform, "public_url": PUBLIC_URL, **fields})


def make_push(
    sent: Sent, account: Account, flow: str, secrets: Sequence[bytes], received_ms: int = NOW_MS
) -> NativePush:
    return NativePush(
        method=sent.method,
        path=f"/in/{account.id}/{flow}",
        query=sent.query,
        headers={name.lower(): value for name, value in sent.headers.items()},
        body=sent.body,
        received_ms=received_ms,
        account=account,
        flow=flow,
        secrets=tuple(secrets),
    )


@cache
def rsa_key(_name: str) -> rsa.RSAPrivateKey:
    """Return a key pair, the same for the same name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(name: str) -> bytes:
    return (
        rsa_key(name)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def rsa_sign(name: str, message: bytes) -> str:
    return base64.b64encode(rsa_key(name).sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def douyin_webhook(body: bytes, secret: bytes, **headers: str) -> Sent:
    return Sent(body, {"X-Douyin-Signature": hashlib.sha1(secret + body).hexdigest(), **headers})


def life_spi(body: bytes, secret: bytes, at_ms: int = NOW_MS) -> Sent:
    query = f"client_key=aw1&timestamp={at_ms}"
    signed = secret + b"&" + query.encode() + b"&http_body=" + body
    return Sent(body, {"x-life-sign": hashlib.sha256(signed).hexdigest()}, query.encode() + b"&sign=legacy")


def live(body: bytes, secret: bytes, at_ms: int = NOW_MS, /, **headers: str) -> Sent:
    head = {"x-nonce-str": "n1", "x-timestamp": str(at_ms), "x-roomid": "7300", "x-msg-type": "live_comment"}
    head |= {name.replace("_", "-"): value for name, value in headers.items()}
    text = "&".join(f"{name}={head[name]}" for name in sorted(head)).encode()
    signature = base64.b64encode(hashlib.md5(text + body + secret).digest()).decode()
    return Sent(body, {**head, "x-signature": signature, "content-type": "application/json"})


def trade(body: bytes, key_name: str, at_ms: int = NOW_MS) -> Sent:
    timestamp = str(at_ms // 1000)
    signature = rsa_sign(key_name, f"{timestamp}\nnonce\n".encode() + body + b"\n")
    return Sent(body, {"Byte-Timestamp": timestamp, "Byte-Nonce-Str": "nonce", "Byte-Signature": signature})


def bilibili(body: bytes, secret: bytes) -> Sent:
    return Sent(body, {"x-bilibili-signature": hashlib.sha1(secret + body).hexdigest()})


def waimai(
    params: Mapping[str, str | bytes],
    secret: bytes,
    flow: str,
    method: str = "POST",
    *,
    twice: Mapping[str, str | bytes] = MappingProxyType({}),
) -> Sent:
    """Sign the fully decoded text and encode every value twice, as captured pushes do; *twice* comes once more."""
    pairs = sorted(
        (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in (*params.items(), *twice.items())
    )
    text = f"{PUBLIC_URL}/in/acct/{flow}?".encode() + b"&".join(name + b"=" + value for name, value in pairs)
    signature = hashlib.md5(text + secret).hexdigest()
    wire = "&".join(f"{name.decode()}={quote(quote(value, safe=''), safe='')}" for name, value in pairs)
    wire = f"{wire}&sig={signature}"
    return Sent(query=wire.encode(), method="GET") if method == "GET" else Sent(wire.encode())


def service(params: Mapping[str, str | bytes], secret: bytes) -> Sent:
    wire = urlencode(params)
    pairs = parse_qsl(wire, keep_blank_values=True, encoding="latin-1")
    glued = "".join(name + value for name, value in sorted(pairs) if value)
    return Sent(f"{wire}&sign={hashlib.sha1(secret + glued.encode('latin-1')).hexdigest()}".encode())


def standard_webhook(body: bytes, secret: bytes, at_ms: int = NOW_MS, webhook_id: str = "msg_1") -> Sent:
    key = base64.b64decode(secret.removeprefix(b"whsec_"))
    signed = f"{webhook_id}.{at_ms // 1000}.".encode() + body
    signature = "v1," + base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
    return Sent(
        body,
        {"webhook-id": webhook_id, "webhook-timestamp": str(at_ms // 1000), "webhook-signature": signature},
    )


def callback_headers(at_ms: int = NOW_MS, notify_type: str = "Cloud Printed_4") -> dict[str, str]:
    return {
        "Sunmi-Appid": "app",
        "Sunmi-Timestamp": str(at_ms // 1000),
        "Sunmi-Nonce": "123456",
        "Sunmi-NotifyType": notify_type,
    }


def callback(body: bytes, secret: bytes, headers: Mapping[str, str] | None = None) -> Sent:
    head = dict(headers or callback_headers())
    signed = body + "".join(head.values()).encode()
    return Sent(body, {**head, "Sunmi-Sign": hmac.new(secret, signed, "sha256").hexdigest()})


def callback_rsa(body: bytes, key_name: str) -> Sent:
    head = callback_headers()
    return Sent(body, {**head, "Sunmi-Sign": rsa_sign(key_name, body + "".join(head.values()).encode())})


def receipt(params: Mapping[str, str | bytes], secret: bytes) -> Sent:
    wire = urlencode(params)
    pairs = parse_qsl(wire, keep_blank_values=True, encoding="latin-1")
    text = "&".join(f"{name}={value}" for name, value in sorted(pairs)) + "&key=" + secret.decode()
    return Sent(f"{wire}&sign={hashlib.md5(text.encode('latin-1')).hexdigest().upper()}".encode())


def kept_payload(message: PlatformMessage) -> Any:
    """Return what is kept of *message*, to look into: a platform's document has no type."""
    return message.payload
