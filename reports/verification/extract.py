"""The events that a frozen report stands on, as one Parquet file: without names, attributes, ids or hashes of anybody.

Events are in order of time and numbered from 1. A person or session is a number within this one file, in order of
first appearance: different ones can be counted, and nobody can be found again in another file or in the store.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from reports.verification.leaves import Leaf
from reports.verification.snapshot import TrialSnapshot

_TIME = pa.timestamp("ms", tz="UTC")
COLUMNS: Mapping[str, pa.DataType] = {
    "event": pa.uint32(),
    "platform": pa.string(),
    "placement": pa.string(),
    "arm": pa.string(),
    "kind": pa.string(),
    "outcome": pa.string(),
    "occurred_at": _TIME,
    "received_at": _TIME,
    "grace_ms": pa.int64(),
    "subject": pa.uint32(),
    "session": pa.uint32(),
    "duration_ms": pa.uint32(),
    "amount_fen": pa.int64(),
    "rating": pa.uint8(),
}
"""0 is no subject and no session; without a duration, an amount or a rating there is null."""
NULLABLE = frozenset({"duration_ms", "amount_fen", "rating"})
SCHEMA = pa.schema([pa.field(name, kind, nullable=name in NULLABLE) for name, kind in COLUMNS.items()])
METADATA_KEY = b"avenue-extract"
ROW_GROUP = 131_072


class ExtractError(ValueError):
    """A file is no extract of a report."""


class ExtractMetadata(msgspec.Struct, frozen=True):
    """What the extract says beside its events."""

    registry: TrialSnapshot
    stated: dict[str, Leaf]
    """What the report says and no event can prove, by path: how many rejects there were, what is settled, all words."""
    schema: str = "avenue-extract-1"


@dataclass(frozen=True, slots=True)
class ExtractFile:
    """An extract that was read."""

    table: pa.Table
    metadata: ExtractMetadata


def write_extract(table: pa.Table, metadata: ExtractMetadata) -> bytes:
    """Return *table*, of `SCHEMA`, as Parquet; the same table gives the same bytes."""
    sink = io.BytesIO()
    form: dict[str, Any] = {"version": "2.6", "compression": "zstd", "compression_level": 9, "store_schema": False}
    with pq.ParquetWriter(sink, SCHEMA, **form) as writer:
        writer.write_table(table.cast(SCHEMA), row_group_size=ROW_GROUP)
        writer.add_key_value_metadata({METADATA_KEY: msgspec.json.encode(metadata, order="sorted")})
    return sink.getvalue()


def read_extract(content: bytes) -> ExtractFile:
    """Return the extract in *content*. Raises `ExtractError` where it is none."""
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        said: dict[bytes, bytes] = file.metadata.metadata or {}
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise ExtractError(f"it cannot be read as Parquet ({_first(error)})") from error
    if METADATA_KEY not in said:
        raise ExtractError("it is no extract of a report: what it stands on is not in its metadata")
    try:
        metadata = msgspec.json.decode(said[METADATA_KEY], type=ExtractMetadata)
        return ExtractFile(_checked(table), metadata)
    except (msgspec.MsgspecError, pa.ArrowException, RecursionError) as error:
        raise ExtractError(f"its metadata or columns are not those of an extract ({_first(error)})") from error


def _checked(table: Any) -> Any:
    if missing := sorted(set(COLUMNS) - set(table.column_names)):
        raise ExtractError(f"it lacks the columns {', '.join(missing)}")
    chosen = table.select(list(COLUMNS))
    for name in COLUMNS:
        if name not in NULLABLE and chosen.column(name).null_count:
            raise ExtractError(f"its column {name} has rows without a value")
    return chosen.cast(SCHEMA)


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
