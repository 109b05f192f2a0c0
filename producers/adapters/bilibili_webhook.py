"""Bilibili webhooks: authorisations and the fate of videos.

`x-bilibili-signature` is hex SHA1 over the app secret and the body. No time is signed and no event id is sent: a
replay is told by its bytes, which the event id is made of.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from producers.adapters.base import (
    AdapterResult,
    MappedFields,
    MappingContext,
    NativePush,
    PlatformAnswer,
    PlatformHandshake,
    PlatformMessage,
    RefusedPush,
    VerifiedPush,
    bounded_event_id,
)
from producers.adapters.wire.fields import (
    DocumentFields,
    EventDraft,
    malformed,
    map_document,
    match_on,
    no_message,
    subject_of,
    with_subject,
)
from producers.adapters.wire.masking import AllowList, ValueFormat
from producers.adapters.wire.signing import from_hex, holds, plain_hash
from producers.adapters.wire.strict_json import UnreadableError, read_json
from schemas.event import CONSENT_KINDS, Kind
from schemas.event_struct import UseOutcome

SIGNATURE = "x-bilibili-signature"
CHALLENGE = "verify_webhooks"
POSITIVE = PlatformAnswer(200, b"{}")
NEGATIVE = PlatformAnswer(503, b"{}")
ALLOWED: AllowList = {
    "body": {
        "event": ValueFormat.WORD,
        "timestamp": ValueFormat.TIME,
        "content": {
            "client_id": ValueFormat.ID,
            "resource_id": ValueFormat.ID,
            "state": ValueFormat.NUMBER,
            "data": ValueFormat.NUMBER,
        },
    },
    "digest": ValueFormat.ID,
    "subject": ValueFormat.SUBJECT,
}
_VIDEO: Kind = "content.published"
MAPPINGS: Mapping[str, tuple[Kind, UseOutcome | None]] = MappingProxyType(
    {
        "authorize": ("consent.granted", None),
        "deauthorize": ("consent.withdrawn", None),
        "video_open": (_VIDEO, "ok"),
        "video_fail": (_VIDEO, "failed"),
    }
)


@dataclass(frozen=True, slots=True)
class BilibiliWebhook:
    """The flow `webhook`."""

    platform: str = "bilibili"
    flow: str = "webhook"
    fast: bool = False
    positive: PlatformAnswer = POSITIVE
    negative: PlatformAnswer = NEGATIVE

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total."""
        presented = from_hex(push.headers.get(SIGNATURE))
        if not holds(presented, push.secrets, lambda secret: (plain_hash("sha1", secret, push.body),)):
            return RefusedPush(f"{SIGNATURE} is missing or does not match; check the app secret")
        try:
            body = read_json(push.body)
        except UnreadableError as error:
            return malformed(push.body, error)
        if not isinstance(body, dict):
            return no_message(push.body, "the body is not an object")
        challenge = _challenge(body)
        if challenge is not None:
            return PlatformHandshake(PlatformAnswer(200, b'{"data":%d}' % challenge))
        context = MappingContext(push.account, push.flow, push.received_ms)
        return VerifiedPush((self.interpret(_document(body, push.body), context),))

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document* by today's rules. Total."""
        del context
        return map_document(document, ALLOWED, _draft, _event_id(document))


def _challenge(body: Mapping[str, object]) -> int | None:
    content = body.get("content")
    if body.get("event") != CHALLENGE or not isinstance(content, dict):
        return None
    challenge = content.get("data")
    return challenge if isinstance(challenge, int) and not isinstance(challenge, bool) else None


def _document(body: dict[str, object], raw: bytes) -> dict[str, object]:
    content = body.get("content")
    subject = None
    if isinstance(content, dict):
        subject = content.get("openid")
        body = body | {"content": {name: value for name, value in content.items() if name != "openid"}}
    return with_subject({"body": body, "digest": hashlib.sha256(raw).hexdigest()[:32]}, subject)


def _event_id(document: Mapping[str, object]) -> str:
    digest = document.get("digest")
    return bounded_event_id("bili:", digest) if isinstance(digest, str) and digest else ""


def _draft(document: DocumentFields) -> EventDraft:
    body = DocumentFields(document.child("body").tree)
    event = body.identifier("event")
    mapping = MAPPINGS.get(event)
    if mapping is None:
        raise body.lacking("event", "is of a sort that has no mapping")
    kind, outcome = mapping
    content = body.child("content")
    consent = kind in CONSENT_KINDS
    found: MappedFields = {
        "event_id": bounded_event_id("bili:", document.identifier("digest")),
        "kind": kind,
        "occurred_at": body.moment("timestamp"),
    }
    if outcome is not None:
        found["outcome"] = outcome
    subject = subject_of(document, "content.openid", needed=consent)
    if subject is not None:
        found["subject"] = subject
    attributes = content.attribute("resource_id", ValueFormat.ID) if kind == _VIDEO else {}
    if attributes:
        found["attributes"] = attributes
    return EventDraft(found, match_on(content, "client_id", consent=consent))
