"""What is inserted where: each table with the columns that a line may fill, in the order of the lines."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from schemas.cells import CellRow, ProgressRow, SourceRow
from schemas.lines import DeliveryLine, RejectLine, StoredEvent


class Table(StrEnum):
    """The tables that the sink fills."""

    EVENTS = "pilot_events"
    REJECTS = "pilot_rejects"
    DELIVERIES = "pilot_deliveries"
    CELLS = "cells_live"
    PROGRESS = "worker_progress"
    SOURCES = "worker_sources"
    LOG = "log_records"
    POSITIONS = "sink_sources"
    REGISTRY = "registry_entries"


def _fields(line: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(line.__struct_fields__)


WAYS_IN: Mapping[Table, str] = {Table.EVENTS: "event_lines"}
"""Where rows are inserted that a view brings into their table."""

# Listed in full: an EPHEMERAL column is filled only where it is named, and a field that a table lacks is refused
# at once instead of being lost.
COLUMNS: dict[Table, tuple[str, ...]] = {
    Table.EVENTS: ("epoch", "partition", "offset", "line", *_fields(StoredEvent), "is_repeat"),
    Table.REJECTS: _fields(RejectLine),
    Table.DELIVERIES: _fields(DeliveryLine),
    Table.CELLS: _fields(CellRow),
    Table.PROGRESS: _fields(ProgressRow),
    Table.SOURCES: _fields(SourceRow),
    Table.LOG: ("topic", "epoch", "partition", "offset", "account_id", "lines", "stamped_ms"),
    Table.POSITIONS: ("topic", "epoch", "partition", "next_offset", "watermark_ms", "read_to_end_ms"),
    Table.REGISTRY: ("sort", "id", "body", "version", "deleted"),
}
