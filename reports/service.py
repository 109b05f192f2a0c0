"""What the read side stands on: the wiring that the command line makes and every page and route is given."""

import asyncio
import contextvars
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TypeVar

from registry.audit_topic import AuditWriter, MemoryAudit
from registry.directory import Directory
from reports.access.operator_look import OperatorLook
from reports.access.reader_access import ReaderAccess
from reports.access.replays import AccountReplays, RejectReplayer
from reports.access.road_checks import RoadChecker
from reports.access.road_sources import RoadSources
from reports.notifications.teller import ChannelTeller
from reports.queries.context import QueryContext, RollupCache
from reports.queries.verdict_cache import VerdictBoard, VerdictCache
from runtime.clickhouse import ClickHouse
from runtime.clock import Clock
from runtime.errors import PipelineError
from runtime.settings import Settings

Answer = TypeVar("Answer")

WAITING_PER_THREAD = 16
"""Queries that may wait for each thread: at a second each, a reader would wait no longer than a browser does."""
EXPORT_THREADS = 2
"""Exports at once: one may take minutes, and must not keep the pages waiting."""


class TooBusyError(PipelineError):
    """More questions wait than can be answered soon; ask again after `retry_after_s`."""

    retry_after_s = 2


@dataclass(frozen=True)
class ReadService:
    """The store, the registry in force, the settings and the clock; and the threads that queries run in.

    Threads are few and fixed, since each holds a ClickHouse client of its own. `close` ends them.
    """

    clickhouse: ClickHouse
    directory: Callable[[], Directory]
    settings: Settings
    clock: Clock
    session_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """Signs the dashboard's cookies; where several processes serve one address, all must be given the same."""
    access: ReaderAccess = field(default_factory=ReaderAccess, repr=False)
    """Sessions that have ended, and share links; where several processes serve one address, they tell each other."""
    audit: AuditWriter = field(default_factory=MemoryAudit, repr=False)
    """Where is noted who read what."""
    exports_running: list[int] = field(default_factory=lambda: [0], repr=False)
    """One number, of exports running or waiting; touched in the event loop only."""
    rollup_cache: RollupCache = field(default_factory=RollupCache, repr=False)
    """What all answers know of summed days."""
    verdict_cache: VerdictCache = field(default_factory=VerdictCache, repr=False)
    """What all answers have worked out of verdicts."""
    verdict_board: VerdictBoard = field(default_factory=VerdictBoard, repr=False)
    """The latest verdict of each trial, for lists."""
    replayer: RejectReplayer | None = field(default=None, repr=False)
    """The gateway beside this read side, which judges kept rejects once more; None where another process is it."""
    road: RoadChecker | None = field(default=None, repr=False)
    """The same gateway, which sends test events down the road; likewise."""
    road_sources: RoadSources | None = field(default=None, repr=False)
    """Broker and conservation sums, for the operator's page; None where this process asks neither."""
    operator_look: OperatorLook = field(default_factory=OperatorLook, repr=False)
    """What that page and its JSON were last told, by both alike."""
    teller: ChannelTeller | None = field(default=None, repr=False)
    """Who tells the registry's channels; None where this process tells nobody."""
    replays: AccountReplays = field(default_factory=AccountReplays, repr=False)
    """The replays of accounts' rejects that are under way."""
    _waiting: list[int] = field(default_factory=lambda: [0], repr=False)

    @cached_property
    def query_threads(self) -> ThreadPoolExecutor:
        """The threads of queries."""
        return ThreadPoolExecutor(self.settings.report.queries, thread_name_prefix="reports-query")

    @cached_property
    def export_threads(self) -> ThreadPoolExecutor:
        """The threads of exports."""
        return ThreadPoolExecutor(EXPORT_THREADS, thread_name_prefix="reports-export")

    def context(self) -> QueryContext:
        """Return what one answer stands on; to be called in the query thread, whose client it holds."""
        return QueryContext(
            client=self.clickhouse.reader(),
            directory=self.directory(),
            now_ms=self.clock.now_ms(),
            max_points=self.settings.report.max_points,
            smallest_group=self.settings.report.smallest_group,
            rollup_cache=self.rollup_cache,
            verdict_cache=self.verdict_cache,
            verdict_board=self.verdict_board,
        )

    async def run_query(self, question: Callable[[QueryContext], Answer]) -> Answer:
        """Run *question* in a query thread with a context of its own.

        Raises `TooBusyError` where too many wait already, and whatever *question* raises.
        """
        if self._waiting[0] >= self.settings.report.queries * (1 + WAITING_PER_THREAD):
            raise TooBusyError("too many questions wait")
        self._waiting[0] += 1
        try:
            run = partial(contextvars.copy_context().run, lambda: question(self.context()))
            return await asyncio.get_running_loop().run_in_executor(self.query_threads, run)
        finally:
            self._waiting[0] -= 1

    def close(self) -> None:
        """End the threads, after what they are doing."""
        self.query_threads.shutdown(cancel_futures=True)
        self.export_threads.shutdown(cancel_futures=True)
