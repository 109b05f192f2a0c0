"""Douyin life-service SPI: Douyin calls the partner synchronously; paid orders become events.

`x-life-sign` is hex SHA256 over secret, sorted query and body; the time in the query is signed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from producers.adapters.base import (
    AdapterResult,
    MappedFields,
    MappingContext,
    NativePush,
    PlatformAnswer,
    PlatformMessage,
    RefusedPush,
    bounded_event_id,
)
from producers.adapters.douyin_webhook import ORDER_KEY, ORDER_PREFIX
from producers.adapters.wire.fields import DocumentFields, EventDraft, map_document, read_object
from producers.adapters.wire.forms import Pair, parse_pairs, single
from producers.adapters.wire.masking import AllowList, ValueFormat
from producers.adapters.wire.signing import from_hex, holds, plain_hash
from producers.adapters.wire.times import is_fresh, unix_ms

SIGNATURE = "x-life-sign"
POSITIVE = PlatformAnswer(200, b'{"data":{"error_code":0,"description":"success"}}')
NEGATIVE = PlatformAnswer(200, b'{"data":{"error_code":100,"description":"try again"}}')
NO_AMOUNT = "is missing: a call without an amount is no paid order; the webhook life_trade_order_notify tells it"
ALLOWED: AllowList = {
    "query": {"client_key": ValueFormat.ID, "timestamp": ValueFormat.TIME},
    "body": {
        "order_id": ValueFormat.ID,
        "order_out_id": ValueFormat.ID,
        "account_id": ValueFormat.ID,
        "pay_amount": ValueFormat.NUMBER,
        "original_amount": ValueFormat.NUMBER,
        "pay_time_unix": ValueFormat.TIME,
        "create_time_unix": ValueFormat.TIME,
        "status": ValueFormat.WORD,
        "order_status": ValueFormat.WORD,
        "refund_id": ValueFormat.ID,
        "refund_amount": ValueFormat.NUMBER,
        "sku_id": ValueFormat.ID,
        "product_id": ValueFormat.ID,
        "product_out_id": ValueFormat.ID,
        "poi_id": ValueFormat.ID,
        "count": ValueFormat.NUMBER,
        "total_amount": ValueFormat.NUMBER,
        "cancel_time": ValueFormat.TIME,
        "cancel_time_unix": ValueFormat.TIME,
        "cancel_type": ValueFormat.WORD,
    },
}


@dataclass(frozen=True, slots=True)
class DouyinLifeSpi:
    """The flow `life-spi`. The platform reads the body's error code, not the status: 100 makes it call again."""

    platform: str = "douyin"
    flow: str = "life-spi"
    fast: bool = True
    positive: PlatformAnswer = POSITIVE
    negative: PlatformAnswer = NEGATIVE

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total."""
        query = parse_pairs(push.query)
        signed = _signed_tail(query, push)
        presented = from_hex(push.headers.get(SIGNATURE))
        if not holds(presented, push.secrets, lambda secret: (plain_hash("sha256", secret, signed),)):
            return RefusedPush(f"{SIGNATURE} is missing or does not match; check the app secret")
        sent_ms = unix_ms(single(query, b"timestamp"))
        if sent_ms is None or not is_fresh(sent_ms, push.received_ms, push.account.max_age_s):
            return RefusedPush("the query's timestamp is missing or too far from the server's time")
        head = {name: single(query, name.encode()) for name in ("client_key", "timestamp")}
        context = MappingContext(push.account, push.flow, push.received_ms)
        return read_object(push.body, lambda body: self.interpret({"query": head, "body": body}, context))

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document* by today's rules. Total."""
        del context
        return map_document(document, ALLOWED, _order_paid)


def _signed_tail(query: list[Pair], push: NativePush) -> bytes:
    """Return what follows the secret in the signed text; the body's pair is last whatever the names."""
    pairs = sorted(pair for pair in query if pair[0] != b"sign")
    parts = [b"%b=%b" % pair for pair in pairs]
    if push.method.upper() == "POST":
        parts.append(b"http_body=" + push.body)
    return b"".join(b"&" + part for part in parts)


def _order_paid(document: DocumentFields) -> EventDraft:
    body = DocumentFields(document.child("body").tree)
    order_id = body.identifier("order_id")
    found: MappedFields = {
        "event_id": bounded_event_id(ORDER_PREFIX, order_id),
        "kind": "order.paid",
        "occurred_at": body.moment("pay_time_unix"),
        "amount_fen": _amount(body),
    }
    return EventDraft(found, ({"account_id": body.identifier("account_id")},), order_id=ORDER_KEY + order_id)


def _amount(body: DocumentFields) -> int:
    if not body.has("pay_amount"):
        raise body.lacking("pay_amount", NO_AMOUNT)
    return body.fen("pay_amount")
