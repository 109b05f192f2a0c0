"""The queries of `queries/*.sql`, put together: `#name#` stands for the file of that name, or for a given part."""

import re
from functools import cache
from pathlib import Path

from sinks.clickhouse.migrate import split_statements

FOLDER = Path(__file__).parent / "queries"
_PLACE = re.compile(r"#([a-z_]+)#")


def query(name: str, **parts: str) -> str:
    """Return the query *name* with its fragments; *parts* name the file that stands for a placeholder."""
    return _query(name, tuple(sorted(parts.items())))


@cache
def _query(name: str, parts: tuple[tuple[str, str], ...]) -> str:
    return _assemble(name, dict(parts))


def _assemble(name: str, parts: dict[str, str]) -> str:
    (text,) = split_statements((FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
    return _PLACE.sub(lambda match: _assemble(parts.get(match[1], match[1]), parts), text)
