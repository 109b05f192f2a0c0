"""Answers remembered for a retry under the same `Idempotency-Key`."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TTLCache

from producers.gateway.responses import HttpAnswer, problem

MAX_IDEMPOTENCY_KEY_CHARS = 255


@dataclass(frozen=True, slots=True)
class ClaimedKey:
    """A key that is a request's until `IdempotencyKeys.end`; `digest` is of its body."""

    digest: bytes
    answer: "asyncio.Future[HttpAnswer | None]"
    """What the request comes to; None where another may try."""


class IdempotencyKeys:
    """First answers by account and `Idempotency-Key`, bounded in number and time.

    A retry that comes while the first is under way waits for it. An answer that is not a 200 is not kept.
    """

    def __init__(self, *, max_keys: int, keep_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._claimed: TTLCache[tuple[str, str], ClaimedKey] = TTLCache(max_keys, keep_s, timer=clock)

    async def claim(self, account_id: str, key: str, digest: bytes) -> HttpAnswer | ClaimedKey:
        """Return what the request with body *digest* is answered under *key*: its first answer, or a 409.

        Where the key was free it is this request's now, and is returned; `end` has to follow, however it ends.
        """
        while (first := self._claimed.get((account_id, key))) is not None:
            if first.digest != digest:
                return problem(409, "this Idempotency-Key came with another body before; use a new key for a new body")
            if (answer := await asyncio.shield(first.answer)) is not None:
                return answer
        claimed = self._claimed[account_id, key] = ClaimedKey(digest, asyncio.get_running_loop().create_future())
        return claimed

    def end(self, account_id: str, key: str, claimed: ClaimedKey, answer: HttpAnswer | None) -> None:
        """Keep *answer* and tell it to whoever waits for it; None frees the key for another try."""
        if answer is None and self._claimed.get((account_id, key)) is claimed:
            self._claimed.pop((account_id, key), None)
        # Told also where the key was pushed out meanwhile: somebody may wait.
        claimed.answer.set_result(answer)
