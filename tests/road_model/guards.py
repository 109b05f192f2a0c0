"""The protocol's guards, each with the step that stands in for it when it is taken out."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import producers.validation.validator
import sinks.consumer.writer
import sinks.settlement.settle
import streams.metrics_worker
import streams.rebuild
import streams.state
from producers.consent.ledger import ConsentChange, ConsentMerge, encode_changes
from producers.gateway import pipeline
from producers.gateway.waiting_refunds import WaitingRefunds
from producers.orders.ledger import DueRefund, dealt_with_effect
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.effects import EventEffect
from producers.validation.results import PartitionBatch
from runtime.kafka import LogRecord
from schemas.cells import METRICS_KEY_REPEATS
from schemas.topics import Topic
from sinks.consumer.batch import DEFERRED, IMMEDIATE, RowBatch
from sinks.consumer.consumer import SinkConsumer
from sinks.consumer.monitors import position_row, position_rows
from sinks.consumer.tables import StoreTable
from sinks.settlement.settle import SettlementResult, Settler
from streams.metrics_worker import MetricsWorker
from streams.outbox import OutboxMessage, row_messages, source_messages
from streams.rebuild import SourceSpec
from streams.state import SourceFlush, SourceState
from tests.road_model.store import MemoryStore

Substitution = tuple[Any, str, Any]


@dataclass(frozen=True, slots=True)
class ProtocolGuard:
    """A step of the protocol, and what is done in its place without it."""

    name: str
    without: tuple[Substitution, ...]
    commits_run_ahead: bool = False
    """Whether it guards against commits that run ahead, and so shows only where they do."""
    careless: bool = False
    """Whether it guards against partners that use ids again."""
    consenting: bool = False
    """Whether it guards what visitors say of their consent."""
    selling: bool = False
    """Whether it guards refunds that name no amount."""

    @contextmanager
    def taken_out(self) -> Iterator[None]:
        """Run the road without it."""
        with ExitStack() as stack:
            for holder, name, instead in self.without:
                if isinstance(holder, dict):
                    stack.enter_context(patch.dict(holder, {name: instead}))
                else:
                    stack.enter_context(patch.object(holder, name, instead))
            yield


# --- gateway


async def _no_wait(_request: object) -> None:
    return


_settle = DuplicateWindow.settle


def _remember_all(window: DuplicateWindow, *args: Any, **kwargs: Any) -> None:
    _settle(window, *args, **{**kwargs, "acknowledged": True})


def _no_line_held(_request: object, pile: PartitionBatch) -> int:
    return len(pile.lines)


def _state_under_one_key(key: str, _change: ConsentChange, merged: ConsentMerge) -> tuple[EventEffect, ...]:
    return (EventEffect(Topic.CONSENT, key, encode_changes(list(merged.known))),)


def _only_of_own_orders(waiting: WaitingRefunds, _now_s: float) -> list[DueRefund]:
    return [item for item in waiting._orders.due() if item.here]


async def _forget_first(waiting: WaitingRefunds, now_s: float) -> int:
    due = waiting._due(now_s)
    for item in due:
        waiting._orders.wait_no_more(item.key)
        await waiting._publisher.publish_effect(dealt_with_effect(item.key), 0)
    await waiting._replayer.replay([item.line for item in due], asked_by="order", dry_run=False)
    return len(due)


# --- worker

_rebuild, _take = streams.rebuild.rebuild, MetricsWorker.take


def _start_empty(source: SourceSpec, record: LogRecord, _log: object, *, on_record: object) -> SourceState:
    return SourceState(source.epoch, source.partition, source.timing, next_offset=record.offset)


def _skip_gap(state: SourceState, record: LogRecord, _log: object, *, on_record: object) -> None:
    state.next_offset = record.offset


def _rebuild_silently(*args: Any, **kwargs: Any) -> SourceState:
    state = _rebuild(*args, **kwargs)
    for cell in state.dirty_cells:
        cell.dirty = False
    for progress in state.dirty_progress:
        progress.dirty = False
    state.dirty_cells.clear()
    state.dirty_progress.clear()
    state.repeats.clear()
    return state


def _no_span(state: SourceState) -> None:
    state.span_ms = -1


async def _acknowledge_first(worker: MetricsWorker, record: LogRecord, ack: Callable[[], object]) -> None:
    ack()
    await _take(worker, record, lambda: None)


def _all_at_once(flushes: list[SourceFlush]) -> Iterator[OutboxMessage]:
    yield from source_messages(flushes)
    yield from row_messages(flushes)


def _no_repeats(flushes: list[SourceFlush]) -> Iterator[OutboxMessage]:
    yield from (
        message for message in row_messages(flushes) if not (message.key or b"").startswith(METRICS_KEY_REPEATS)
    )


# --- sink


def _commit_first(consumer: SinkConsumer) -> None:
    batch = consumer._batch
    consumer._commit({place: part.next_offset for place, part in batch.progress.items()})
    consumer._insert(IMMEDIATE)
    consumer._insert(DEFERRED)
    _note(consumer, batch)
    consumer._batch = RowBatch()


def _positions_first(consumer: SinkConsumer) -> None:
    batch = consumer._batch
    _note(consumer, batch)
    consumer._insert(DEFERRED)
    consumer._insert(IMMEDIATE)
    consumer._batch = RowBatch()
    consumer._commit({place: part.next_offset for place, part in batch.progress.items()})


def _note(consumer: SinkConsumer, batch: RowBatch) -> None:
    if batch.progress:
        rows = [
            position_row(place, part.epoch, part.next_offset, watermark_ms=part.watermark_ms)
            for place, part in batch.progress.items()
        ]
        consumer._store.write(position_rows(rows), "")


# --- store

_rank = sinks.consumer.writer._rank


def _last_cell_wins(table: StoreTable, item: dict[str, Any]) -> tuple[int, ...]:
    return () if table is StoreTable.CELLS else _rank(table, item)


def _last_position_wins(table: StoreTable, item: dict[str, Any]) -> tuple[int, ...]:
    return () if table is StoreTable.EVENTS else _rank(table, item)


# --- settlement

_due = Settler._due


def _settle_nothing(_settler: Settler, _directory: object) -> SettlementResult:
    return SettlementResult()


def _never_again(settler: Settler, *args: Any) -> list[Any]:
    return [block for block in _due(settler, *args) if not settler._state.touched[block].settled_before]


def _at_once(*_: object) -> int:
    return 1 << 60


def _last_run_written(store: MemoryStore, cells: dict[Any, Any]) -> None:
    store.settled.update(cells)


GUARDS = (
    ProtocolGuard(
        "an answer waits for the broker's acknowledgement",
        ((pipeline._InFlightRequest, "_acknowledged", _no_wait),),
    ),
    ProtocolGuard("an id is remembered once it is acknowledged", ((DuplicateWindow, "settle", _remember_all),)),
    ProtocolGuard(
        "what an event causes before its line",
        ((pipeline._InFlightRequest, "_free_lines", _no_line_held),),
        consenting=True,
    ),
    ProtocolGuard(
        "an order's amount before its line",
        ((pipeline._InFlightRequest, "_free_lines", _no_line_held),),
        selling=True,
    ),
    ProtocolGuard(
        "a refund that waits is left to no one gateway",
        ((WaitingRefunds, "_due", _only_of_own_orders),),
        selling=True,
    ),
    ProtocolGuard(
        "a refund waits until it is counted",
        ((WaitingRefunds, "count_due", _forget_first),),
        selling=True,
    ),
    ProtocolGuard(
        "each change of consent under a key of its own",
        ((producers.validation.validator, "consent_effects", _state_under_one_key),),
        consenting=True,
    ),
    ProtocolGuard("rebuild", ((streams.metrics_worker, "rebuild", _start_empty),)),
    ProtocolGuard("gap reading", ((streams.metrics_worker, "read_gap", _skip_gap),)),
    ProtocolGuard(
        "sending again after a rebuild",
        ((streams.metrics_worker, "rebuild", _rebuild_silently),),
        commits_run_ahead=True,
    ),
    ProtocolGuard("the worker's dedupe", ((SourceState, "__post_init__", _no_span),)),
    ProtocolGuard("the worker tells repeats", ((streams.metrics_worker, "row_messages", _no_repeats),), careless=True),
    ProtocolGuard("confirmation before commit", ((MetricsWorker, "take", _acknowledge_first),)),
    ProtocolGuard(
        "rows before the row that vouches for them",
        (
            (streams.metrics_worker, "row_messages", _all_at_once),
            (streams.metrics_worker, "source_messages", lambda _: ()),
        ),
    ),
    ProtocolGuard("insert before commit", ((SinkConsumer, "flush", _commit_first),)),
    ProtocolGuard("rows inserted before what vouches for them", ((SinkConsumer, "flush", _positions_first),)),
    ProtocolGuard("the version of a cell", ((sinks.consumer.writer, "_rank", _last_cell_wins),)),
    ProtocolGuard("the first position of an event", ((sinks.consumer.writer, "_rank", _last_position_wins),)),
    ProtocolGuard(
        "the store's dedupe",
        ((sinks.consumer.writer.KEYS, StoreTable.EVENTS, ("epoch", "partition", "offset", "line")),),
    ),
    ProtocolGuard("settlement", ((Settler, "settle", _settle_nothing),)),
    ProtocolGuard("settlement again where a block was touched", ((Settler, "_due", _never_again),)),
    ProtocolGuard("settlement waits for every source", ((sinks.settlement.settle, "complete_until", _at_once),)),
    ProtocolGuard("the run of a settlement", ((MemoryStore, "put_settled", _last_run_written),)),
)
