"""What the simulator says, from the published rules alone, is what the gateway's own judgement understands."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from avenue.demo.registry import write_demo_registry
from avenue.simulator.messages.base import ExpectedEvent
from avenue.simulator.messages.catalogue import FLAWED, MESSAGE_TYPES
from avenue.simulator.messages.flaws import FLAWS
from avenue.simulator.options import SimulateOptions, TrafficShares
from avenue.simulator.plan import PlannedRequest, SendPlan
from avenue.simulator.sources import find_sources
from producers.validation.validator import RejectedEvent, ValidationResult
from registry.file import load_registry
from runtime.clock import ManualClock
from schemas.outcomes import RejectReason
from tests.support.fake_gateway import JudgedRequest, JudgingRoad, verdict_of

NOW_MS = 1_795_381_200_000
TODAY = datetime.fromtimestamp(NOW_MS / 1000, UTC).date()
MANY_WRONG = TrafficShares(duplicates=0.1, late=0.2, rejects=0.1, unknown_placement=0.05, wrong_signature=0.03)


@pytest.fixture
def options(tmp_path: Path) -> SimulateOptions:
    registry = tmp_path / "registry.toml"
    private = write_demo_registry(registry, today=TODAY)
    return SimulateOptions(
        url="http://127.0.0.1:1",
        registry=registry,
        events=6_000,
        seed=5,
        batch=40,
        native_share=0.6,
        shares=MANY_WRONG,
        private_keys={"douyin-main/trade": private},
        keys={"bilibili-main": "avk_bilibili", "aihuishou-main": "avk_aihuishou"},
        clock=ManualClock(NOW_MS),
    )


@pytest.fixture
def road(options: SimulateOptions) -> JudgingRoad:
    assert isinstance(options.registry, Path)
    return JudgingRoad(load_registry(options.registry), options.clock, dict(options.keys))


def judge(options: SimulateOptions, road: JudgingRoad) -> Iterator[tuple[PlannedRequest, int, list[ValidationResult]]]:
    for planned in SendPlan(options, find_sources(options), options.seed or 0):
        request = planned.message.request
        headers = {**request.headers, **(request.sign(options.clock.now_ms()) if request.sign else {})}
        lower = {name.lower(): value for name, value in headers.items()}
        before = len(road.judged)
        status, body = road.answer(JudgedRequest(request.method, request.path, request.query, lower, request.body))
        assert request.positive(status, body) == (status == 200), (request.path, status, body)
        yield planned, status, road.judged[-1] if len(road.judged) > before else []


def expected(sent: ExpectedEvent) -> tuple[str, str]:
    return sent.expected, sent.reason.value if sent.reason else ""


@pytest.mark.parametrize("days", [0.0, 14.0])
def test_every_event_gets_the_outcome_the_simulator_expects(
    options: SimulateOptions, road: JudgingRoad, days: float
) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for planned, status, judgements in judge(replace(options, days=days), road):
        if planned.message.events[0].expected == "refused":
            assert (status, judgements) == (401, [])
            continue
        got = [verdict_of(judgement) for judgement in judgements]
        assert got == [expected(sent) for sent in planned.message.events], planned.message.request
        seen.update(got)

    assert seen["accepted", ""] > 3_000
    assert seen["duplicate", ""] > 200


def test_ids_kinds_and_times_are_the_ones_written_in_the_ledger(options: SimulateOptions, road: JudgingRoad) -> None:
    told = {
        (planned.message.request.account, sent.event_id): (sent.kind, sent.occurred_ms)
        for planned, _, _ in judge(options, road)
        for sent in planned.message.events
        if sent.expected == "accepted" and sent.event_id and sent.occurred_ms is not None
    }
    stored = {(event.account_id, event.event_id): (event.kind, event.occurred_ms) for event in road.accepted()}

    assert len(told) > 3_000
    assert {key: stored.get(key) for key in told} == told


def test_refunds_that_name_no_sum_give_back_what_their_orders_cost(options: SimulateOptions, road: JudgingRoad) -> None:
    for _ in judge(options, road):
        pass
    paid = {event.event_id: event.amount_fen for event in road.accepted() if event.event_id.startswith("dy-order:")}
    refunds = [event for event in road.accepted() if event.kind == "order.refunded"]
    given_back = {
        event.event_id.replace("dy-refund:", "dy-order:"): event.amount_fen
        for event in refunds
        if event.event_id.startswith("dy-refund:")
    }

    assert len(given_back) >= 3
    assert given_back.items() <= paid.items()
    assert all(event.amount_fen for event in refunds)


def test_every_type_of_message_and_every_flaw_takes_part(options: SimulateOptions, road: JudgingRoad) -> None:
    reasons = {
        judgement.fault.reason
        for _, _, judgements in judge(options, road)
        for judgement in judgements
        if isinstance(judgement, RejectedEvent)
    }
    flows = {(source.message_type.platform, source.message_type.build) for source in find_sources(options).native}

    assert flows == {(message_type.platform, message_type.build) for message_type in MESSAGE_TYPES}
    # Nothing that is sent makes the server fail, and every account of the demo may name every product.
    assert reasons == set(RejectReason) - {RejectReason.INTERNAL_ERROR} - absent(options)
    assert len(FLAWS) + len(FLAWED) > len(reasons)


def absent(options: SimulateOptions) -> set[RejectReason]:
    foreign = any(source.foreign_product for source in find_sources(options).batch)
    return set() if foreign else {RejectReason.NOT_YOUR_PRODUCT}


def test_nothing_personal_that_the_platforms_send_is_stored(options: SimulateOptions, road: JudgingRoad) -> None:
    for _ in judge(options, road):
        pass
    accepted = road.accepted()
    stored = "\n".join(str(event) for event in accepted)

    assert len(accepted) > 3_000
    assert len({event.platform for event in accepted}) > 3
    for personal in ("测试", "虚构路", "00000000000", "模拟", "wifi_password", "imsi", "121.0"):
        assert personal not in stored
