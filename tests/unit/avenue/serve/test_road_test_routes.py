"""`POST /v1/test`: a marked event of the key's account, watched hop by hop, for a bounded time."""

import asyncio
from typing import Any

from avenue.serve.road_test_routes import MAX_AT_ONCE, WatchedRoad
from producers.gateway.push_tester import PushedTest
from producers.validation.placement import ResolvedPlacement
from schemas.registry import Account
from schemas.topics import Topic
from tests.support.factories import NOW_MS, REGISTRY
from tests.support.memory_gateway import memory_gateway

ACCOUNT = REGISTRY.accounts[-1]


class Tester:
    """Pushes nothing; every test is on the log at once."""

    async def push(self, account: Account) -> PushedTest:
        """Return a test event that was pushed."""
        where = ResolvedPlacement("", "sandbox.p", "sandbox.t", "")
        return PushedTest(account, "test.1", "d-1", where, NOW_MS, kafka_ms=7)


class Reading:
    """Sees what it is told, one look after another."""

    def __init__(self, *looks: tuple[bool, bool]) -> None:
        self.looks = list(looks)

    async def run_query(self, _question: Any) -> Any:
        """Return the next look, the last one for ever."""
        stored, counted = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return type("Hops", (), {"stored": stored, "counted": counted})


def road(reading: Any, *, wait_s: float = 5.0) -> WatchedRoad:
    tester: Any = Tester()
    return WatchedRoad(tester, reading, wait_s=wait_s)


async def test_every_hop_is_told_with_its_time_in_the_order_in_which_it_is_seen() -> None:
    found: Any = await road(Reading((False, False), (True, False), (True, True))).answer(ACCOUNT)

    after = {hop.hop: hop.after_ms for hop in found.hops}
    assert list(after) == ["gateway", "kafka", "worker", "clickhouse"]
    assert found.passed
    assert (after["gateway"], after["kafka"]) == (0, 7)
    assert after["worker"] > after["clickhouse"] >= 100


async def test_a_hop_that_does_not_come_ends_the_wait_and_is_named() -> None:
    found: Any = await road(Reading((True, False)), wait_s=0.3).answer(ACCOUNT)

    assert not found.passed
    assert [hop.hop for hop in found.hops if hop.after_ms is None] == ["worker"]


async def test_an_account_has_one_test_under_way_and_all_together_a_few() -> None:
    watched = road(Reading((False, False)), wait_s=0.5)
    accounts = [ACCOUNT.model_copy(update={"id": f"a-{number}"}) for number in range(MAX_AT_ONCE + 2)]

    answers: list[Any] = await asyncio.gather(
        watched.answer(accounts[0]), watched.answer(accounts[0]), *(watched.answer(one) for one in accounts[1:])
    )
    again: Any = await watched.answer(accounts[0])

    refused = [answer.status for answer in answers if hasattr(answer, "status")]
    assert refused == [429, 429, 429]
    assert again.delivery_id == "d-1"


async def test_a_test_event_takes_the_whole_way_and_is_marked() -> None:
    async with memory_gateway(REGISTRY, "sunmi-main", now_ms=NOW_MS) as gateway:
        headers = {"authorization": f"Bearer {gateway.key}"}
        answer = await gateway.client.post("/v1/test", headers=headers)
        nobody = await gateway.client.post("/v1/test")
        (line,) = gateway.log.lines(Topic.EVENTS)
        (delivery,) = gateway.log.lines(Topic.DELIVERIES)

    told = answer.json()
    assert (answer.status_code, nobody.status_code) == (200, 401)
    assert (line["event_id"], delivery["delivery_id"]) == (told["event_id"], told["delivery_id"])
    assert (line["trial_id"].split(".")[0], line["product_id"].split(".")[0]) == ("sandbox", "sandbox")
    assert (delivery["flow"], delivery["accepted"], delivery["account_id"]) == ("test", 1, "sunmi-main")
    # No store is read in this process.
    assert [hop["hop"] for hop in told["hops"] if hop["after_ms"] is None] == ["worker", "clickhouse"]


async def test_an_account_without_a_place_is_told_what_is_missing() -> None:
    bare = REGISTRY.model_copy(update={"placements": []})
    bare = bare.model_copy(update={"accounts": [a.model_copy(update={"products": None}) for a in bare.accounts]})
    async with memory_gateway(bare, "sunmi-main", now_ms=NOW_MS) as gateway:
        answer = await gateway.client.post("/v1/test", headers={"authorization": f"Bearer {gateway.key}"})

    assert answer.status_code == 409
    assert "has to be in the registry" in answer.json()["detail"]
