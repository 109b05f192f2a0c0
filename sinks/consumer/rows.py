"""From a Kafka record to the rows it means: pure, and without decoding the events that our own gateway wrote."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from registry.key_uses import USE_PREFIX
from runtime.kafka import LogRecord
from schemas.cells import METRICS_KEY_CELLS, METRICS_KEY_PROGRESS, METRICS_KEY_REPEATS, METRICS_KEY_SOURCE
from schemas.codec import decode_delivery, decode_reject, encode
from schemas.lines import (
    BACKGROUND_LANE,
    HEADER_ACCOUNTS,
    HEADER_LANE,
    HEADER_SCHEMA,
    SCHEMA_VERSION,
    DeliveryLine,
    RejectLine,
    fill_positions,
)
from schemas.topics import Topic
from sinks.consumer.foreign import take_foreign
from sinks.consumer.positions import RecordPosition
from sinks.consumer.tables import StoreTable

decode_accounts = msgspec.json.Decoder(dict[str, int]).decode

TABLE_OF_TOPIC: Mapping[Topic, StoreTable] = {
    Topic.EVENTS: StoreTable.EVENTS,
    Topic.REJECTS: StoreTable.REJECTS,
    Topic.DELIVERIES: StoreTable.DELIVERIES,
}
TABLE_OF_KEY: Mapping[bytes, StoreTable] = {
    METRICS_KEY_CELLS: StoreTable.CELLS,
    METRICS_KEY_PROGRESS: StoreTable.PROGRESS,
    METRICS_KEY_SOURCE: StoreTable.SOURCES,
    # A row of its event's key and position, above the event's own.
    METRICS_KEY_REPEATS: StoreTable.EVENTS,
}
FILE_KEY = "registry:file"
_DECODERS: Mapping[Topic, Callable[[bytes], RejectLine | DeliveryLine]] = {
    Topic.REJECTS: decode_reject,
    Topic.DELIVERIES: decode_delivery,
}


@dataclass(frozen=True, slots=True)
class TableRows:
    """Newline-separated JSON objects for one table. *background*: events of a history, which no reader waits for."""

    table: StoreTable
    body: bytes
    count: int
    background: bool = False


def rows_of(topic: Topic, record: LogRecord, epoch: int) -> list[TableRows]:
    """Return everything that *record* of *topic* (in *epoch*) puts into the store; never raises on bad content.

    What cannot be read becomes a kept reject whose id is its position.
    """
    if topic is Topic.METRICS:
        return _metrics_rows(record, epoch)
    if topic is Topic.REGISTRY:
        return [_registry_row(record)]
    accounts = accounts_of(record)
    value = None if accounts is None else _value_of(topic, record, epoch, accounts)
    if accounts is None or value is None:
        return _foreign_rows(topic, record, epoch)
    background = record.headers.get(HEADER_LANE) == BACKGROUND_LANE
    return [
        TableRows(TABLE_OF_TOPIC[topic], value, sum(accounts.values()), background),
        log_rows(topic, record, epoch, accounts),
    ]


def _value_of(topic: Topic, record: LogRecord, epoch: int, accounts: Mapping[str, int]) -> bytes | None:
    """Return what is inserted of *record*, or None where it does not hold the lines that its header tells of.

    Events are not decoded for that: a line of the gateway's has the placeholder of its position, a foreign one hardly.
    """
    if topic is Topic.EVENTS:
        value, lines = fill_positions(record.value, epoch=epoch, partition=record.partition, offset=record.offset)
        return value if lines == sum(accounts.values()) else None
    decode = _DECODERS[topic]
    try:
        found = Counter(decode(line).account_id for line in record.value.split(b"\n"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return record.value if found == accounts else None


def accounts_of(record: LogRecord) -> dict[str, int] | None:
    """Return how many lines each account has in *record*, or None where it is foreign: not written by our gateway."""
    header = record.headers.get(HEADER_ACCOUNTS)
    if header is None or record.headers.get(HEADER_SCHEMA) != SCHEMA_VERSION:
        return None
    try:
        accounts = decode_accounts(header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return accounts if accounts and min(accounts.values()) > 0 else None


def log_rows(topic: Topic, record: LogRecord, epoch: int, accounts: Mapping[str, int]) -> TableRows:
    """Return the log's side of the sums: the lines of *record* by account."""
    body = b"\n".join(
        b'{"topic":"%b","epoch":%d,"partition":%d,"offset":%d,"account_id":%b,"lines":%d,"stamped_ms":%d}'
        % (
            topic.encode(),
            epoch,
            record.partition,
            record.offset,
            encode(account),
            lines,
            record.timestamp_ms,
        )
        for account, lines in accounts.items()
    )
    return TableRows(StoreTable.LOG, body, len(accounts))


def joined(table: StoreTable, items: Iterable[Any]) -> TableRows:
    """Return *items* (Structs or dicts) as rows of *table*."""
    lines = [encode(item) for item in items]
    return TableRows(table, b"\n".join(lines), len(lines))


def _metrics_rows(record: LogRecord, epoch: int) -> list[TableRows]:
    row_type = (record.key or b"").split(b":", 1)[0]
    table = TABLE_OF_KEY.get(row_type)
    if table is not None:
        return [TableRows(table, record.value, record.value.count(b"\n") + 1)]
    return _foreign_rows(Topic.METRICS, record, epoch)


def _foreign_rows(topic: Topic, record: LogRecord, epoch: int) -> list[TableRows]:
    position = RecordPosition(topic, epoch, record.partition, record.offset, record.timestamp_ms)
    taken = take_foreign(position, record.value)
    rows = [log_rows(topic, record, epoch, taken.accounts)] if taken.accounts else []
    if taken.lines:
        rows.append(TableRows(TABLE_OF_TOPIC[topic], b"\n".join(taken.lines), len(taken.lines)))
    if taken.rejects:
        rows.append(joined(StoreTable.REJECTS, taken.rejects))
    return rows


def _registry_row(record: LogRecord) -> TableRows:
    key = (record.key or b"").decode(errors="replace")
    entry_type, _, name = key.partition(":")
    row = {
        "entry_type": entry_type,
        "id": name,
        "body": _without_secrets(key, record.value),
        "version": record.offset,
        "deleted": not record.value,
    }
    return joined(StoreTable.REGISTRY, [row])


def _without_secrets(key: str, value: bytes) -> str:
    """Return the entry as text: a demo's plain secrets and the hashes of access keys stay out of the store."""
    if key.startswith(USE_PREFIX):
        return value.decode() if value.isdigit() else ""
    try:
        entry = msgspec.json.decode(value) if value else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if not isinstance(entry, dict):
        return ""
    entry.pop("sha256", None)
    if key == FILE_KEY:
        for account in entry.get("accounts") or []:
            if isinstance(account, dict):
                account.pop("secrets", None)
    return encode(entry).decode()
