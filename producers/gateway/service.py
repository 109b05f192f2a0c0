"""The gateway put together: what `avenue gateway` and the embedded server start and stop."""

import asyncio
import os
from collections.abc import Sequence

from producers.consent.ledger import ConsentLedger
from producers.consent.topic import ConsentLog
from producers.gateway.calls import RefusalLog
from producers.gateway.fair_turns import FairTurns
from producers.gateway.pipeline import IngestDeps, PipelineDeps, PushPipeline, RequestIngestor
from producers.gateway.push_tester import PushTester
from producers.gateway.replayer import Replayer, ReplayerDeps
from producers.gateway.waiting_refunds import WaitingRefunds
from producers.orders.ledger import OrderLedger
from producers.orders.topic import OrderLog
from producers.publisher import Publisher, RecordSettled
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.pseudonym_cache import PseudonymCache
from producers.validation.validator import RequestCaches
from registry.audit_topic import AuditWriter, MemoryAudit
from registry.directory import Directory
from registry.follower import RegistryFollower
from registry.hash_keys import HashKeyFollower
from registry.key_retention import KeyRetention
from registry.pseudonyms import Pseudonyms
from registry.secret_uses import SecretUses
from registry.secrets import SECRETS, SecretResolver
from runtime.clock import Clock, SystemClock
from runtime.health import Health
from runtime.logging import get_logger
from runtime.settings import GatewaySettings, Settings

log = get_logger(__name__)

_START_TIMEOUT_S = 30.0
# Half a million records, one by one.
_ORDERS_TIMEOUT_S = 120.0
_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000


def settle_with(duplicates: DuplicateWindow, clock: Clock) -> RecordSettled:
    """Return what the publisher tells of each record: the window learns which ids the broker has."""

    def settle(account_id: str, ids: Sequence[str], acknowledged: bool) -> None:  # noqa: FBT001 - the publisher's word
        duplicates.settle(account_id, ids, acknowledged=acknowledged, now_ms=clock.now_ms())

    return settle


class GatewayService:
    """The gateway's parts and their lives."""

    def __init__(
        self,
        settings: Settings,
        follower: RegistryFollower,
        *,
        clock: Clock | None = None,
        audit: AuditWriter | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self.audit = audit or MemoryAudit()
        """Where is noted who asked for a replay."""
        limits = settings.gateway
        self._follower = follower
        self._hash_keys = HashKeyFollower(settings)
        self._key_retention = KeyRetention(settings, lambda: follower.directory, clock)
        self._consent = ConsentLedger(max_subjects=limits.consent_subjects)
        self._consent_log = ConsentLog(settings.kafka, self._consent)
        self._orders = OrderLedger(max_orders=limits.orders, max_waiting=limits.waiting_refunds)
        self._order_log = OrderLog(settings.kafka, self._orders, last=limits.orders)
        self._secrets = SecretResolver(os.environ, clock)
        follower.subscribe(self._check_secrets)
        duplicates = DuplicateWindow(
            keep_ms=limits.duplicate_window_hours * _HOUR_MS, max_ids=limits.duplicate_window_ids
        )
        self._publisher = Publisher(settings.kafka, limits, finished=settle_with(duplicates, clock))
        ingestor = RequestIngestor(
            IngestDeps(
                limits=limits,
                directory=lambda: follower.directory,
                duplicates=duplicates,
                consent=self._consent,
                orders=self._orders,
                pseudonyms=Pseudonyms(self._hash_keys),
                publisher=self._publisher,
                clock=clock,
                caches=RequestCaches(
                    PseudonymCache(keep_ms=limits.recent_minutes * _MINUTE_MS, max_texts=limits.recent_texts)
                ),
                turns=FairTurns(limits.background_share),
            )
        )
        self._refusals = RefusalLog(self._publisher, clock)
        self.pipeline = self._make_pipeline(limits, ingestor, clock)
        self.replayer = Replayer(ReplayerDeps(limits, lambda: follower.directory, ingestor, clock))
        self.tester = PushTester(lambda: follower.directory, self._secrets.secrets_for, ingestor, clock)
        self._waiting_refunds = WaitingRefunds(self._orders, self.replayer, self._publisher, clock)
        self._running: list[asyncio.Task[None]] = []
        self._started = False

    def _make_pipeline(self, limits: GatewaySettings, ingestor: RequestIngestor, clock: Clock) -> PushPipeline:
        return PushPipeline(
            PipelineDeps(
                limits=limits,
                directory=lambda: self._follower.directory,
                secrets_for=self._secrets.secrets_for,
                ingestor=ingestor,
                clock=clock,
                refusals=self._refusals,
                note_secret=SecretUses(self._secrets, lambda: self._follower.directory.uses).note,
            )
        )

    async def start(self) -> None:
        """Read hash keys, consent and orders, connect to the broker. Raises `PipelineError` where that fails.

        With another master key than the one of the hash keys it does not start: what has no subject would be taken.
        """
        await asyncio.to_thread(self._hash_keys.start, _START_TIMEOUT_S)
        self._hash_keys.refuse_another_master()
        self._key_retention.start()
        await asyncio.to_thread(self._consent_log.start, _START_TIMEOUT_S)
        await asyncio.to_thread(self._order_log.start, _ORDERS_TIMEOUT_S)
        await self._publisher.start()
        # The follower may have read the registry before it had a subscriber.
        await asyncio.to_thread(self._check_secrets, self._follower.directory)
        self._running = [asyncio.create_task(part.run()) for part in (self._waiting_refunds, self._refusals)]
        self._started = True

    async def stop(self) -> None:
        """Finish what was taken in, then let go."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
            self._refusals.flush()
        await self._publisher.stop()
        await asyncio.to_thread(self._order_log.stop)
        await asyncio.to_thread(self._consent_log.stop)
        await asyncio.to_thread(self._key_retention.stop)
        await asyncio.to_thread(self._hash_keys.stop)

    def watch(self, health: Health) -> None:
        """Register the gateway's dependencies."""
        health.watch("gateway-kafka", self._problem_of_kafka)
        health.watch("gateway-hash-keys", self._hash_keys.problem)
        health.watch("gateway-consent", self._consent_log.problem)
        health.watch("gateway-orders", self._order_log.problem)
        # One account's missing secret must not shut out the others.
        health.advise(SECRETS, lambda: self._check_secrets(self._follower.directory))

    def _problem_of_kafka(self) -> str | None:
        return self._publisher.problem() if self._started else "not connected to the broker yet"

    def _check_secrets(self, directory: Directory) -> str | None:
        """Log which secrets cannot be used when they are applied, and return it; pushes to such a flow are refused."""
        if directory.registry is not None:
            self._secrets.check(directory.registry)
        return self._secrets.problem()
