"""The sink: a thread that brings the topics into ClickHouse, and a settler beside it."""

import threading
import time
from typing import Protocol

from registry.directory import Directory
from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.clock import Clock, SystemClock
from runtime.errors import ConfigurationError, UnavailableError, first_line
from runtime.kafka import KafkaError
from runtime.kafka_errors import explain
from runtime.logging import get_logger
from runtime.progress import LoopHeartbeat
from runtime.settings import Settings
from schemas.topics import ConsumerGroup
from sinks.clickhouse.migrate import migrate
from sinks.consumer.consumer import ConsumerDeps, SinkConsumer
from sinks.consumer.lag import LagWatch
from sinks.consumer.retrying_writer import SinkStatus, StoppedError
from sinks.consumer.topic_consumer import TOPICS, TopicConsumer
from sinks.consumer.writer import ClickHouseRowWriter
from sinks.settlement_thread import SettlementThread

log = get_logger(__name__)

AGAIN_AFTER_S = 1.0
STOP_S = 10.0


class DirectorySource(Protocol):
    """Who knows the registry in force: `registry.follower.RegistryFollower`."""

    @property
    def directory(self) -> Directory:
        """The directory in force."""
        ...


class Sink:
    """Topics to ClickHouse, at least once; replacing keys make it once for readers.

    *prefix* stands before every topic's and the group's name; tests share one broker by it.
    """

    def __init__(
        self,
        settings: Settings,
        clickhouse: ClickHouse,
        follower: DirectorySource,
        clock: Clock | None = None,
        *,
        prefix: str = "",
    ) -> None:
        self._settings = settings
        self._clickhouse = clickhouse
        self._follower = follower
        self._clock = clock or SystemClock()
        self._prefix = prefix
        self._pulse = LoopHeartbeat("the sink has not turned", stuck_s=settings.sink.stuck_s)
        self._status = SinkStatus(beat=self._pulse.beat)
        self._trouble: str | None = "starting"
        self._failed_at: float | None = None
        self._lag = LagWatch(
            settings.kafka,
            {prefix + topic: str(topic) for topic in TOPICS},
            prefix + ConsumerGroup.SINK,
            taken=lambda: self._status.taken,
        )
        self._enough = threading.Event()
        self._stopping = threading.Event()
        self._drained = False
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._settlement = SettlementThread(
            settings,
            clickhouse,
            self._clock,
            directory=lambda: follower.directory,
            leads=lambda: self._status.leader,
        )

    def start(self) -> None:
        """Begin to read, in a thread. The tables are made first; a store or cluster that is away is waited for."""
        self._thread.start()
        self._lag.start()
        self._settlement.start()

    def stop(self, *, drain: bool) -> bool:
        """End the threads; with *drain* only when all that the topics hold now is stored and committed.

        Tell whether that was so. It takes `sink.drain_s` at most; what is left is read at the next start.
        """
        self._enough.set()
        if not drain:
            self._stopping.set()
        self._thread.join(self._settings.sink.drain_s if drain else STOP_S)
        self._stopping.set()
        self._thread.join(STOP_S)
        self._settlement.stop()
        self._lag.stop()
        return self._drained

    def problem(self) -> str | None:
        """Return what keeps rows from the store, or None: a check for `Health`."""
        if not self._thread.is_alive():
            return "the sink's thread does not run"
        if (stuck := self._pulse.problem()) is not None:
            return stuck
        trouble = self._standing_trouble()
        if trouble is None and not self._status.epoch_known:
            return "the registry has no epoch for the events' topic yet"
        return trouble or self._status.outage or self._stuck() or self._settlement.problem()

    def _standing_trouble(self) -> str | None:
        """Return why the last consumer failed; a new one has to get on before that is forgotten."""
        if self._failed_at is not None and self._lag.progress.went_on_at > self._failed_at:
            self._trouble = self._failed_at = None
        return self._trouble

    def _stuck(self) -> str | None:
        """Return that records stand still for a cause that nobody knows: a new start may help."""
        seconds = self._lag.progress.standing_s
        if seconds < self._settings.sink.stuck_s:
            return None
        return f"stuck: records wait and none was read for {seconds:.0f} s"

    def _run(self) -> None:
        """Consume until stopped, beginning again after each fault: the pause ends with the stop, so it is its own."""
        while not self._enough.is_set():
            self._pulse.beat()
            try:
                migrate(self._clickhouse)
                self._consume()
            except StoppedError:
                log.warning("stopped while the store took nothing; what waits is read at the next start")
            except (KafkaError, UnavailableError, ClickHouseError, ConfigurationError, OSError) as error:
                self._note_trouble(self._in_words(error))
            except Exception as error:
                # Outermost loop of the thread: nothing was committed since the last insert, and a new consumer
                # reads it again.
                log.exception("the sink failed and begins again")
                self._note_trouble(type(error).__name__)
            self._enough.wait(AGAIN_AFTER_S)

    def _consume(self) -> None:
        topics = TopicConsumer(self._settings, prefix=self._prefix)
        writer = ClickHouseRowWriter(self._clickhouse, timeout_s=self._settings.sink.insert_timeout_s)
        deps = ConsumerDeps(self._settings.sink, self._clock, self._status, self._epoch_of, self._stopping.is_set)
        try:
            consumer = SinkConsumer(topics, writer, deps)
            if self._failed_at is None:
                self._trouble = None
            consumer.run(self._enough.is_set)
            if not self._stopping.is_set():
                self._drained = consumer.drain(time.monotonic() + self._settings.sink.drain_s)
        finally:
            self._status.leader = False
            # Where the cluster did not take the last offsets, it would not answer now either.
            topics.close(leave=self._drained)

    def _epoch_of(self, topic_id: str) -> int | None:
        epochs = self._follower.directory.epochs
        return max((epoch.number for epoch in epochs if epoch.topic_id == topic_id), default=None)

    def _in_words(self, error: Exception) -> str:
        if isinstance(error, KafkaError | UnavailableError):
            return f"the topics cannot be read: {explain(self._settings.kafka, error)}"
        if isinstance(error, ClickHouseError):
            return self._clickhouse.explain(error)
        return f"{type(error).__name__}: {first_line(error)}"

    def _note_trouble(self, trouble: str) -> None:
        self._failed_at = time.monotonic()
        if self._trouble != trouble:
            log.warning("the sink cannot go on for now", trouble=trouble)
        self._trouble = trouble
