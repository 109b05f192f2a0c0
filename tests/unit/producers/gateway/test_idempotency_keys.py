"""First answers by `Idempotency-Key`: bounded in number and time, and whoever waits for one is always told."""

import asyncio

import pytest

from producers.gateway.idempotency import ClaimedKey, IdempotencyKeys
from producers.gateway.responses import HttpAnswer

ANSWER = HttpAnswer(200, b"{}")


class MovedClock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def claimed(keys: IdempotencyKeys, key: str, digest: bytes = b"1") -> ClaimedKey:
    found = await keys.claim("a", key, digest)
    assert isinstance(found, ClaimedKey)
    return found


async def waiter(keys: IdempotencyKeys, key: str) -> "asyncio.Task[HttpAnswer | ClaimedKey]":
    """Return another request of the same body, which waits for the first by now."""
    task = asyncio.create_task(keys.claim("a", key, b"1"))
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_an_answer_is_kept_for_its_time_and_no_longer() -> None:
    clock = MovedClock()
    keys = IdempotencyKeys(max_keys=10, keep_s=60, clock=clock)
    keys.end("a", "k", await claimed(keys, "k"), ANSWER)

    clock.now_s += 59
    within = await keys.claim("a", "k", b"1")
    clock.now_s += 2

    assert within == ANSWER
    await claimed(keys, "k", b"another body")


async def test_another_body_under_a_key_is_refused() -> None:
    keys = IdempotencyKeys(max_keys=10, keep_s=60)
    await claimed(keys, "k", b"1")

    other = await keys.claim("a", "k", b"2")

    assert isinstance(other, HttpAnswer)
    assert other.status == 409
    assert isinstance(await keys.claim("b", "k", b"2"), ClaimedKey), "another account's key is another key"


async def test_an_answer_that_is_not_kept_lets_the_next_in_line_try() -> None:
    keys = IdempotencyKeys(max_keys=10, keep_s=60)
    first, second = await claimed(keys, "k"), await waiter(keys, "k")

    keys.end("a", "k", first, None)

    assert isinstance(await second, ClaimedKey)


@pytest.mark.timeout(20)
async def test_who_waits_under_a_key_that_was_pushed_out_meanwhile_is_told_all_the_same() -> None:
    keys = IdempotencyKeys(max_keys=1, keep_s=60)
    first, second = await claimed(keys, "first"), await waiter(keys, "first")
    other = await claimed(keys, "second")

    keys.end("a", "first", first, ANSWER)

    assert await second == ANSWER
    assert not other.answer.done(), "a key's end touches no other"


async def test_a_key_that_was_claimed_anew_is_not_freed_by_its_first_request() -> None:
    clock = MovedClock()
    keys = IdempotencyKeys(max_keys=10, keep_s=60, clock=clock)
    slow = await claimed(keys, "k")
    clock.now_s += 61
    again = await claimed(keys, "k")
    third = await waiter(keys, "k")

    keys.end("a", "k", slow, None)
    keys.end("a", "k", again, ANSWER)

    assert await third == ANSWER
