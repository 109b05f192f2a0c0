"""What the operator's page asks beside the read side's store: Kafka's log and groups, and the conservation sums."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from avenue.serve.group_positions import BrokerLook
from reports.access.road_sources import BrokerReading, SourceSilentError
from reports.queries.operator_model import NextStep, OpenSum, SumName, SumsReading, SumTotal
from runtime.bounded_reading import BoundedReading
from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.errors import PipelineError
from runtime.kafka import KafkaError
from runtime.settings import Settings
from sinks.reconciliation.conservation import SLUGS, BalanceCheck
from sinks.reconciliation.reconcile import StandingSums, standing_sums

SHARE = 0.02
"""Taking the sums may use this share of the time, as with the sink's own."""
OPEN_LISTED = 10
GAP, DIFFERS = NextStep("avenue reconcile", "ConservationGap"), NextStep("avenue reconcile", "ReconcileDifference")


class LiveRoadSources:
    """Asks each in a thread of its own, so that one that hangs keeps nobody else waiting."""

    def __init__(self, settings: Settings, clickhouse: ClickHouse) -> None:
        self._timeout_s = settings.report.ops_timeout_s
        self._every_s = settings.sink.sums_every_s
        self._clickhouse = clickhouse
        self._look = BrokerLook(settings, timeout_s=self._timeout_s)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="operator-look")
        self._epoch = 1
        self._broker = BoundedReading(self._ask_broker, self._timeout_s)
        self._taking = BoundedReading(self._take_sums, self._timeout_s)
        self._sums: SumsReading | None = None
        self._due_s = 0.0

    async def broker(self, epoch: int) -> BrokerReading:
        """Return where the log and its readers are. Raises `SourceSilentError`."""
        self._epoch = epoch
        try:
            return await self._broker.read()
        except TimeoutError as error:
            raise SourceSilentError(f"Kafka gives no answer within {self._timeout_s:g} s") from error
        except (PipelineError, KafkaError) as error:
            raise SourceSilentError(str(error)) from error

    async def sums(self) -> SumsReading:
        """Return the sums as they were last taken. Raises `SourceSilentError` where they never were."""
        if time.monotonic() >= self._due_s:
            try:
                self._sums = await self._taking.read()
            except TimeoutError:
                pass  # they are being taken, and are told at a later look
            except ClickHouseError as error:
                self._sums = None
                raise SourceSilentError(self._clickhouse.explain(error)) from error
        if self._sums is None:
            raise SourceSilentError("the sums are being taken; they cost a reading of the whole store")
        return self._sums

    def close(self) -> None:
        """Ask no more."""
        self._threads.shutdown(cancel_futures=True)
        self._look.close()

    async def _ask_broker(self) -> BrokerReading:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._look.read, self._epoch)

    async def _take_sums(self) -> SumsReading:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, standing_sums, self._clickhouse)
        self._due_s = time.monotonic() + max(self._every_s, found.seconds / SHARE)
        self._sums = sums_reading(found, datetime.now(UTC))
        return self._sums


def sums_reading(found: StandingSums, at: datetime) -> SumsReading:
    """Return *found* as an operator is told it: each sum over all, and where gaps are largest."""
    by_name: defaultdict[str, list[BalanceCheck]] = defaultdict(list)
    for item in found.sums:
        by_name[SLUGS[item.name]].append(item)
    still_open = sorted((item for item in found.sums if not item.closed), key=lambda item: -abs(item.gap))
    return SumsReading(
        at=at,
        closed=not still_open,
        differences=found.differences,
        sums=[_total(slug, by_name[slug]) for slug in SLUGS.values()],
        open=[
            OpenSum(SLUGS[item.name], item.account, item.source, item.left, item.right, item.gap)  # type: ignore[arg-type] # a slug is a name of a sum
            for item in still_open[:OPEN_LISTED]
        ],
        next_step=GAP if still_open else DIFFERS if found.differences else None,
    )


def _total(slug: str, items: Iterable[BalanceCheck]) -> SumTotal:
    parts = list(items)
    left, right, in_flight = (sum(getattr(one, side) for one in parts) for side in ("left", "right", "in_flight"))
    name: SumName = slug  # type: ignore[assignment] # as above
    return SumTotal(name, left, right, in_flight, all(one.closed for one in parts))
