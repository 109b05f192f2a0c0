"""Turns on the gateway's loop: accounts one after another, background work behind them."""

import asyncio
import time
from collections import Counter

from producers.gateway.fair_turns import BACKGROUND_WAIT_S, FairTurns


async def take_turns(turns: FairTurns, account: str, count: int, order: list[str], *, background: bool = False) -> None:
    async def one() -> None:
        async with turns.turn(account, background=background):
            order.append(account)

    await asyncio.gather(*(one() for _ in range(count)))


async def test_a_quiet_account_s_turn_comes_after_one_of_the_noisy_account() -> None:
    turns, order = FairTurns(), list[str]()

    noisy = asyncio.create_task(take_turns(turns, "noisy", 200, order))
    await asyncio.sleep(0)
    await asyncio.gather(noisy, take_turns(turns, "quiet", 3, order), take_turns(turns, "other", 3, order))

    assert Counter(order) == {"noisy": 200, "quiet": 3, "other": 3}
    assert max(position for position, account in enumerate(order) if account == "quiet") <= 10


async def test_background_work_goes_when_nobody_else_waits() -> None:
    turns, order = FairTurns(), list[str]()

    await asyncio.gather(take_turns(turns, "history", 3, order, background=True), take_turns(turns, "live", 50, order))

    assert order[-3:] == ["history"] * 3
    assert order[:50] == ["live"] * 50


async def test_background_work_has_a_share_of_the_time_and_no_more() -> None:
    turns, began_s = FairTurns(background_share=0.25), time.monotonic()
    worked_s = []
    for _ in range(10):
        async with turns.turn("history", background=True):
            turn_s = time.monotonic()
            sum(range(200_000))
            worked_s.append(time.monotonic() - turn_s)

    # A rest of three times the turn before, after each but the last.
    assert time.monotonic() - began_s >= 4 * sum(worked_s[:-1])


async def test_background_work_is_not_kept_waiting_for_ever() -> None:
    turns, order, ended = FairTurns(), list[str](), asyncio.Event()

    async def busy() -> None:
        while not ended.is_set():
            async with turns.turn("live"):
                order.append("live")

    live = [asyncio.create_task(busy()) for _ in range(3)]
    began_s = time.monotonic()
    async with asyncio.timeout(20 * BACKGROUND_WAIT_S):
        await take_turns(turns, "history", 1, order, background=True)
    waited_s = time.monotonic() - began_s
    ended.set()
    await asyncio.gather(*live)

    assert order.index("history") > 10
    assert waited_s >= BACKGROUND_WAIT_S


async def test_who_stops_waiting_is_passed_over() -> None:
    turns, order = FairTurns(), list[str]()

    async def one(account: str) -> None:
        await turns.wait(account, background=False)
        order.append(account)

    tasks = [asyncio.create_task(one(account)) for account in "abc"]
    # All of them have asked, and one has had its turn.
    await asyncio.sleep(0)
    assert order == ["a"]
    tasks[1].cancel()

    async with asyncio.timeout(5):
        await asyncio.wait(tasks)

    assert order == ["a", "c"]
