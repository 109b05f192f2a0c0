"""What operators ask of the store: read-only SQL, kept rejects. The same for the running server and an open folder."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.errors import PipelineError, first_line
from runtime.sql_statements import split_statements

MAX_REJECTS = 1000
_SELECT = """
SELECT reject_id, account_id, platform, flow, reason, field, message, payload,
       formatDateTime(received_at, '%Y-%m-%dT%H:%i:%S.%fZ') AS received_at,
       if(isNull(replayed_at), NULL, formatDateTime(replayed_at, '%Y-%m-%dT%H:%i:%S.%fZ')) AS replayed_at,
       if(isNull(closed_at), NULL, formatDateTime(closed_at, '%Y-%m-%dT%H:%i:%S.%fZ')) AS closed_at, closed_by
FROM rejects
"""
_WHERE_LISTED = """
WHERE ({account:String} = '' OR account_id = {account:String}) AND ({reason:String} = '' OR reason = {reason:String})
ORDER BY rejects.received_at DESC LIMIT {limit:UInt32}
"""
# In the order of receipt, so that what an event stands on is replayed before it.
_OPEN = """
SELECT reject_id, account_id, platform, flow, reason, field, message, event_id, payload,
       toUnixTimestamp64Milli(received_at) AS received_ms, delivery_id, `index`
FROM pilot_rejects FINAL
WHERE ({account:String} = '' OR account_id = {account:String}) AND ({reason:String} = '' OR reason = {reason:String})
    AND (toUnixTimestamp64Milli(received_at), reject_id) > ({after_ms:Int64}, {after_id:String})
    AND reject_id NOT IN (
        SELECT reject_id FROM replayed_rejects WHERE verdict IN ('accepted', 'duplicate', 'corrected')
    )
ORDER BY received_ms, reject_id LIMIT {limit:UInt32}
SETTINGS output_format_json_quote_64bit_integers = 0
"""


class QueryRefusedError(PipelineError):
    """ClickHouse refused a query; the message is its own, without addresses."""


def run_sql(clickhouse: ClickHouse, sql: str) -> Iterator[bytes]:
    """Yield the result of *sql* as NDJSON. Raises `QueryRefusedError`; writing is refused by the engine itself."""
    statements = list(split_statements(sql))
    if len(statements) > 1:
        # chDB would run them one after another, and print the first one's rows to this process's standard output.
        raise QueryRefusedError("one statement at a time, please")
    try:
        yield clickhouse.reader().raw_query("".join(statements), fmt="JSONEachRow")
    except ClickHouseError as error:
        raise QueryRefusedError(first_line(error, 500)) from error


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


@dataclass(frozen=True, slots=True)
class OpenRejects:
    """Which kept rejects are asked for that no replay has made an event of yet; '' is any."""

    account: str = ""
    reason: str = ""
    after_ms: int = -1
    after_id: str = ""
    """Those received after this one, in the order of time and id."""
    limit: int = 100


def open_rejects(clickhouse: ClickHouse, asked: OpenRejects) -> list[dict[str, Any]]:
    """Return the lines of *asked* as they were kept, the oldest first. Raises `QueryRefusedError`."""
    return _rows(clickhouse, _OPEN, asdict(asked) | {"limit": min(asked.limit, MAX_REJECTS)})


def accounts_with_rejects(clickhouse: ClickHouse) -> set[str]:
    """Return the accounts of kept rejects; '' is nobody's, of lines that the gateway did not write."""
    return {str(row["account_id"]) for row in _rows(clickhouse, "SELECT DISTINCT account_id FROM pilot_rejects", {})}


def _rows(clickhouse: ClickHouse, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        answer = clickhouse.reader().raw_query(sql, parameters=parameters, fmt="JSONEachRow")
    except ClickHouseError as error:
        raise QueryRefusedError(first_line(error, 500)) from error
    return [msgspec.json.decode(line) for line in answer.splitlines()]
