"""A broker that says what a test lets it say, beside the sums of a store as they are: for the operator's page."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from avenue.serve.road_sources import sums_reading
from reports.access.road_sources import BrokerReading, GroupPosition, SourceSilentError
from reports.queries.operator_model import SumsReading
from runtime.clickhouse import ClickHouse
from sinks.reconciliation.reconcile import standing_sums

WELL = GroupPosition(members=1, committed=7, lag_records=0, oldest_ms=None)


@dataclass
class StatedSources:
    """Says what it is told to of the broker, and takes the sums of the store that it is given, as of *now_ms*."""

    clickhouse: ClickHouse
    now_ms: int
    said: BrokerReading | None = field(default_factory=lambda: BrokerReading(60.0, 0, WELL, WELL))
    asked: int = 0

    async def broker(self, epoch: int) -> BrokerReading:
        """Return what was said, or what says that there is nothing."""
        self.asked += 1
        if self.said is None:
            raise SourceSilentError(f"nobody listens in epoch {epoch}")
        return self.said

    async def sums(self) -> SumsReading:
        """Return the sums as they are."""
        return sums_reading(standing_sums(self.clickhouse), datetime.fromtimestamp(self.now_ms / 1000, UTC))
