"""The model's workers: the real shell and steps, as processes that die, freeze, and lose and regain partitions."""

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field

from runtime.clock import ManualClock
from runtime.kafka import LogRecord
from runtime.settings import WorkerSettings
from schemas.topics import Topic
from streams.metrics_worker import MetricsWorker, WorkerDeps
from streams.outbox import OutboxMessage
from tests.road_model.surroundings import PARTITIONS, ModelTopics, epoch
from tests.support.counting_harness import InlineExecutor
from tests.support.settlement_harness import TIMING

TURNS = 6


class SendFailedError(Exception):
    """The broker did not confirm a send."""


@dataclass
class WorkerGroup:
    """The workers' consumer group: who has which partition, and what is committed."""

    topics: ModelTopics
    clock: ManualClock
    commits_run_ahead: bool = False
    """Whether a commit may go one record further than what was acknowledged, as Faust's sometimes do."""
    owners: dict[int, "WorkerProcess"] = field(default_factory=dict)
    committed: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def give(self, partition: int, to: "WorkerProcess", *, told: bool) -> None:
        """Give *partition* to another process; the one that had it may not be told."""
        before = self.owners.get(partition)
        if before is to:
            return
        if before is not None and told:
            before.fetch.pop(partition, None)
            before.worker.assigned(before.fetch)
        self.owners[partition] = to
        to.fetch[partition] = self.committed[partition]
        to.worker.assigned(to.fetch)

    def commit(self, record: LogRecord, by: "WorkerProcess", chance: random.Random) -> None:
        """Commit up to *record*, unless its partition is another's by now."""
        partition = record.partition
        if self.owners.get(partition) is by:
            end = len(self.topics.records[Topic.EVENTS, partition])
            ahead = self.commits_run_ahead and record.offset + 2 < end and chance.random() < 0.2
            self.committed[partition] = max(self.committed[partition], record.offset + 1 + ahead)


class WorkerProcess:
    """One worker; each of its sends waits until the model lets it through."""

    def __init__(self, group: WorkerGroup, chance: random.Random) -> None:
        self.group, self.topics, self.chance = group, group.topics, chance
        self.fetch: dict[int, int] = {}
        """The next offset of each partition that it takes to be its own."""
        self.gates: list[tuple[OutboxMessage, asyncio.Future[None]]] = []
        self.task: asyncio.Task[None] | None = None
        self.unflushed = False
        self.began: set[int] = set()
        deps = WorkerDeps(self.topics, InlineExecutor(), self._send)
        self.worker = MetricsWorker(epoch(), TIMING, WorkerSettings(), deps)

    @property
    def idle(self) -> bool:
        """Whether it has nothing left to do for now."""
        return self.task is None and not self.unflushed and not any(self._waits(p) for p in self.fetch)

    async def step(self, chance: random.Random, *, faulty: bool = True) -> bool:
        """Do one thing: let a send through, take a record, or begin a flush. False where nothing is left to do.

        Raises `SendFailedError` where a send was lost, stored or not: the process is to end.
        """
        if self.gates:
            self._let_through(chance, faulty=faulty)
        elif self.task is None:
            waiting = [partition for partition in sorted(self.fetch) if self._waits(partition)]
            if waiting and (not self.unflushed or chance.random() < 0.7):
                self._take(chance.choice(waiting), chance, faulty=faulty)
            elif self.unflushed:
                self.unflushed = False
                self.task = asyncio.create_task(self.worker.flush())
            else:
                return False
        await self._turn()
        return True

    async def kill(self) -> None:
        """End at once; the partitions wait for another."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
            self.task = None
        for partition, owner in list(self.group.owners.items()):
            if owner is self:
                del self.group.owners[partition]

    def _waits(self, partition: int) -> bool:
        return self.fetch[partition] < len(self.topics.records[Topic.EVENTS, partition])

    def _let_through(self, chance: random.Random, *, faulty: bool) -> None:
        message, gate = self.gates.pop(chance.randrange(len(self.gates)))
        lost = faulty and chance.random() < 0.02
        if not lost or chance.random() < 0.5:
            now_ms = self.group.clock.now_ms()
            place = (message.topic, message.partition)
            self.topics.append(place, message.value, stamp_ms=now_ms, key=message.key, headers=message.headers)
        if lost:
            gate.set_exception(SendFailedError())
        else:
            gate.set_result(None)

    def _take(self, partition: int, chance: random.Random, *, faulty: bool) -> None:
        records = self.topics.records[Topic.EVENTS, partition]
        offset = self.fetch[partition]
        if faulty and chance.random() < 0.05:
            offset = max(0, offset - chance.randint(1, 4))  # redelivered
        if faulty and chance.random() < 0.03 and partition in self.began:
            offset = min(len(records) - 1, offset + 1)  # skipped, by a consumer under way
        self.began.add(partition)
        record = records[offset]
        self.fetch[partition], self.unflushed = offset + 1, True
        self.task = asyncio.create_task(self.worker.take(record, lambda: self.group.commit(record, self, self.chance)))

    async def _send(self, message: OutboxMessage) -> None:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gates.append((message, gate))
        await gate

    async def _turn(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if self.task is not None and self.task.done():
            task, self.task = self.task, None
            task.result()


ALL_PARTITIONS = tuple(range(PARTITIONS))
