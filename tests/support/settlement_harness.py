"""A log by hand, the real worker's steps over it, and the store they end in: what settlement and the sums look at."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from registry.directory import Directory
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.kafka import LogRecord
from runtime.settings import KafkaSettings, Settings, SinkSettings
from schemas.codec import encode
from schemas.event import KINDS
from schemas.lines import DeliveryLine, RejectLine, StoredEvent, encode_record
from schemas.registry import Epoch
from schemas.timing import MINUTE_MS, Timing
from schemas.topics import Topic
from sinks.consumer.monitors import position_row, position_rows
from sinks.consumer.rows import TableRows, joined, rows_of
from sinks.consumer.tables import StoreTable
from sinks.consumer.writer import ClickHouseRowWriter
from sinks.settlement.blocks import moment
from sinks.settlement.settle import SettlementResult, Settler
from streams.state import SourceState, take_dirty_rows
from streams.steps import take_record
from tests.support.factories import stored_event

NOON_MS = 1_793_000_100_000
"""The start of a block: 2026-10-26 07:35 UTC."""
TIMING = Timing()
ACCOUNT = "sunmi-main"


def hash_of(number: int) -> str:
    """Return what a subject's hash looks like."""
    return f"{random.Random(number).getrandbits(128):032x}"


def event(event_id: str, at_ms: int = NOON_MS, *, after_ms: int = 500, **changes: Any) -> StoredEvent:
    """Return an event that occurred at *at_ms* and was received *after_ms* later."""
    fields: dict[str, Any] = {
        "received_ms": at_ms + after_ms,
        "product_id": "band",
        "trial_id": "band-q4",
        "kind": "use.completed",
        "placement_id": "p-1",
        "arm": "pilot",
        "outcome": "ok",
        "subject": hash_of(1),
        "session_id": hash_of(2),
        "duration_ms": 5230,
    }
    return stored_event(event_id, at_ms, **(fields | changes))


def epoch_of(number: int = 1, partitions: int = 1) -> Epoch:
    """Return an epoch with the default tolerances."""
    return Epoch(
        number=number,
        topic_id=f"topic-{number}",
        partitions=partitions,
        grace_ms=TIMING.grace_ms,
        lead_ms=TIMING.lead_ms,
        slack_ms=TIMING.slack_ms,
        began_at="2026-10-01T00:00:00+00:00",
    )


@dataclass
class World:
    """The road after the gateway, with the clock in hand."""

    clickhouse: ClickHouse
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON_MS))
    epochs: tuple[Epoch, ...] = (epoch_of(),)
    sources: dict[tuple[int, int], SourceState] = field(default_factory=dict)
    offsets: Counter[tuple[int, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.settings = Settings(
            kafka=KafkaSettings(delivery_timeout_s=15), sink=SinkSettings(settle_blocks=500, resettle_s=20)
        )
        self.writer = ClickHouseRowWriter(self.clickhouse, timeout_s=60)
        self.settler = Settler(self.settings, self.clickhouse, self.clock)

    @property
    def directory(self) -> Directory:
        return Directory(version=1, epochs=self.epochs)

    def send(
        self, *events: StoredEvent, epoch: int = 1, partition: int = 0, counted: bool = True, stored: bool = True
    ) -> LogRecord:
        """Put *events* into the log as one record; the sink stores it, the worker counts it."""
        place = (epoch, partition)
        record = LogRecord(
            topic=Topic.EVENTS,
            partition=partition,
            offset=self.offsets[place],
            timestamp_ms=max(item.received_ms for item in events),
            key=None,
            value=encode_record(encode(item) for item in events),
            headers={
                "schema-version": b"1",
                "accounts": encode(dict(Counter(item.account_id for item in events))),
            },
        )
        self.offsets[place] += 1
        if stored:
            self.store(record, epoch)
        if counted:
            self.count(record, epoch)
        return record

    def store(self, record: LogRecord, epoch: int = 1) -> None:
        """Do what the sink does with *record*."""
        self._write(rows_of(Topic.EVENTS, record, epoch))
        row = position_row((Topic.EVENTS, record.partition), epoch, record.offset + 1, watermark_ms=record.timestamp_ms)
        self._write([position_rows([row])])

    def count(self, record: LogRecord, epoch: int = 1, *, sent: bool = True) -> None:
        """Do what the worker does with *record*, and store its rows unless they are not *sent*."""
        place = (epoch, record.partition)
        state = self.sources.setdefault(place, SourceState(epoch, record.partition, TIMING))
        take_record(state, record)
        flush = take_dirty_rows(state)
        if flush is None or not sent:
            return
        self._write(
            joined(table, rows)
            for table, rows in (
                (StoreTable.CELLS, flush.cells),
                (StoreTable.PROGRESS, flush.progress),
                (StoreTable.EVENTS, flush.repeats),
                (StoreTable.SOURCES, [flush.source]),
            )
            if rows
        )

    def deliver(
        self, delivery_id: str, *, accepted: int, rejected: int = 0, duplicate: int = 0, **changes: Any
    ) -> None:
        """Store what a request was answered."""
        fields: dict[str, Any] = {
            "delivery_id": delivery_id,
            "account_id": ACCOUNT,
            "platform": "sunmi",
            "flow": "events",
            "status": 200,
            "received": accepted + rejected + duplicate,
            "accepted": accepted,
            "duplicate": duplicate,
            "rejected": rejected,
            "received_ms": self.clock.now_ms(),
            "answered_ms": self.clock.now_ms(),
        }
        self._write([joined(StoreTable.DELIVERIES, [DeliveryLine(**(fields | changes))])])

    def freeze(self, *trials: str) -> None:
        """Store an extract of a frozen report of each trial."""
        self.clickhouse.writer().insert(
            "frozen_extracts",
            [[trial, "0123456789abcdef", 0, moment(NOON_MS), b"PAR1"] for trial in trials],
            column_names=["trial_id", "report_id", "piece", "starts_at", "content"],
        )

    def reject(self, *rejects: RejectLine) -> None:
        """Put kept rejects into the log, and store them."""
        record = LogRecord(
            Topic.REJECTS,
            0,
            self.offsets[0, -1],
            self.clock.now_ms(),
            None,
            b"\n".join(encode(item) for item in rejects),
            {"schema-version": b"1", "accounts": encode(dict(Counter(item.account_id for item in rejects)))},
        )
        self.offsets[0, -1] += 1
        self._write(rows_of(Topic.REJECTS, record, 1))

    def note(self, row: TableRows) -> None:
        """Note how far the sink has come."""
        self._write([row])

    def idle(self, *, epoch: int = 1, partitions: Sequence[int] = (0,)) -> None:
        """Note that the sink has read these sources to their end by now."""
        now_ms = self.clock.now_ms()
        rows = [
            position_row((Topic.EVENTS, part), epoch, self.offsets[epoch, part], read_to_end_ms=now_ms)
            for part in partitions
        ]
        self._write([position_rows(rows)])

    def later(self, minutes: float) -> None:
        """Move the clock on, with nothing more to come."""
        self.clock.advance(int(minutes * MINUTE_MS))
        newest = self.directory.epoch
        if newest is not None:
            self.idle(epoch=newest.number, partitions=range(newest.partitions))

    def settle(self) -> SettlementResult:
        """Let the settler do one call."""
        return self.settler.settle(self.directory)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a reader sees."""
        return [tuple(row) for row in self.clickhouse.reader().query(query).result_rows]

    def command(self, statement: str) -> None:
        """Change the store by hand."""
        self.clickhouse.writer().command(statement)

    def _write(self, rows: Iterable[TableRows]) -> None:
        for item in rows:
            self.writer.write(item, token="")


def random_events(seed: int, count: int, *, span_ms: int = 5 * MINUTE_MS) -> list[StoredEvent]:
    """Return events of one block that differ in everything that cells keep."""
    r = random.Random(seed)
    kinds = KINDS[:8]
    return [
        event(
            f"e-{seed}-{index}",
            NOON_MS + r.randrange(span_ms),
            kind=r.choice(kinds),
            placement_id=r.choice(["p-1", "p-2"]),
            outcome=r.choice(["ok", "failed", "abandoned", ""]),
            subject=r.choice(["", hash_of(r.randrange(40))]),
            session_id=r.choice(["", hash_of(1000 + r.randrange(40))]),
            duration_ms=r.choice([None, r.randrange(300), r.randrange(86_400_001)]),
            amount_fen=r.choice([None, r.randrange(10**12)]),
            rating=r.choice([None, 1 + r.randrange(5)]),
        )
        for index in range(count)
    ]


def kept_reject(reject_id: str, **changes: Any) -> RejectLine:
    """Return a reject of the account's, received at noon."""
    line = RejectLine(
        reject_id=reject_id,
        account_id=ACCOUNT,
        platform="sunmi",
        flow="events",
        reason="malformed",
        received_ms=NOON_MS,
        delivery_id="d-1",
    )
    return msgspec.structs.replace(line, **changes)
