"""The one way a test waits for what another thread or process does: look, again and again, until a deadline.

Nothing else in `tests/` sleeps (a house test holds it). Where the clock is a test's own, it is moved instead.
"""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

SOON_S = 20.0
"""How long something may take that is done at once on a machine with nothing else to do."""
EVERY_S = 0.05
"""The pause between two looks, in seconds."""

_UNTRUE = tenacity.retry_if_not_result(bool)

Found = TypeVar("Found")


def wait_until(
    look: Callable[[], Found],
    within_s: float = SOON_S,
    otherwise: str | Callable[[], object] = "it did not come about",
    *,
    every_s: float = EVERY_S,
) -> Found:
    """Call *look* until what it returns is true, and return that.

    Raises `AssertionError` with *otherwise* (a text, or what is asked for one at that time) after *within_s*.
    What *look* raises is raised at once.
    """
    try:
        return tenacity.Retrying(
            retry=_UNTRUE, stop=tenacity.stop_after_delay(within_s), wait=tenacity.wait_fixed(every_s)
        )(look)
    except tenacity.RetryError:
        raise AssertionError(_told(otherwise, within_s)) from None


async def wait_until_in_loop(
    look: Callable[[], Found],
    within_s: float = SOON_S,
    otherwise: str | Callable[[], object] = "it did not come about",
    *,
    every_s: float = EVERY_S,
) -> Found:
    """As `wait_until`, and let the event loop go on meanwhile; *look* is no coroutine."""

    async def looked() -> Found:
        return look()

    return await wait_until_answered(looked, within_s, otherwise, every_s=every_s)


async def wait_until_answered(
    ask: Callable[[], Awaitable[Found]],
    within_s: float = SOON_S,
    otherwise: str | Callable[[], object] = "it did not come about",
    *,
    every_s: float = EVERY_S,
) -> Found:
    """As `wait_until`, for an *ask* that is awaited."""
    try:
        return await tenacity.AsyncRetrying(
            retry=_UNTRUE, stop=tenacity.stop_after_delay(within_s), wait=tenacity.wait_fixed(every_s)
        )(ask)
    except tenacity.RetryError:
        raise AssertionError(_told(otherwise, within_s)) from None


def wait_until_equal(read: Callable[[], Found], wanted: Found, within_s: float = SOON_S) -> None:
    """Read until *wanted* is what is read; fail with what was read last."""
    last: list[Found] = []

    def equal() -> bool:
        last[:] = [read()]
        return last[0] == wanted

    wait_until(equal, within_s, lambda: f"{last[0]!r} is not {wanted!r}")


def let_pass(seconds: float) -> None:
    """Let *seconds* go by, where what is tested is how long something lasts and the clock is another process's."""
    ends_at = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= ends_at, 10 * seconds + SOON_S, "time does not pass")


def _told(otherwise: str | Callable[[], object], within_s: float) -> str:
    words = otherwise if isinstance(otherwise, str) else otherwise()
    return f"{words}: not within {within_s:g} s"
