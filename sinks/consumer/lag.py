"""How far the sink's group is behind, by the broker's word: what cannot be read waits too.

A reader that fails knows of nothing that waits. So a thread with a client of its own asks the broker where the topics
end and what was committed.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from runtime.errors import PipelineError
from runtime.kafka import KafkaError, TopicPartition, group_lags, make_admin
from runtime.logging import get_logger
from runtime.metrics import CONSUMER_LAG
from runtime.progress import ProgressAge
from runtime.settings import KafkaSettings
from schemas.topics import ConsumerGroup

log = get_logger(__name__)

EVERY_S = 2.0
STOP_S = 1.0


class LagReading(NamedTuple):
    """One look: the lag of each partition, and the sum of what is committed."""

    lags: Mapping[TopicPartition, int]
    committed: int


class GroupProgress:
    """What looks at the lag come to: how long what waits has stood still. The clock is the caller's."""

    def __init__(self) -> None:
        self.standing_s = 0.0
        """For how long records have waited and none was taken in or committed."""
        self.went_on_at = float("-inf")
        """When something was last committed, or nothing waited."""
        self._age = ProgressAge()
        self._committed: int | None = None

    def look(self, seen: LagReading, *, taken: int, now: float) -> None:
        """Take one look in; *taken* counts what the reader has read, committed or not."""
        waiting = sum(seen.lags.values())
        if not waiting or (self._committed is not None and seen.committed != self._committed):
            self.went_on_at = now
        self._committed = seen.committed
        self.standing_s = self._age.read(now, moved=taken + seen.committed, waiting=waiting)


class LagWatch(threading.Thread):
    """The thread. A broker outage changes nothing: the last numbers stand."""

    def __init__(
        self, settings: KafkaSettings, topics: Mapping[str, str], group: str, taken: Callable[[], int]
    ) -> None:
        """*topics* are those of *group* in this cluster, each with the name that its metric has."""
        super().__init__(name="sink-lag", daemon=True)
        self.progress = GroupProgress()
        self._settings = settings
        self._topics = topics
        self._group = group
        self._taken = taken
        self._admin: Any = None
        self._ended = threading.Event()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        if self.is_alive():
            self.join(STOP_S)  # it may wait for a broker that is gone, and is a daemon

    def run(self) -> None:
        """Look every two seconds until the end."""
        while not self._ended.wait(EVERY_S):
            try:
                self._look()
            except (KafkaError, PipelineError) as error:
                log.debug("the lag is not known", cause=type(error).__name__)
                self._drop()
            except Exception:
                # Outermost loop of the thread: without it the sink could never tell that it goes on again.
                log.exception("looking at the lag failed and is tried again")
                self._drop()
        self._drop()

    def _look(self) -> None:
        if self._admin is None:
            self._admin = make_admin(self._settings, client_id="avenue-sink-lag")
        lags, committed = group_lags(self._admin, self._group, list(self._topics))
        for partition, lag in lags.items():
            CONSUMER_LAG.labels(self._topics[partition.topic], partition.partition, ConsumerGroup.SINK).set(lag)
        self.progress.look(LagReading(lags, committed), taken=self._taken(), now=time.monotonic())

    def _drop(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()
