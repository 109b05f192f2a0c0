"""The sinks' statements by name: the files of `queries/`, with the rules of counting that the read side shares."""

from functools import cache
from pathlib import Path

from runtime.sql import SqlTemplates
from schemas import sql

_TEMPLATES = SqlTemplates(Path(__file__).parent / "queries", sql.FOLDER)


@cache
def query(name: str, **parts: str) -> str:
    """Return the statement *name*; *parts* name the files that it includes by a variable."""
    return _TEMPLATES.render(name, **parts)
