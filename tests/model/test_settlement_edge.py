"""Disorder of exactly the slack is within the protocol: its event counts live, so no settlement may come before it."""

from collections.abc import Iterable
from typing import Any

from runtime.clock import ManualClock
from runtime.kafka import LogRecord
from schemas.lines import StoredEvent
from schemas.timing import HOUR_MS, MINUTE_MS
from schemas.topics import Topic
from sinks.consumer.monitors import position_row, position_rows
from sinks.consumer.rows import joined, rows_of
from sinks.consumer.tables import StoreTable
from sinks.settlement.settle import Settler
from streams.state import SourceState, take_dirty_rows
from streams.steps import take_record
from tests.road_model.store import MemoryStore
from tests.road_model.surroundings import EPOCH, directory, epoch, settings
from tests.support.counting_harness import make_record
from tests.support.settlement_harness import NOON_MS, TIMING, event

SOURCE = (Topic.EVENTS, 1)
"""`make_record` writes into this partition."""
EMPTY = (Topic.EVENTS, 0)
LAST_MINUTE_MS = NOON_MS + 4 * MINUTE_MS
OVER_MS = LAST_MINUTE_MS + MINUTE_MS + TIMING.grace_ms
"""The last moment at which an event of the block is not late."""


def received(event_id: str, occurred_ms: int, received_ms: int) -> StoredEvent:
    return event(event_id, occurred_ms, after_ms=received_ms - occurred_ms)


def store_events(store: MemoryStore, records: Iterable[LogRecord]) -> None:
    for record in records:
        for rows in rows_of(Topic.EVENTS, record, EPOCH):
            store.write(rows, token="")
        mark: dict[str, Any] = {"watermark_ms": record.timestamp_ms}
        store.write(position_rows([position_row(SOURCE, EPOCH, record.offset + 1, **mark)]), token="")


def store_cells(store: MemoryStore, records: Iterable[LogRecord]) -> None:
    state = SourceState(EPOCH, 1, TIMING)
    for record in records:
        take_record(state, record)
    flush = take_dirty_rows(state)
    assert flush is not None
    store.write(joined(StoreTable.CELLS, flush.cells), token="")
    store.write(joined(StoreTable.SOURCES, [flush.source]), token="")


def test_a_block_is_not_settled_while_an_event_of_the_slacks_disorder_may_come() -> None:
    store = MemoryStore(ManualClock(NOON_MS + HOUR_MS), lambda: (epoch(),))
    settler = Settler(settings(), store, ManualClock(NOON_MS + HOUR_MS))  # type: ignore[arg-type]  # a stand-in
    records = [
        make_record(0, [received("e-1", LAST_MINUTE_MS, LAST_MINUTE_MS)]),
        make_record(1, [received("e-2", OVER_MS + TIMING.slack_ms, OVER_MS + TIMING.slack_ms)]),
        make_record(2, [received("e-3", LAST_MINUTE_MS, OVER_MS)]),
    ]
    store.write(position_rows([position_row(EMPTY, EPOCH, 0, read_to_end_ms=NOON_MS + HOUR_MS)]), token="")
    store_cells(store, records)  # the sink has read all of the metrics, and not yet all of the events
    store_events(store, records[:2])
    before = store.shown_events()

    settler.settle(directory())

    assert sum(before.values()) == 3
    assert store.shown_events() == before
