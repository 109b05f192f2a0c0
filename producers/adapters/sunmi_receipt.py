"""Sunmi's data printers: each printed receipt, parsed by the platform, is a paid order.

`sign` is upper-case hex MD5 over the sorted parameters and the key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from producers.adapters.base import (
    Answer,
    Context,
    Message,
    Push,
    Read,
    Reading,
    Refused,
    bounded_event_id,
)
from producers.adapters.forms import as_text, join, parse_pairs, single
from producers.adapters.masking import Allowed, Shape
from producers.adapters.reading import Draft, Fields, malformed, read_inner, understand
from producers.adapters.signing import from_hex, holds, plain_hash
from producers.adapters.strict_json import UnreadableError
from producers.adapters.times import is_fresh, unix_ms

PARSED = frozenset({"6003", "6004"})
POSITIVE = Answer(200, b"SUCCESS", "text/plain")
NEGATIVE = Answer(500, b"FAIL", "text/plain")
ALLOWED: Allowed = {
    "form": {
        "app_id": Shape.ID,
        "event": Shape.ID,
        "shop_id": Shape.ID,
        "sunmi_shop_no": Shape.ID,
        "timestamp": Shape.TIME,
        "payload": {
            "id": Shape.ID,
            "sn": Shape.ID,
            "seq": Shape.NUMBER,
            "order_id": Shape.ID,
            "order_time": Shape.TIME,
            "order_received_amount": Shape.NUMBER,
            "calculated_pay_amount": Shape.NUMBER,
            "receipt_type": Shape.NUMBER,
        },
    },
}


@dataclass(frozen=True, slots=True)
class SunmiReceipt:
    """The flow `receipt`. Any 2xx is success; otherwise the platform sends four times more within four minutes."""

    platform: str = "sunmi"
    flow: str = "receipt"
    fast: bool = False
    positive: Answer = POSITIVE
    negative: Answer = NEGATIVE

    def read(self, push: Push) -> Reading:
        """Verify *push* and take it apart. Total."""
        received = parse_pairs(push.body)
        signed = [pair for pair in received if pair[0] != b"sign"]
        text = join(signed) + b"&key="
        presented = from_hex(single(received, b"sign"))
        if not holds(presented, push.secrets, lambda secret: (plain_hash("md5", text, secret),)):
            return Refused("sign is missing or does not match; check the app key")
        sent_ms = unix_ms(single(signed, b"timestamp"))
        if sent_ms is None or not is_fresh(sent_ms, push.received_ms, push.account.max_age_s):
            return Refused("timestamp is missing or too far from the server's time")
        try:
            form = read_inner(as_text(signed), "payload")
        except UnreadableError as error:
            return malformed(push.body, error)
        return Read((self.interpret({"form": form}, Context(push.account, push.flow, push.received_ms)),))

    def interpret(self, document: Mapping[str, Any], context: Context) -> Message:
        """Map *document* by today's rules. Total."""
        del context
        return understand(document, ALLOWED, _order_paid, _event_id(document))


def _event_id(document: Mapping[str, Any]) -> str:
    form = document.get("form")
    payload = form.get("payload") if isinstance(form, Mapping) else None
    receipt = payload.get("id") if isinstance(payload, Mapping) else None
    return bounded_event_id("sm-r:", receipt) if isinstance(receipt, str) and receipt else ""


def _order_paid(document: Fields) -> Draft:
    form = Fields(document.child("form").tree)
    if form.identifier("event") not in PARSED:
        raise form.lacking("event", "is neither 6003 nor 6004: only a parsed receipt says what was paid")
    payload = form.child("payload")
    found = {
        "event_id": bounded_event_id("sm-r:", payload.identifier("id")),
        "kind": "order.paid",
        "occurred_at": payload.moment("order_time"),
        "amount_fen": payload.yuan("order_received_amount"),
    }
    return Draft(found, _match(form, payload))


def _match(form: Fields, payload: Fields) -> tuple[Mapping[str, str], ...]:
    """Return the keys in the order they are tried; the second look-up also finds a placement that names both."""
    keys = {
        name: value for name, value in (("sn", payload.optional("sn")), ("shop_id", form.optional("shop_id"))) if value
    }
    if not keys:
        raise payload.lacking("sn", "and shop_id are missing: nothing names the place")
    first = next(iter(keys))
    return ({first: keys[first]}, keys) if len(keys) > 1 else (keys,)
