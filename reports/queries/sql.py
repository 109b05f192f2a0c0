"""How SQL is put together here: constants filled with constants; all else is a server-side parameter."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from runtime.clickhouse import Client


def fill(template: str, **parts: str) -> str:
    """Return *template* with each `#name#` replaced. *parts* come from closed sets, never from a reader's text."""
    for name, part in parts.items():
        template = template.replace(f"#{name}#", part)
    return template


def moment(at_ms: int) -> datetime:
    """Return *at_ms* as the driver takes times: aware, UTC."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)


def rows(client: Client, sql: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
    """Return the rows of a server-made query."""
    found: Sequence[Sequence[Any]] = client.query(sql, parameters=parameters).result_rows
    return found
