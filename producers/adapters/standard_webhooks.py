"""Standard Webhooks 1.0.0, symmetric profile: shared by the flows that use it and by the batch push.

Signed is `{webhook-id}.{webhook-timestamp}.{raw body}` with HMAC-SHA256; the secret is `whsec_` + base64 of the key.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from producers.adapters.base import Refused
from producers.adapters.signing import from_base64, holds
from producers.adapters.times import is_fresh

TOLERANCE_S = 300
"""Both ways, as in the reference library: the timestamp is renewed with each attempt, so no retry needs more."""
MAX_SIGNATURES = 8
"""One for each secret while they are rotated; two are usual."""
SECRET_PREFIX = b"whsec_"
_ID = re.compile(r"[!-\-/-~]{1,256}\Z")  # visible ASCII but the dot, which separates what is signed
_TIMESTAMP = re.compile(r"[0-9]{1,12}\Z")


@dataclass(frozen=True, slots=True)
class Signed:
    """A push whose signature holds. `webhook_id` stays the same over retries."""

    webhook_id: str
    sent_ms: int


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes], received_ms: int) -> Signed | Refused:
    """Check the three headers (names lower-case) against *body* as it was on the wire. Total."""
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    presented = headers.get("webhook-signature", "")
    if not _ID.match(webhook_id):
        return Refused("webhook-id is missing, or not 1 to 256 visible characters without a dot")
    if not _TIMESTAMP.match(timestamp):
        return Refused("webhook-timestamp is missing, or not Unix seconds")
    signed = b"%b.%b.%b" % (webhook_id.encode(), timestamp.encode(), body)
    if not _any_holds(presented, signed, secrets):
        return Refused(
            "no v1 signature of webhook-signature matches; check the secret, and that the raw body is signed"
        )
    sent_ms = int(timestamp) * 1000
    if not is_fresh(sent_ms, received_ms, TOLERANCE_S):
        return Refused(
            f"webhook-timestamp is more than {TOLERANCE_S} s from the server's time; check the sender's clock"
        )
    return Signed(webhook_id, sent_ms)


def key_of(secret: bytes) -> bytes:
    """Return the key that *secret* spells, with or without its prefix; b"" where it is no base64."""
    text = secret.strip().removeprefix(SECRET_PREFIX)
    return from_base64(text.decode("latin-1")) or b""


def _any_holds(presented: str, signed: bytes, secrets: Sequence[bytes]) -> bool:
    keys = [key_of(secret) for secret in secrets]
    versions = (part.partition(",") for part in presented.split(" ", MAX_SIGNATURES)[:MAX_SIGNATURES])
    signatures = [from_base64(text) for version, _, text in versions if version == "v1"]
    matches = [holds(signature, keys, lambda key: (hmac.digest(key, signed, "sha256"),)) for signature in signatures]
    return True in matches
