"""What one answer stands on, and how it asks: the statements of `*.sql` here, each once for an answer."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from registry.directory import Directory, TrialSpan
from reports.queries.model import Interval
from reports.queries.rollup_cache import RollupCache, Rows
from runtime.clickhouse import Client
from runtime.sql import SqlTemplates
from schemas import sql

STATEMENTS = SqlTemplates(Path(__file__).parent, sql.FOLDER)
"""The read side's statements, with the rules of counting that the sinks share."""
TEXTS = 1024
"""Statements whose text is known: a page asks about thirty, and the same again for the next trial."""


@lru_cache(maxsize=TEXTS)
def statement_text(name: str, parts: frozenset[tuple[str, Hashable]]) -> str:
    """Return the text of `<name>.sql` with *parts* for its variables."""
    return STATEMENTS.render(name, **dict(parts))


@dataclass(frozen=True, slots=True)
class QueryContext:
    """A client of this thread, one registry, one present; and what this answer has asked and worked out already."""

    client: Client
    directory: Directory
    now_ms: int
    max_points: int = 100_000
    """More points than this raise `TooManyPointsError`."""
    rows_by_query: dict[tuple[str, str], Rows] = field(default_factory=dict, repr=False, compare=False)
    """What this answer has asked already, by statement and parameters: nothing is asked twice for one answer."""
    memo: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)
    """What this answer has worked out already, by question."""
    rollup_cache: RollupCache = field(default_factory=RollupCache, repr=False, compare=False)
    """What this process knows of summed days."""

    def span(self, trial_id: str) -> TrialSpan:
        """Return the trial's span. Raises `KeyError` where the registry has none: ask the scope first."""
        return self.directory.trial_spans[trial_id]

    def rows(self, statement: str, parameters: Mapping[str, Any], **parts: Hashable) -> Rows:
        """Return the rows of `<statement>.sql`, with *parts* for its variables and server-side *parameters*."""
        key = statement_text(statement, frozenset(parts.items())), repr(parameters)
        found = self.rows_by_query.get(key)
        if found is None:
            answer = self.client.query(key[0], parameters=dict(parameters))
            found = self.rows_by_query[key] = answer.result_rows
        return found

    def cached_rows(self, statement: str, parameters: Mapping[str, Any], **parts: Hashable) -> Rows:
        """Return the same, asked once in this process, lists as arrays: of days whose runs the parameters name."""
        key = statement_text(statement, frozenset(parts.items())), repr(parameters)
        found = self.rollup_cache.get(key)
        return self.rollup_cache.put(key, self.rows(statement, parameters, **parts)) if found is None else found


@dataclass(frozen=True, slots=True)
class Subquery:
    """What a statement reads: the file that it includes as `source`, the parts of that and its parameters."""

    source: str
    parts: Mapping[str, Hashable]
    parameters: Mapping[str, Any]
    summed: bool = False
    """Only of summed days, whose runs the parameters name: the answer is kept in the process."""

    def rows(
        self, context: QueryContext, statement: str, parameters: Mapping[str, Any] | None = None, **parts: Hashable
    ) -> Rows:
        """Return the rows of `<statement>.sql` over this source."""
        ask = context.cached_rows if self.summed else context.rows
        return ask(statement, {**self.parameters, **(parameters or {})}, source=self.source, **self.parts, **parts)


def moment(at_ms: int) -> datetime:
    """Return *at_ms* as the driver takes times: aware, UTC."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)


def range_parameters(name: str, ranges: Sequence[Interval]) -> dict[str, Any]:
    """Return the parameters of `within(…, name, len(ranges))` in `ranges.sql`."""
    parameters: dict[str, Any] = {}
    for number, one in enumerate(ranges):
        parameters[f"{name}_from_{number}"] = moment(one.from_ms)
        parameters[f"{name}_to_{number}"] = moment(one.to_ms)
    return parameters
