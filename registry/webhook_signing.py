"""Standard Webhooks 1.0.0, symmetric profile: it signs batch pushes, Aihuishou's webhooks, and ours."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

from registry.webhook_secret import parse_webhook_secret
from runtime.errors import ConfigurationError


def secret_bytes(secret: str) -> bytes:
    """Return the key that *secret* (`whsec_` + base64) stands for; raise `ConfigurationError` where it is none."""
    try:
        return parse_webhook_secret(secret)
    except ValueError as error:
        raise ConfigurationError(f"the Standard Webhooks secret cannot be used: {error}") from None


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
