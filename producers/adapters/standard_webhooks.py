"""Standard Webhooks 1.0.0, symmetric profile: shared by the flows that use it and by the batch push.

Signed is `{webhook-id}.{webhook-timestamp}.{raw body}` with HMAC-SHA256; how a secret spells its key says
`registry/webhook_secret.py`.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from producers.adapters.base import RefusedPush
from producers.adapters.wire.signing import from_base64
from producers.adapters.wire.times import is_fresh
from registry.webhook_secret import parse_webhook_secret

TOLERANCE_S = 300
"""Both ways, as in the reference library: the timestamp is renewed with each attempt, so no retry needs more."""
MAX_SIGNATURES = 8
"""One for each secret while they are rotated; two are usual."""
ZONE_S = 8 * 3600
"""China's distance from UTC: what a library moves a local time by that it takes for UTC."""
_TIMES_ARE_UTC = "give the signing library the time in UTC with its zone, and send that same time as webhook-timestamp"
_ID = re.compile(r"[!-\-/-~]{1,256}\Z")  # visible ASCII but the dot, which separates what is signed
_TIMESTAMP = re.compile(r"[0-9]{1,12}\Z")


@dataclass(frozen=True, slots=True)
class VerifiedWebhook:
    """A push whose signature holds. `webhook_id` stays the same over retries."""

    webhook_id: str
    sent_ms: int


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes], received_ms: int
) -> VerifiedWebhook | RefusedPush:
    """Check the three headers (names lower-case) against *body* as it was on the wire. Total."""
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    presented = headers.get("webhook-signature", "")
    if not _ID.match(webhook_id):
        return RefusedPush("webhook-id is missing, or not 1 to 256 visible characters without a dot")
    if not _TIMESTAMP.match(timestamp):
        return RefusedPush("webhook-timestamp is missing, or not Unix seconds")
    sent_s = int(timestamp)
    keys = _keys(secrets)
    if not _any_holds(presented, _signed(webhook_id, timestamp, body), keys):
        return RefusedPush(_mismatch(presented, webhook_id, sent_s, body, keys))
    if not is_fresh(sent_s * 1000, received_ms, TOLERANCE_S):
        return RefusedPush(_stale(sent_s, received_ms))
    return VerifiedWebhook(webhook_id, sent_s * 1000)


def key_of(secret: bytes) -> bytes:
    """Return the key that *secret* spells; b"" where it spells none, so that it verifies nothing."""
    try:
        return parse_webhook_secret(secret)
    except ValueError:
        return b""


def _keys(secrets: Sequence[bytes]) -> list[bytes]:
    return [key_of(secret) for secret in secrets]


def _signed(webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return b"%b.%b.%b" % (webhook_id.encode(), timestamp.encode(), body)


def _mismatch(presented: str, webhook_id: str, sent_s: int, body: bytes, keys: Sequence[bytes]) -> str:
    """Say what to check. A signature over the time moved by the zone is told, and stays refused."""
    for moved_s, way in ((sent_s + ZONE_S, "ahead of"), (sent_s - ZONE_S, "behind")):
        if moved_s > 0 and _any_holds(presented, _signed(webhook_id, str(moved_s), body), keys):
            return f"the time that was signed is 8 h {way} webhook-timestamp: a zone was dropped; {_TIMES_ARE_UTC}"
    return "no v1 signature of webhook-signature matches; check the secret, and that the raw body is signed"


def _stale(sent_s: int, received_ms: int) -> str:
    off_ms = sent_s * 1000 - received_ms
    for zone_ms, way in ((ZONE_S * 1000, "ahead of"), (-ZONE_S * 1000, "behind")):
        if abs(off_ms - zone_ms) <= TOLERANCE_S * 1000:
            return f"webhook-timestamp is 8 h {way} the server's time: a zone was dropped; {_TIMES_ARE_UTC}"
    return f"webhook-timestamp is more than {TOLERANCE_S} s from the server's time; check the sender's clock"


def _any_holds(presented: str, signed: bytes, keys: Sequence[bytes]) -> bool:
    """Compare each signature with each key's. Signed once a key: a body may have megabytes."""
    expected = [hmac.digest(key, signed, "sha256") for key in keys if key]
    versions = (part.partition(",") for part in presented.split(" ", MAX_SIGNATURES)[:MAX_SIGNATURES])
    signatures = [from_base64(text) or b"" for version, _, text in versions if version == "v1"]
    return True in [hmac.compare_digest(signature, digest) for signature in signatures for digest in expected]
