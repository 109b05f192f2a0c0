"""The queries of `queries/*.sql`, put together: `#name#` stands for the file of that name.

`#name:place=other#` is that file with *other* where it says `#place#`.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from sinks.clickhouse.migrate import split_statements

FOLDER = Path(__file__).parent / "queries"
_PLACE = re.compile(r"#([a-z_]+)(?::([a-z_]+)=([a-z_]+))?#")


@cache
def query(name: str, **parts: str) -> str:
    """Return the query *name* with its fragments; *parts* name the file that stands for a placeholder."""
    return _assemble(name, parts)


def _assemble(name: str, parts: Mapping[str, str]) -> str:
    (text,) = split_statements((FOLDER / f"{name}.sql").read_text(encoding="utf-8"))

    def fragment(match: re.Match[str]) -> str:
        place, key, value = match.groups()
        return _assemble(parts.get(place, place), {**parts, key: value} if key else parts)

    return _PLACE.sub(fragment, text)
