"""Douyin mini-program trade callbacks: verified with the platform's RSA key and kept, until their mapping is agreed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from producers.adapters.base import Answer, Context, Message, Push, Reading, Refused
from producers.adapters.wire.fields import Draft, Fields, read_inner, read_object, understand
from producers.adapters.wire.masking import Allowed, Shape
from producers.adapters.wire.signing import from_base64, header_bytes, rsa_holds
from producers.adapters.wire.times import is_fresh, unix_ms

SIGNATURE = "byte-signature"
POSITIVE = Answer(200, b'{"err_no":0,"err_tips":"success"}')
NEGATIVE = Answer(503, b'{"err_no":1,"err_tips":"try again"}')
NO_MAPPING = "has no mapping yet: how a trade becomes an order is not agreed"
ALLOWED: Allowed = {
    "body": {
        "version": Shape.WORD,
        "type": Shape.WORD,
        "msg": {
            "app_id": Shape.ID,
            "order_id": Shape.ID,
            "out_order_no": Shape.ID,
            "refund_id": Shape.ID,
            "out_refund_no": Shape.ID,
            "status": Shape.WORD,
            "total_amount": Shape.NUMBER,
            "refund_total_amount": Shape.NUMBER,
            "refund_amount": Shape.NUMBER,
            "item_order_id": Shape.ID,
            "out_settle_no": Shape.ID,
            "settle_id": Shape.ID,
            "settle_amount": Shape.NUMBER,
            "pay_time": Shape.TIME,
            "refund_time": Shape.TIME,
            "event_time": Shape.TIME,
        },
    },
}


@dataclass(frozen=True, slots=True)
class DouyinTrade:
    """The flow `trade`."""

    platform: str = "douyin"
    flow: str = "trade"
    fast: bool = False
    positive: Answer = POSITIVE
    negative: Answer = NEGATIVE

    def read(self, push: Push) -> Reading:
        """Verify *push* and take it apart. Total."""
        timestamp = push.headers.get("byte-timestamp", "")
        nonce = push.headers.get("byte-nonce-str", "")
        signed = b"%b\n%b\n%b\n" % (header_bytes(timestamp), header_bytes(nonce), push.body)
        if not rsa_holds(from_base64(push.headers.get(SIGNATURE)), signed, push.secrets):
            return Refused(
                f"{SIGNATURE} is missing or does not match; check that the secret is the platform's public key"
            )
        sent_ms = unix_ms(timestamp)
        if sent_ms is None or not is_fresh(sent_ms, push.received_ms, push.account.max_age_s):
            return Refused("byte-timestamp is no time, or too far from the server's")
        context = Context(push.account, push.flow, push.received_ms)
        return read_object(push.body, lambda body: self.interpret({"body": read_inner(body, "msg")}, context))

    def interpret(self, document: Mapping[str, Any], context: Context) -> Message:
        """Map *document* by today's rules. Total."""
        del context
        return understand(document, ALLOWED, _unsupported)


def _unsupported(document: Fields) -> Draft:
    raise Fields(document.child("body").tree).lacking("type", NO_MAPPING)
