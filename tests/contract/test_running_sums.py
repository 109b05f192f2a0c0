"""The sums that read only what is new equal those that read everything, at each step of any history of the store."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from runtime.clickhouse import ClickHouse
from runtime.kafka import LogRecord
from schemas.foreign import FOREIGN_FLOW
from schemas.lines import RejectLine, StoredEvent
from schemas.timing import MINUTE_MS
from schemas.topics import Topic
from sinks.clickhouse.sql import query
from sinks.consumer.monitors import position_row, position_rows
from sinks.reconciliation.conservation import COUNTED, KEPT, STORED, conservation
from sinks.reconciliation.incremental import RunningFigures, RunningSums
from sinks.reconciliation.settled import SettledSums
from sinks.settlement.settle import Settler
from tests.support.settlement_harness import ACCOUNT, World, epoch_of, event

pytestmark = pytest.mark.clickhouse

STEPS = 45
Sent = tuple[LogRecord, int]
PRODUCTS = ("band", "lamp", "cup")


class History:
    """A store that a random history grows in, and the running sums that look at it after each step."""

    def __init__(self, clickhouse: ClickHouse, seed: int) -> None:
        self.world = World(clickhouse, epochs=(epoch_of(1, 2),))
        self.chance = random.Random(seed)
        self.records: list[Sent] = []
        self.sent: list[StoredEvent] = []
        self.begin_anew()

    @property
    def epoch(self) -> int:
        return self.world.epochs[-1].number

    def begin_anew(self) -> None:
        """Have another settler and sums without a past: the process was killed."""
        self.world.settler = Settler(self.world.settings, self.world.clickhouse, self.world.clock)
        self.running = RunningSums(self.world.settler.waiting)

    def send(self) -> None:
        """Push new events, late ones and repeats; a crash keeps some unanswered, or uncounted for a while."""
        number = len(self.records)
        product = self.chance.choice(PRODUCTS)
        new = [self._new(f"e-{number}-{index}", product) for index in range(self.chance.randrange(1, 5))]
        old = [item for item in self.sent if item.product_id == product]
        if self.chance.random() < 0.5:
            old = old[-3:]
        again = self.chance.sample(old, min(len(old), self.chance.randrange(3)))
        self._push([*new, *(self._again(item) for item in again)], counted=self.chance.random() < 0.9)
        self.sent += new
        if self.chance.random() < 0.8:
            self.world.deliver(f"d-{number}", accepted=len(new) + len(again), duplicate=self.chance.randrange(2))

    def reject(self) -> None:
        """Keep rejects, one that was kept before among them; not all are a request's."""
        number = len(self.records)
        flow = self.chance.choice(["events", FOREIGN_FLOW])
        ids = [f"{flow}-{self.chance.randrange(6)}", f"{flow}-{number}-new"]
        self.world.reject(
            *(self._reject(reject_id, flow, f"r-{number}-{self.world.clock.now_ms()}") for reject_id in ids)
        )
        self._stored(Topic.REJECTS, self.world.offsets[0, -1])
        if self.chance.random() < 0.7:
            self.world.deliver(f"r-{number}-{self.world.clock.now_ms()}", accepted=0, rejected=2)

    def replay(self) -> None:
        """Have the sink insert what it has inserted."""
        for record, epoch in self.chance.sample(self.records, min(2, len(self.records))):
            self.world.store(record, epoch)

    def count(self) -> None:
        """Have the worker read on to the end."""
        for record, epoch in self.records:
            state = self.world.sources.get((epoch, record.partition))
            if state is None or record.offset >= state.next_offset:
                self.world.count(record, epoch)

    def wait(self) -> None:
        """Let time go by: seconds, minutes, or hours."""
        self.world.later(self.chance.choice([0.1, 1, 4, 9, 30, 150]))
        self._stored(Topic.REJECTS, self.world.offsets[0, -1])

    def settle(self) -> None:
        """Settle what is over."""
        self.running.note(self.world.settle().blocks)

    def resize(self) -> None:
        """Begin another epoch: repeats come across sources from now on."""
        if len(self.world.epochs) < 3:
            self.world.epochs = (*self.world.epochs, epoch_of(self.epoch + 1, 2))
            if self.sent:
                self._push([self._again(self.sent[-1])], counted=True)

    def step(self) -> None:
        """Do something."""
        acts = (self.send, self.reject, self.replay, self.count, self.wait, self.settle, self.resize, self.begin_anew)
        (act,) = self.chance.choices(acts, (8, 2, 2, 3, 5, 5, 1, 0.5))
        act()

    def check(self) -> None:
        """Hold the running sums to those of the whole store."""
        full = {(item.name, item.account, item.source): item for item in conservation(self.world.clickhouse)}
        kept = conservation(self.world.clickhouse, self.running.figures)
        assert {(item.name, item.account, item.source): item for item in kept} == full
        assert [(self.running.settled.listed,)] == self.world.rows(query("sum_listed"))

    def _push(self, events: list[StoredEvent], *, counted: bool) -> None:
        partition = PRODUCTS.index(events[0].product_id) % 2
        epoch = self.epoch
        self.records.append((self.world.send(*events, epoch=epoch, partition=partition, counted=False), epoch))
        if counted:
            self.count()

    def _new(self, event_id: str, product: str) -> StoredEvent:
        if self.sent and self.chance.random() < 0.3:
            # Into a block that has events, settled or not: late, as a rule.
            return self._fresh(event_id, product, self.chance.choice(self.sent).occurred_ms)
        age_ms = self.chance.choice([0, 1, 2, 200]) * MINUTE_MS
        return self._fresh(event_id, product, self.world.clock.now_ms() - age_ms - self.chance.randrange(2000))

    def _fresh(self, event_id: str, product: str, at_ms: int) -> StoredEvent:
        account = self.chance.choice([ACCOUNT, "other-main"]) if event_id.endswith("0") else ACCOUNT
        after_ms = self.world.clock.now_ms() - at_ms
        delivery = f"d-{len(self.records)}"
        return event(event_id, at_ms, after_ms=after_ms, product_id=product, account_id=account, delivery_id=delivery)

    def _again(self, item: StoredEvent) -> StoredEvent:
        after_ms = self.world.clock.now_ms() - item.occurred_ms
        return event(
            item.event_id,
            item.occurred_ms,
            after_ms=after_ms,
            product_id=item.product_id,
            account_id=item.account_id,
            delivery_id=f"d-{len(self.records)}",
        )

    def _reject(self, reject_id: str, flow: str, delivery_id: str) -> RejectLine:
        return RejectLine(
            reject_id=reject_id,
            account_id=ACCOUNT,
            platform="sunmi",
            flow=flow,
            reason="malformed",
            received_ms=self.world.clock.now_ms(),
            delivery_id=delivery_id,
        )

    def _stored(self, topic: Topic, next_offset: int) -> None:
        now_ms = self.world.clock.now_ms()
        row = position_row((topic, 0), self.epoch, next_offset, watermark_ms=now_ms, read_to_end_ms=now_ms)
        self.world.note(position_rows([row]))


def lived(clickhouse: ClickHouse, seed: int) -> History:
    """Live through the history of *seed*, looking after each step, and return it."""
    history = History(clickhouse, seed)
    for _ in range(STEPS):
        history.step()
        history.check()
    return history


@pytest.mark.parametrize("seed", range(3))
def test_what_reads_only_the_new_comes_to_what_reads_everything(clickhouse: ClickHouse, seed: int) -> None:
    history = lived(clickhouse, seed)

    assert len(history.sent) > STEPS / 5
    assert {COUNTED, STORED, KEPT} <= {item.name for item in conservation(clickhouse, history.running.figures)}


Patch = Callable[[pytest.MonkeyPatch], None]


def _closes_what_the_sink_goes_on_with(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("sinks.reconciliation.incremental.REST_MS", -600_000_000)


def _takes_open_minutes_of_progress_for_final(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("sinks.reconciliation.incremental.PROGRESS_REST_MS", -600_000_000)


def _closes_records_beyond_the_cut(patch: pytest.MonkeyPatch) -> None:
    rows = RunningFigures._rows
    patch.setattr(RunningFigures, "_rows", lambda self, name, *a: [] if name == "log_recent" else rows(self, name, *a))


def _closes_records_that_the_worker_has_not_come_to(patch: pytest.MonkeyPatch) -> None:
    marks = RunningFigures._marks

    def far(self: RunningFigures, topic: Topic) -> list[Any]:
        return [(*row[:2], 10**9, max(row[3], 10**9 * (row[3] > 0)), row[4]) for row in marks(self, topic)]

    patch.setattr(RunningFigures, "_marks", far)


def _goes_by_the_first_look_at_a_day(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SettledSums, "note", lambda *_: None)


def _takes_no_block_for_waiting(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Settler, "waiting", lambda _: {})


def _counts_a_waiting_block_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("sinks.settlement.blocks.BlockActivity.__eq__", lambda *_: True)


def _adds_a_waiting_block_to_its_settlement(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("sinks.reconciliation.settled._left_before", lambda *_: ())


def _leaves_nothing_at_settlement(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("sinks.settlement.settle.read_block_totals", lambda *_: {})


def _lists_nothing_at_settlement(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("sinks.settlement.block_totals.REPEATED", "-")


BROKEN: tuple[tuple[Patch, int], ...] = (
    (_closes_what_the_sink_goes_on_with, 0),
    (_takes_open_minutes_of_progress_for_final, 0),
    (_closes_records_beyond_the_cut, 0),
    (_closes_records_that_the_worker_has_not_come_to, 0),
    (_goes_by_the_first_look_at_a_day, 0),
    (_takes_no_block_for_waiting, 0),
    (_counts_a_waiting_block_once, 0),
    (_adds_a_waiting_block_to_its_settlement, 0),
    (_leaves_nothing_at_settlement, 0),
    (_lists_nothing_at_settlement, 0),
)


@pytest.mark.parametrize(("rule", "seed"), BROKEN, ids=[rule.__name__.strip("_") for rule, _ in BROKEN])
def test_without_one_of_the_rules_the_histories_tell(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch, rule: Patch, seed: int
) -> None:
    rule(monkeypatch)

    with pytest.raises(AssertionError):
        lived(clickhouse, seed)
