"""What one answer stands on, and how it asks: the statements of `*.sql` here, each once for an answer.

What summed days come to is kept in the process: a question names the run of each of its days, so none goes stale.
"""

import contextlib
import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache

from registry.directory import Directory, TrialSpan
from reports.queries.model import Interval
from reports.queries.verdict_cache import VerdictBoard, VerdictCache
from runtime.clickhouse import Client
from runtime.sql import SqlTemplates
from schemas import sql

STATEMENTS = SqlTemplates(Path(__file__).parent, sql.FOLDER)
"""The read side's statements, with the rules of counting that the sinks share."""
TEXTS = 1024
"""Statements whose text is known: a page asks about thirty, and the same again for the next trial."""

MAX_BYTES = 64 << 20
"""A trial of 90 days and 2.5 million events takes about 2 MB: some thirty trials that are looked at again and again."""
_VALUE_BYTES = 40
"""A number or a short text as Python holds it, with its place in a tuple."""

Rows = Sequence[Sequence[Any]]


class RollupCache:
    """The rows of what was asked last, up to *max_bytes*; what was not looked at for longest goes first.

    For all threads of a process. Rows are shared: nobody may change one.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._lock = threading.Lock()
        self._rows: LRUCache[Hashable, Rows] = LRUCache(max_bytes, getsizeof=_rows_bytes)

    def get(self, key: Hashable) -> Rows | None:
        """Return the rows kept under *key*, or None."""
        with self._lock:
            return self._rows.get(key)

    def put(self, key: Hashable, rows: Rows) -> Rows:
        """Keep *rows* under *key*, lists of numbers as arrays; return them as kept."""
        packed = _packed_rows(rows)
        # Larger than all that is kept: the cache refuses it.
        with self._lock, contextlib.suppress(ValueError):
            self._rows[key] = packed
        return packed


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
    smallest_group: int = 5
    """Of fewer people than this a group is told by no number."""
    rows_by_query: dict[tuple[str, str], Rows] = field(default_factory=dict, repr=False, compare=False)
    """What this answer has asked already, by statement and parameters: nothing is asked twice for one answer."""
    memo: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)
    """What this answer has worked out already, by question."""
    rollup_cache: RollupCache = field(default_factory=RollupCache, repr=False, compare=False)
    """What this process knows of summed days."""
    verdict_cache: VerdictCache = field(default_factory=VerdictCache, repr=False, compare=False)
    """What this process has worked out of verdicts."""
    verdict_board: VerdictBoard = field(default_factory=VerdictBoard, repr=False, compare=False)
    """The latest verdict of each trial, for lists."""

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


def _packed_rows(rows: Rows) -> Rows:
    """Return *rows*, which have the same columns, with the lists of numbers in them as arrays."""
    lists = {place for row in rows[:1] for place, value in enumerate(row) if isinstance(value, list | tuple)}
    if not lists:
        return tuple(map(tuple, rows))
    return tuple(tuple(_packed(value) if at in lists else value for at, value in enumerate(row)) for row in rows)


def _packed(value: Sequence[int]) -> Any:
    found = np.asarray(value, dtype=np.int64)
    return found.astype(np.uint32) if found.size and found.min() >= 0 and found.max() < 1 << 32 else found


def _rows_bytes(rows: Rows) -> int:
    return sum(map(_row_bytes, rows))


def _row_bytes(row: Sequence[Any]) -> int:
    return _VALUE_BYTES * len(row) + sum(value.nbytes for value in row if isinstance(value, np.ndarray))
