"""Destroys rows that were noted as retired: a mutation rewrites the parts that hold them, and no others."""

from collections.abc import Iterable
from dataclasses import dataclass

from runtime.clickhouse import Client


@dataclass(frozen=True, slots=True)
class ExpiredRows:
    """Rows of a *table* whose column *time* is before *until_ms* (Unix ms), of a *trial* or of all."""

    table: str
    time: str
    until_ms: int
    trial: str | None = None

    @property
    def condition(self) -> str:
        """Return the condition of its rows; the names are of our own tables."""
        ours = "trial_id = {trial:String} AND " if self.trial is not None else ""
        # A column of the key is compared as it is; dates and times of each type compare with a DateTime64.
        return f"{ours}{self.time} < fromUnixTimestamp64Milli({{until_ms:Int64}}, 'UTC')"

    @property
    def parameters(self) -> dict[str, str | int]:
        """Return the parameters of `condition`."""
        return {"until_ms": self.until_ms, **({} if self.trial is None else {"trial": self.trial})}


def destroy_expired(client: Client, doomed: Iterable[ExpiredRows]) -> list[tuple[ExpiredRows, int]]:
    """Have what is there of *doomed* destroyed; return those that had rows, with the time of the oldest, Unix ms.

    Does not wait: a table that is being rewritten is left to it, and looked at again at the next call.
    """
    busy = {
        str(table)
        for (table,) in client.query(
            "SELECT DISTINCT table FROM system.mutations WHERE NOT is_done AND database = currentDatabase()"
        ).result_rows
    }
    left: list[tuple[ExpiredRows, int]] = []
    for item in doomed:
        oldest_ms = _oldest_ms(client, item) if item.until_ms else None
        if oldest_ms is None:
            continue
        left.append((item, oldest_ms))
        if item.table not in busy:
            client.command(
                f"ALTER TABLE {item.table} DELETE WHERE {item.condition}",
                parameters=item.parameters,
                settings={"mutations_sync": 0},
            )
            busy.add(item.table)
    return left


def _oldest_ms(client: Client, item: ExpiredRows) -> int | None:
    """Return the time, Unix ms, of *item*'s oldest row, to a second; None where it has none."""
    sql = (
        f"SELECT toInt64(toUnixTimestamp(min({item.time}))) FROM {item.table} "  # noqa: S608 - names of our own tables
        f"WHERE {item.condition} HAVING count() > 0"
    )
    rows = client.query(sql, parameters=item.parameters).result_rows
    return int(rows[0][0]) * 1000 if rows else None
