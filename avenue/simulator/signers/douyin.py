"""How Douyin signs: webhooks, life-service calls, live play pushes, mini-program trade callbacks."""

import base64
import hashlib
from collections.abc import Mapping

from avenue.simulator.signers.rsa import rsa_signature

LIVE_SIGNED_HEADERS = ("x-msg-type", "x-nonce-str", "x-roomid", "x-timestamp")


def webhook_signature(secret: bytes, body: bytes) -> str:
    """Return `X-Douyin-Signature`: hex SHA-1 of the secret followed by the raw body. A plain hash, no HMAC."""
    return hashlib.sha1(secret + body).hexdigest()  # noqa: S324 - the platform's rule


def life_signed_text(secret: bytes, query: Mapping[str, str], body: bytes) -> bytes:
    """Return what a life-service call signs: secret, decoded query pairs by key but `sign`, then the raw body."""
    pairs = [f"{name}={query[name]}".encode() for name in sorted(query) if name != "sign"]
    return b"&".join([secret, *pairs, b"http_body=" + body])


def life_signature(secret: bytes, query: Mapping[str, str], body: bytes) -> str:
    """Return `x-life-sign` of a POST: hex SHA-256 of the signed text."""
    return hashlib.sha256(life_signed_text(secret, query, body)).hexdigest()


def life_legacy_sign(secret: bytes, query: Mapping[str, str], body: bytes) -> str:
    """Return the older query parameter `sign` of the same call: hex MD5 of the same text."""
    return hashlib.md5(life_signed_text(secret, query, body)).hexdigest()  # noqa: S324 - the platform's rule


def live_signature(secret: bytes, headers: Mapping[str, str], body: bytes) -> str:
    """Return `x-signature`: base64 MD5 of the four `x-` headers sorted as `k=v` by `&`, the body, the secret."""
    pairs = "&".join(f"{name}={headers[name]}" for name in LIVE_SIGNED_HEADERS)
    digest = hashlib.md5(pairs.encode() + body + secret).digest()  # noqa: S324 - the platform's rule
    return base64.b64encode(digest).decode()


def trade_signed_text(timestamp: str, nonce: str, body: bytes) -> bytes:
    """Return what `Byte-Signature` covers: timestamp, nonce and raw body, each a line and each line ended."""
    return b"%b\n%b\n%b\n" % (timestamp.encode(), nonce.encode(), body)


def trade_signature(private_key_pem: bytes, timestamp: str, nonce: str, body: bytes) -> str:
    """Return `Byte-Signature` by the platform's private key."""
    return rsa_signature(private_key_pem, trade_signed_text(timestamp, nonce, body))
