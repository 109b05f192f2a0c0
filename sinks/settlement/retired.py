"""What is no longer kept: which trials' events, until when which tables' rows, and what the sums need of them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.clickhouse import Client
from sinks.clickhouse.sql import query
from sinks.settlement.blocks import ints

TRIAL, UNTIL = "trial", "until"
REJECTS, RECORDS = "rejects", "records"
"""Sets of tables that are retired together, by time."""

SourceId = tuple[int, int]
"""Epoch and partition."""
SourceAccount = tuple[SourceId, str]
Numbers = Mapping[SourceAccount, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class RetiredRows:
    """All that was retired up to a moment. Times are Unix ms."""

    trials: Mapping[str, int] = field(default_factory=dict)
    """Trials with the moment before which their events are gone."""
    until_ms: Mapping[str, int] = field(default_factory=dict)
    """Of `rejects` and `records`: the moment before which their rows are gone."""
    parts: Mapping[str, Numbers] = field(default_factory=dict)
    """What they were in the sums, by the name of the figure."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the parameters by which queries leave out what is retired."""
        return {
            # An empty list has no type.
            "retired_trials": list(self.trials) or [""],
            "retired_until_ms": list(self.trials.values()) or [0],
            "rejects_ms": self.until_ms.get(REJECTS, 0),
            "records_ms": self.until_ms.get(RECORDS, 0),
        }

    def by_source(self, name: str, *, width: int) -> dict[SourceAccount, tuple[int, ...]]:
        """Return what the figure *name* had of it, by source and account, with noughts up to *width* numbers."""
        found = self.parts.get(name, {})
        return {key: (*numbers, *[0] * (width - len(numbers))) for key, numbers in found.items()}

    def by_account(self, name: str, *, width: int) -> dict[str, tuple[int, ...]]:
        """Return what the figure *name* had of it by account."""
        return {account: numbers for (_, account), numbers in self.by_source(name, width=width).items()}


def read_retired(client: Client) -> RetiredRows:
    """Return what was retired. Raises `ClickHouseError`."""
    trials: dict[str, int] = {}
    until_ms: dict[str, int] = {}
    parts: defaultdict[str, dict[SourceAccount, tuple[int, ...]]] = defaultdict(dict)
    for entry_type, scope, at_ms, epoch, partition, account_id, numbers in client.query(
        query("read_retired")
    ).result_rows:
        marks = {TRIAL: trials, UNTIL: until_ms}.get(str(entry_type))
        if marks is not None:
            marks[str(scope)] = max(int(at_ms), marks.get(str(scope), 0))
            continue
        key = ((int(epoch), int(partition)), str(account_id))
        before = parts[str(entry_type)].get(key, (0,) * len(numbers))
        parts[str(entry_type)][key] = tuple(map(sum, zip(before, ints(numbers), strict=True)))
    return RetiredRows(trials, until_ms, dict(parts))
