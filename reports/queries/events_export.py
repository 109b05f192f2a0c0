"""A trial's stored events as CSV, NDJSON or Parquet, streamed as ClickHouse writes them."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import IO, Any, Literal, cast

from reports.queries.context import STATEMENTS, QueryContext, moment
from reports.queries.model import Interval
from runtime.errors import PipelineError

ExportFormat = Literal["csv", "ndjson", "parquet"]
CHUNK_BYTES = 262_144
COLUMNS = (
    "event_id",
    "account_id",
    "platform",
    "product_id",
    "trial_id",
    "placement_id",
    "arm",
    "kind",
    "outcome",
    "occurred_at",
    "received_at",
    "subject",
    "session_id",
    "duration_ms",
    "amount_fen",
    "rating",
    "attributes",
)
"""Those of the view `events`, in its order."""

_CLICKHOUSE_FORMAT: dict[ExportFormat, str] = {"csv": "CSV", "ndjson": "JSONEachRow", "parquet": "Parquet"}
_BOM = b"\xef\xbb\xbf"
"""Without it Excel takes UTF-8 for the local code page."""
_PARQUET_ROWS = 5_000_000
"""The engine in this process writes a Parquet file whole before its first byte: about 0.3 GB at this many rows."""


class TooManyRowsError(PipelineError):
    """An export would hold more rows than allowed; ask for a shorter interval, or another format."""

    def __init__(self, rows_asked: int, limit: int) -> None:
        super().__init__(f"{rows_asked} events, and at most {limit} in one export")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class ExportQuestion:
    """Which events, in which form."""

    trial_id: str
    interval: Interval
    form: ExportFormat
    max_rows: int
    embedded: bool
    """Whether the engine runs in this process."""


def check(context: QueryContext, question: ExportQuestion) -> int:
    """Return how many events the export holds. Raises `TooManyRowsError` beyond what its form allows."""
    ((found,),) = context.rows("events_export_count", _parameters(question))
    limit = question.max_rows
    if question.form == "parquet" and question.embedded:
        limit = min(limit, _PARQUET_ROWS)
    if found > limit:
        raise TooManyRowsError(int(found), limit)
    return int(found)


def export(context: QueryContext, question: ExportQuestion) -> Generator[bytes, None, None]:
    """Give the bytes of the export, in order of hour, account and event id; memory stays flat but for Parquet.

    To be consumed, or closed, in the thread that asked: the client streams nothing else meanwhile.
    """
    sql = STATEMENTS.render("events_export", columns=COLUMNS, form=question.form)
    if question.form == "csv":
        yield _BOM + ",".join(COLUMNS).encode() + b"\r\n"
    stream = context.client.raw_stream(sql, parameters=_parameters(question), fmt=_CLICKHOUSE_FORMAT[question.form])
    with cast("IO[bytes]", stream) as source:
        while chunk := source.read(CHUNK_BYTES):
            yield chunk


def _parameters(question: ExportQuestion) -> dict[str, Any]:
    return {
        "trial": question.trial_id,
        "from": moment(question.interval.from_ms),
        "to": moment(question.interval.to_ms),
    }
