"""A refund that came before its order becomes an event by itself once the order is known; its kept reject is closed."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from producers.adapters.base import MappedMessage
from producers.gateway.ingest_request import UnknownStoredError
from producers.gateway.waiting_refunds import LEAVE_S
from registry.directory import Directory
from schemas.lines import RejectLine
from schemas.topics import Topic
from tests.support.factories import REGISTRY
from tests.support.scripted_broker import DIRECTORY, HandBroker, HandGateway, serve, turn
from tests.unit.producers.adapters.test_adapter_meituan import paid as notice

ACCOUNT, PAID_FLOW, REFUND_FLOW = "meituan-main", "waimai-order-paid", "waimai-order-refunded"
LONG_AFTER_S = 1000 + LEAVE_S[1]


def order(**change: str | None) -> MappedMessage:
    return mapped(notice("order-paid", **change))


def whole_refund(refund_id: str = "r-1", **change: str | None) -> MappedMessage:
    """As the platform sends it: without `money` and `utime`."""
    said = {"notify_type": "agree", "res_type": "2", "refund_id": refund_id, "ctime": "1795312790"}
    return mapped(notice("order-refunded", **{"total": None, "utime": None, **said, **change}))


def mapped(message: Any) -> MappedMessage:
    assert isinstance(message, MappedMessage), message
    return message


async def refund_taken(broker: HandBroker, gateway: HandGateway, *refunds: MappedMessage) -> list[str]:
    receipt = await serve(broker, gateway.push_native(list(refunds), ACCOUNT, REFUND_FLOW))
    gateway.follow()
    return [other.verdict for other in receipt.others]


async def order_taken(broker: HandBroker, gateway: HandGateway, *orders: MappedMessage) -> list[str]:
    receipt = await serve(broker, gateway.push_native(list(orders), ACCOUNT, PAID_FLOW))
    gateway.follow()
    return [other.verdict for other in receipt.others]


async def counted(broker: HandBroker, gateway: HandGateway, now_s: float = 1000.0) -> int:
    count = await serve(broker, turned(gateway, now_s))
    gateway.follow()
    return count


def turned(gateway: HandGateway, now_s: float) -> "asyncio.Task[int]":
    return asyncio.create_task(gateway.waiting_refunds.count_due(now_s))


def refunds_on_the_log(broker: HandBroker) -> list[int | None]:
    return [line.amount_fen for line in broker.events() if line.kind == "order.refunded"]


def deliveries(broker: HandBroker) -> list[dict[str, Any]]:
    lines = [json.loads(line) for record in broker.on(Topic.DELIVERIES) for line in record.value.split(b"\n")]
    return [line for line in lines if line.get("replay")]


async def test_a_refund_that_came_first_is_counted_and_closed_once_its_order_comes() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    assert await refund_taken(broker, gateway, whole_refund()) == ["rejected"]
    assert await counted(broker, gateway) == 0
    assert await order_taken(broker, gateway, order()) == []
    assert await counted(broker, gateway) == 1
    assert refunds_on_the_log(broker) == [2050]
    (reject,) = [json.loads(record.value) for record in broker.on(Topic.REJECTS)]
    (delivery,) = deliveries(broker)
    assert delivery["replays"] == [[reject["reject_id"], "accepted", ""]]
    assert (delivery["received"], delivery["accepted"], delivery["asked_by"]) == (1, 1, "order")
    assert await counted(broker, gateway) == 0
    assert HandGateway(broker).orders.due() == [], "it waits no more, for whoever starts later either"


async def test_a_redelivery_afterwards_is_a_duplicate() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await refund_taken(broker, gateway, whole_refund())
    await order_taken(broker, gateway, order())
    await counted(broker, gateway)
    assert await refund_taken(broker, gateway, whole_refund()) == ["duplicate"]
    assert refunds_on_the_log(broker) == [2050]


async def test_a_redelivery_that_is_quicker_is_counted_once_and_the_reject_is_closed_all_the_same() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await refund_taken(broker, gateway, whole_refund())
    await order_taken(broker, gateway, order())
    assert await refund_taken(broker, gateway, whole_refund()) == []
    assert await counted(broker, gateway) == 1
    assert refunds_on_the_log(broker) == [2050]
    assert [line["replays"][0][1] for line in deliveries(broker)] == ["duplicate"]


async def test_a_refund_told_in_two_ways_before_its_order_is_counted_once() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    assert await refund_taken(broker, gateway, whole_refund()) == ["rejected"]
    in_other_words = whole_refund(notify_type=None, status="21", ctime="1795312791")
    assert await refund_taken(broker, gateway, in_other_words) == ["rejected"]
    await order_taken(broker, gateway, order())
    assert await counted(broker, gateway) == 2
    assert refunds_on_the_log(broker) == [2050]
    assert [told[1] for line in deliveries(broker) for told in line["replays"]] == ["accepted", "duplicate"]


async def test_a_partial_refund_and_the_whole_one_before_their_order_come_to_what_was_paid() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await refund_taken(broker, gateway, mapped(notice("order-refunded", notify_type="agree", money="5.00")))
    await refund_taken(broker, gateway, whole_refund("r-2", ctime="1795312795"))
    await order_taken(broker, gateway, order())
    await counted(broker, gateway)
    assert refunds_on_the_log(broker) == [500, 1550]


async def test_an_order_that_never_comes_leaves_its_refund_kept() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await refund_taken(broker, gateway, whole_refund())
    await order_taken(broker, gateway, order(order_id="another"))
    assert await counted(broker, gateway, LONG_AFTER_S) == 0
    assert (refunds_on_the_log(broker), len(broker.on(Topic.REJECTS))) == ([], 1)


async def test_a_gateway_that_starts_in_between_counts_it() -> None:
    broker = HandBroker()
    await refund_taken(broker, HandGateway(broker), whole_refund())
    started = HandGateway(broker)
    await order_taken(broker, started, order())
    assert await counted(broker, started) == 1
    assert refunds_on_the_log(broker) == [2050]


async def test_one_that_only_read_of_the_order_leaves_it_to_the_other_for_a_while() -> None:
    broker = HandBroker()
    here, there = HandGateway(broker), HandGateway(broker)
    await refund_taken(broker, here, whole_refund())
    there.follow()
    await order_taken(broker, there, order())
    here.follow()
    assert await counted(broker, here) == 0
    assert await counted(broker, here, LONG_AFTER_S) == 1, "the other is gone"
    assert refunds_on_the_log(broker) == [2050]


async def test_two_gateways_that_count_it_both_give_one_event_with_one_amount() -> None:
    broker = HandBroker()
    here, there = HandGateway(broker), HandGateway(broker)
    await refund_taken(broker, here, whole_refund())
    await order_taken(broker, here, order())
    there.follow()
    await counted(broker, there)
    both = turned(here, LONG_AFTER_S), turned(there, LONG_AFTER_S)
    assert [await serve(broker, task) for task in both] == [1, 1]
    events = [line for line in broker.events() if line.kind == "order.refunded"]
    assert {(line.event_id, line.amount_fen) for line in events} == {(events[0].event_id, 2050)}


@pytest.mark.parametrize("fails", [Topic.ORDERS, Topic.EVENTS, Topic.DELIVERIES])
async def test_what_fails_on_the_way_is_tried_again(fails: Topic) -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await refund_taken(broker, gateway, whole_refund())
    await order_taken(broker, gateway, order())
    task = turned(gateway, 1000.0)
    await reached(broker, fails)
    broker.answer(fails, acknowledged=False)
    with pytest.raises(UnknownStoredError):
        await task
    assert await counted(broker, gateway) == 1
    assert refunds_on_the_log(broker) == [2050]
    assert len(deliveries(broker)) == 1


async def reached(broker: HandBroker, topic: Topic) -> None:
    """Acknowledge what comes before a record of *topic*."""
    for _ in range(10):
        await turn()
        if topic in broker.topics():
            return
        for other in dict.fromkeys(broker.topics()):
            broker.answer(other)
    raise AssertionError(f"nothing came to {topic}")


async def test_a_wait_whose_end_is_not_safe_goes_on_and_does_no_harm() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await refund_taken(broker, gateway, whole_refund())
    await order_taken(broker, gateway, order())
    task = turned(gateway, 1000.0)
    await reached(broker, Topic.DELIVERIES)
    broker.answer(Topic.DELIVERIES)
    await reached(broker, Topic.ORDERS)
    broker.answer(Topic.ORDERS, acknowledged=False)
    assert await task == 1
    assert await counted(broker, gateway) == 1
    assert await counted(broker, gateway) == 0
    assert refunds_on_the_log(broker) == [2050]


async def test_a_refund_at_a_place_that_was_registered_later_waits_as_the_reject_that_it_is() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await refund_taken(broker, gateway, whole_refund(app_poi_code="S-NEW"))
    assert broker.on(Topic.ORDERS) == []
    (kept,) = [json.loads(record.value) for record in broker.on(Topic.REJECTS)]
    gateway.directory = with_shop("S-NEW")
    line = msgspec.convert(kept, RejectLine)
    replayed = asyncio.create_task(gateway.replayer.replay([line], asked_by="k", dry_run=False))
    (told,) = await serve(broker, replayed)
    gateway.follow()
    await order_taken(broker, gateway, order(app_poi_code="S-NEW"))
    assert await counted(broker, gateway) == 1
    assert (kept["reason"], told.reason, told.field) == ("unknown_placement", "unsupported_event", "amount_fen")
    assert refunds_on_the_log(broker) == [2050]
    assert [line["replays"] for line in deliveries(broker)] == [
        [[kept["reject_id"], "rejected", "unsupported_event"]],
        [[kept["reject_id"], "accepted", ""]],
    ]


def with_shop(app_poi_code: str) -> Directory:
    """Return the registry with one more shop of the platform's."""
    known = next(place for place in REGISTRY.placements if place.id == "p-060-meituan")
    more = known.model_copy(update={"id": "p-new-meituan", "match": {"app_poi_code": app_poi_code}})
    registry = REGISTRY.model_copy(update={"placements": [*REGISTRY.placements, more]})
    return Directory(2, registry, {}, DIRECTORY.epochs)


async def test_trying_a_refund_out_leaves_no_trace() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    await refund_taken(broker, gateway, whole_refund())
    await order_taken(broker, gateway, order())
    (due,) = gateway.orders.due()
    for _ in range(2):
        (told,) = await gateway.replayer.replay([due.line], asked_by="k", dry_run=True)
        assert told.outcome == "accepted"
    assert broker.topics() == []
    assert len(gateway.orders.facts(due.key.order)) == 16, "the payment alone"
    assert await counted(broker, gateway) == 1
    assert refunds_on_the_log(broker) == [2050]
