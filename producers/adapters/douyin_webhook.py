"""Douyin webhooks: orders of life-service merchants, messages, videos, authorisations.

`X-Douyin-Signature` is hex SHA1 over the secret and the body; nothing else is signed, so a replay can only be told by
its bytes, and the event id is made of them alone.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from producers.adapters.masking import Allowed, Shape
from producers.adapters.reading import (
    Draft,
    Fields,
    malformed,
    match_on,
    no_message,
    read_inner,
    subject_of,
    understand,
    with_subject,
)
from producers.adapters.signing import from_hex, holds, plain_hash
from producers.adapters.strict_json import UnreadableError, read_json
from schemas.event import CONSENT_KINDS

SIGNATURE = "x-douyin-signature"
CHALLENGE = "verify_webhook"
ORDER_PREFIX = "dy-order:"
ORDERS = "life_trade_order_notify"
# Both shapes in one body: ordinary apps look for the first, life-service apps for the second.
POSITIVE = Answer(200, b'{"err_no":0,"err_tips":"success","data":{"error_code":0,"description":"success"}}')
NEGATIVE = Answer(503, b'{"err_no":1,"err_tips":"try again","data":{"error_code":100,"description":"try again"}}')
_ID, _WORD, _TIME, _NUMBER = Shape.ID, Shape.WORD, Shape.TIME, Shape.NUMBER
_ORDER: Allowed = {
    "order_id": _ID,
    "account_id": _ID,
    "pay_amount": _NUMBER,
    "original_amount": _NUMBER,
    "create_time": _TIME,
    "pay_time": _TIME,
}
_CONTENT: Allowed = {
    "action": _WORD,
    "msg_time": _TIME,
    "create_time": _TIME,
    "update_time": _TIME,
    "conversation_type": _WORD,
    "message_type": _WORD,
    "delivery_status": _WORD,
    "challenge": _NUMBER,
    "order": _ORDER,
}
ALLOWED: Allowed = {
    "body": {"event": _WORD, "client_key": _ID, "log_id": _ID, "content": _CONTENT},
    "digest": _ID,
    "subject": Shape.SUBJECT,
}


@dataclass(frozen=True, slots=True)
class DouyinWebhook:
    """The flow `webhook`."""

    platform: str = "douyin"
    flow: str = "webhook"
    fast: bool = False
    positive: Answer = POSITIVE
    negative: Answer = NEGATIVE

    def read(self, push: Push) -> Reading:
        """Verify *push* and take it apart. Total."""
        presented = from_hex(push.headers.get(SIGNATURE))
        if not holds(presented, push.secrets, lambda secret: _signatures(secret, push.body)):
            return Refused(f"{SIGNATURE} is missing or does not match; check the app's client secret")
        try:
            body = read_json(push.body)
            if not isinstance(body, dict):
                return no_message(push.body, "the body is not an object")
            body = read_inner(body, "content")
        except UnreadableError as error:
            return malformed(push.body, error)
        challenge = _challenge(body)
        if challenge is not None:
            return Handshake(Answer(200, b'{"challenge":%d}' % challenge))
        return Read((self._message(body, push),))

    def interpret(self, document: Mapping[str, Any], context: Context) -> Message:
        """Map *document* by today's rules. Total."""
        return understand(document, ALLOWED, lambda fields: _draft(fields, context, ""), _event_id(document))

    def _message(self, body: dict[str, Any], push: Push) -> Message:
        subject = body.pop("from_user_id", None)
        digest = hashlib.sha256(_one_line(push.body)).hexdigest()[:32]
        document = with_subject({"body": body, "digest": digest}, subject)
        context = Context(push.account, push.flow, push.received_ms)
        message_id = push.headers.get("msg-id", "")
        alias = bounded_event_id("dy-msg:", message_id) if message_id else ""
        return understand(document, ALLOWED, lambda fields: _draft(fields, context, alias), _event_id(document))


def _one_line(body: bytes) -> bytes:
    return body.replace(b"\r", b"").replace(b"\n", b"")


def _signatures(secret: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Return both spellings: life-service code signs the body without its line breaks."""
    return plain_hash("sha1", secret, body), plain_hash("sha1", secret, _one_line(body))


def _challenge(body: Mapping[str, Any]) -> int | None:
    content = body.get("content")
    if body.get("event") != CHALLENGE or not isinstance(content, dict):
        return None
    challenge = content.get("challenge")
    return challenge if isinstance(challenge, int) and not isinstance(challenge, bool) else None


def _event_id(document: Mapping[str, Any]) -> str:
    digest = document.get("digest")
    return bounded_event_id("dy:", digest) if isinstance(digest, str) and digest else ""


def _draft(fields: Fields, context: Context, alias: str) -> Draft:
    body = Fields(fields.child("body").tree)
    event = body.identifier("event")
    if event == ORDERS:
        return _order_paid(body)
    line = LINES.get(event)
    if line is None:
        raise body.lacking("event", "is of a sort that has no mapping")
    found = {
        "event_id": bounded_event_id("dy:", fields.identifier("digest")),
        "kind": line.kind,
        "occurred_at": line.occurred_at(body, context),
        **subject_of(fields, "from_user_id", needed=line.consent),
        **({} if line.outcome is None else {"outcome": line.outcome}),
    }
    return Draft(found, match_on(body, "client_key", consent=line.consent), alias)


def _order_paid(body: Fields) -> Draft:
    content = body.child("content")
    if content.identifier("action") != "pay_success":
        raise content.lacking("action", "is not pay_success")
    order = content.child("order")
    found = {
        "event_id": bounded_event_id(ORDER_PREFIX, order.identifier("order_id")),
        "kind": "order.paid",
        "occurred_at": order.moment("pay_time"),
        "amount_fen": order.fen("pay_amount"),
    }
    return Draft(found, ({"account_id": order.identifier("account_id")},))


def _received(_body: Fields, context: Context) -> int:
    return context.received_ms


def _created(body: Fields, context: Context) -> int:
    content = body.tree.get("content")
    if not isinstance(content, Mapping):
        return context.received_ms
    return body.child("content").moment_or("create_time", lambda: context.received_ms)


@dataclass(frozen=True, slots=True)
class _Line:
    """What an event of a name becomes."""

    kind: str
    occurred_at: Callable[[Fields, Context], int] = _received
    outcome: str | None = None

    @property
    def consent(self) -> bool:
        """Whether it is about a person's consent, so that it says nothing without the person."""
        return self.kind in CONSENT_KINDS


LINES: Mapping[str, _Line] = {
    "im_receive_msg": _Line("interaction", _created),
    "im_enter_direct_msg": _Line("interaction", _created),
    "create_video": _Line("content.published", outcome="ok"),
    "authorize": _Line("consent.granted"),
    "unauthorize": _Line("consent.withdrawn"),
}
