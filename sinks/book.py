"""The conservation sums: what was received, published, counted, stored and kept, hop against hop."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runtime.clickhouse import ClickHouse, Client
from schemas.foreign import FOREIGN_FLOW
from schemas.topics import Topic
from sinks.blocks import lateness_parameters
from sinks.clickhouse.sql import query
from sinks.sources import read_epochs, stored_until, timing_among

RECEIVED = "received = accepted + duplicate + rejected"
PUBLISHED = "published = accepted + unanswered"
COUNTED = "published = counted + repeated + late + rejected"
STORED = "published = stored + repeated + rejected"
KEPT = "rejected = kept + repeated rejects"
SLUGS: Mapping[str, str] = {
    RECEIVED: "received",
    PUBLISHED: "published",
    COUNTED: "counted",
    STORED: "stored",
    KEPT: "kept",
}
"""Each sum's name as the value of a label."""

# An answer follows its records by this much at most: the time-out of a publish, and clocks that differ.
ANSWER_MS = 20_000


@dataclass(frozen=True, slots=True)
class Sum:
    """One sum, of one account (all: '') and source (all: ''). `in_flight`: lines that one side may not have yet."""

    name: str
    account: str
    source: str
    left: int
    right: int
    in_flight: int
    closed: bool

    @classmethod
    def of(cls, name: str, place: tuple[str, str], left: int, right: int, in_flight: int) -> "Sum":
        """Return the sum, closed where its sides differ by no more than what is in flight."""
        return cls(name, *place, left, right, in_flight, abs(left - right) <= in_flight)

    @property
    def gap(self) -> int:
        """By how much the sides differ beyond what is in flight."""
        return 0 if self.closed else self.left - self.right


_Source = tuple[int, int]


def conservation(clickhouse: ClickHouse) -> list[Sum]:
    """Return every sum by account and source, as the store has them now."""
    client = clickhouse.reader()
    epochs = read_epochs(client)
    cut_ms = stored_until(client) - ANSWER_MS
    book = _Book(client, cut_ms, lateness_parameters(epochs, timing_among(epochs)))
    return [*book.received(), *book.published(), *book.counted(), *book.stored(), *book.kept()]


class _Book:
    """The figures of one moment; each table is read once."""

    def __init__(self, client: Client, cut_ms: int, lateness: Mapping[str, Any]) -> None:
        self._client = client
        self._cut = {"cut_ms": cut_ms}
        self._deliveries = {str(row[0]): _ints(row[1:]) for row in self._rows("sum_deliveries", self._cut)}
        self._log = self._by_source("sum_log", {**self._cut, "topic": Topic.EVENTS.value})
        self._reject_log = self._by_source("sum_log", {**self._cut, "topic": Topic.REJECTS.value})
        self._progress = self._by_source("sum_progress", {})
        self._stored = self._by_source("sum_stored", lateness)

    def received(self) -> Iterable[Sum]:
        """Every received event was answered with one verdict."""
        for account, (received, accepted, duplicate, rejected, *_) in sorted(self._deliveries.items()):
            yield Sum.of(RECEIVED, (account, ""), received, accepted + duplicate + rejected, 0)

    def published(self) -> Iterable[Sum]:
        """Every line on the log was answered as accepted, but for those that a crash or time-out left unanswered."""
        lines, recent, _ = _per_account(self._log)
        stored, _late = _per_account(self._stored, width=2)
        accepted = {account: row[1] for account, row in self._deliveries.items()}
        fresh = {account: row[4] for account, row in self._deliveries.items()}
        accounts = sorted({*lines, *accepted} - {""})
        listed = self._unanswered("sum_unanswered_events", {a: lines[a] - accepted.get(a, 0) for a in accounts})
        for account in accounts:
            missing = lines[account] - accepted.get(account, 0)
            # Of an unanswered line and its retry the store keeps one: the other is among the repeats.
            most = listed.get(account, 0) + lines[account] - stored[account]
            unanswered = missing if listed.get(account, 0) <= missing <= most else listed.get(account, 0)
            in_flight = recent[account] + fresh.get(account, 0)
            yield Sum.of(PUBLISHED, (account, ""), lines[account], accepted.get(account, 0) + unanswered, in_flight)

    def counted(self) -> Iterable[Sum]:
        """Every line was taken in by the worker, once."""
        for source, account in sorted({*self._log, *self._progress}):
            lines, _, ahead = self._log.get((source, account), (0, 0, 0))
            made = sum(self._progress.get((source, account), ()))
            yield Sum.of(COUNTED, (account, _name(source)), lines, made, ahead)

    def stored(self) -> Iterable[Sum]:
        """Every line stands in the store, but for repeats and rejects."""
        parts = [self._stored_part(key) for key in sorted({*self._log, *self._stored})]
        # Repeats across sources, and ids whose content changed, are known by cell only, from settlement's list.
        listed = self._listed()
        explained = listed != 0 and listed == sum(left - right for _, left, right, _ in parts)
        for (source, account), left, right, in_flight in parts:
            yield Sum.of(STORED, (account, _name(source)), left, left if explained else right, in_flight)

    def kept(self) -> Iterable[Sum]:
        """Every rejected event is kept, or repeats one that is."""
        lines, recent, _ = _per_account(self._reject_log)
        rejected = {account: row[3] for account, row in self._deliveries.items()}
        fresh = {account: row[5] for account, row in self._deliveries.items()}
        accounts = sorted({*lines, *rejected} - {""})
        listed = self._unanswered("sum_unanswered_rejects", {a: lines[a] - rejected.get(a, 0) for a in accounts})
        kept = {str(account): int(count) for account, count in self._rows("sum_kept", {"foreign": FOREIGN_FLOW})}
        for account in accounts:
            repeated = lines[account] - kept.get(account, 0)
            surplus = lines[account] - rejected.get(account, 0)
            unanswered = surplus if listed.get(account, 0) <= surplus <= listed.get(account, 0) + repeated else 0
            right = kept.get(account, 0) + repeated - unanswered
            in_flight = recent[account] + fresh.get(account, 0)
            yield Sum.of(KEPT, (account, ""), rejected.get(account, 0), right, in_flight)

    def _stored_part(self, key: tuple[_Source, str]) -> tuple[tuple[_Source, str], int, int, int]:
        lines, recent, ahead = self._log.get(key, (0, 0, 0))
        _counted, repeated, late, _disordered, rejected = self._progress.get(key, (0, 0, 0, 0, 0))
        rows, late_rows = self._stored.get(key, (0, 0))
        # A repeat that comes after its id was forgotten is late by itself: the worker says late, the store has it once.
        right = rows + repeated + (late - late_rows) + rejected
        return key, lines, right, max(recent, ahead)

    def _listed(self) -> int:
        ((listed,),) = self._rows("sum_listed", {})
        return int(listed)

    def _unanswered(self, name: str, missing: Mapping[str, int]) -> dict[str, int]:
        """Look for unanswered requests only where lines are missing an answer: it reads every row."""
        if not any(count > 0 for count in missing.values()):
            return {}
        parameters = {**self._cut, "foreign": FOREIGN_FLOW}
        return {str(account): int(count) for account, count in self._rows(name, parameters)}

    def _by_source(self, name: str, parameters: Mapping[str, Any]) -> dict[tuple[_Source, str], tuple[int, ...]]:
        rows = self._rows(name, parameters)
        return {((int(row[0]), int(row[1])), str(row[2])): _ints(row[3:]) for row in rows}

    def _rows(self, name: str, parameters: Mapping[str, Any]) -> list[Any]:
        return list(self._client.query(query(name), parameters=dict(parameters)).result_rows)


def _per_account(
    by_source: Mapping[tuple[_Source, str], tuple[int, ...]], *, width: int = 3
) -> tuple[Counter[str], ...]:
    sums: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for (_, account), row in by_source.items():
        for place, value in enumerate(row):
            sums[place][account] += value
    return tuple(sums[place] for place in range(width))


def _ints(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _name(source: _Source) -> str:
    return f"{source[0]}/{source[1]}"
