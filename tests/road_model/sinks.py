"""The model's sinks and settlers: the real ones, on topics and a store in memory, killed at any of their calls."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runtime.clock import ManualClock
from runtime.errors import RetryableError
from runtime.kafka import KafkaError, LogRecord
from schemas.topics import Topic
from sinks.clickhouse.sql import query
from sinks.consumer.consumer import ConsumerDeps, SinkConsumer
from sinks.consumer.retrying_writer import SinkStatus
from sinks.consumer.rows import TableRows
from sinks.settlement.settle import SettlementResult, Settler
from tests.road_model.store import MemoryStore, QueryAnswer
from tests.road_model.surroundings import (
    EPOCH,
    TOPIC_ID,
    KilledError,
    KillPlan,
    ModelTime,
    ModelTopics,
    Place,
    directory,
    settings,
)

Late = Callable[[], None]
"""A write of a process that is gone, still on its way to the store."""


class ModelConsumer:
    """Stands in for `TopicConsumer`: a consumer of every partition, from the commits on."""

    def __init__(self, topics: ModelTopics, time: ModelTime, doom: KillPlan) -> None:
        self._topics, self._time, self._doom = topics, time, doom
        self._next = {place: topics.committed[place] for place in topics.places}
        self.paused = self.fenced = False
        self.chance = random.Random(0)
        self.whole = False
        """Whether a poll returns all that is there."""

    def poll(self, timeout_s: float) -> list[tuple[Topic, LogRecord]]:
        """Return some of what waits, in order within a partition."""
        self._time.now_s += max(timeout_s, 0.02)
        if self.paused:
            return []
        found: list[tuple[Topic, LogRecord]] = []
        for place in self.chance.sample(self._topics.places, len(self._topics.places)):
            if self.whole or self.chance.random() < 0.6:
                waiting = self._topics.records[place][self._next[place] :]
                taken = waiting if self.whole else waiting[: self.chance.choice((1, 3, 100))]
                self._next[place] += len(taken)
                found += [(place[0], record) for record in taken]
        return found

    def assignment(self) -> frozenset[Place]:
        return frozenset(self._next)

    def positions(self) -> dict[Place, int]:
        return dict(self._next)

    def ends(self) -> dict[Place, int]:
        return {place: len(self._topics.records[place]) for place in self._next}

    def begun_elsewhere(self, topic_id: str) -> bool:
        return False

    def commit(self, offsets: Mapping[Place, int], *, topic_id: str = "") -> None:
        """Commit, unless another has the partitions by now. May be the last thing that the process does."""
        if self._doom.strikes():
            raise KilledError
        if self.fenced:
            raise KafkaError("not a member")
        for place, offset in offsets.items():
            self._topics.committed[place] = max(self._topics.committed[place], offset)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def topic_id(self, topic: Topic) -> str:
        return TOPIC_ID


class FailingWriter:
    """The store as a sink has it: its answers are lost, and the sink dies before, after or while a write arrives."""

    def __init__(self, store: MemoryStore, doom: KillPlan, late: list[Late], changed: Callable[[], None]) -> None:
        self._store, self._doom, self._late, self._changed = store, doom, late, changed

    def write(self, rows: TableRows, *, token: str) -> None:
        way = self._doom.strikes()
        if way == "killed before":
            raise KilledError
        if way == "killed meanwhile":
            self._late.append(lambda: self._write(rows, token))
            raise KilledError
        self._write(rows, token)
        if way == "killed after":
            raise KilledError
        if way == "answer lost":
            raise RetryableError("no answer")

    def _write(self, rows: TableRows, token: str) -> None:
        self._store.write(rows, token=token)
        self._changed()


class SinkProcess:
    """One sink. A zombie has what it polled, and does not know that its partitions are another's."""

    WAYS = ("killed before", "killed after", "killed meanwhile", "answer lost")

    def __init__(
        self,
        topics: ModelTopics,
        store: MemoryStore,
        clock: ManualClock,
        time: ModelTime,
        late: list[Late],
        changed: Late,
    ) -> None:
        self.doom = KillPlan()
        self.reader = ModelConsumer(topics, time, self.doom)
        self._time = time
        deps = ConsumerDeps(
            settings().sink,
            clock,
            SinkStatus(),
            epoch_of=lambda topic_id: EPOCH if topic_id == TOPIC_ID else None,
            stopping=lambda: False,
        )
        writer = FailingWriter(store, self.doom, late, changed)
        self.consumer = SinkConsumer(self.reader, writer, deps)  # type: ignore[arg-type]  # a reader's stand-in

    def turn(self, chance: random.Random) -> None:
        """Poll once. Raises `KilledError`."""
        self.reader.chance, self.reader.whole = chance, False
        self.doom.draw(chance, self.WAYS)
        self._time.now_s += chance.choice((0.0, 0.05, 1.2))
        self.consumer.poll_once()

    def catch_up(self) -> None:
        """Read and store all that there is, and note that it was read to its end."""
        self.reader.whole, self.doom.calls_left = True, None
        for _ in range(3):
            self._time.now_s += 1.2
            self.consumer.poll_once()
            self.consumer.flush()
        self._time.now_s += 1.2
        self.consumer.poll_once()


class FailingStore:
    """The store as a settler has it: it may die around each write, also while one is on its way."""

    WAYS = ("killed before", "killed after", "killed meanwhile", "killed meanwhile")

    def __init__(self, store: MemoryStore, doom: KillPlan, late: list[Late], changed: Callable[[], None]) -> None:
        self._store, self._doom, self._late, self._changed = store, doom, late, changed

    def writer(self) -> "FailingStore":
        return self

    def query(self, text: str, parameters: Mapping[str, Any] | None = None) -> QueryAnswer:
        return self._store.query(text, parameters)

    def command(self, text: str, parameters: Mapping[str, Any]) -> None:
        if text == query("settle_cells"):
            cells = self._store.settle_cells(parameters)
            self._do(lambda: self._store.put_settled(cells))
        else:
            self._do(lambda: self._store.command(text, parameters))

    def insert(self, table: str, rows: Sequence[Sequence[Any]], *, column_names: Sequence[str], settings: Any) -> None:
        self._do(lambda: self._store.insert(table, rows, column_names=column_names, settings=settings))

    def _do(self, write: Callable[[], None]) -> None:
        way = self._doom.strikes()
        if way == "killed before":
            raise KilledError
        if way == "killed meanwhile":
            self._late.append(lambda: self._write(write))
            raise KilledError
        self._write(write)
        if way == "killed after":
            raise KilledError

    def _write(self, write: Callable[[], None]) -> None:
        write()
        self._changed()


class SettlerProcess:
    """One settler; it forgets what it knew when it dies."""

    def __init__(self, store: MemoryStore, clock: ManualClock, late: list[Late], changed: Late) -> None:
        self.doom = KillPlan()
        failing = FailingStore(store, self.doom, late, changed)
        self._settler = Settler(settings(), failing, clock)  # type: ignore[arg-type]  # a store's stand-in

    def settle(self, chance: random.Random | None) -> SettlementResult:
        """Do one call. Raises `KilledError` where a *chance* of it is given."""
        if chance is None:
            self.doom.calls_left = None
        else:
            self.doom.draw(chance, FailingStore.WAYS)
        return self._settler.settle(directory())
