"""Meituan's tech-service centre: what a message means is agreed per contract, in the account's `message_types`.

`sign` is hex SHA1 over the signKey and name and value of every non-empty parameter, sorted, without separators.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from producers.adapters.base import (
    AdapterResult,
    MappedFields,
    MappingContext,
    NativePush,
    PlatformAnswer,
    PlatformMessage,
    RefusedPush,
    VerifiedPush,
    bounded_event_id,
)
from producers.adapters.wire.fields import DocumentFields, EventDraft, malformed, map_document, read_inner
from producers.adapters.wire.forms import Pair, as_text, parse_pairs, single
from producers.adapters.wire.masking import AllowList, ValueFormat
from producers.adapters.wire.signing import from_hex, holds, plain_hash
from producers.adapters.wire.strict_json import UnreadableError
from producers.adapters.wire.times import is_fresh, unix_ms
from schemas.event import CONSENT_KINDS

# What these kinds need beyond an amount stands in no agreed field of `message`.
BEYOND_MAPPING: Mapping[str, str] = MappingProxyType(
    {"use.completed": "outcome", "rating.given": "rating"} | dict.fromkeys(CONSENT_KINDS, "subject")
)
POSITIVE = PlatformAnswer(200, b'{"code":0,"message":"success"}')
NEGATIVE = PlatformAnswer(503, b'{"code":703,"message":"try again"}')
_MESSAGE: AllowList = {
    "orderId": ValueFormat.ID,
    "orderViewId": ValueFormat.ID,
    "refundId": ValueFormat.ID,
    "amount": ValueFormat.NUMBER,
    "status": ValueFormat.WORD,
    "payTime": ValueFormat.TIME,
    "refundTime": ValueFormat.TIME,
}
_ITEM: AllowList = {
    "money": ValueFormat.NUMBER,
    "orderId": ValueFormat.ID,
    "refundId": ValueFormat.ID,
    "status": ValueFormat.WORD,
}
_BIZ_DATA: AllowList = {
    "item": _ITEM,
    "orderId": ValueFormat.ID,
    "refundId": ValueFormat.ID,
    "status": ValueFormat.WORD,
}
ALLOWED: AllowList = {
    "form": {
        "developerId": ValueFormat.ID,
        "businessId": ValueFormat.ID,
        "ePoiId": ValueFormat.ID,
        "opBizCode": ValueFormat.ID,
        "msgType": ValueFormat.ID,
        "msgId": ValueFormat.ID,
        "timestamp": ValueFormat.TIME,
        "message": {**_MESSAGE, "bizData": _BIZ_DATA},
        "bizData": _BIZ_DATA,
    },
}


@dataclass(frozen=True, slots=True)
class MeituanService:
    """The flow `service`."""

    platform: str = "meituan"
    flow: str = "service"
    fast: bool = False
    positive: PlatformAnswer = POSITIVE
    negative: PlatformAnswer = NEGATIVE

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total."""
        received = parse_pairs(push.body)
        signed = [pair for pair in received if pair[0] != b"sign" and pair[1]]
        presented = from_hex(single(received, b"sign"))
        if not holds(presented, push.secrets, lambda secret: (plain_hash("sha1", secret, _glued(signed)),)):
            return RefusedPush("sign is missing or does not match; check the signKey")
        sent_ms = unix_ms(single(signed, b"timestamp"))
        if sent_ms is None or not is_fresh(sent_ms, push.received_ms, push.account.max_age_s):
            return RefusedPush("timestamp is missing or too far from the server's time")
        try:
            form = _unfolded(as_text(signed))
        except UnreadableError as error:
            return malformed(push.body, error)
        return VerifiedPush(
            (self.interpret({"form": form}, MappingContext(push.account, push.flow, push.received_ms)),)
        )

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document* by today's rules. Total."""
        return map_document(document, ALLOWED, lambda fields: _draft(fields, context), _event_id(document))


def _unfolded(form: Mapping[str, object]) -> dict[str, object]:
    """Return *form* with the JSON texts in it read. Raises `UnreadableError`."""
    form = read_inner(read_inner(form, "message"), "bizData")
    message = form.get("message")
    return form | {"message": read_inner(message, "bizData")} if isinstance(message, dict) else form


def _glued(pairs: list[Pair]) -> bytes:
    return b"".join(name + value for name, value in sorted(pairs))


def _event_id(document: Mapping[str, object]) -> str:
    form = document.get("form")
    message_id = form.get("msgId") if isinstance(form, Mapping) else None
    return bounded_event_id("mt-s:", message_id) if isinstance(message_id, str) and message_id else ""


def _draft(document: DocumentFields, context: MappingContext) -> EventDraft:
    form = DocumentFields(document.child("form").tree)
    kind = context.account.message_types.get(form.identifier("msgType"))
    if kind is None:
        raise form.lacking("msgType", "is not in the account's message_types")
    if kind in BEYOND_MAPPING:
        raise form.lacking("message", f"has no agreed field for {BEYOND_MAPPING[kind]}, which {kind} needs")
    order = _order_id(form) if kind.startswith("order.") else ""
    # A refund without an amount gives back what its order has left.
    needed = kind == "order.paid" or (kind == "order.refunded" and not order)
    found: MappedFields = {
        "event_id": bounded_event_id("mt-s:", form.identifier("msgId")),
        "kind": kind,
        "occurred_at": form.moment("timestamp"),
    }
    amount_fen = _amount(form, needed=needed)
    if amount_fen is not None:
        found["amount_fen"] = amount_fen
    return EventDraft(found, _match(form), order_id=f"mt-s:{order}" if order else "")


def _order_id(form: DocumentFields) -> str:
    return form.child("message").optional("orderId") if isinstance(form.tree.get("message"), Mapping) else ""


def _amount(form: DocumentFields, *, needed: bool) -> int | None:
    """Return `message.amount`, whole fen, else the item's `money`, yuan as text."""
    message = form.tree.get("message")
    if isinstance(message, Mapping) and DocumentFields(message).has("amount"):
        return form.child("message").fen("amount")
    item = _item(form)
    if item is not None and item.has("money"):
        return item.yuan("money")
    if not needed:
        return None
    raise form.child("message").lacking("amount") if form.has("message") else form.lacking("message")


def _item(form: DocumentFields) -> DocumentFields | None:
    """Return `bizData.item`, in the message or beside it."""
    message = form.tree.get("message")
    for fields in (*([form.child("message")] if isinstance(message, Mapping) else []), form):
        business = fields.tree.get("bizData")
        if isinstance(business, Mapping) and isinstance(business.get("item"), Mapping):
            return fields.child("bizData").child("item")
    return None


def _match(form: DocumentFields) -> tuple[Mapping[str, str], ...]:
    """Return the keys in the order they are tried; the second look-up also finds a placement that names both."""
    keys = {name: form.identifier(name) for name in ("opBizCode", "ePoiId") if form.has(name)}
    if not keys:
        raise form.lacking("opBizCode", "and ePoiId are missing: nothing names the place")
    first = next(iter(keys))
    return ({first: keys[first]}, keys) if len(keys) > 1 else (keys,)
