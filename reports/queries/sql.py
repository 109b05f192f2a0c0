"""How SQL is put together here: constants filled with constants; all else is a server-side parameter."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from reports.queries.model import QueryContext

SECOND: Final = "DateTime('UTC')"
MILLISECOND: Final = "DateTime64(3, 'UTC')"


def fill(template: str, **parts: str) -> str:
    """Return *template* with each `#name#` replaced. *parts* come from closed sets, never from a reader's text."""
    for name, part in parts.items():
        template = template.replace(f"#{name}#", part)
    return template


def moment(at_ms: int) -> datetime:
    """Return *at_ms* as the driver takes times: aware, UTC."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)


def rows(context: QueryContext, sql: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
    """Return the rows of a server-made query; what *context* has asked before is not asked again."""
    key = sql, repr(parameters)
    found = context.rows_by_query.get(key)
    if found is None:
        found = context.rows_by_query[key] = context.client.query(sql, parameters=parameters).result_rows
    return found


def within(column: str, kind: str, name: str, ranges: Sequence[tuple[int, int]]) -> tuple[str, dict[str, Any]]:
    """Return the condition that *column*, of type *kind*, lies in one of *ranges* (Unix ms), and its parameters.

    They are called by *name* and a number. No range holds nothing.
    """
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    for number, (from_ms, to_ms) in enumerate(ranges):
        begin, end = f"{name}_from_{number}", f"{name}_to_{number}"
        conditions.append(f"({column} >= {{{begin}:{kind}}} AND {column} < {{{end}:{kind}}})")
        parameters |= {begin: moment(from_ms), end: moment(to_ms)}
    return f"({' OR '.join(conditions)})" if conditions else "0", parameters


def happened(name: str, ranges: Sequence[tuple[int, int]]) -> tuple[str, dict[str, Any]]:
    """Return the condition that an event occurred in one of *ranges* (Unix ms), likewise."""
    return within("occurred_at", MILLISECOND, name, ranges)
