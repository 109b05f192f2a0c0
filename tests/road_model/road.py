"""The whole road as a model: gateway to view, with crashes, zombies, replays, late and repeated events at every step.

Every role is the real one; what lies between them (broker, store, clock) is in memory, and what goes wrong is drawn.
A `RoadModel` is driven by its actions, each with a source of chance; after every write a reader looks.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import sinks.consumer.consumer
import sinks.consumer.monitors
import sinks.settlement.settle
import streams.metrics_worker
from runtime.clock import Clock, ManualClock
from runtime.kafka import KafkaError
from schemas.registry import Epoch
from schemas.timing import HOUR_MS, MINUTE_MS, Timing
from schemas.topics import Topic
from sinks.reconciliation.conservation import conservation
from tests.road_model.gateway import GatewayProcess, ModelPartner, PartnerPush, consent_at_start, orders_at_start
from tests.road_model.sinks import Late, SettlerProcess, SinkProcess
from tests.road_model.store import MemoryStore
from tests.road_model.surroundings import START_MS, KilledError, ModelTime, ModelTopics, epoch
from tests.road_model.till import TillSlip, wrong_refund
from tests.road_model.truth import ExpectedState, ViewWatcher, WrongError
from tests.road_model.workers import ALL_PARTITIONS, SendFailedError, WorkerGroup, WorkerProcess

SKEWS_MS = (0, 20_000)
"""Of each gateway's clock. With a request's 15 s and the delivery's 15 s within the slack."""
STEPS_MS = (1, 300, 900, 900, 5_000, 20_000, 20_000, MINUTE_MS, 4 * MINUTE_MS, 11 * MINUTE_MS, 45 * MINUTE_MS)
MOST_PROCESSES = 3
MakeStore = Callable[[Clock, Callable[[], Sequence[Epoch]]], MemoryStore]
GATEWAY_TURNS = 8
MOST_TURNS_TO_COUNT = 60
"""Seconds; what is still due then never will be counted."""


class RoadModel:
    """Partner, gateways, topics, workers, sinks, settlers and a reader. To be made while its loop runs."""

    def __init__(
        self,
        time: ModelTime,
        *,
        commits_run_ahead: bool = False,
        careless: bool = False,
        consenting: bool = False,
        selling: bool = False,
        make_store: MakeStore = MemoryStore,
    ) -> None:
        self.clock, self.time, self.topics = ManualClock(START_MS), time, ModelTopics()
        self.truth = ExpectedState(Timing())
        self.topics.stored = self.truth.take
        self.store = make_store(self.clock, lambda: (epoch(),))
        self.watcher = ViewWatcher(self.truth, self.store)
        self.partner = ModelPartner(self.clock, careless, consenting, selling)
        self.gateways = [GatewayProcess(self.clock, self.topics, skew) for skew in SKEWS_MS]
        self.dead: list[GatewayProcess] = []
        self.safe_changes: list[str] = []
        """Changes of consent that were answered positively."""
        self.late: list[Late] = []
        self.group = WorkerGroup(self.topics, self.clock, commits_run_ahead)
        self.workers: list[WorkerProcess] = []
        self.sinks: list[SinkProcess] = []
        self.settlers: list[SettlerProcess] = []
        self._start_sink()
        self._start_settler()

    # --- partner and gateway

    async def push(self, chance: random.Random) -> None:
        """Send a new request, or one again that was not answered."""
        waiting = self.partner.waiting
        if waiting and chance.random() < 0.5:
            request = waiting.pop(chance.randrange(len(waiting)))
        else:
            request = self.partner.new_request(chance)
        chance.choice(self.gateways).push(request)
        await self._gateways_turn()

    async def publish(self, chance: random.Random) -> None:
        """End the wait for company in one gateway, or let the broker answer it."""
        gateway = chance.choice(self.gateways)
        if gateway.publisher._open and chance.random() < 0.6:
            gateway.end_wait()
        else:
            gateway.answer_oldest(chance)
        await self._gateways_turn()

    async def crash_gateway(self, chance: random.Random) -> None:
        """Kill a gateway: its window is gone, what it sent may be stored yet; another starts."""
        place = chance.randrange(len(self.gateways))
        dead = self.gateways[place]
        for request in dead.kill():
            self._note(request)
        self.dead.append(dead)
        self.gateways[place] = GatewayProcess(self.clock, self.topics, SKEWS_MS[place])
        await self._gateways_turn()

    async def pass_time(self, chance: random.Random) -> None:
        """Let time go by; nothing is on its way for longer than its time-out."""
        await self._pass(chance.choice(STEPS_MS), chance)

    async def _pass(self, ms: int, chance: random.Random) -> None:
        for gateway in (*self.gateways, *self.dead):
            gateway.expire(self.clock.now_ms() + ms, chance)
        await self._gateways_turn()
        self.dead = [gateway for gateway in self.dead if gateway.inflight]
        self.clock.advance(ms)
        self.time.now_s += ms / 1000
        for gateway in self.gateways:
            gateway.follow()
            gateway.count_refunds(self.time.now_s)

    async def _gateways_turn(self) -> None:
        for _ in range(GATEWAY_TURNS):
            await asyncio.sleep(0)
        for gateway in self.gateways:
            for request in gateway.finished():
                self._note(request)

    def _note(self, request: PartnerPush) -> None:
        for verdict in self.partner.note(request):
            if verdict["verdict"] != "rejected" and verdict["event_id"] not in self.truth.ids:
                raise WrongError(f"lost: {verdict['event_id']} was answered {verdict['verdict']} and is not on the log")
            if verdict["verdict"] != "rejected" and verdict["event_id"] in self.partner.changes:
                self.safe_changes.append(verdict["event_id"])
                self._look_at_consent()
            if verdict["verdict"] != "rejected" and request.slip is not None:
                self._look_at_order(request.slip)

    def _look_at_order(self, slip: TillSlip) -> None:
        """Ask what a gateway that starts now would: what of the order of *slip*, which was answered positively?"""
        if not slip.is_known_to(orders_at_start(self.topics)):
            raise WrongError(f"order: {slip} was answered, and a gateway that starts does not know it")

    def _look_at_consent(self) -> None:
        """Ask what a gateway that starts now would: are the changes there that were answered positively?"""
        ledger = consent_at_start(self.topics)
        for event_id in self.safe_changes:
            key, change = self.partner.changes[event_id]
            if change not in ledger.merge(key, ()).known:
                raise WrongError(f"consent: {event_id} was answered, and a gateway that starts does not know it")

    # --- worker

    async def work(self, chance: random.Random) -> None:
        """Let a worker do one thing; one that is told of a lost send ends."""
        if not self.workers:
            await self.start_worker(chance)
        worker = chance.choice(self.workers) if chance.random() < 0.4 else self.workers[-1]
        try:
            await worker.step(chance)
        except SendFailedError:
            await self._end_worker(worker)
            await self.start_worker(chance)

    async def start_worker(self, chance: random.Random) -> None:
        """Start a worker, which takes every partition; others may not be told, and live on as zombies."""
        if len(self.workers) >= MOST_PROCESSES:
            await self._end_worker(self.workers[0])
        worker = WorkerProcess(self.group, random.Random(chance.random()))
        self.workers.append(worker)
        for partition in ALL_PARTITIONS:
            self.group.give(partition, worker, told=False)

    async def crash_worker(self, chance: random.Random) -> None:
        """Kill the worker that has most of the partitions, and start another."""
        if self.workers:
            await self._end_worker(self.workers[-1])
        await self.start_worker(chance)

    async def rebalance(self, chance: random.Random) -> None:
        """Give a partition to another worker, and tell the one that had it."""
        if len(self.workers) < 2:
            await self.start_worker(chance)
        self.group.give(chance.choice(ALL_PARTITIONS), chance.choice(self.workers), told=True)

    async def _end_worker(self, worker: WorkerProcess) -> None:
        self.workers.remove(worker)
        await worker.kill()
        for partition in ALL_PARTITIONS:
            if partition not in self.group.owners and self.workers:
                self.group.give(partition, self.workers[-1], told=True)

    # --- sink and settlement

    async def sink(self, chance: random.Random) -> None:
        """Let a sink poll, insert and commit; it may die at any call."""
        sink = chance.choice(self.sinks)
        try:
            sink.turn(chance)
        except (KilledError, KafkaError):
            self.sinks.remove(sink)
            if not self.sinks or sink.reader.fenced is False:
                self._start_sink()
            # Settlement is another thread's: it looks at what the dead one left.
            await self.settle(chance)

    async def replace_sink(self, chance: random.Random) -> None:
        """Start a sink that takes all partitions; the one before is not told, and lives on as a zombie."""
        self.sinks[-1].reader.fenced = True
        self._start_sink()
        if len(self.sinks) > MOST_PROCESSES:
            self.sinks.pop(0)

    async def settle(self, chance: random.Random) -> None:
        """Let a settler settle what is due; it may die at any write."""
        settler = chance.choice(self.settlers)
        try:
            settler.settle(chance)
        except KilledError:
            self.settlers.remove(settler)
            self._start_settler()

    async def replace_settler(self, chance: random.Random) -> None:
        """Start a second settler, or end the older one."""
        self._start_settler()
        if len(self.settlers) > 2:
            self.settlers.pop(0)

    async def write_late(self, chance: random.Random) -> None:
        """Let a write arrive of a process that is gone."""
        if self.late:
            self.late.pop(chance.randrange(len(self.late)))()

    def _start_sink(self) -> None:
        self.sinks.append(SinkProcess(self.topics, self.store, self.clock, self.time, self.late, self.watcher.look))

    def _start_settler(self) -> None:
        self.settlers.append(SettlerProcess(self.store, self.clock, self.late, self.watcher.look))

    async def flow(self, chance: random.Random) -> None:
        """Let everybody behind the gateways go on for a while, so that blocks are settled before all is over."""
        for _ in range(chance.choice((8, 20, 40))):
            await self.work(chance)
        for _ in range(chance.choice((2, 4, 6))):
            await self.sink(chance)
        await self.settle(chance)
        await self.settle(chance)

    # --- the end

    async def come_to_rest(self, chance: random.Random) -> None:
        """Let everything that is under way arrive, without further faults, and look at all that there is."""
        await self._answer_everybody(chance)
        await self._count_everything(chance)
        last = [self.late.pop() for _ in range(chance.randint(0, len(self.late)))]
        while self.late:
            self.late.pop()()
        self._read_everything()
        await self._pass(HOUR_MS, chance)
        self._read_everything()
        await self._settle_everything(chance)
        for write in last:
            write()
        await self._settle_everything(chance)
        self._check()

    async def _answer_everybody(self, chance: random.Random) -> None:
        while self.partner.unanswered:
            for request in self.partner.waiting:
                self.gateways[0].push(request)
            self.partner.waiting.clear()
            await self._acknowledge_all()
        await self._pass(MINUTE_MS, chance)
        for _ in range(MOST_TURNS_TO_COUNT):
            if not self._refunds_are_due():
                break
            await self._acknowledge_all()
            self.time.now_s += 1
        await self._pass(MINUTE_MS, chance)

    def _refunds_are_due(self) -> bool:
        """Let every gateway count what it has; tell whether any had something."""
        at_work = [gateway.count_refunds(self.time.now_s) for gateway in self.gateways]
        return any(at_work)

    async def _acknowledge_all(self) -> None:
        for gateway in self.gateways:
            gateway.end_wait()
            while gateway.inflight:
                gateway._resolve(gateway.inflight.pop(0)[1], stored=True, acknowledged=True)
        await self._gateways_turn()

    async def _count_everything(self, chance: random.Random) -> None:
        while len(self.workers) > 1:
            await self._end_worker(self.workers[0])
        if not self.workers:
            await self.start_worker(chance)
        while not self.workers[0].idle:
            await self.workers[0].step(chance, faulty=False)

    def _read_everything(self) -> None:
        self.sinks[:] = [sink for sink in self.sinks if not sink.reader.fenced]
        self.sinks[-1].catch_up()

    async def _settle_everything(self, chance: random.Random) -> None:
        await self._pass(25_000, chance)
        while self.settlers[-1].settle(None).blocks:
            await self._pass(25_000, chance)

    def _check(self) -> None:
        self._look_at_consent()
        log = [
            record for place, records in self.topics.records.items() if place[0] is Topic.EVENTS for record in records
        ]
        if refunds := wrong_refund(self.partner.slips, log):
            raise WrongError(f"refunds: {refunds}")
        stored = {place for place, _ in self.truth.events.values()}
        if stored != (found := {stored.place[1:] for stored in self.store.events()}):
            raise WrongError(f"stored: {sorted(found ^ stored)}")
        shown, cells = self.store.shown(), self.truth.cells()
        if wrong := [name for name in {*shown, *cells} if name not in shown or shown[name].cell != cells.get(name)]:
            raise WrongError(f"settled: {sorted(wrong)}")
        if live := [name for name, item in shown.items() if not item.settled]:
            raise WrongError(f"not settled: {live}")
        if self.store.differences:
            raise WrongError(f"differs: {self.store.differences[0]}")
        if gaps := [item for item in conservation(self.store) if item.left != item.right]:  # type: ignore[arg-type]  # a stand-in
            raise WrongError(f"sum: {gaps}")

    async def close(self) -> None:
        """End every process."""
        for worker in self.workers:
            await worker.kill()
        for gateway in self.gateways:
            gateway.kill()
        await asyncio.sleep(0)


@contextmanager
def model_time() -> Iterator[ModelTime]:
    """Let every role look at one time where it would look at the machine's monotonic clock."""
    time = ModelTime()
    with ExitStack() as stack:
        for module in (
            sinks.consumer.consumer,
            sinks.settlement.settle,
            sinks.consumer.monitors,
            streams.metrics_worker,
        ):
            stack.enter_context(patch.object(module, "time", time))
        yield time


WEIGHTS = {
    RoadModel.push: 10,
    RoadModel.publish: 24,
    RoadModel.pass_time: 7,
    RoadModel.work: 42,
    RoadModel.sink: 14,
    RoadModel.settle: 7,
    RoadModel.flow: 3,
    RoadModel.write_late: 2,
    RoadModel.crash_gateway: 0.8,
    RoadModel.start_worker: 0.8,
    RoadModel.crash_worker: 1.2,
    RoadModel.rebalance: 1.5,
    RoadModel.replace_sink: 1,
    RoadModel.replace_settler: 0.8,
}


def _weights(chance: random.Random) -> list[float]:
    """Return how often this run does what: some of it hardly, some of it all the time."""
    return [weight * chance.choice((0.2, 1, 1, 1, 4)) for weight in WEIGHTS.values()]


async def drive(
    seed: int,
    *,
    commits_run_ahead: bool = False,
    careless: bool = False,
    consenting: bool = False,
    selling: bool = False,
) -> tuple[str, int]:
    """Return what a reader of the run of *seed* was shown wrongly (nothing where all was well), and its steps."""
    chance = random.Random(seed)
    steps = chance.choice((40, 120, 250))
    with model_time() as time:
        road = RoadModel(
            time, commits_run_ahead=commits_run_ahead, careless=careless, consenting=consenting, selling=selling
        )
        try:
            for act in chance.choices(list(WEIGHTS), _weights(chance), k=steps):
                await act(road, chance)
            await road.come_to_rest(chance)
        except WrongError as wrong:
            return str(wrong), steps
        finally:
            await road.close()
    return "", steps
