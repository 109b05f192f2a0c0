"""Douyin mini-program trade callbacks: verified with the platform's RSA key and kept, until their mapping is agreed."""

from collections.abc import Mapping
from dataclasses import dataclass

from producers.adapters.base import (
    AdapterResult,
    MappingContext,
    NativePush,
    PlatformAnswer,
    PlatformMessage,
    RefusedPush,
)
from producers.adapters.wire.fields import DocumentFields, EventDraft, map_document, read_inner, read_object
from producers.adapters.wire.masking import AllowList, ValueFormat
from producers.adapters.wire.signing import from_base64, header_bytes, rsa_holds
from producers.adapters.wire.times import is_fresh, unix_ms

SIGNATURE = "byte-signature"
POSITIVE = PlatformAnswer(200, b'{"err_no":0,"err_tips":"success"}')
NEGATIVE = PlatformAnswer(503, b'{"err_no":1,"err_tips":"try again"}')
NO_MAPPING = "has no mapping yet: how a trade becomes an order is not agreed"
ALLOWED: AllowList = {
    "body": {
        "version": ValueFormat.WORD,
        "type": ValueFormat.WORD,
        "msg": {
            "app_id": ValueFormat.ID,
            "order_id": ValueFormat.ID,
            "out_order_no": ValueFormat.ID,
            "refund_id": ValueFormat.ID,
            "out_refund_no": ValueFormat.ID,
            "status": ValueFormat.WORD,
            "total_amount": ValueFormat.NUMBER,
            "refund_total_amount": ValueFormat.NUMBER,
            "refund_amount": ValueFormat.NUMBER,
            "item_order_id": ValueFormat.ID,
            "out_settle_no": ValueFormat.ID,
            "settle_id": ValueFormat.ID,
            "settle_amount": ValueFormat.NUMBER,
            "pay_time": ValueFormat.TIME,
            "refund_time": ValueFormat.TIME,
            "event_time": ValueFormat.TIME,
        },
    },
}


@dataclass(frozen=True, slots=True)
class DouyinTrade:
    """The flow `trade`."""

    platform: str = "douyin"
    flow: str = "trade"
    fast: bool = False
    positive: PlatformAnswer = POSITIVE
    negative: PlatformAnswer = NEGATIVE

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total."""
        timestamp = push.headers.get("byte-timestamp", "")
        nonce = push.headers.get("byte-nonce-str", "")
        signed = b"%b\n%b\n%b\n" % (header_bytes(timestamp), header_bytes(nonce), push.body)
        if not rsa_holds(from_base64(push.headers.get(SIGNATURE)), signed, push.secrets):
            return RefusedPush(
                f"{SIGNATURE} is missing or does not match; check that the secret is the platform's public key"
            )
        sent_ms = unix_ms(timestamp)
        if sent_ms is None or not is_fresh(sent_ms, push.received_ms, push.account.max_age_s):
            return RefusedPush("byte-timestamp is no time, or too far from the server's")
        context = MappingContext(push.account, push.flow, push.received_ms)
        return read_object(push.body, lambda body: self.interpret({"body": read_inner(body, "msg")}, context))

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document* by today's rules. Total."""
        del context
        return map_document(document, ALLOWED, _unsupported)


def _unsupported(document: DocumentFields) -> EventDraft:
    raise DocumentFields(document.child("body").tree).lacking("type", NO_MAPPING)
