"""Posts a request until it has a final answer: what every sender here does about 429, 503 and broken connections."""

import asyncio
import email.utils
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    RetryError,
    retry_if_result,
    stop_before_delay,
    wait_random_exponential,
)

# Too many, overloaded, and what a proxy says of a server that starts or drains.
PASSING = frozenset({429, 502, 503, 504})
# Longer than any pause the server asks for; a larger wish is a mistake or malice.
MAX_WAIT_S = 60.0
_BACKOFF = wait_random_exponential(multiplier=0.2, max=10.0)


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as it leaves; made anew for each attempt, since some headers hold the time."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class FinalReply:
    """The last answer to a request. `status` 0: none came, and `error` says why."""

    status: int
    body: bytes = b""
    attempts: int = 1
    error: str = ""
    retry_after_s: float | None = None
    sent_ms: int = 0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When an answer is worth another try, and for how long in all."""

    give_up_s: float = 60.0
    is_passing: Callable[[FinalReply], bool] = lambda reply: reply.status in PASSING
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


async def send_with_retries(
    client: httpx.AsyncClient, make: Callable[[], WireRequest], policy: RetryPolicy
) -> FinalReply:
    """Return the final answer, or the last one where the next try would come after `give_up_s`.

    429, 502, 503, 504 and connections that fail are tried again, with the same body: a retry of the same event ids is
    harmless. `Retry-After` is honoured, else the pause grows at random.
    """
    attempts = 0

    async def once() -> FinalReply:
        nonlocal attempts
        attempts += 1
        return await _post(client, make(), attempts)

    retrying = AsyncRetrying(
        retry=retry_if_result(lambda reply: reply.status == 0 or policy.is_passing(reply)),
        wait=_pause_s,
        stop=stop_before_delay(policy.give_up_s),
        sleep=policy.sleep,
    )
    try:
        return await retrying(once)
    except RetryError as error:
        last: FinalReply = error.last_attempt.result()
        return last


async def _post(client: httpx.AsyncClient, wire: WireRequest, attempt: int) -> FinalReply:
    sent_ms = time.time_ns() // 1_000_000
    try:
        answer = await client.request(wire.method, wire.url, content=wire.body, headers=wire.headers)
    except httpx.TransportError as error:
        # Names what failed (refused, reset, timed out); the text of some of them is empty.
        return FinalReply(0, attempts=attempt, error=f"{type(error).__name__} {error}".strip(), sent_ms=sent_ms)
    return FinalReply(
        status=answer.status_code,
        body=answer.content,
        attempts=attempt,
        retry_after_s=retry_after_s(answer.headers.get("retry-after", ""), now_s=time.time()),
        sent_ms=sent_ms,
    )


def retry_after_s(text: str, *, now_s: float) -> float | None:
    """Return the pause in seconds that a `Retry-After` asks for, in either form of RFC 9110; None where it is none."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now_s)
    except (ValueError, TypeError):
        return None


def _pause_s(state: RetryCallState) -> float:
    reply: FinalReply | None = state.outcome.result() if state.outcome else None
    if reply is None or reply.retry_after_s is None:
        return _BACKOFF(state)
    # A little over, so that many who were told the same second do not return as one.
    return min(MAX_WAIT_S, reply.retry_after_s) + _BACKOFF(state) * 0.1
