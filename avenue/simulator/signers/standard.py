"""Standard Webhooks 1.0.0, symmetric profile: what batch pushes are signed with, and Aihuishou's webhooks."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from runtime.errors import ConfigurationError

PREFIX = "whsec_"


def secret_bytes(secret: str) -> bytes:
    """Return the key that *secret* (`whsec_` + base64) stands for; raise `ConfigurationError` where it is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError("a Standard Webhooks secret is whsec_ followed by base64") from error
    if not key:
        raise ConfigurationError("a Standard Webhooks secret is whsec_ followed by base64")
    return key


def standard_signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """Return `webhook-signature`: `v1,` + base64 HMAC-SHA256 of id, timestamp and raw body joined by `.`."""
    signed = b"%b.%b.%b" % (message_id.encode(), timestamp.encode(), body)
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def standard_headers(key: bytes, message_id: str, now_ms: int, body: bytes) -> Mapping[str, str]:
    """Return the three headers of one attempt: the id stays over retries, the timestamp is the attempt's."""
    timestamp = str(now_ms // 1000)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": standard_signature(key, message_id, timestamp, body),
    }
