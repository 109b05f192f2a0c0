"""Waiting with an end, in one way: what is asked again until it holds, and how the pauses of a retry grow (tenacity).

Loops that must answer to an event meanwhile (a stop, a rebalance, a child that ends) have their own pauses, and say so.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_exponential, wait_fixed

T = TypeVar("T")


def poll_until(ask: Callable[[], T], *, timeout_s: float, every_s: float, is_done: Callable[[T], object] = bool) -> T:
    """Return the first answer of *ask* for which *is_done* holds, or the last one where none came within *timeout_s*.

    It is asked at least once, and *every_s* seconds after each answer that will not do. What it raises ends the wait.
    """
    polling = Retrying(
        retry=retry_if_result(lambda answer: not is_done(answer)),
        stop=stop_after_delay(timeout_s),
        wait=wait_fixed(every_s),
        retry_error_callback=last_result,
    )
    return polling(ask)


def doubling(first_s: float, longest_s: float) -> wait_exponential:
    """Return pauses that begin with *first_s* and double up to *longest_s*, in seconds."""
    return wait_exponential(multiplier=first_s, max=longest_s)


def last_result(state: RetryCallState) -> Any:
    """Return what the last try returned, or raise what it raised: the end of a retry without an error of its own."""
    return state.outcome.result() if state.outcome is not None else None
