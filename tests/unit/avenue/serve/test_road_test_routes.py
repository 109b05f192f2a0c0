"""`POST /v1/test`: a marked event of the key's account, watched hop by hop, for a bounded time."""

import asyncio
from typing import Any

from avenue.serve.watched_road import MAX_AT_ONCE, WatchedRoad
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
    """Sees what it is told, one look after another, the last one for ever."""

    def __init__(self, *looks: dict[str, int | None]) -> None:
        self.looks = list(looks)

    async def __call__(self, _account: str, _delivery: str) -> dict[Any, int | None]:
        """Return the next look."""
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


def road(*, wait_s: float = 5.0) -> WatchedRoad:
    tester: Any = Tester()
    return WatchedRoad(tester, wait_s=wait_s)


async def test_every_hop_is_told_with_the_time_at_which_it_had_the_event_and_not_that_of_the_look() -> None:
    stored = {"received": 0, "stored": 31, "counted": None, "visible": None}
    looks = Reading({}, stored, {**stored, "counted": 540, "visible": 540})
    found: Any = await road().answer(ACCOUNT, looks)

    assert found.passed
    assert [(hop.hop, hop.after_ms) for hop in found.hops] == [
        ("gateway", 0), ("kafka", 7), ("worker", 540), ("clickhouse", 31)
    ]  # fmt: skip


async def test_a_hop_that_does_not_come_ends_the_wait_and_is_named() -> None:
    found: Any = await road(wait_s=0.3).answer(ACCOUNT, Reading({"stored": 31, "counted": None, "visible": None}))

    assert not found.passed
    assert [hop.hop for hop in found.hops if hop.after_ms is None] == ["worker"]


async def test_an_account_has_one_test_under_way_and_all_together_a_few() -> None:
    watched, looks = road(wait_s=0.5), Reading({})
    accounts = [ACCOUNT.model_copy(update={"id": f"a-{number}"}) for number in range(MAX_AT_ONCE + 2)]

    answers: list[Any] = await asyncio.gather(
        watched.answer(accounts[0], looks),
        watched.answer(accounts[0], looks),
        *(watched.answer(one, looks) for one in accounts[1:]),
    )
    again: Any = await watched.answer(accounts[0], looks)

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
