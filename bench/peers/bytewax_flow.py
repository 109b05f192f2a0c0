"""Bytewax: Kafka in, `fold_window` over event time, Kafka out; run by `python -m bytewax.run module:make_flow()`.

API reference of `bytewax.operators.windowing` (fold_window, EventClock, TumblingWindower) and
`bytewax.connectors.kafka` (docs.bytewax.io): batches of 1,000, order within a window not asked for, since a fold of
sums needs none. Its state is in memory, without the optional recovery store. Decoding is msgspec's, which its users
may pick; with `tail=False` it ends at the end of the topic and closes its windows.
"""

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
import msgspec
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow

from bench.peers.cells import MINUTE_MS, SetCell, add_to_sets

ALIGN = datetime(2026, 1, 1, tzinfo=UTC)


class Event(msgspec.Struct, gc=False):
    """The fields that are counted; the rest of the line is skipped."""

    event_id: str
    account_id: str
    platform: str
    product_id: str
    kind: str
    occurred_ms: int
    placement_id: str
    arm: str
    outcome: str
    subject: str
    session_id: str
    duration_ms: int


_decoder = msgspec.json.Decoder(Event)


def decode_one(message: Any) -> Event:
    """Return the event of a message that holds one."""
    return _decoder.decode(message.value)


def decode_lines(message: Any) -> list[Event]:
    """Return the events of a message that holds a line for each."""
    return _decoder.decode_lines(message.value)


def cell_key(event: Event) -> str:
    """Return the cell's key but for its minute."""
    return f"{event.product_id}|{event.platform}|{event.placement_id}|{event.arm}|{event.kind}"


def occurred(event: Event) -> datetime:
    """Return the event's own time."""
    return datetime.fromtimestamp(event.occurred_ms / 1000, UTC)


def merge(_left: SetCell, _right: SetCell) -> SetCell:
    """Never called: only session windows merge."""
    raise NotImplementedError


def closed(item: tuple[str, tuple[int, SetCell]]) -> Any:
    """Return a closed window as a message."""
    key, (window, cell) = item
    minute_ms = int(ALIGN.timestamp() * 1000) + window * MINUTE_MS
    return KafkaSinkMessage(key.encode(), msgspec.json.encode({"minute_ms": minute_ms, **cell.result()}))


def make_flow() -> Dataflow:
    """Return the dataflow that the environment describes."""
    flow = Dataflow("peer")
    brokers = [os.environ["PEER_KAFKA"]]
    messages = kop.input("in", flow, brokers=brokers, topics=[os.environ["PEER_TOPIC"]], tail=False)
    if os.environ["PEER_SHAPE"] == "500":
        events = op.flat_map("decode", messages.oks, decode_lines)
    else:
        events = op.map("decode", messages.oks, decode_one)
    windows = win.fold_window(
        "cells",
        op.key_on("key", events, cell_key),
        win.EventClock(occurred, wait_for_system_duration=timedelta(minutes=2)),
        win.TumblingWindower(length=timedelta(minutes=1), align_to=ALIGN),
        SetCell,
        partial(add_to_sets, dedupe=os.environ["PEER_DEDUPE"] == "1"),
        merge,
        ordered=False,
    )
    kop.output("out", op.map("closed", windows.down, closed), brokers=brokers, topic=os.environ["PEER_OUT"])
    return flow
