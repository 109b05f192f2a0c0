"""Bilibili webhooks: authorisations and the fate of videos.

`x-bilibili-signature` is hex SHA1 over the app secret and the body. No time is signed and no event id is sent: a
replay is told by its bytes, which the event id is made of.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from producers.adapters.base import (
    Answer,
    Context,
    Handshake,
    Message,
    Push,
    Read,
    Reading,
    Refused,
    bounded_event_id,
)
from producers.adapters.wire.fields import (
    Draft,
    Fields,
    malformed,
    match_on,
    no_message,
    subject_of,
    understand,
    with_subject,
)
from producers.adapters.wire.masking import Allowed, Shape
from producers.adapters.wire.signing import from_hex, holds, plain_hash
from producers.adapters.wire.strict_json import UnreadableError, read_json
from schemas.event import CONSENT_KINDS

SIGNATURE = "x-bilibili-signature"
CHALLENGE = "verify_webhooks"
POSITIVE = Answer(200, b"{}")
NEGATIVE = Answer(503, b"{}")
ALLOWED: Allowed = {
    "body": {
        "event": Shape.WORD,
        "timestamp": Shape.TIME,
        "content": {"client_id": Shape.ID, "resource_id": Shape.ID, "state": Shape.NUMBER, "data": Shape.NUMBER},
    },
    "digest": Shape.ID,
    "subject": Shape.SUBJECT,
}
_VIDEO = "content.published"
LINES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "authorize": {"kind": "consent.granted"},
        "deauthorize": {"kind": "consent.withdrawn"},
        "video_open": {"kind": _VIDEO, "outcome": "ok"},
        "video_fail": {"kind": _VIDEO, "outcome": "failed"},
    }
)


@dataclass(frozen=True, slots=True)
class BilibiliWebhook:
    """The flow `webhook`."""

    platform: str = "bilibili"
    flow: str = "webhook"
    fast: bool = False
    positive: Answer = POSITIVE
    negative: Answer = NEGATIVE

    def read(self, push: Push) -> Reading:
        """Verify *push* and take it apart. Total."""
        presented = from_hex(push.headers.get(SIGNATURE))
        if not holds(presented, push.secrets, lambda secret: (plain_hash("sha1", secret, push.body),)):
            return Refused(f"{SIGNATURE} is missing or does not match; check the app secret")
        try:
            body = read_json(push.body)
        except UnreadableError as error:
            return malformed(push.body, error)
        if not isinstance(body, dict):
            return no_message(push.body, "the body is not an object")
        challenge = _challenge(body)
        if challenge is not None:
            return Handshake(Answer(200, b'{"data":%d}' % challenge))
        context = Context(push.account, push.flow, push.received_ms)
        return Read((self.interpret(_document(body, push.body), context),))

    def interpret(self, document: Mapping[str, Any], context: Context) -> Message:
        """Map *document* by today's rules. Total."""
        del context
        return understand(document, ALLOWED, _draft, _event_id(document))


def _challenge(body: Mapping[str, Any]) -> int | None:
    content = body.get("content")
    if body.get("event") != CHALLENGE or not isinstance(content, dict):
        return None
    challenge = content.get("data")
    return challenge if isinstance(challenge, int) and not isinstance(challenge, bool) else None


def _document(body: dict[str, Any], raw: bytes) -> dict[str, Any]:
    content = body.get("content")
    subject = None
    if isinstance(content, dict):
        subject = content.get("openid")
        body = body | {"content": {name: value for name, value in content.items() if name != "openid"}}
    return with_subject({"body": body, "digest": hashlib.sha256(raw).hexdigest()[:32]}, subject)


def _event_id(document: Mapping[str, Any]) -> str:
    digest = document.get("digest")
    return bounded_event_id("bili:", digest) if isinstance(digest, str) and digest else ""


def _draft(document: Fields) -> Draft:
    body = Fields(document.child("body").tree)
    event = body.identifier("event")
    line = LINES.get(event)
    if line is None:
        raise body.lacking("event", "is of a sort that has no mapping")
    content = body.child("content")
    consent = line["kind"] in CONSENT_KINDS
    found: dict[str, Any] = {
        "event_id": bounded_event_id("bili:", document.identifier("digest")),
        **line,
        "occurred_at": body.moment("timestamp"),
        **subject_of(document, "content.openid", needed=consent),
    }
    resource = content.optional("resource_id") if line["kind"] == _VIDEO else ""
    if resource:
        found["attributes"] = {"resource_id": resource}
    return Draft(found, match_on(content, "client_id", consent=consent))
