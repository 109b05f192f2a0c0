"""A refund that names no amount takes back what its order has left, whichever of the two comes first."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from producers.adapters.base import MappedFields, MappedMessage
from producers.gateway.ingest_request import UnknownStoredError
from producers.orders.ledger import MAX_FACTS, OrderLedger, amount_effect, event_digest, order_digest, read_key
from producers.orders.topic import OrderFold
from runtime.kafka import LogRecord
from schemas.event import MAX_AMOUNT_FEN
from schemas.lines import RejectLine
from schemas.topics import DAY_S, SPECS, Topic
from tests.support.factories import NOW_MS
from tests.support.scripted_broker import HandBroker, HandGateway, serve, turn

ORDER = "mt:28980000000000001"


def message(
    event_id: str, kind: str, amount_fen: int | None = None, *, order_id: str = ORDER, **change: Any
) -> MappedMessage:
    amount = {} if amount_fen is None else {"amount_fen": amount_fen}
    return MappedMessage(
        fields=cast(
            "MappedFields", {"event_id": event_id, "kind": kind, "occurred_at": NOW_MS - 5000, **amount, **change}
        ),
        match=({"sn": "N302TEST"},),
        payload={"order_id": order_id},
        order_id=order_id,
    )


def paid(amount_fen: int = 2050, event_id: str = "paid", **change: Any) -> MappedMessage:
    return message(event_id, "order.paid", amount_fen, **change)


def refunded(event_id: str = "refund", amount_fen: int | None = None, **change: Any) -> MappedMessage:
    return message(event_id, "order.refunded", amount_fen, **change)


async def taken(broker: HandBroker, gateway: HandGateway, *messages: MappedMessage) -> list[tuple[str, str]]:
    """Push *messages*; return verdict and reason of each that was not accepted."""
    receipt = await serve(broker, gateway.push_native(list(messages)))
    return [(other.verdict, other.reason) for other in receipt.others]


def amounts(broker: HandBroker) -> dict[str, int | None]:
    return {line.event_id: line.amount_fen for line in broker.events()}


async def test_a_refund_takes_the_amount_of_its_order() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    assert await taken(broker, gateway, paid()) == []
    assert await taken(broker, gateway, refunded()) == []
    assert amounts(broker) == {"paid": 2050, "refund": 2050}


async def test_in_one_push_too() -> None:
    broker = HandBroker()
    assert await taken(broker, HandGateway(broker), paid(), refunded()) == []
    assert amounts(broker) == {"paid": 2050, "refund": 2050}


async def test_the_whole_refund_after_partial_ones_is_the_rest_and_one_more_is_nothing() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await taken(broker, gateway, paid(), refunded("part-1", 500), refunded("part-2", 50))
    await taken(broker, gateway, refunded("whole"))
    await taken(broker, gateway, refunded("once-more"))
    assert amounts(broker) == {"paid": 2050, "part-1": 500, "part-2": 50, "whole": 1500, "once-more": 0}


async def test_what_is_paid_in_parts_is_given_back_as_a_whole() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await taken(broker, gateway, paid(2000), paid(50, event_id="the-rest"))
    await taken(broker, gateway, refunded())
    assert amounts(broker)["refund"] == 2050


async def test_a_restarted_gateway_knows_orders_and_what_was_given_back_of_them() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await taken(broker, gateway, paid(), refunded("part", 500))
    assert await taken(broker, HandGateway(broker), refunded("whole")) == []
    assert amounts(broker)["whole"] == 1550


async def test_a_redelivery_at_another_gateway_has_the_same_amount() -> None:
    broker = HandBroker()
    here, there = HandGateway(broker), HandGateway(broker)
    await taken(broker, here, paid())
    await taken(broker, here, refunded("whole"))
    await taken(broker, here, refunded("later", 300))
    there.follow()
    await taken(broker, there, refunded("whole"))
    assert [line.amount_fen for line in broker.events() if line.event_id == "whole"] == [2050, 2050]


async def test_orders_of_two_accounts_and_of_two_ids_are_apart() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await taken(broker, gateway, paid(), paid(70, event_id="other", order_id="mt:2"))
    await taken(broker, gateway, refunded(order_id="mt:2"))
    assert amounts(broker)["refund"] == 70
    assert order_digest("a", "mt:1") != order_digest("b", "mt:1")


async def test_a_refund_of_an_order_that_is_not_known_is_kept_and_says_what_becomes_of_it() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    receipt = await serve(broker, gateway.push_native([refunded()]))
    (told,) = receipt.others
    assert (told.verdict, told.reason, told.field) == ("rejected", "unsupported_event", "amount_fen")
    assert "as soon as the order is" in told.message
    (kept,) = [json.loads(record.value) for record in broker.on(Topic.REJECTS)]
    (waits,) = broker.on(Topic.ORDERS)
    assert waits.key is not None
    assert read_key(waits.key.decode()).fact_type == "waiting"
    assert json.loads(waits.value) == kept
    gateway.follow()
    assert gateway.orders.due() == []


@pytest.mark.parametrize("restarted", [False, True])
async def test_it_is_due_once_its_order_is_known(restarted: bool) -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await taken(broker, gateway, refunded(), refunded("another", order_id="mt:2"))
    gateway = HandGateway(broker) if restarted else gateway
    gateway.follow()
    await taken(broker, gateway, paid())
    (due,) = gateway.orders.due()
    assert (due.line.event_id, due.here) == ("refund", True)
    gateway.orders.wait_no_more(due.key)
    assert gateway.orders.due() == []


@pytest.mark.parametrize("order_first", [False, True])
async def test_a_gateway_that_only_reads_of_both_knows_that_it_is_due(order_first: bool) -> None:
    """Neither of the others knew of the other one's when it was asked."""
    broker = HandBroker()
    here, there, third = HandGateway(broker), HandGateway(broker), HandGateway(broker)
    for gateway, message in sorted(
        [(here, refunded()), (there, paid())], key=lambda one: (one[0] is here) == order_first
    ):
        assert len(await taken(broker, gateway, message)) == (gateway is here)
    third.follow()
    assert [(due.line.event_id, due.here) for due in third.orders.due()] == [("refund", False)]


async def test_an_order_whose_fact_fails_is_not_published_and_comes_with_the_retry() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    task = gateway.push_native([paid()])
    await turn()
    assert broker.topics() == [Topic.ORDERS]
    broker.answer(Topic.ORDERS, acknowledged=False)
    with pytest.raises(UnknownStoredError):
        await task
    assert broker.events() == []
    assert await taken(broker, gateway, paid()) == []
    assert await taken(broker, HandGateway(broker), refunded()) == []
    assert amounts(broker) == {"paid": 2050, "refund": 2050}


async def test_what_else_is_wrong_with_a_refund_is_told_first_and_nothing_waits() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    lost = replace(refunded(), match=({"sn": "unknown"},))
    assert await taken(broker, gateway, lost) == [("rejected", "unknown_placement")]
    assert broker.on(Topic.ORDERS) == []


async def test_a_refund_without_amount_and_order_is_kept() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    assert await taken(broker, gateway, refunded(order_id="")) == [("rejected", "unsupported_event")]
    assert broker.on(Topic.ORDERS) == []


async def test_nothing_personal_is_in_a_key() -> None:
    broker = HandBroker()
    await taken(broker, HandGateway(broker), paid(), refunded("part", 1), refunded("x", order_id="mt:13800138000"))
    keys = [record.key.decode() for record in broker.on(Topic.ORDERS) if record.key]
    assert len(keys) == 3
    assert all(key.replace(":", "").replace("paid", "").isalnum() and "28980000000000001" not in key for key in keys)
    assert "13800138000" not in str(keys)


def ledger_of(max_orders: int = 2, max_waiting: int = 2) -> OrderLedger:
    return OrderLedger(max_orders=max_orders, max_waiting=max_waiting)


def key(order: int, sort: str, event: str) -> Any:
    return read_key(f"{order_digest('a', str(order))}:{sort}:{event_digest(event)}")


def line(event_id: str) -> RejectLine:
    return RejectLine(
        reject_id=event_id,
        account_id="a",
        platform="meituan",
        flow="waimai-order-refunded",
        reason="unsupported_event",
        received_ms=NOW_MS,
    )


def test_the_oldest_order_is_forgotten_beyond_the_bound() -> None:
    ledger = ledger_of()
    for order in range(3):
        ledger.note(key(order, "paid", "p"), 100)
    left = [ledger.left_fen(order_digest("a", str(order)), event_digest("r")) for order in range(3)]
    assert left == [None, 100, 100]
    assert len(ledger) == 2


def test_the_oldest_waiting_refund_is_forgotten_beyond_the_bound() -> None:
    ledger = ledger_of(max_orders=9)
    for order in range(3):
        ledger.wait(key(order, "waiting", "r"), line(f"r-{order}"))
        ledger.wait(key(order, "waiting", "r"), line(f"r-{order}"))
    for order in range(3):
        ledger.note(key(order, "paid", "p"), 100)
    assert [due.line.reject_id for due in ledger.due()] == ["r-1", "r-2"]


def test_of_two_facts_of_one_event_the_first_stands() -> None:
    ledger = ledger_of()
    ledger.note(key(1, "paid", "p"), 100)
    ledger.note(key(1, "paid", "p"), 900)
    ledger.note(key(1, "refunded", "r"), 30)
    ledger.note(key(1, "refunded", "r"), 60)
    assert ledger.left_fen(order_digest("a", "1"), event_digest("other")) == 70


def test_one_order_holds_so_many_facts_and_no_more() -> None:
    ledger = ledger_of()
    ledger.note(key(1, "paid", "p"), 1000)
    for refund in range(2 * MAX_FACTS):
        ledger.note(key(1, "refunded", f"r-{refund}"), 1)
    order = order_digest("a", "1")
    assert len(ledger.facts(order)) == 16 * MAX_FACTS
    assert ledger.left_fen(order, event_digest("whole")) == 1000 - (MAX_FACTS - 1)


@pytest.mark.parametrize("amount_fen", [-1, MAX_AMOUNT_FEN + 1, 2**63])
def test_a_fact_of_no_amount_is_one_that_cannot_be_read(amount_fen: int) -> None:
    ledger = ledger_of()
    value = b'{"amount_fen":%d}' % amount_fen
    record = LogRecord(Topic.ORDERS, 0, 0, NOW_MS, key(1, "paid", "p").text().encode(), value, {})
    with pytest.raises(ValueError, match="amount_fen"):
        OrderFold(ledger).apply(record)
    assert len(ledger) == 0


@pytest.mark.parametrize(
    "text", ["", "garbage", "a:b:c", f"{'0' * 32}:paid:{'0' * 15}x", f"{'0' * 32}:other:{'0' * 16}"]
)
def test_a_foreign_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_key(text)


def test_a_fact_read_back_is_the_one_that_was_written() -> None:
    fact = key(1, "paid", "p")
    effect = amount_effect(fact, 2050)
    assert (effect.topic, read_key(effect.key), effect.value) == (Topic.ORDERS, fact, b'{"amount_fen":2050}')


def test_the_topic_of_orders_is_compacted_and_forgets_and_that_of_consent_never_does() -> None:
    configs = {
        topic: SPECS[topic].broker_config(max_message_bytes=1, slack_ms=1, retention_s=kept_s)
        for topic, kept_s in ((Topic.ORDERS, 30 * DAY_S), (Topic.CONSENT, None))
    }
    assert configs[Topic.ORDERS]["cleanup.policy"] == "compact,delete"
    assert configs[Topic.ORDERS]["retention.ms"] == str(30 * DAY_S * 1000)
    assert configs[Topic.CONSENT]["cleanup.policy"] == "compact"
    assert "retention.ms" not in configs[Topic.CONSENT]
