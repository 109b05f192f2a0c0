"""How much one account may ask at a time, and answers remembered for a retry."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from producers.gateway.responses import HttpAnswer, problem

MAX_IDEMPOTENCY_KEY_CHARS = 255


class RateLimit:
    """Requests per second and account; a second's worth may come at once (generic cell rate algorithm, ITU-T I.371)."""

    def __init__(self, per_s: int) -> None:
        self._gap_s = 1 / per_s
        self._due_s: dict[str, float] = {}

    def wait_s(self, account_id: str, now_s: float) -> float:
        """Count a request and return 0, or return how long to wait and count nothing."""
        due = max(self._due_s.get(account_id, 0.0), now_s)
        if due - now_s > 1.0:
            return due - now_s - 1.0 + self._gap_s
        self._due_s[account_id] = due + self._gap_s
        return 0.0


@dataclass(frozen=True, slots=True)
class _FirstAnswer:
    digest: bytes
    answer: "asyncio.Future[HttpAnswer | None]"
    until_s: float


class IdempotencyKeys:
    """First answers by account and `Idempotency-Key`, bounded in number and time.

    A retry that comes while the first is under way waits for it. An answer that is not a 200 is not kept.
    """

    def __init__(self, *, max_keys: int, keep_s: float) -> None:
        self._max_keys = max_keys
        self._keep_s = keep_s
        self._answers: OrderedDict[tuple[str, str], _FirstAnswer] = OrderedDict()

    async def claim(self, account_id: str, key: str, digest: bytes, now_s: float) -> HttpAnswer | None:
        """Return what the request with body *digest* is answered under *key*: its first answer, or a 409.

        None where the key was free: it is this request's now, until `end`.
        """
        while (first := self._find(account_id, key, now_s)) is not None:
            if first.digest != digest:
                return problem(409, "this Idempotency-Key came with another body before; use a new key for a new body")
            if (answer := await asyncio.shield(first.answer)) is not None:
                return answer
        self._begin(account_id, key, digest, now_s)
        return None

    def _find(self, account_id: str, key: str, now_s: float) -> _FirstAnswer | None:
        while self._answers and next(iter(self._answers.values())).until_s <= now_s:
            self._answers.popitem(last=False)
        return self._answers.get((account_id, key))

    def _begin(self, account_id: str, key: str, digest: bytes, now_s: float) -> None:
        if len(self._answers) >= self._max_keys:
            self._answers.popitem(last=False)
        future = asyncio.get_running_loop().create_future()
        self._answers[account_id, key] = _FirstAnswer(digest, future, now_s + self._keep_s)

    def end(self, account_id: str, key: str, answer: HttpAnswer | None) -> None:
        """Keep *answer*; None frees the key for another try."""
        first = self._answers.get((account_id, key))
        if first is None:
            return
        if answer is None:
            del self._answers[account_id, key]
        if not first.answer.done():
            first.answer.set_result(answer)
