"""The one way a test waits for what another thread or process does: look, again and again, until a deadline.

Nothing else in `tests/` waits by the clock (`tests/house/test_waiting.py` holds it). Where the clock is the test's own,
it is moved instead.
"""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import tenacity

SOON_S = 30.0
"""How long, in seconds, something may take that is done at once on a machine with nothing else to do."""

_UNTRUE = tenacity.retry_if_not_result(bool)
# Quick for what comes at once, cheap for what takes long: 5 ms between the first two looks, then half as much again.
_PAUSE = tenacity.wait_exponential(multiplier=0.005, exp_base=1.5, max=0.3)

Found = TypeVar("Found")
Words = str | Callable[[], object]


def wait_until(
    look: Callable[[], Found | None], within_s: float = SOON_S, otherwise: Words = "it did not come about"
) -> Found:
    """Call *look* until what it returns is true, and return that.

    Raises `AssertionError` after *within_s* with *otherwise*: a text, or what is asked for one then.
    What *look* raises is raised at once.
    """
    try:
        found = tenacity.Retrying(retry=_UNTRUE, stop=tenacity.stop_after_delay(within_s), wait=_PAUSE)(look)
    except tenacity.RetryError:
        raise AssertionError(_told(otherwise, within_s)) from None
    return cast("Found", found)


async def wait_until_answered(
    ask: Callable[[], Awaitable[Found | None]], within_s: float = SOON_S, otherwise: Words = "it did not come about"
) -> Found:
    """As `wait_until`, for an *ask* that is awaited; the loop goes on meanwhile."""
    try:
        found: Found | None = await tenacity.AsyncRetrying(
            retry=_UNTRUE, stop=tenacity.stop_after_delay(within_s), wait=_PAUSE
        )(ask)
    except tenacity.RetryError:
        raise AssertionError(_told(otherwise, within_s)) from None
    return cast("Found", found)


async def wait_until_in_loop(
    look: Callable[[], Found | None], within_s: float = SOON_S, otherwise: Words = "it did not come about"
) -> Found:
    """As `wait_until`; the event loop goes on meanwhile."""

    async def looked() -> Found | None:
        return look()

    return await wait_until_answered(looked, within_s, otherwise)


def wait_until_equal(read: Callable[[], object], wanted: object, within_s: float = SOON_S) -> None:
    """Read until *wanted* is what is read; fail with what was read last."""
    last: list[object] = [None]

    def equal() -> bool:
        last[0] = read()
        return last[0] == wanted

    wait_until(equal, within_s, lambda: f"{last[0]!r} is not {wanted!r}")


def let_pass(seconds: float, meanwhile: Callable[[], object] | None = None) -> None:
    """Let *seconds* go by and do *meanwhile* again and again, where another process's clock is what is tested."""
    ends_at = time.monotonic() + seconds

    def over() -> bool:
        if meanwhile is not None:
            meanwhile()
        return time.monotonic() >= ends_at

    wait_until(over, 2 * seconds + SOON_S, "time does not pass")


def _told(otherwise: Words, within_s: float) -> str:
    words = otherwise if isinstance(otherwise, str) else otherwise()
    return f"{words}: not within {within_s:g} s"
