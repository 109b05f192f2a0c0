"""The roles that answer or store, in one process: gateway, sink, reports; one of them, or all three on chDB."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

from avenue.serve.http_server import HttpServer
from avenue.serve.road_sources import LiveRoadSources
from avenue.serve.watched_road import WatchedRoad
from producers.gateway.service import GatewayService
from registry.audit_topic import AuditTopic
from registry.follower import RegistryFollower
from registry.key_uses import KeyUseWriter
from registry.keys import seconds_left
from registry.secrets import SecretResolver
from reports.access.ledger import AccessLedger
from reports.access.reader_access import ReaderAccess
from reports.access.topic import AccessTopic
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import SystemClock
from runtime.codecs import refuse_missing_codecs
from runtime.files import write_private
from runtime.health import Health
from runtime.logging import get_logger
from runtime.metrics import KEYS_END
from runtime.ops_server import OpsServer
from runtime.progress import LoopHeartbeat
from runtime.settings import Settings
from sinks.sink import Sink

if TYPE_CHECKING:
    from reports.notifications.notifier import ChannelNotifier

log = get_logger(__name__)

Role = Literal["gateway", "sink", "reports"]
_FOLLOW_TIMEOUT_S = 60.0
BEAT_S = 1.0
SESSION_SECRET_BYTES = 32
SESSION_SECRET_FILE = "session.key"  # noqa: S105 - a file's name


class ServerRoles:
    """The asked-for roles of one process, from start to drain."""

    def __init__(self, settings: Settings, roles: frozenset[Role]) -> None:
        self._settings = settings
        self._roles = roles
        self._health = Health()
        self._ops = OpsServer(self._health, roles, host=settings.http.ops_host, port=settings.http.ops_port)
        self._follower = RegistryFollower(settings)
        self._key_uses = KeyUseWriter(settings.kafka, self._follower.uses)
        self._clickhouse = ClickHouse.of(settings)
        self._gateway: GatewayService | None = None
        self._road: WatchedRoad | None = None
        self._sink: Sink | None = None
        self._read_service: ReadService | None = None
        self._road_sources: LiveRoadSources | None = None
        self._access_topic: AccessTopic | None = None
        self._notifier: ChannelNotifier | None = None
        self._audit_topic = AuditTopic(settings)
        self._http: HttpServer | None = None

    async def run(self) -> int:
        """Serve until TERM or INT, then drain; return the exit code. Raises `PipelineError` where a part fails."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        # Parts report one after another: the first of them well does not make the whole ready.
        self._health.set("start", "still starting")
        pulse = LoopHeartbeat("the loop that takes pushes has not turned", stuck_s=self._settings.http.stuck_s)
        self._health.watch("loop", pulse.problem)
        beating = asyncio.create_task(_beat(pulse))
        self._ops.start()
        try:
            await self._start()
            # What was imported and built stays to the end, and a request's objects go with it: the collector need
            # neither walk the former again nor look for the latter after every 700.
            gc.collect()
            gc.freeze()
            gc.set_threshold(10_000, 20, 20)
            self._health.set("start", None)
            await stop.wait()
        finally:
            await self._drain()
            beating.cancel()
        return 0

    async def _start(self) -> None:
        # Watched from before its start, which says what it waits for.
        self._health.watch("registry", self._follower.problem)
        await asyncio.to_thread(self._follower.start, _FOLLOW_TIMEOUT_S)
        self._key_uses.start()
        if self._roles & {"gateway", "reports"}:
            self._audit_topic.start()
        KEYS_END.set_function(lambda: seconds_left(self._follower.directory.keys.values(), now=datetime.now(UTC)))
        if "sink" in self._roles:
            self._sink = Sink(self._settings, self._clickhouse, self._follower)
            self._health.watch("sink", self._sink.problem)
            self._sink.start()
        if "gateway" in self._roles:
            self._gateway = GatewayService(self._settings, self._follower, audit=self._audit_topic)
            self._gateway.watch(self._health)
            await self._gateway.start()
            self._road = WatchedRoad(self._gateway.tester)
        if "reports" in self._roles:
            ledger = AccessLedger()
            self._access_topic = AccessTopic(self._settings.kafka, ledger)
            self._health.watch("sessions", self._access_topic.problem)
            await asyncio.to_thread(self._access_topic.start, _FOLLOW_TIMEOUT_S)
            ledger.count_signed_out(SystemClock().now_ms())
            # Of a gateway alone this keeps no push away: only its replays ask for it.
            self._health.watch("audit", self._audit_topic.problem)
            self._read_service = self._telling(self._make_read_service(ledger, self._access_topic))
        if self._gateway is not None or self._read_service is not None:
            self._listen()

    def _make_read_service(self, ledger: AccessLedger, writer: AccessTopic) -> ReadService:
        self._road_sources = LiveRoadSources(self._settings, self._clickhouse)
        return ReadService(
            clickhouse=self._clickhouse,
            directory=lambda: self._follower.directory.for_readers,
            settings=self._settings,
            clock=SystemClock(),
            session_secret=_session_secret(self._settings),
            audit=self._audit_topic,
            replayer=None if self._gateway is None else self._gateway.replayer,
            road=self._road,
            road_sources=self._road_sources,
            access=ReaderAccess(ledger, writer, max_ended=self._settings.report.ended_sessions),
        )

    def _telling(self, read_service: ReadService) -> ReadService:
        """Tell the registry's channels from this process (of several that do, one tells each message)."""
        from reports.notifications.delivery import deliver
        from reports.notifications.log import KafkaNotificationLog
        from reports.notifications.notifier import ChannelNotifier, NotifierDeps

        deps = NotifierDeps(
            service=read_service,
            log=KafkaNotificationLog(self._settings),
            secrets=SecretResolver(os.environ),
            deliver=partial(deliver, settings=self._settings.notification),
        )
        self._notifier = ChannelNotifier(deps)
        self._notifier.start()
        return replace(read_service, teller=self._notifier)

    def _listen(self) -> None:
        from avenue.serve.application import http_application

        app = http_application(
            self._settings,
            lambda: self._follower.directory,
            gateway=self._gateway,
            read_service=self._read_service,
            road=self._road,
        )
        self._http = HttpServer(app, host=self._settings.http.host, port=self._settings.http.port)
        self._health.watch("http", self._http.problem)
        self._http.start()

    def _close_reading(self, read_service: ReadService) -> None:
        read_service.close()
        if self._road_sources is not None:
            self._road_sources.close()

    async def _drain(self) -> None:
        """Stop in the order of the road: nothing new in, what is in goes through, then let go."""
        if self._http is not None:
            await self._http.stop()
        if self._gateway is not None:
            await self._gateway.stop()
        if self._sink is not None:
            await asyncio.to_thread(self._sink.stop, drain=True)
        if self._notifier is not None:
            await asyncio.to_thread(self._notifier.stop)
        if self._read_service is not None:
            await asyncio.to_thread(self._close_reading, self._read_service)
        await asyncio.to_thread(self._audit_topic.stop)
        if self._access_topic is not None:
            await asyncio.to_thread(self._access_topic.stop)
        await asyncio.to_thread(self._key_uses.stop)
        await asyncio.to_thread(self._follower.stop)
        self._clickhouse.close()
        self._ops.stop()


async def _beat(pulse: LoopHeartbeat) -> None:
    while True:
        pulse.beat()
        await asyncio.sleep(BEAT_S)


def _session_secret(settings: Settings) -> bytes:
    """Return the key that signs sessions: kept in the home folder, so that a restart signs nobody out."""
    path = settings.home / SESSION_SECRET_FILE
    if not path.exists() or not path.stat().st_size:
        # Whole or not at all: anybody could sign with an empty key, which is what a full disk would leave.
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, os.urandom(SESSION_SECRET_BYTES))
    return path.read_bytes()


def run_roles(settings: Settings, roles: frozenset[Role]) -> int:
    """Run *roles* until TERM or INT and return the exit code. Raises `PipelineError` where a part fails."""
    refuse_missing_codecs()
    import uvloop

    roles_of: Callable[[], ServerRoles] = lambda: ServerRoles(settings, roles)  # noqa: E731 - made inside the loop
    return uvloop.run(_run(roles_of))


async def _run(make: Callable[[], ServerRoles]) -> int:
    return await make().run()
