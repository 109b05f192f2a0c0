"""Destroys rows that were noted as retired: a mutation rewrites the parts that hold them, and no others."""

from collections.abc import Iterable
from dataclasses import dataclass

from runtime.clickhouse import Client


@dataclass(frozen=True, slots=True)
class Doomed:
    """Rows of a *table* whose column *time* is before *until_ms* (Unix ms), of a *trial* or of all."""

    table: str
    time: str
    until_ms: int
    trial: str | None = None

    @property
    def condition(self) -> str:
        """Return the condition of its rows; the names are of our own tables."""
        ours = "trial_id = {trial:String} AND " if self.trial is not None else ""
        # A column of the key is compared as it is; dates and times of each sort compare with a DateTime64.
        return f"{ours}{self.time} < fromUnixTimestamp64Milli({{until_ms:Int64}}, 'UTC')"

    @property
    def parameters(self) -> dict[str, str | int]:
        """Return the parameters of `condition`."""
        return {"until_ms": self.until_ms, **({} if self.trial is None else {"trial": self.trial})}


def destroy(client: Client, doomed: Iterable[Doomed]) -> list[str]:
    """Have what is there of *doomed* destroyed; return the tables that still hold some of it.

    Does not wait: a table that is being rewritten is left to it, and looked at again at the next call.
    """
    busy = {
        str(table)
        for (table,) in client.query(
            "SELECT DISTINCT table FROM system.mutations WHERE NOT is_done AND database = currentDatabase()"
        ).result_rows
    }
    left: list[str] = []
    for item in doomed:
        if not item.until_ms or not _holds(client, item):
            continue
        left.append(item.table)
        if item.table not in busy:
            client.command(
                f"ALTER TABLE {item.table} DELETE WHERE {item.condition}",
                parameters=item.parameters,
                settings={"mutations_sync": 0},
            )
            busy.add(item.table)
    return left


def _holds(client: Client, item: Doomed) -> bool:
    sql = f"SELECT 1 FROM {item.table} WHERE {item.condition} LIMIT 1"  # noqa: S608 - names of our own tables
    return bool(client.query(sql, parameters=item.parameters).result_rows)
