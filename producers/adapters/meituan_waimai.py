"""Meituan waimai and shangou pushes: one URL per kind of notice, forms by POST and queries by GET.

`sig` is hex MD5 over the address as configured in the console, the sorted parameters and the secret. Values arrive
percent-encoded twice, and the signature covers the fully decoded text; public code disagrees on the details.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
    WhatHappened,
    bounded_event_id,
)
from producers.adapters.wire.fields import DocumentFields, EventDraft, LackingError, malformed, map_document
from producers.adapters.wire.forms import Pair, as_text, decode, join, parse_pairs, single
from producers.adapters.wire.masking import AllowList, ValueFormat
from producers.adapters.wire.signing import from_hex, holds, plain_hash
from producers.adapters.wire.strict_json import UnreadableError
from producers.adapters.wire.times import is_fresh, unix_ms

FLOW_PREFIX = "waimai-"
# `sig` is the signature itself; `img_data` is left out by the platform, so it is not believed either.
UNSIGNED = frozenset({b"sig", b"img_data"})
# The fields that the platform is known to encode twice.
ENCODED_TWICE = frozenset(
    {
        b"detail",
        b"recipient_name",
        b"recipient_address",
        b"caution",
        b"wm_poi_name",
        b"extras",
        b"poi_receive_detail",
        b"invoice_title",
        b"backup_recipient_phone",
    }
)
AGREED = "agree"
# By `status`, where a shop takes goods back and `notify_type` is absent: what each state means.
REFUND_STATES: Mapping[str, str] = MappingProxyType(
    {
        "1": "asked for",
        "10": "agreed at the first review",
        "11": "refused at the first review",
        "16": "under appeal against the first review",
        "17": "agreed on appeal against the first review",
        "18": "refused on appeal against the first review",
        "20": "at the final review, the goods being on their way",
        "21": "agreed at the final review",
        "22": "refused at the final review",
        "26": "under appeal against the final review",
        "27": "agreed on appeal against the final review",
        "28": "refused on appeal against the final review",
        "30": "withdrawn",
    }
)
FINALLY_AGREED = frozenset({"21", "27"})
# The first review's word is the last one only where no goods come back.
FIRST_AGREED, NO_GOODS_BACK = frozenset({"10", "17"}), "1"
POSITIVE = PlatformAnswer(200, b'{"data":"ok"}')
NEGATIVE = PlatformAnswer(503, b'{"code":703,"message":"try again"}')
ALLOWED: AllowList = {
    "form": {
        "app_id": ValueFormat.ID,
        "app_poi_code": ValueFormat.ID,
        "order_id": ValueFormat.ID,
        "wm_order_id_view": ValueFormat.ID,
        "status": ValueFormat.WORD,
        "notify_type": ValueFormat.WORD,
        "res_type": ValueFormat.WORD,
        "service_type": ValueFormat.WORD,
        "is_appeal": ValueFormat.WORD,
        "refund_id": ValueFormat.ID,
        "refund_type": ValueFormat.WORD,
        "reason_code": ValueFormat.WORD,
        "deal_op_type": ValueFormat.WORD,
        "pay_type": ValueFormat.WORD,
        "logistics_status": ValueFormat.WORD,
        "logistics_code": ValueFormat.WORD,
        "time": ValueFormat.TIME,
        "order_send_time": ValueFormat.TIME,
        "order_receive_time": ValueFormat.TIME,
        "order_confirm_time": ValueFormat.TIME,
        "order_cancel_time": ValueFormat.TIME,
        "order_completed_time": ValueFormat.TIME,
        "logistics_send_time": ValueFormat.TIME,
        "logistics_confirm_time": ValueFormat.TIME,
        "logistics_completed_time": ValueFormat.TIME,
        "timestamp": ValueFormat.TIME,
        "ctime": ValueFormat.TIME,
        "utime": ValueFormat.TIME,
        "delivery_time": ValueFormat.NUMBER,  # 0: at once
        "total": ValueFormat.NUMBER,
        "original_price": ValueFormat.NUMBER,
        "shipping_fee": ValueFormat.NUMBER,
        "money": ValueFormat.NUMBER,
        "day_seq": ValueFormat.NUMBER,
    },
    "digest": ValueFormat.ID,
}


@dataclass(frozen=True, slots=True)
class MeituanWaimai:
    """The flows `waimai-<kind>`, one secret for all."""

    platform: str = "meituan"
    flow: str = "waimai"
    fast: bool = False
    positive: PlatformAnswer = POSITIVE
    negative: PlatformAnswer = NEGATIVE

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total."""
        wire = push.body if push.method.upper() == "POST" and push.body else push.query
        if not wire and not push.body:
            return PlatformHandshake(self.positive)
        if push.account.public_url is None:
            return RefusedPush("the account has no public_url, which the signature covers")
        received = parse_pairs(wire)
        address = (push.account.public_url.rstrip("/") + push.path).encode("utf-8", "surrogatepass")
        signed = _signed_pairs(received, address, push.secrets)
        if signed is None:
            return RefusedPush(
                "sig is missing or does not match; check the secret, public_url and the console's address"
            )
        sent_ms = unix_ms(single(signed, b"timestamp"))
        if sent_ms is None or not is_fresh(sent_ms, push.received_ms, push.account.max_age_s):
            return RefusedPush("timestamp is missing or too far from the server's time")
        try:
            document = {"form": as_text(signed), "digest": _digest(signed)}
        except UnreadableError as error:
            return malformed(wire, error)
        return VerifiedPush((self.interpret(document, MappingContext(push.account, push.flow, push.received_ms)),))

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document* by today's rules. Total."""
        kind = context.flow.removeprefix(FLOW_PREFIX)
        return map_document(document, ALLOWED, lambda fields: _draft(fields, kind), _event_id_or_blank(document, kind))


def _signed_pairs(received: Sequence[Pair], address: bytes, secrets: Sequence[bytes]) -> list[Pair] | None:
    """Return the parameters in the spelling that the signature covers, None where it covers none."""
    presented = from_hex(single(received, b"sig"))
    found = None
    for pairs in _candidates([pair for pair in received if pair[0] not in UNSIGNED]):
        text = b"%b?%b" % (address, join(pairs))
        if holds(presented, secrets, partial(_signature, text)):
            found = found or pairs
    return found


def _signature(signed: bytes, secret: bytes) -> tuple[bytes]:
    return (plain_hash("md5", signed, secret),)


def _candidates(pairs: list[Pair]) -> Iterator[list[Pair]]:
    """Yield the spellings in which public code signs, in the order of how well each is attested."""
    everything = [(name, decode(value)) for name, value in pairs]
    yield [(name, decode(value) if name in ENCODED_TWICE else value) for name, value in pairs]
    yield everything
    yield pairs
    yield [pair for pair in everything if pair[1]]


def _digest(signed: Sequence[Pair]) -> str:
    """Return what tells two notices of one order apart when no `utime` does; a retry may renew the timestamp."""
    return hashlib.sha256(join(pair for pair in signed if pair[0] != b"timestamp")).hexdigest()[:16]


def _draft(document: DocumentFields, kind: str) -> EventDraft:
    mapping = MAPPINGS.get(kind)
    if mapping is None:
        raise LackingError("", f"notices of kind {kind} {UNMAPPED_EVENTS.get(kind, 'have no mapping')}")
    form = DocumentFields(document.child("form").tree)
    found: MappedFields = {"event_id": _event_id(document, kind), **mapping(form)}
    order_id = f"mt:{form.identifier('order_id')}" if found["kind"].startswith("order.") else ""
    refund_id = form.optional("refund_id") if found["kind"] == "order.refunded" else ""
    # A refund may be told twice, each time in other words: by the shop and by the platform's own service.
    alias = bounded_event_id("mt-refund:", refund_id) if refund_id else ""
    return EventDraft(found, ({"app_poi_code": form.identifier("app_poi_code")},), alias, order_id)


def _event_id(document: DocumentFields, kind: str) -> str:
    form = DocumentFields(document.child("form").tree)
    state = form.optional("status") or form.optional("notify_type")
    last = form.optional("utime") or document.identifier("digest")
    return bounded_event_id(
        "mt:", ":".join((form.identifier("app_id"), kind, form.identifier("order_id"), state, last))
    )


def _event_id_or_blank(document: Mapping[str, object], kind: str) -> str:
    try:
        return _event_id(DocumentFields(document), kind)
    except LackingError:
        return ""


def _paid(form: DocumentFields) -> WhatHappened:
    return {"kind": "order.paid", "occurred_at": form.moment("utime"), "amount_fen": form.yuan("total")}


def _completed(form: DocumentFields) -> WhatHappened:
    return {"kind": "use.completed", "occurred_at": _updated(form), "outcome": "ok"}


def _cancelled(form: DocumentFields) -> WhatHappened:
    return {"kind": "use.completed", "occurred_at": _updated(form), "outcome": "abandoned"}


def _refunded(form: DocumentFields) -> WhatHappened:
    """Return a refund; only a part refund names its sum, a full one gives back what its order has left."""
    _check_agreed(form)
    occurred_at = form.moment_or("utime", lambda: form.moment_or("ctime", lambda: form.moment("timestamp")))
    found: WhatHappened = {"kind": "order.refunded", "occurred_at": occurred_at}
    if form.has("money"):
        found["amount_fen"] = form.yuan("money")
    return found


def _check_agreed(form: DocumentFields) -> None:
    if form.has("notify_type"):
        if form.identifier("notify_type") != AGREED:
            raise form.lacking("notify_type", f"is not {AGREED}: only an agreed refund moves money")
        return
    status = form.optional("status")
    if status not in REFUND_STATES:
        raise form.lacking("notify_type", "is missing, and status is no refund's: nothing says that it was agreed")
    if status in FIRST_AGREED and form.optional("service_type") == NO_GOODS_BACK:
        return
    if status not in FINALLY_AGREED:
        raise form.lacking("status", f"says that the refund is {REFUND_STATES[status]}, which moves no money")


def _updated(form: DocumentFields) -> int:
    return form.moment_or("utime", lambda: form.moment("timestamp"))


MAPPINGS: Mapping[str, Callable[[DocumentFields], WhatHappened]] = MappingProxyType(
    {
        "order-paid": _paid,
        "order-completed": _completed,
        "order-cancelled": _cancelled,
        "order-refunded": _refunded,
    }
)
# Published kinds that become nothing, and why.
UNMAPPED_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "order-created": "are of an order that is not paid yet",
        "order-confirmed": "are the shop's word for an order that was counted when it was paid",
        "delivery-status": "tell a courier's way, which is no use at the place",
        "order-urged": "are a visitor's wish for speed about an order that was counted",
        "order-settled": "settle between shop and platform what was counted when it was paid",
        "number-degraded": "tell of telephone numbers, which are not kept",
        "shop-status": "tell of the shop's page, not of the place",
    }
)
