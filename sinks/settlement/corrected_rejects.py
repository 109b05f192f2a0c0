"""Closes kept rejects whose event came later, corrected, under the same id."""

from runtime.clickhouse import ClickHouse
from runtime.clock import Clock
from schemas.timing import DAY_MS, MINUTE_MS
from sinks.clickhouse.sql import query

FIRST_LOOK_MS = 7 * DAY_MS
"""As long as the topics are kept: what came while no sink ran is looked at once."""
OVERLAP_MS = 10 * MINUTE_MS
"""Of two looks: events, and the rejects before them, may be stored some time after their receipt, in any order."""


class CorrectedRejects:
    """Belongs to the settler's thread. To look twice is harmless: a closing's key is its reject and its delivery."""

    def __init__(self, clickhouse: ClickHouse, clock: Clock) -> None:
        self._clickhouse = clickhouse
        self._clock = clock
        self._since_ms: int | None = None

    def close(self) -> None:
        """Close what events have come for since the last look."""
        now_ms = self._clock.now_ms()
        since_ms = now_ms - FIRST_LOOK_MS if self._since_ms is None else self._since_ms - OVERLAP_MS
        client = self._clickhouse.writer()
        client.command(query("close_corrected"), parameters={"since_ms": since_ms}, settings={"async_insert": 0})
        self._since_ms = now_ms
