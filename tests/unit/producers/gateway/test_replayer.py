"""Replays at the gateway: deliveries of their own, rejects that stay as they are, and dry runs that leave nothing."""

import asyncio
import json
import re
from typing import Any

import msgspec
import pytest

from producers.gateway import pipeline
from producers.gateway.replayer import MAX_IN_DELIVERY
from schemas.lines import DeliveryLine, RejectLine
from schemas.outcomes import ReplayedReject
from schemas.timing import DAY_MS
from schemas.topics import Topic
from tests.support.factories import NOW_MS, sent_line
from tests.support.scripted_broker import HandBroker, HandGateway, serve
from tests.unit.producers.gateway.test_pipeline import TAKEN_IN, traced

pytestmark = pytest.mark.asyncio


def reject(number: int, account: str = "sunmi-main", **change: Any) -> RejectLine:
    """Return what was kept of an event at a place that is registered by now, unless *change* says otherwise."""
    fields = {**json.loads(sent_line(event_id=f"e-{number}")), "subject_hash": f"{number:032x}", **change}
    del fields["subject"]
    return RejectLine(
        reject_id=f"r-{number}",
        account_id=account,
        platform="sunmi",
        flow="events",
        reason="unknown_placement",
        payload=json.dumps({"event": fields}),
        received_ms=NOW_MS,
        delivery_id="d-first",
        event_id=f"e-{number}",
    )


def deliveries(broker: HandBroker) -> list[DeliveryLine]:
    return [
        msgspec.json.decode(line, type=DeliveryLine)
        for record in broker.on(Topic.DELIVERIES)
        for line in record.value.split(b"\n")
    ]


async def replayed(gateway: HandGateway, lines: list[RejectLine], *, dry_run: bool = False) -> list[ReplayedReject]:
    task = asyncio.create_task(gateway.replayer.replay(lines, asked_by="k-1", dry_run=dry_run))
    return await serve(gateway.broker, task)


async def test_each_account_s_rejects_are_a_delivery_that_says_what_became_of_them() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    lines = [
        reject(1),
        reject(2, placement_id="p-nowhere"),
        reject(3, attributes={"note": {"type": "string", "length": 11}}),
        reject(4, account="meituan-main"),
    ]

    found = await replayed(gateway, lines)

    assert [(one.reject_id, one.outcome, one.reason) for one in found] == [
        ("r-1", "accepted", ""),
        ("r-2", "rejected", "unknown_placement"),
        ("r-3", "not_replayable", ""),
        ("r-4", "rejected", "not_your_product"),
    ]
    told = {line.account_id: line for line in deliveries(broker)}
    assert told["sunmi-main"].replays == [("r-1", "accepted", ""), ("r-2", "rejected", "unknown_placement")]
    assert told["meituan-main"].replays == [("r-4", "rejected", "not_your_product")]
    assert {(line.replay, line.asked_by, line.flow) for line in told.values()} == {(True, "k-1", "events")}
    assert [line.received for line in told.values()] == [
        line.accepted + line.duplicate + line.rejected for line in told.values()
    ]


async def test_a_replay_comes_in_by_the_third_way_that_the_pipeline_draws() -> None:
    steps = ["Replayer.replay", "reread_reject", *TAKEN_IN, "revalidate", "resolve_placement", "Publisher.add"]
    gateway = HandGateway(HandBroker())

    with traced() as trace:
        (found,) = await replayed(gateway, [reject(1)])

    assert found.outcome == "accepted"
    assert sorted(set(steps) & trace.entered.keys(), key=trace.entered.__getitem__) == steps
    assert re.search(".*".join(map(re.escape, steps)), pipeline.__doc__ or "", re.DOTALL), "the drawing lacks a step"


async def test_what_is_rejected_again_is_published_as_it_was_and_what_is_accepted_is_stamped_now() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    gateway.clock.advance(60 * DAY_MS)
    lines = [reject(1), reject(2, placement_id="p-nowhere")]

    await replayed(gateway, lines)

    (stored,) = broker.events()
    assert (stored.event_id, stored.received_ms) == ("e-1", NOW_MS + 60 * DAY_MS)
    assert stored.delivery_id == deliveries(broker)[0].delivery_id
    again = [msgspec.json.decode(record.value, type=RejectLine) for record in broker.on(Topic.REJECTS)]
    assert again == [lines[1]]


async def test_replaying_twice_makes_duplicates() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)

    first = await replayed(gateway, [reject(1)])
    second = await replayed(gateway, [reject(1)])

    assert [one.outcome for one in (*first, *second)] == ["accepted", "duplicate"]
    assert len(broker.events()) == 1
    assert [line.replays for line in deliveries(broker)] == [[("r-1", "accepted", "")], [("r-1", "duplicate", "")]]


async def test_two_rejects_of_one_event_become_one() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    twin = msgspec.structs.replace(reject(1), reject_id="r-2")

    found = await replayed(gateway, [reject(1), twin])

    assert [one.outcome for one in found] == ["accepted", "duplicate"]
    assert len(broker.events()) == 1


async def test_a_dry_run_says_the_same_and_leaves_nothing() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)
    withdrawal = reject(3, kind="consent.withdrawn", outcome=None, subject_hash=f"{9:032x}")
    lines = [reject(1), reject(2, placement_id="p-nowhere"), withdrawal]

    tried = await replayed(gateway, lines, dry_run=True)

    assert (broker.records, broker.waiting, len(gateway.consent)) == ([], [], 0)
    done = await replayed(gateway, lines)
    assert [(one.reject_id, one.outcome, one.reason) for one in tried] == [
        (one.reject_id, one.outcome, one.reason) for one in done
    ]
    assert len(gateway.consent) == 1


async def test_a_replayed_withdrawal_holds_from_its_line_on() -> None:
    gateway = HandGateway(HandBroker())
    same = {"subject_hash": f"{9:032x}"}
    withdrawal = reject(2, kind="consent.withdrawn", outcome=None, occurred_at="2026-11-22T03:50:00+00:00", **same)

    found = await replayed(gateway, [reject(1, **same), withdrawal, reject(3, **same)])

    assert [(one.outcome, one.reason) for one in found] == [
        ("accepted", ""),
        ("accepted", ""),
        ("rejected", "consent_withdrawn"),
    ]


async def test_many_rejects_are_several_deliveries() -> None:
    broker = HandBroker()
    gateway = HandGateway(broker)

    found = await replayed(gateway, [reject(number) for number in range(MAX_IN_DELIVERY + 1)])

    assert {one.outcome for one in found} == {"accepted"}
    assert [line.received for line in deliveries(broker)] == [MAX_IN_DELIVERY, 1]
    assert len(broker.events()) == MAX_IN_DELIVERY + 1
