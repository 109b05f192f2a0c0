"""Looks at the worker from outside its loop: lag, progress, and whether the topic is still the one of its epoch.

Faust's consumer can fall silent after a broker outage and look alive. So a thread with clients of its own asks the
broker what waits, and ends the worker where something does and nothing moves.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runtime.errors import ProtocolError, UnavailableError
from runtime.health import Health
from runtime.kafka import KafkaError, TopicPartition, make_admin, make_consumer
from runtime.kafka_errors import explain
from runtime.logging import get_logger
from runtime.metrics import CONSUMER_LAG, WORKER_PROGRESS_AGE
from runtime.progress import ProgressAge
from runtime.settings import KafkaSettings
from schemas.registry import Epoch
from schemas.topics import Topic

log = get_logger(__name__)

EVERY_S = 2.0
ANSWER_MS = 5000
UNREADY_SHARE = 0.25
"""Of the time after which the worker ends: from there on it says that it is stuck."""


@dataclass(frozen=True, slots=True)
class WatchedWorker:
    """What is looked at: where the worker stands (None: nothing taken in yet), and how much it has read at all."""

    positions: Callable[[], Mapping[int, int | None]]
    records_read: Callable[[], int]
    joined: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class ConsumedTopic:
    """The topic and the group, as this worker has them."""

    topic: str
    group: str


class Watchdog(threading.Thread):
    """The thread; *fail* is called with the reason why the worker must not go on. A broker outage is none."""

    def __init__(
        self,
        settings: KafkaSettings,
        consumed: ConsumedTopic,
        epoch: Epoch,
        watched: WatchedWorker,
        fail: Callable[[BaseException], None],
    ) -> None:
        super().__init__(name="watch", daemon=True)
        self._settings = settings
        self._consumed = consumed
        self._epoch = epoch
        self._watched = watched
        self._fail = fail
        self._age = ProgressAge()
        self._stuck_s = 0.0
        self._ended = threading.Event()
        self._consumer: Any = None
        self._trouble: str | None = "Kafka has not answered yet"
        self._waiting = 0
        self._waited_s = 0.0
        self._labelled: set[int] = set()

    def begin(self, health: Health, *, stuck_s: float) -> None:
        """Start to look; *health* shows what is found. After *stuck_s* without progress, the worker is to end."""
        self._stuck_s = stuck_s
        health.watch("kafka", lambda: self._trouble)
        health.watch("group", lambda: None if self._watched.joined() else "has not joined its consumer group")
        health.watch("progress", self.stuck)
        self.start()

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self.join(EVERY_S / 4)  # it may wait for a broker that is gone, and is a daemon

    def stuck(self) -> str | None:
        """Return in words that records wait and none is taken in, or None."""
        if self._waited_s < UNREADY_SHARE * self._stuck_s:
            return None
        return f"stuck: {self._waiting} records wait and none was taken in for {self._waited_s:.0f} s"

    def run(self) -> None:
        """Look every two seconds until the end."""
        while not self._ended.wait(EVERY_S):
            try:
                self._look()
                self._trouble = None
            except (KafkaError, UnavailableError) as error:
                # The worker's own client has the same trouble and outlasts it; waiting is all there is to do.
                self._trouble = explain(self._settings, error)
                self._drop_consumer()
            except ProtocolError as error:
                self._fail(error)
                break
        self._drop_consumer()

    def _look(self) -> None:
        positions = dict(self._watched.positions())
        self._refuse_another_topic()
        lags = self._lags(positions)
        for partition in self._labelled - lags.keys():
            CONSUMER_LAG.remove(self._consumed.topic, str(partition), self._consumed.group)
        for partition, lag in lags.items():
            CONSUMER_LAG.labels(self._consumed.topic, str(partition), self._consumed.group).set(lag)
        self._labelled = set(lags)
        self._waiting = sum(lags.values())
        self._waited_s = self._age.read(time.monotonic(), moved=self._watched.records_read(), waiting=self._waiting)
        WORKER_PROGRESS_AGE.set(self._waited_s)
        if self._waited_s > self._stuck_s:
            raise ProtocolError(f"{self.stuck()}; the worker ends, to be started anew")

    def _lags(self, positions: Mapping[int, int | None]) -> dict[int, int]:
        topic_partitions = {partition: TopicPartition(self._consumed.topic, partition) for partition in positions}
        if not topic_partitions:
            return {}
        client = self._client()
        ends = client.end_offsets(list(topic_partitions.values()), timeout_ms=ANSWER_MS)
        lags: dict[int, int] = {}
        for partition, topic_partition in topic_partitions.items():
            position = positions[partition]
            if position is None:
                position = client.committed(topic_partition, timeout_ms=ANSWER_MS)
            if position is None:
                position = client.beginning_offsets([topic_partition], timeout_ms=ANSWER_MS)[topic_partition]
            lags[partition] = max(0, ends[topic_partition] - position)
        return lags

    def _refuse_another_topic(self) -> None:
        admin = make_admin(self._settings, client_id="avenue-worker-watch")
        try:
            found = admin.describe_topics([self._consumed.topic])[0]
        finally:
            admin.close()
        if found["error_code"] or found["topic_id"] is None:
            return  # gone, or its leader is being chosen: nothing can be read from it meanwhile
        if str(found["topic_id"]) != self._epoch.topic_id or len(found["partitions"]) != self._epoch.partitions:
            raise ProtocolError(
                f"{Topic.EVENTS} was made anew or got other partitions: epoch {self._epoch.number} is over; "
                "the worker ends, and its next start takes the epoch in force"
            )

    def _client(self) -> Any:
        if self._consumer is None:
            # Its group is only asked for commits; it never joins.
            self._consumer = make_consumer(
                self._settings, client_id="avenue-worker-watch", group_id=self._consumed.group
            )
        return self._consumer

    def _drop_consumer(self) -> None:
        if self._consumer is not None:
            self._consumer.close(autocommit=False, timeout_ms=1000)
            self._consumer = None
