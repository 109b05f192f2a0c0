"""The port to the store, its ClickHouse side, and its twin in memory."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.errors import ConfigurationError, PipelineError, RetryableError, first_line
from runtime.logging import get_logger
from runtime.metrics import SINK_INSERT_SECONDS, SINK_ROWS
from sinks.consumer.error_codes import RetryDecision, code_of, decide
from sinks.consumer.rows import TableRows
from sinks.consumer.tables import COLUMNS, WAYS_IN, StoreTable

log = get_logger(__name__)


class RefusedRowsError(PipelineError):
    """The store will never take these rows as they are; `code` is its reason."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


Failing = Callable[[TableRows], Exception | None]


class RowWriter(Protocol):
    """Where rows go."""

    def write(self, rows: TableRows, *, token: str) -> None:
        """Store all of *rows*, however often the same come: of two rows with one key a reader sees one.

        *token* names the same rows in a further try. Raises `RetryableError` if a later try may succeed, and
        `RefusedRowsError` if none will; then nothing, a part or all of them may stand.
        """
        ...


class ClickHouseRowWriter:
    """Inserts raw JSON lines. A client belongs to one thread, and so does this."""

    def __init__(self, clickhouse: ClickHouse, *, timeout_s: float) -> None:
        self._clickhouse = clickhouse
        self._settings: dict[str, Any] = {
            # One insert is one block and one part; a try after an error is known by its token.
            "async_insert": 0,
            "deduplicate_blocks_in_dependent_materialized_views": 1,
            # Repeats within a batch are rare, and readers remove them anyway.
            "optimize_on_insert": 0,
            "max_execution_time": int(timeout_s),
            # Half the wall time on an idle machine, but a seventh more CPU, which the gateway beside us needs.
            "input_format_parallel_parsing": 0,
            # The same for what follows the parsing; one thread makes one block, too.
            "max_threads": 1,
            "max_insert_threads": 1,
            "input_format_skip_unknown_fields": 1,
        }

    def write(self, rows: TableRows, *, token: str) -> None:
        """Store all of *rows* under *token*."""
        began = time.perf_counter()
        try:
            self._clickhouse.writer().raw_insert(
                WAYS_IN.get(rows.table, rows.table),
                COLUMNS[rows.table],
                rows.body,
                fmt="JSONEachRow",
                settings=self._settings | {"insert_deduplication_token": token},
            )
        except ClickHouseError as error:
            if decide(error) is RetryDecision.SPLIT:
                # The server's words may quote the rows: its code has to do.
                raise RefusedRowsError(f"{rows.table} refuses rows", code=code_of(error)) from error
            raise RetryableError(f"{rows.table} takes no rows: {self._clickhouse.explain(error)}") from error
        except (OSError, ConfigurationError) as error:
            raise RetryableError(f"the store cannot be reached: {first_line(error)}") from error
        SINK_INSERT_SECONDS.labels(rows.table).observe(time.perf_counter() - began)
        SINK_ROWS.labels(rows.table).inc(rows.count)


KEYS: dict[StoreTable, tuple[str, ...]] = {
    StoreTable.EVENTS: ("trial_id", "account_id", "event_id", "occurred_ms"),
    StoreTable.REJECTS: ("account_id", "reason", "reject_id"),
    StoreTable.DELIVERIES: ("account_id", "delivery_id"),
    StoreTable.CELLS: (
        *("product_id", "minute_ms", "trial_id", "platform"),
        *("placement_id", "arm", "kind", "epoch", "partition"),
    ),
    StoreTable.PROGRESS: ("epoch", "partition", "received_minute_ms", "account_id"),
    StoreTable.SOURCES: ("epoch", "partition"),
    StoreTable.LOG: ("topic", "epoch", "partition", "offset", "account_id"),
    StoreTable.POSITIONS: ("topic", "epoch", "partition"),
    StoreTable.REGISTRY: ("entry_type", "id"),
}
"""What makes two rows the same."""


class MemoryRowWriter:
    """The twin: rows by key, with the same rule of which one wins."""

    def __init__(self) -> None:
        self.tables: dict[StoreTable, dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)
        self.failing: Failing = lambda _rows: None
        """Returns what a write of these rows raises, or None."""

    def write(self, rows: TableRows, *, token: str) -> None:  # noqa: ARG002 - the port has it; keys suffice here
        """Store all of *rows*."""
        if (error := self.failing(rows)) is not None:
            raise error
        try:
            items = [msgspec.json.decode(line) for line in rows.body.split(b"\n")]
        except msgspec.DecodeError as error:
            raise RefusedRowsError("a line is no JSON object", code=117) from error
        table = self.tables[rows.table]
        for item in items:
            key = self._key(rows.table, item)
            if key not in table or _rank(rows.table, item) >= _rank(rows.table, table[key]):
                table[key] = item

    def rows(self, table: StoreTable) -> list[dict[str, Any]]:
        """Return the rows of *table* by key, as a reader sees them."""
        pairs = sorted(self.tables[table].items(), key=lambda pair: str(pair[0]))
        return [row for _, row in pairs if not row.get("is_repeat")]

    @staticmethod
    def _key(table: StoreTable, item: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(item.get(name, "") for name in KEYS[table])


def _rank(table: StoreTable, item: dict[str, Any]) -> tuple[int, ...]:
    if table is StoreTable.EVENTS:
        return (-item["epoch"], -item["partition"], -item["offset"], -item["line"], item.get("is_repeat", 0))
    if table is StoreTable.REJECTS:
        return (-item["received_ms"],)
    return (item.get("version", 0),)
