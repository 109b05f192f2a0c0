"""What an event causes is safe before its id is known: whatever fails, a retry causes it again or finds it done."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from producers.gateway.ingest_request import UnknownStoredError
from runtime.settings import GatewaySettings
from schemas.topics import Topic
from tests.support.factories import NOW, sent_event
from tests.support.scripted_broker import HandBroker, HandGateway, serve, turn

WITHDRAWN_AT = (NOW - timedelta(minutes=5)).isoformat()


def event(event_id: str, **change: Any) -> dict[str, Any]:
    own: dict[str, Any] = {"kind": "interaction", "outcome": ..., "subject": "leaver"}
    return sent_event(event_id, **(own | change))


def withdrawal(event_id: str = "w", **change: Any) -> dict[str, Any]:
    return event(event_id, kind="consent.withdrawn", occurred_at=WITHDRAWN_AT, **change)


async def refused(broker: HandBroker, consent_fails: Callable[[HandBroker], Awaitable[None]]) -> HandGateway:
    """Return a gateway whose first push of a withdrawal ended without an answer."""
    gateway = HandGateway(broker)
    task = gateway.push([withdrawal()])
    await turn()
    await consent_fails(broker)
    with pytest.raises(UnknownStoredError):
        await task
    return gateway


async def broker_says_no(broker: HandBroker) -> None:
    broker.answer(Topic.CONSENT, acknowledged=False)


async def test_a_withdrawal_is_on_its_topic_before_its_line_is_published() -> None:
    broker = HandBroker()
    task = HandGateway(broker).push([withdrawal()])
    await turn()
    assert broker.topics() == [Topic.CONSENT]
    broker.answer(Topic.CONSENT)
    await turn()
    assert broker.topics() == [Topic.EVENTS]
    assert list((await serve(broker, task)).accepted_ids.values()) == ["w"]


async def test_a_withdrawal_whose_topic_failed_once_reaches_it_by_the_retry() -> None:
    broker = HandBroker()
    gateway = await refused(broker, broker_says_no)
    receipt = await serve(broker, gateway.push([withdrawal()]))

    restarted = HandGateway(broker)
    after = await serve(broker, restarted.push([event("e")]))

    assert list(receipt.accepted_ids.values()) == ["w"]
    assert [line.event_id for line in broker.events()] == ["w"]
    assert [verdict.reason for verdict in after.others] == ["consent_withdrawn"]


async def test_a_producer_that_refuses_at_once_is_no_other_case() -> None:
    broker = HandBroker()
    broker.refuses = {Topic.CONSENT}
    gateway = HandGateway(broker)
    with pytest.raises(UnknownStoredError):
        await gateway.push([withdrawal()])
    assert (broker.events(), gateway.publisher.inflight_bytes) == ([], 0)
    broker.refuses.clear()
    assert len((await serve(broker, gateway.push([withdrawal()]))).accepted_ids) == 1
    assert len(broker.on(Topic.CONSENT)) == 1


async def test_a_sender_that_hangs_up_before_the_effect_is_safe_leaves_its_ids_unknown() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    task = gateway.push([withdrawal()])
    await turn()
    task.cancel()
    await turn()
    broker.answer(Topic.CONSENT)
    await turn()
    assert broker.topics() == []
    assert gateway.publisher.inflight_bytes == 0
    receipt = await serve(broker, gateway.push([withdrawal()]))
    assert list(receipt.accepted_ids.values()) == ["w"]


async def test_a_twin_waits_for_the_effect_and_is_the_next_in_line_where_it_fails() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    first, twin = gateway.push([withdrawal()]), gateway.push([withdrawal()])
    await turn()
    assert broker.topics() == [Topic.CONSENT]
    broker.answer(Topic.CONSENT, acknowledged=False)
    with pytest.raises(UnknownStoredError):
        await first
    assert list((await serve(broker, twin)).accepted_ids.values()) == ["w"]
    assert len(broker.on(Topic.CONSENT)) == len(broker.on(Topic.EVENTS)) == 1


async def test_a_twin_of_a_held_line_is_a_duplicate_once_that_is_acknowledged() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    first, twin = gateway.push([withdrawal()]), gateway.push([withdrawal(), event("other", subject="somebody")])
    await serve(broker, first)
    receipt = await serve(broker, twin)
    assert [verdict.verdict for verdict in receipt.others] == ["duplicate"]
    assert [line.event_id for line in broker.events() if line.event_id == "w"] == ["w"]


async def test_lines_before_it_and_other_products_do_not_wait_and_those_behind_it_stay_behind() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    batch = [
        event("before"),
        withdrawal(),
        event("behind", subject="another"),
        event("other", subject="another", placement_id=None, product_id="emg-arm"),
    ]
    other = gateway.push([event("elsewhere", subject="a third")])
    task = gateway.push(batch)
    await turn()
    broker.answer(Topic.EVENTS)
    assert {line.event_id for line in broker.events()} == {"elsewhere", "before", "other"}
    await serve(broker, other)
    await serve(broker, task)
    of_the_product = [line.event_id for line in broker.events() if line.product_id == "neuro-band"]
    assert of_the_product == ["elsewhere", "before", "w", "behind"]


async def test_lines_of_later_runs_stay_behind_a_held_one_too() -> None:
    """A request is judged 500 events at a time; what a run holds holds the next."""
    broker = HandBroker()
    gateway = HandGateway(broker)
    batch = [withdrawal(), *(event(f"e-{number}", subject="another") for number in range(700))]
    task = gateway.push(batch)
    await turn()
    assert broker.topics() == [Topic.CONSENT]
    assert gateway.publisher.inflight_bytes > 100_000, "what is held counts towards the budget"
    await serve(broker, task)
    assert [line.event_id for line in broker.events()] == [str(item["event_id"]) for item in batch]
    assert gateway.publisher.inflight_bytes == 0


async def test_a_rejected_withdrawal_holds_and_is_safe_before_it_is_answered() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    task = gateway.push([withdrawal(placement_id="p-999")])
    await turn()
    assert broker.topics() == [Topic.CONSENT]
    broker.answer(Topic.CONSENT, acknowledged=False)
    with pytest.raises(UnknownStoredError):
        await task
    again = await serve(broker, gateway.push([withdrawal(placement_id="p-999")]))
    assert [verdict.reason for verdict in again.others] == ["unknown_placement"]
    assert len(broker.on(Topic.CONSENT)) == len(broker.on(Topic.REJECTS)) == 1


async def test_two_gateways_that_change_one_subject_at_once_do_not_undo_each_other() -> None:
    broker = HandBroker()
    here, there = HandGateway(broker), HandGateway(broker)
    granted = withdrawal("g") | {"kind": "consent.granted", "occurred_at": (NOW - timedelta(hours=1)).isoformat()}
    both = here.push([withdrawal()]), there.push([granted])
    for task in both:
        await serve(broker, task)
    compacted = {record.key: record for record in broker.on(Topic.CONSENT)}
    broker.records = list(compacted.values())
    receipt = await serve(broker, HandGateway(broker).push([event("e")]))
    assert len(compacted) == 2
    assert [verdict.reason for verdict in receipt.others] == ["consent_withdrawn"]


async def test_a_ninth_change_takes_the_oldest_from_the_topic() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    changes = [
        withdrawal(f"w-{minute}") | {"occurred_at": (NOW - timedelta(minutes=30 - minute)).isoformat()}
        for minute in range(9)
    ]
    await serve(broker, gateway.push(changes))
    compacted = {record.key: record.value for record in broker.on(Topic.CONSENT)}
    assert len(compacted) == 9
    assert sum(1 for value in compacted.values() if value) == 8


async def test_a_request_that_is_on_its_way_in_part_does_not_say_that_nothing_is_stored() -> None:
    """A consent state more than may be held is found at a later event of many."""
    broker = HandBroker()
    gateway = HandGateway(broker, GatewaySettings(coalesce_ms=0))
    gateway.consent._max_subjects = 0
    with pytest.raises(UnknownStoredError, match="AVENUE_GATEWAY__CONSENT_SUBJECTS"):
        await gateway.push([*(event(f"e-{number}") for number in range(600)), withdrawal()])
