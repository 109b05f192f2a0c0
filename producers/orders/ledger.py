"""What orders came to: so that a refund without an amount takes back what its order has left (ADR 16).

Facts of accepted events: paid so much, refunded so much, each by its event; and refunds that wait for their order. A
gateway holds the latest orders; several gateways read each other's facts from `orders.v1`, which only ever add up.
"""

import hashlib
import struct
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

import msgspec

from producers.adapters.base import MappedFields
from producers.validation.effects import EventEffect
from schemas.codec import encode
from schemas.event import MAX_AMOUNT_FEN, Kind
from schemas.lines import RejectLine
from schemas.topics import Topic

FactType = Literal["paid", "refunded", "waiting"]
_FACT_TYPES: Mapping[Kind, FactType] = MappingProxyType({"order.paid": "paid", "order.refunded": "refunded"})
KEY_DIGITS = 48
_PACKED = struct.Struct(">8sq")
MAX_FACTS = 256
"""Facts kept of one order, so that no sender makes one grow: an order is paid once and given back in a few parts."""


class OrderAmount(msgspec.Struct, frozen=True):
    """The value of a fact `paid` or `refunded`: integer fen."""

    amount_fen: Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT_FEN)]


class FactKey(NamedTuple):
    """What a fact is about, in hex digits that name no person: the order, and the event it comes from."""

    order: str
    fact_type: FactType
    event: str

    def text(self) -> str:
        """Return the topic's key."""
        return ":".join(self)


def read_key(text: str) -> FactKey:
    """Return what the topic's key *text* says. Raises `ValueError` where it is no fact's."""
    order, fact_type, event = text.split(":")
    if (
        fact_type not in {"paid", "refunded", "waiting"}
        or len(order + event) != KEY_DIGITS
        or not bytes.fromhex(order + event)
    ):
        raise ValueError("not the key of a fact about an order")
    return FactKey(order, fact_type, event)  # type: ignore[arg-type]  # looked at above


def order_digest(account_id: str, order_id: str) -> str:
    """Return what stands for an order of an account."""
    return hashlib.blake2b(f"{account_id}\0{order_id}".encode(), digest_size=16).hexdigest()


def event_digest(event_id: str) -> str:
    """Return what stands for an event within its order."""
    return hashlib.blake2b(event_id.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class OrderFact:
    """What one message is to its order: the key of its fact, and the amount where that is known."""

    key: FactKey
    amount_fen: int | None

    @property
    def waits(self) -> bool:
        """Whether it is a refund that cannot be counted yet: it names no amount, and its order has not come."""
        return self.amount_fen is None and self.key.fact_type == "refunded"


class OrderLedger:
    """The latest *max_orders* orders and *max_waiting* refunds without theirs; older ones are forgotten.

    A refund of a forgotten order is kept as one of an order that never came. Safe to read from the loop while the
    follower's thread takes in what others wrote. Of two facts of one event the first stands; beyond `MAX_FACTS` of one
    order none is taken in. A dictionary takes 101 bytes an order, a library's first-in-first-out cache 207.
    """

    def __init__(self, *, max_orders: int, max_waiting: int) -> None:
        self._max_orders = max_orders
        self._max_waiting = max_waiting
        # An order's facts are packed, 16 bytes each: half a million orders have to fit a small machine.
        self._orders: dict[bytes, bytes] = {}
        self._waiting: dict[str, dict[str, RejectLine]] = {}
        self._waiting_count = 0
        # Orders of both, for the gateway to deal with: by whether this one took the payment in.
        self._due: dict[str, bool] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._orders)

    def facts(self, order: str) -> bytes:
        """Return what is known of *order*, packed."""
        return self._orders.get(bytes.fromhex(order), b"")

    def left_fen(self, order: str, event: str) -> int | None:
        """Return what a refund by *event* that names no amount takes back; None where no payment is known.

        That is the rest of what was paid, and what it was before where *event* has refunded already.
        """
        paid = refunded = 0
        known = False
        amount: int
        for fact_event, amount in _PACKED.iter_unpack(self.facts(order)):
            if amount >= 0:
                known, paid = True, paid + amount
            elif fact_event.hex() == event:
                return -1 - amount
            else:
                refunded += -1 - amount
        return max(0, paid - refunded) if known else None

    def fact_of(self, account_id: str, order_id: str, fields: MappedFields) -> OrderFact | None:
        """Return what an account's message with an event's *fields* is to the order *order_id*, None where nothing."""
        fact_type = _FACT_TYPES.get(fields["kind"])
        if fact_type is None or not order_id:
            return None
        key = FactKey(order_digest(account_id, order_id), fact_type, event_digest(fields["event_id"]))
        amount_fen = fields.get("amount_fen")
        if amount_fen is None and fact_type == "refunded":
            amount_fen = self.left_fen(key.order, key.event)
        return OrderFact(key, amount_fen)

    def note(self, key: FactKey, amount_fen: int, *, here: bool = False) -> None:
        """Take in that an event paid or refunded so much; *here*: this gateway took it in, it was not read."""
        order, event = bytes.fromhex(key.order), bytes.fromhex(key.event)
        amount = amount_fen if key.fact_type == "paid" else -1 - amount_fen
        with self._lock:
            facts = self._orders.get(order, b"")
            if len(facts) >= MAX_FACTS * _PACKED.size:
                return
            if any(known == event and (other >= 0) == (amount >= 0) for known, other in _PACKED.iter_unpack(facts)):
                return
            self._orders[order] = facts + _PACKED.pack(event, amount)
            if amount >= 0 and key.order in self._waiting:
                self._due[key.order] = here
            if len(self._orders) > self._max_orders:
                del self._orders[next(iter(self._orders))]

    def wait(self, key: FactKey, line: RejectLine) -> None:
        """Take in that a refund, kept as *line*, waits for its order."""
        with self._lock:
            of_order = self._waiting.setdefault(key.order, {})
            self._waiting_count += key.event not in of_order
            of_order[key.event] = line
            if _is_paid(self.facts(key.order)):
                self._due.setdefault(key.order, False)
            while self._waiting_count > self._max_waiting:
                oldest = next(iter(self._waiting))
                self._waiting_count -= len(self._waiting.pop(oldest))
                self._due.pop(oldest, None)

    def wait_no_more(self, key: FactKey) -> None:
        """Take in that the refund has been dealt with."""
        with self._lock:
            of_order = self._waiting.get(key.order, {})
            if of_order.pop(key.event, None) is not None:
                self._waiting_count -= 1
            if not of_order:
                self._waiting.pop(key.order, None)
                self._due.pop(key.order, None)

    def due(self) -> list["DueRefund"]:
        """Return the refunds that wait though their order is known."""
        with self._lock:
            return [
                DueRefund(FactKey(order, "waiting", event), line, here)
                for order, here in self._due.items()
                for event, line in self._waiting.get(order, {}).items()
            ]


class TriedOrders(OrderLedger):
    """Facts that are only tried: laid over *ledger*, which stays as it is."""

    def __init__(self, ledger: OrderLedger) -> None:
        # No more than one request's orders.
        super().__init__(max_orders=sys.maxsize, max_waiting=1)
        self._ledger = ledger

    def left_fen(self, order: str, event: str) -> int | None:
        """Return what such a refund takes back, by what is known and what was tried."""
        tried = bytes.fromhex(order) in self._orders
        return super().left_fen(order, event) if tried else self._ledger.left_fen(order, event)

    def note(self, key: FactKey, amount_fen: int, *, here: bool = False) -> None:
        """Add a fact to what is tried."""
        order = bytes.fromhex(key.order)
        self._orders.setdefault(order, self._ledger.facts(key.order))
        super().note(key, amount_fen, here=here)


class DueRefund(NamedTuple):
    """A refund that waits no longer for its order, only for a gateway to count it."""

    key: FactKey
    line: RejectLine
    here: bool
    """Whether this gateway took its order in."""


def _is_paid(facts: bytes) -> bool:
    return any(amount >= 0 for _, amount in _PACKED.iter_unpack(facts))


def amount_effect(key: FactKey, amount_fen: int) -> EventEffect:
    """Return the record of a payment's or refund's amount."""
    return EventEffect(Topic.ORDERS, key.text(), encode(OrderAmount(amount_fen)))


def waiting_effect(key: FactKey, line: RejectLine) -> EventEffect:
    """Return the record of a refund that is kept as *line* until its order comes."""
    return EventEffect(Topic.ORDERS, key.text(), encode(line))


def waiting_as(line: RejectLine, effects: Iterable[EventEffect]) -> tuple[EventEffect, ...]:
    """Return *effects* of a rejected refund, to wait as *line*, under which it is kept already."""
    return tuple(replace(effect, value=encode(line)) if effect.topic is Topic.ORDERS else effect for effect in effects)


def dealt_with_effect(key: FactKey) -> EventEffect:
    """Return the record that ends the wait of a refund."""
    return EventEffect(Topic.ORDERS, key.text(), None)


decode_amount = msgspec.json.Decoder(OrderAmount).decode
