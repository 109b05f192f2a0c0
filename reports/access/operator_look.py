"""The operator's look at the road: store, broker and sums at once, looked up by one of those who look, for all."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from reports.access.road_sources import BrokerReading
from reports.queries.account_model import told, told_or_none
from reports.queries.operator_hops import GroupMovement, HopSources, first_broken, judge_hops
from reports.queries.operator_model import OperatorRoad, SumsReading
from reports.queries.operator_road import StoreReading, store_reading
from runtime.bounded_reading import BoundedReading
from runtime.clickhouse import ClickHouseError
from runtime.errors import PipelineError

if TYPE_CHECKING:
    from reports.service import ReadService

Found = TypeVar("Found")
SHARE = 0.05
"""The store's part of a look may take this share of the time."""
STILL = (0.0, None)


class OperatorLook:
    """The latest look, at most `ops_every_s` old; a source that does not answer is named in it."""

    def __init__(self) -> None:
        self._worker, self._sink = GroupMovement(), GroupMovement()
        self._lock = asyncio.Lock()
        self._latest: OperatorRoad | None = None
        self._due_s = 0.0
        self._took_s = 0.0
        self._store: BoundedReading[StoreReading] | None = None

    async def road(self, service: "ReadService") -> OperatorRoad:
        """Return the road as it was last looked up. A source's fault is told in it, and never raised."""
        async with self._lock:
            began_s = time.monotonic()
            if self._latest is None or began_s >= self._due_s:
                self._latest = await self._look(service)
                self._due_s = began_s + max(service.settings.report.ops_every_s, self._took_s / SHARE)
            return self._latest

    async def _look(self, service: "ReadService") -> OperatorRoad:
        sources, epoch = service.road_sources, service.directory().epoch
        (store, store_why), (broker, broker_why), (sums, sums_why) = await asyncio.gather(
            _asked(self._read_store(service), service),
            _asked(sources.broker(epoch.number if epoch else 1), service) if sources else _nobody_asks(BrokerReading),
            _asked(sources.sums(), service) if sources else _nobody_asks(SumsReading),
        )
        now_s = time.monotonic()
        known = sums or SumsReading(why=sums_why)
        hops = judge_hops(
            HopSources(
                now_ms=service.clock.now_ms(),
                store=store,
                store_why=store_why,
                broker=broker,
                broker_why=broker_why,
                worker_moved=self._worker.look(broker.worker, now_s) if broker else STILL,
                sink_moved=self._sink.look(broker.sink, now_s) if broker else STILL,
                differences=known.differences,
            )
        )
        first = first_broken(hops)
        return OperatorRoad(
            at=told(service.clock.now_ms()),
            ok=first is None and known.closed is not False and not known.differences,
            first_broken=first,
            complete_until=told_or_none(store.complete_until_ms) if store else None,
            store_why=store_why,
            sums=known,
            hops=hops,
            accounts=store.accounts if store else [],
            products=store.products if store else [],
        )

    async def _read_store(self, service: "ReadService") -> StoreReading:
        if self._store is None:
            timeout_s = service.settings.report.ops_timeout_s
            self._store = BoundedReading(lambda: service.run_query(store_reading), timeout_s)
        began_s = time.monotonic()
        found = await self._store.read()
        self._took_s = time.monotonic() - began_s
        return found


async def _asked(answer: Awaitable[Found], service: "ReadService") -> tuple[Found | None, str]:
    """Return the answer and '', or None and why there is none."""
    try:
        return await answer, ""
    except TimeoutError:
        return None, f"no answer within {service.settings.report.ops_timeout_s:g} s"
    except ClickHouseError as error:
        return None, service.clickhouse.explain(error)
    except PipelineError as error:
        # Too busy, or what a source says of itself.
        return None, str(error)


async def _nobody_asks(_: type[Found]) -> tuple[Found | None, str]:
    return None, ""
