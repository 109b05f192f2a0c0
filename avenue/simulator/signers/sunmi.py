"""How Sunmi signs: cloud callbacks (HMAC or RSA) and the receipts of its data printers."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from avenue.simulator.signers.rsa import rsa_signature


@dataclass(frozen=True, slots=True)
class CallbackStamp:
    """The four headers that a callback's signature covers beside the body."""

    app_id: str
    timestamp: str
    nonce: str
    notify_type: str


def callback_signed_text(stamp: CallbackStamp, body: bytes) -> bytes:
    """Return body, app id, timestamp, nonce and notify type, nothing between; requests to Sunmi lack the last."""
    return body + f"{stamp.app_id}{stamp.timestamp}{stamp.nonce}{stamp.notify_type}".encode()


def callback_hmac(app_key: bytes, stamp: CallbackStamp, body: bytes) -> str:
    """Return `Sunmi-Sign` in Appkey mode: hex HMAC-SHA256."""
    return hmac.new(app_key, callback_signed_text(stamp, body), hashlib.sha256).hexdigest()


def callback_rsa(private_key_pem: bytes, stamp: CallbackStamp, body: bytes) -> str:
    """Return `Sunmi-Sign` in RSA mode."""
    return rsa_signature(private_key_pem, callback_signed_text(stamp, body))


def receipt_signed_text(secret: str, parameters: Mapping[str, str]) -> str:
    """Return the parameters but `sign`, sorted as `k=v` by `&`, then `&key=` and the secret."""
    pairs = [f"{name}={parameters[name]}" for name in sorted(parameters) if name != "sign"]
    return "&".join([*pairs, f"key={secret}"])


def receipt_sign(secret: str, parameters: Mapping[str, str]) -> str:
    """Return `sign` of a receipt push: upper-case hex MD5 of the signed text."""
    return hashlib.md5(receipt_signed_text(secret, parameters).encode()).hexdigest().upper()  # noqa: S324 - the platform's rule
