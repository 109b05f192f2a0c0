"""A trial's stored events as CSV, NDJSON or Parquet, streamed as ClickHouse writes them."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import IO, Any, Literal, cast

from reports.queries.model import Interval, QueryContext
from reports.queries.sql import fill, moment, rows
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

# The hours say again what the times do, for events lie by the hour (`reports.queries.sql.happened`).
_WHERE = """
FROM events AS stored
WHERE stored.trial_id = {trial:String}
  AND stored.occurred_at >= {from:DateTime64(3, 'UTC')} AND stored.occurred_at < {to:DateTime64(3, 'UTC')}
  AND toStartOfHour(stored.occurred_at) >= toStartOfHour({from:DateTime64(3, 'UTC')})
  AND toStartOfHour(stored.occurred_at) <= toStartOfHour({to:DateTime64(3, 'UTC')})
"""
# The table's own order.
_ORDER = """
ORDER BY toStartOfHour(stored.occurred_at), stored.account_id, stored.event_id,
         toUnixTimestamp64Milli(stored.occurred_at)
"""
_SELECT = "SELECT #columns#" + _WHERE + _ORDER
_COUNT = "SELECT count()" + _WHERE
# Text times say their offset; Parquet has a type of its own for times.
_TEXT_TIME = "formatDateTime(stored.#name#, '%Y-%m-%dT%H:%i:%S.%fZ') AS #name#"
_TIMES = frozenset({"occurred_at", "received_at"})
_NUMBERS = frozenset({"duration_ms", "amount_fen", "rating"})
# A spreadsheet takes a text that begins so for a formula, quoted or not. The apostrophe is among them so that whoever
# reads the file can undo it without doubt: a text that begins with one has exactly one to lose.
_PLAIN_TEXT = (
    r"if(match(stored.#name#, '^[=+\-@\t\r\n\'＝＋－＠]'), concat('\'', stored.#name#), stored.#name#) AS #name#"
)


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
    ((found,),) = rows(context, _COUNT, _parameters(question))
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
    sql = fill(_SELECT, columns=_columns(question.form))
    if question.form == "csv":
        yield _BOM + ",".join(COLUMNS).encode() + b"\r\n"
    stream = context.client.raw_stream(sql, parameters=_parameters(question), fmt=_CLICKHOUSE_FORMAT[question.form])
    with cast("IO[bytes]", stream) as source:
        while chunk := source.read(CHUNK_BYTES):
            yield chunk


def _columns(form: ExportFormat) -> str:
    return ", ".join(_column(name, form) for name in COLUMNS)


def _column(name: str, form: ExportFormat) -> str:
    if form == "parquet":
        return name
    if name in _TIMES:
        return fill(_TEXT_TIME, name=name)
    return fill(_PLAIN_TEXT, name=name) if form == "csv" and name not in _NUMBERS else name


def _parameters(question: ExportQuestion) -> dict[str, Any]:
    return {
        "trial": question.trial_id,
        "from": moment(question.interval.from_ms),
        "to": moment(question.interval.to_ms),
    }
