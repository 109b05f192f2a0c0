"""The conservation sums: what was received, published, counted, stored and kept, hop against hop."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runtime.clickhouse import ClickHouse, Client
from schemas.topics import Topic
from sinks.reconciliation.figures import BySource, ConservationFigures, FullFigures
from sinks.settlement.blocks import lateness_parameters
from sinks.settlement.retired import SourceId
from sinks.settlement.sources import read_epochs, stored_until, timing_among

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
class BalanceCheck:
    """One sum, of one account (all: '') and source (all: ''). `in_flight`: lines that one side may not have yet."""

    name: str
    account: str
    source: str
    left: int
    right: int
    in_flight: int
    closed: bool

    @classmethod
    def of(
        cls, name: str, account_and_source: tuple[str, str], left: int, right: int, in_flight: int
    ) -> "BalanceCheck":
        """Return the sum, closed where its sides differ by no more than what is in flight."""
        return cls(name, *account_and_source, left, right, in_flight, abs(left - right) <= in_flight)

    @property
    def gap(self) -> int:
        """By how much the sides differ beyond what is in flight."""
        return 0 if self.closed else self.left - self.right


def conservation(clickhouse: ClickHouse, running: "ReadFigures | None" = None) -> list[BalanceCheck]:
    """Return every sum by account and source as the store has them now, all of it read, or by what *running* knows."""
    client = clickhouse.reader()
    epochs = read_epochs(client)
    cut_ms = stored_until(client) - ANSWER_MS
    lateness = lateness_parameters(epochs, timing_among(epochs))
    checks = _ConservationChecks((running or FullFigures)(client, cut_ms, lateness))
    return [*checks.received(), *checks.published(), *checks.counted(), *checks.stored(), *checks.kept()]


ReadFigures = Callable[[Client, int, Mapping[str, Any]], ConservationFigures]
"""Returns the figures of a client, the cut in Unix ms and the parameters of lateness."""


class _ConservationChecks:
    """The sums of one moment's figures; each is read once."""

    def __init__(self, figures: ConservationFigures) -> None:
        self._figures = figures
        self._deliveries = figures.deliveries()
        self._log = figures.log(Topic.EVENTS)
        self._reject_log = figures.log(Topic.REJECTS)
        self._progress = figures.progress()
        self._stored = figures.stored()

    def received(self) -> Iterable[BalanceCheck]:
        """Every received event was answered with one verdict."""
        for account, (received, accepted, duplicate, rejected, *_) in sorted(self._deliveries.items()):
            yield BalanceCheck.of(RECEIVED, (account, ""), received, accepted + duplicate + rejected, 0)

    def published(self) -> Iterable[BalanceCheck]:
        """Every line on the log was answered as accepted, but for those that a crash or time-out left unanswered."""
        lines, recent, _ = _per_account(self._log)
        stored, _late = _per_account(self._stored, width=2)
        accepted = {account: row[1] for account, row in self._deliveries.items()}
        fresh = {account: row[4] for account, row in self._deliveries.items()}
        accounts = sorted({*lines, *accepted} - {""})
        listed = self._unanswered(Topic.EVENTS, {a: lines[a] - accepted.get(a, 0) for a in accounts})
        for account in accounts:
            missing = lines[account] - accepted.get(account, 0)
            # Of an unanswered line and its retry the store keeps one: the other is among the repeats.
            most = listed.get(account, 0) + lines[account] - stored[account]
            unanswered = missing if listed.get(account, 0) <= missing <= most else listed.get(account, 0)
            in_flight = recent[account] + fresh.get(account, 0)
            yield BalanceCheck.of(
                PUBLISHED, (account, ""), lines[account], accepted.get(account, 0) + unanswered, in_flight
            )

    def counted(self) -> Iterable[BalanceCheck]:
        """Every line was taken in by the worker, once."""
        for source, account in sorted({*self._log, *self._progress}):
            lines, _, ahead = self._log.get((source, account), (0, 0, 0))
            made = sum(self._progress.get((source, account), ()))
            yield BalanceCheck.of(COUNTED, (account, _name(source)), lines, made, ahead)

    def stored(self) -> Iterable[BalanceCheck]:
        """Every line stands in the store, but for repeats and rejects."""
        parts = [self._stored_part(key) for key in sorted({*self._log, *self._stored})]
        # Repeats across sources are known by cell only, from settlement's list.
        listed = self._figures.listed()
        explained = listed != 0 and listed == sum(left - right for _, left, right, _ in parts)
        for (source, account), left, right, in_flight in parts:
            yield BalanceCheck.of(STORED, (account, _name(source)), left, left if explained else right, in_flight)

    def kept(self) -> Iterable[BalanceCheck]:
        """Every rejected event is kept, or repeats one that is."""
        lines, recent, _ = _per_account(self._reject_log)
        rejected = {account: row[3] for account, row in self._deliveries.items()}
        fresh = {account: row[5] for account, row in self._deliveries.items()}
        accounts = sorted({*lines, *rejected} - {""})
        listed = self._unanswered(Topic.REJECTS, {a: lines[a] - rejected.get(a, 0) for a in accounts})
        kept = self._figures.kept()
        for account in accounts:
            repeated = lines[account] - kept.get(account, 0)
            surplus = lines[account] - rejected.get(account, 0)
            unanswered = surplus if listed.get(account, 0) <= surplus <= listed.get(account, 0) + repeated else 0
            right = kept.get(account, 0) + repeated - unanswered
            in_flight = recent[account] + fresh.get(account, 0)
            yield BalanceCheck.of(KEPT, (account, ""), rejected.get(account, 0), right, in_flight)

    def _stored_part(self, key: tuple[SourceId, str]) -> tuple[tuple[SourceId, str], int, int, int]:
        lines, recent, ahead = self._log.get(key, (0, 0, 0))
        _counted, repeated, late, _disordered, rejected = self._progress.get(key, (0, 0, 0, 0, 0))
        rows, late_rows = self._stored.get(key, (0, 0))
        # A repeat that comes after its id was forgotten is late by itself: the worker says late, the store has it once.
        right = rows + repeated + (late - late_rows) + rejected
        return key, lines, right, max(recent, ahead)

    def _unanswered(self, topic: Topic, missing: Mapping[str, int]) -> Mapping[str, int]:
        """Look for unanswered requests only where lines are missing an answer: it reads every row."""
        return self._figures.unanswered(topic) if any(count > 0 for count in missing.values()) else {}


def _per_account(by_source: BySource, *, width: int = 3) -> tuple[Counter[str], ...]:
    sums: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for (_, account), row in by_source.items():
        for column, value in enumerate(row):
            sums[column][account] += value
    return tuple(sums[column] for column in range(width))


def _name(source: SourceId) -> str:
    return f"{source[0]}/{source[1]}"
