"""What operators ask of the store: read-only SQL, kept rejects. The same for the running server and an open folder."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.errors import PipelineError

MAX_REJECTS = 1000
_SELECT = """
SELECT reject_id, account_id, platform, flow, reason, field, message, payload,
       formatDateTime(received_at, '%Y-%m-%dT%H:%i:%S.%fZ') AS received_at,
       if(isNull(replayed_at), NULL, formatDateTime(replayed_at, '%Y-%m-%dT%H:%i:%S.%fZ')) AS replayed_at
FROM rejects
"""
_WHERE_LISTED = """
WHERE ({account:String} = '' OR account_id = {account:String}) AND ({reason:String} = '' OR reason = {reason:String})
ORDER BY rejects.received_at DESC LIMIT {limit:UInt32}
"""


# Texts, names and comments, in which a semicolon is no end of a statement.
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|--[^\n]*|/\*.*?\*/""", re.DOTALL)


class QueryRefusedError(PipelineError):
    """ClickHouse refused a query; the message is its own, without addresses."""


def run_sql(clickhouse: ClickHouse, sql: str) -> Iterator[bytes]:
    """Yield the result of *sql* as NDJSON. Raises `QueryRefusedError`; writing is refused by the engine itself."""
    if ";" in _QUOTED.sub("", sql).strip().rstrip(";"):
        # chDB would run them one after another, and print the first one's rows to this process's standard output.
        raise QueryRefusedError("one statement at a time, please")
    try:
        yield clickhouse.reader().raw_query(sql.strip().rstrip(";"), fmt="JSONEachRow")
    except ClickHouseError as error:
        raise QueryRefusedError(_first_line(error)) from error


def list_rejects(
    clickhouse: ClickHouse, *, account: str = "", reason: str = "", limit: int = 100
) -> list[dict[str, Any]]:
    """Return kept rejects, newest first, without their payload; at most 1,000."""
    sql = f"{_SELECT} {_WHERE_LISTED}"
    parameters = {"account": account, "reason": reason, "limit": min(limit, MAX_REJECTS)}
    rows = _rows(clickhouse, sql, parameters)
    for row in rows:
        del row["payload"]
    return rows


def find_reject(clickhouse: ClickHouse, reject_id: str) -> dict[str, Any] | None:
    """Return one kept reject with its payload, or None."""
    return next(iter(_rows(clickhouse, f"{_SELECT} WHERE reject_id = {{id:String}} LIMIT 1", {"id": reject_id})), None)


def _rows(clickhouse: ClickHouse, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        answer = clickhouse.reader().raw_query(sql, parameters=parameters, fmt="JSONEachRow")
    except ClickHouseError as error:
        raise QueryRefusedError(_first_line(error)) from error
    return [msgspec.json.decode(line) for line in answer.splitlines()]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:500]
