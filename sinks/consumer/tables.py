"""What is inserted where: each table with the columns that a line may fill, in the order of the lines."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from schemas.cells import CellRow, ProgressRow, SourceRow
from schemas.lines import DeliveryLine, RejectLine, StoredEvent


class StoreTable(StrEnum):
    """The tables that the sink fills."""

    EVENTS = "pilot_events"
    REJECTS = "pilot_rejects"
    DELIVERIES = "pilot_deliveries"
    CELLS = "cells_live"
    PROGRESS = "worker_progress"
    SOURCES = "worker_sources"
    LOG = "log_records"
    POSITIONS = "sink_sources"
    REGISTRY = "registry_records"


def _fields(line: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(line.__struct_fields__)


WAYS_IN: Mapping[StoreTable, str] = {StoreTable.EVENTS: "event_lines", StoreTable.DELIVERIES: "delivery_lines"}
"""Where rows are inserted that a view brings into their table."""

# Listed in full: an EPHEMERAL column is filled only where it is named, and a field that a table lacks is refused
# at once instead of being lost.
COLUMNS: dict[StoreTable, tuple[str, ...]] = {
    StoreTable.EVENTS: ("epoch", "partition", "offset", "line", *_fields(StoredEvent), "is_repeat"),
    StoreTable.REJECTS: _fields(RejectLine),
    StoreTable.DELIVERIES: _fields(DeliveryLine),
    StoreTable.CELLS: _fields(CellRow),
    StoreTable.PROGRESS: _fields(ProgressRow),
    StoreTable.SOURCES: _fields(SourceRow),
    StoreTable.LOG: ("topic", "epoch", "partition", "offset", "account_id", "lines", "stamped_ms"),
    StoreTable.POSITIONS: ("topic", "epoch", "partition", "next_offset", "watermark_ms", "read_to_end_ms"),
    StoreTable.REGISTRY: ("entry_type", "id", "body", "version", "deleted"),
}
