"""Counts refunds that came before their order, once that is known: kept rejects that are judged once more (ADR 16)."""

import asyncio
import random
import time

from producers.gateway.replayer import Replayer
from producers.orders.ledger import DueRefund, FactKey, OrderLedger, dealt_with_effect
from producers.publisher import Publisher
from runtime.clock import Clock
from runtime.errors import RetryableError, UnavailableError
from runtime.logging import get_logger

log = get_logger(__name__)

ASKED_BY = "order"
"""Who asked for such a replay, in the place of an operator's key."""
EVERY_S = 1.0
MOST_AT_ONCE = 500
# A gateway that has only read of the order leaves the refund to the one that took it in, which may be gone. That all
# the others wait differently long spares them doing it twice, which would do no harm.
LEAVE_S = (3.0, 8.0)


class WaitingRefunds:
    """Replays what is due; a refund waits until its replay is answered, so one that fails is tried again."""

    def __init__(self, orders: OrderLedger, replayer: Replayer, publisher: Publisher, clock: Clock) -> None:
        self._orders = orders
        self._replayer = replayer
        self._publisher = publisher
        self._clock = clock
        self._leave_s = random.uniform(*LEAVE_S)  # noqa: S311 - no secret
        self._seen_s: dict[FactKey, float] = {}

    async def run(self) -> None:
        """Count what becomes due, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.count_due(time.monotonic())
            except (RetryableError, UnavailableError) as error:
                log.warning("refunds that waited for their order are tried again", cause=str(error))
            except Exception:
                # Outermost loop of the task: the log has the trace, and what is due stays due.
                log.exception("refunds that waited for their order could not be counted and are tried again")

    async def count_due(self, now_s: float) -> int:
        """Replay what is due at *now_s* (monotonic); return how many. Raises what `Replayer.replay` raises."""
        due = self._due(now_s)
        if not due:
            return 0
        await self._replayer.replay([item.line for item in due], asked_by=ASKED_BY, dry_run=False)
        # Whatever became of them: what is rejected again, for another reason, is an operator's to look at.
        received_ms = self._clock.now_ms()
        ended = [(item.key, self._publisher.publish_effect(dealt_with_effect(item.key), received_ms)) for item in due]
        for key, acknowledged in ended:
            if await acknowledged:
                self._orders.wait_no_more(key)
        return len(due)

    def _due(self, now_s: float) -> list[DueRefund]:
        found = self._orders.due()
        self._seen_s = {item.key: self._seen_s.get(item.key, now_s) for item in found}
        mine = [item for item in found if item.here or now_s - self._seen_s[item.key] >= self._leave_s]
        return mine[:MOST_AT_ONCE]
