"""Sunmi's data printers: a printed receipt, parsed by the platform, is a paid order or its refund.

`sign` is upper-case hex MD5 over the sorted parameters and the key.
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
from producers.adapters.wire.fields import DocumentFields, EventDraft, LackingError, malformed, map_document, read_inner
from producers.adapters.wire.forms import as_text, join, parse_pairs, single
from producers.adapters.wire.masking import AllowList, ValueFormat
from producers.adapters.wire.signing import from_hex, holds, plain_hash
from producers.adapters.wire.strict_json import UnreadableError
from producers.adapters.wire.times import is_fresh, unix_ms

PARSED = frozenset({"6003", "6004"})
SALE, REFUND = 1, 2
# By `receipt_type`: paper that says a sum, and is nobody's order.
NO_ORDER: Mapping[int, str] = MappingProxyType(
    {
        3: "is a shift handover: its sum was counted when each order was paid",
        4: "is a receipt of another sort: nothing says what its sum is",
    }
)
NOT_PARSED = "is neither 6003 nor 6004: only a parsed receipt says what was paid"
POSITIVE = PlatformAnswer(200, b"SUCCESS", "text/plain")
NEGATIVE = PlatformAnswer(500, b"FAIL", "text/plain")
ALLOWED: AllowList = {
    "form": {
        "app_id": ValueFormat.ID,
        "event": ValueFormat.ID,
        "shop_id": ValueFormat.ID,
        "sunmi_shop_no": ValueFormat.ID,
        "timestamp": ValueFormat.TIME,
        "payload": {
            "id": ValueFormat.ID,
            "sn": ValueFormat.ID,
            "seq": ValueFormat.ID,
            "order_id": ValueFormat.ID,
            "order_time": ValueFormat.TIME,
            "order_received_amount": ValueFormat.AMOUNT,
            "calculated_pay_amount": ValueFormat.AMOUNT,
            "receipt_type": ValueFormat.NUMBER,
        },
    },
}


@dataclass(frozen=True, slots=True)
class SunmiReceipt:
    """The flow `receipt`. Any 2xx is success; otherwise the platform sends four times more within four minutes."""

    platform: str = "sunmi"
    flow: str = "receipt"
    fast: bool = False
    positive: PlatformAnswer = POSITIVE
    negative: PlatformAnswer = NEGATIVE

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total."""
        received = parse_pairs(push.body)
        signed = [pair for pair in received if pair[0] != b"sign"]
        text = join(signed) + b"&key="
        presented = from_hex(single(received, b"sign"))
        if not holds(presented, push.secrets, lambda secret: (plain_hash("md5", text, secret),)):
            return RefusedPush("sign is missing or does not match; check the app key")
        sent_ms = unix_ms(single(signed, b"timestamp"))
        if sent_ms is None or not is_fresh(sent_ms, push.received_ms, push.account.max_age_s):
            return RefusedPush("timestamp is missing or too far from the server's time")
        try:
            form = read_inner(as_text(signed), "payload")
        except UnreadableError as error:
            return malformed(push.body, error)
        return VerifiedPush(
            (self.interpret({"form": form}, MappingContext(push.account, push.flow, push.received_ms)),)
        )

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document* by today's rules. Total."""
        del context
        return map_document(document, ALLOWED, _draft, _event_id_or_blank(document))


def _draft(document: DocumentFields) -> EventDraft:
    form = DocumentFields(document.child("form").tree)
    if form.identifier("event") not in PARSED:
        raise form.lacking("event", NOT_PARSED)
    payload = form.child("payload")
    receipt_type = _receipt_type(payload)
    if receipt_type not in {SALE, REFUND}:
        raise payload.lacking("receipt_type", NO_ORDER.get(receipt_type, "is none of 1 to 4"))
    found: MappedFields = {
        "event_id": _event_id(form, payload, receipt_type),
        "kind": "order.paid" if receipt_type == SALE else "order.refunded",
        "occurred_at": payload.moment("order_time"),
    }
    amount_fen = _amount(payload, receipt_type)
    if amount_fen is not None:
        found["amount_fen"] = amount_fen
    order = payload.optional("order_id")
    return EventDraft(found, _match(form, payload), order_id=f"sm:{_till(form, payload)}:{order}" if order else "")


def _receipt_type(payload: DocumentFields) -> int:
    """Return the `receipt_type`; event 6003 has none, and is a sale."""
    return payload.number("receipt_type") if payload.has("receipt_type") else SALE


def _amount(payload: DocumentFields, receipt_type: int) -> int | None:
    """Return what was paid or given back, in fen: tills print a refund with or without a minus.

    A refund slip without an amount gives back what its order has left.
    """
    if receipt_type == REFUND and payload.has("order_id") and not payload.has("order_received_amount"):
        return None
    amount = payload.printed_yuan("order_received_amount")
    if receipt_type == SALE and amount < 0:
        raise payload.lacking("order_received_amount", "is negative on a sale: receipt_type 2 marks a refund")
    return abs(amount)


def _event_id(form: DocumentFields, payload: DocumentFields, receipt_type: int) -> str:
    """Return one id for every print of an order: `id` is the print's, `order_id` the till's."""
    order = payload.optional("order_id")
    rest = f"{_till(form, payload)}:{order}:{receipt_type}" if order else payload.identifier("id")
    return bounded_event_id("sm-r:", rest)


def _till(form: DocumentFields, payload: DocumentFields) -> str:
    """Return whose order numbers these are."""
    return payload.optional("sn") or form.identifier("shop_id")


def _event_id_or_blank(document: Mapping[str, object]) -> str:
    try:
        form = DocumentFields(DocumentFields(document).child("form").tree)
        payload = form.child("payload")
        return _event_id(form, payload, _receipt_type(payload))
    except LackingError:
        return ""


def _match(form: DocumentFields, payload: DocumentFields) -> tuple[Mapping[str, str], ...]:
    """Return the keys in the order they are tried; the second look-up also finds a placement that names both."""
    keys = {
        name: value for name, value in (("sn", payload.optional("sn")), ("shop_id", form.optional("shop_id"))) if value
    }
    if not keys:
        raise payload.lacking("sn", "and shop_id are missing: nothing names the place")
    first = next(iter(keys))
    return ({first: keys[first]}, keys) if len(keys) > 1 else (keys,)
