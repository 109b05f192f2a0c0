"""Douyin webhooks: orders and vouchers of life-service merchants, messages, videos, authorisations.

`X-Douyin-Signature` is hex SHA1 over the secret and the body; nothing else is signed, so a replay can only be told by
its bytes, and the event id is made of them alone.
"""

import hashlib
from collections.abc import Callable, Mapping
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
    read_inner,
    subject_of,
    with_subject,
)
from producers.adapters.wire.masking import AllowList, ValueFormat
from producers.adapters.wire.signing import from_hex, holds, plain_hash
from producers.adapters.wire.strict_json import UnreadableError, read_json
from schemas.event import CONSENT_KINDS, Kind
from schemas.event_struct import UseOutcome

SIGNATURE = "x-douyin-signature"
CHALLENGE = "verify_webhook"
ORDER_PREFIX = "dy-order:"
ORDER_KEY = "dy:"
"""Before an order's id where a refund looks for the order."""
ORDERS = "life_trade_order_notify"
CERTIFICATES = "life_trade_certificate_notify"
PAY_SUCCESS, VERIFY, REFUND_SUCCESS = "pay_success", "verify", "refund_success"
# Actions of certificates that become nothing, and why.
UNMAPPED_ACTIONS: Mapping[str, str] = MappingProxyType(
    {"verify_cancel": "takes a redemption back: a counted use stays, and an abandoned one would be another"}
)
# Both shapes in one body: ordinary apps look for the first, life-service apps for the second.
POSITIVE = PlatformAnswer(200, b'{"err_no":0,"err_tips":"success","data":{"error_code":0,"description":"success"}}')
NEGATIVE = PlatformAnswer(
    503, b'{"err_no":1,"err_tips":"try again","data":{"error_code":100,"description":"try again"}}'
)
_ID, _WORD, _TIME, _NUMBER = ValueFormat.ID, ValueFormat.WORD, ValueFormat.TIME, ValueFormat.NUMBER
_ORDER: AllowList = {
    "order_id": _ID,
    "account_id": _ID,
    "pay_amount": _NUMBER,
    "original_amount": _NUMBER,
    "create_time": _TIME,
    "pay_time": _TIME,
    "update_time": _TIME,
    "status": _WORD,
    "refund_id": _ID,
    "refund_amount": _NUMBER,
    "sku_id": _ID,
    "count": _NUMBER,
}
_CERTIFICATE: AllowList = {
    "certificate_id": _ID,
    "order_id": _ID,
    "order_item_id": _ID,
    "account_id": _ID,
    "verify_id": _ID,
    "refund_id": _ID,
    "poi_id": _ID,
    "sku_id": _ID,
    "status": _WORD,
    "verify_time": _TIME,
    "cancel_time": _TIME,
    "refund_time": _TIME,
    "refund_amount": _NUMBER,
    "pay_amount": _NUMBER,
    "original_amount": _NUMBER,
}
_CONTENT: AllowList = {
    "action": _WORD,
    "msg_time": _TIME,
    "create_time": _TIME,
    "update_time": _TIME,
    "conversation_type": _WORD,
    "message_type": _WORD,
    "delivery_status": _WORD,
    "challenge": _NUMBER,
    "order": _ORDER,
    "certificate": _CERTIFICATE,
    **dict.fromkeys(
        (
            "account_id",
            "order_id",
            "product_id",
            "poi_id",
            "contract_id",
            "group_id",
            "share_id",
        ),
        _ID,
    ),
    # The conversation's own id is left out: it stands for a person, as an open id does.
    **dict.fromkeys(("item_id", "server_message_id"), ValueFormat.MARKED_ID),
    **dict.fromkeys(("status", "audit_status", "product_status", "source", "scene", "action_type"), _WORD),
}
ALLOWED: AllowList = {
    "body": {"event": _WORD, "client_key": _ID, "log_id": _ID, "content": _CONTENT},
    "digest": _ID,
    "subject": ValueFormat.SUBJECT,
}


@dataclass(frozen=True, slots=True)
class DouyinWebhook:
    """The flow `webhook`."""

    platform: str = "douyin"
    flow: str = "webhook"
    fast: bool = False
    positive: PlatformAnswer = POSITIVE
    negative: PlatformAnswer = NEGATIVE

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total."""
        presented = from_hex(push.headers.get(SIGNATURE))
        if not holds(presented, push.secrets, lambda secret: _signatures(secret, push.body)):
            return RefusedPush(f"{SIGNATURE} is missing or does not match; check the app's client secret")
        try:
            body = read_json(push.body)
            if not isinstance(body, dict):
                return no_message(push.body, "the body is not an object")
            body = read_inner(body, "content")
        except UnreadableError as error:
            return malformed(push.body, error)
        challenge = _challenge(body)
        if challenge is not None:
            return PlatformHandshake(PlatformAnswer(200, b'{"challenge":%d}' % challenge))
        return VerifiedPush((self._message(body, push),))

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document* by today's rules. Total."""
        return map_document(document, ALLOWED, lambda fields: _draft(fields, context, ""), _event_id(document))

    def _message(self, body: dict[str, object], push: NativePush) -> PlatformMessage:
        subject = body.pop("from_user_id", None)
        digest = hashlib.sha256(_one_line(push.body)).hexdigest()[:32]
        document = with_subject({"body": body, "digest": digest}, subject)
        context = MappingContext(push.account, push.flow, push.received_ms)
        message_id = push.headers.get("msg-id", "")
        alias = bounded_event_id("dy-msg:", message_id) if message_id else ""
        return map_document(document, ALLOWED, lambda fields: _draft(fields, context, alias), _event_id(document))


def _one_line(body: bytes) -> bytes:
    return body.replace(b"\r", b"").replace(b"\n", b"")


def _signatures(secret: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Return both spellings: life-service code signs the body without its line breaks."""
    return plain_hash("sha1", secret, body), plain_hash("sha1", secret, _one_line(body))


def _challenge(body: Mapping[str, object]) -> int | None:
    content = body.get("content")
    if body.get("event") != CHALLENGE or not isinstance(content, dict):
        return None
    challenge = content.get("challenge")
    return challenge if isinstance(challenge, int) and not isinstance(challenge, bool) else None


def _event_id(document: Mapping[str, object]) -> str:
    digest = document.get("digest")
    return bounded_event_id("dy:", digest) if isinstance(digest, str) and digest else ""


def _draft(fields: DocumentFields, context: MappingContext, alias: str) -> EventDraft:
    body = DocumentFields(fields.child("body").tree)
    event = body.identifier("event")
    if event == ORDERS:
        return _order_paid(body)
    if event == CERTIFICATES:
        return _certificate(body, context)
    mapping = MAPPINGS.get(event)
    if mapping is None:
        raise body.lacking("event", UNMAPPED_EVENTS.get(event, "is of a sort that has no mapping"))
    found: MappedFields = {
        "event_id": bounded_event_id("dy:", fields.identifier("digest")),
        "kind": mapping.kind,
        "occurred_at": mapping.occurred_at(body, context),
    }
    subject = subject_of(fields, "from_user_id", needed=mapping.consent)
    if subject is not None:
        found["subject"] = subject
    if mapping.outcome is not None:
        found["outcome"] = mapping.outcome
    return EventDraft(found, match_on(body, "client_key", consent=mapping.consent), alias)


def _order_paid(body: DocumentFields) -> EventDraft:
    content = body.child("content")
    if content.identifier("action") != PAY_SUCCESS:
        raise content.lacking("action", f"is not {PAY_SUCCESS}")
    order = content.child("order")
    order_id = order.identifier("order_id")
    found: MappedFields = {
        "event_id": bounded_event_id(ORDER_PREFIX, order_id),
        "kind": "order.paid",
        "occurred_at": order.moment("pay_time"),
        "amount_fen": order.fen("pay_amount"),
    }
    return EventDraft(found, ({"account_id": order.identifier("account_id")},), order_id=ORDER_KEY + order_id)


def _certificate(body: DocumentFields, context: MappingContext) -> EventDraft:
    """Return what became of a voucher. It names no amount: a refund gives back what its order has left."""
    content = body.child("content")
    action = content.identifier("action")
    if action not in {VERIFY, REFUND_SUCCESS}:
        raise content.lacking("action", UNMAPPED_ACTIONS.get(action, f"is neither {VERIFY} nor {REFUND_SUCCESS}"))
    certificate = content.child("certificate")
    match = ({"account_id": certificate.identifier("account_id")},)
    occurred_at = content.moment_or("msg_time", lambda: context.received_ms)
    if action == VERIFY:
        event_id = bounded_event_id("dy-cert:", certificate.identifier("certificate_id"))
        return EventDraft(
            {"event_id": event_id, "kind": "use.completed", "outcome": "ok", "occurred_at": occurred_at}, match
        )
    order_id = certificate.identifier("order_id")
    # One for an order, however many vouchers it had: what each of them cost is not told.
    event_id = bounded_event_id("dy-refund:", order_id)
    found: MappedFields = {"event_id": event_id, "kind": "order.refunded", "occurred_at": occurred_at}
    return EventDraft(found, match, order_id=ORDER_KEY + order_id)


def _received(_body: DocumentFields, context: MappingContext) -> int:
    return context.received_ms


def _created(body: DocumentFields, context: MappingContext) -> int:
    content = body.tree.get("content")
    if not isinstance(content, Mapping):
        return context.received_ms
    return body.child("content").moment_or("create_time", lambda: context.received_ms)


@dataclass(frozen=True, slots=True)
class _EventMapping:
    """What an event of a name becomes."""

    kind: Kind
    occurred_at: Callable[[DocumentFields, MappingContext], int] = _received
    outcome: UseOutcome | None = None

    @property
    def consent(self) -> bool:
        """Whether it is about a person's consent, so that it says nothing without the person."""
        return self.kind in CONSENT_KINDS


MAPPINGS: Mapping[str, _EventMapping] = {
    "im_receive_msg": _EventMapping("interaction", _created),
    "im_group_receive_msg": _EventMapping("interaction", _created),
    "im_enter_direct_msg": _EventMapping("interaction", _created),
    "receive_msg": _EventMapping("interaction", _created),
    "enter_im": _EventMapping("interaction", _created),
    "dial_phone": _EventMapping("interaction", _created),
    "website_contact": _EventMapping("interaction", _created),
    "personal_tab_contact": _EventMapping("interaction", _created),
    "create_video": _EventMapping("content.published", outcome="ok"),
    "authorize": _EventMapping("consent.granted"),
    "unauthorize": _EventMapping("consent.withdrawn"),
}
# Published events that become nothing, and why.
UNMAPPED_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "im_send_msg": "is the merchant's own message, no act of a visitor",
        "im_recall_msg": "takes a message back: that it was written stays",
        "contract_authorize": "is a contract of the merchant with the app, no visitor's consent",
        "contract_unauthorize": "ends a contract of the merchant with the app, no visitor's consent",
        "life_product_common_audit": "is the platform's word on the merchant's goods",
        "life_product_status_change": "is the state of the merchant's goods",
        "life_takeout_delivery_change": "tells a courier's way, which is no use at the place",
        "life_partner_order_notify": "would count twice what life_trade_order_notify tells",
        "group_fans_event": "does not say in an agreed field whether a fan came or went",
        "enter_group_audit_change": "is the merchant's answer to who asked to join a group",
    }
)
