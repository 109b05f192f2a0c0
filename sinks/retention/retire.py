"""Retires what is past its time: first noted, with what the sums need of it; then destroyed.

The note is one insert. From then on the sums and the comparison of cells leave the rows out and add what the note
says, so that it does not matter when the rows go, or how often that is tried.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.directory import Directory
from registry.retention import retention_ms
from runtime.clickhouse import ClickHouse, Client
from runtime.clock import Clock
from runtime.logging import get_logger
from runtime.metrics import SINK_RETENTION_OVERDUE
from runtime.settings import Settings
from schemas.event import SANDBOX_PREFIX
from schemas.foreign import FOREIGN_FLOW
from schemas.registry import Registry, epoch_ms
from schemas.timing import DAY_MS
from schemas.topics import Topic
from sinks.clickhouse.sql import query
from sinks.reconciliation.settled import unfilled
from sinks.retention.destroy import ExpiredRows, destroy_expired
from sinks.retention.rules import OF_CALLS, OF_RECORDS, OF_REJECTS, OF_TRIALS
from sinks.settlement.blocks import Block, lateness_parameters, moment
from sinks.settlement.retired import RECORDS, REJECTS, TRIAL, UNTIL, RetiredRows, read_retired
from sinks.settlement.sources import read_epochs, timing_among

log = get_logger(__name__)

COLUMNS = ("entry_type", "scope", "until", "epoch", "partition", "account_id", "numbers", "retired_at")
Row = list[Any]


@dataclass(slots=True)
class RetirementResult:
    """What one run noted as retired, and the tables that still hold rows of what is."""

    trials: list[str] = field(default_factory=list)
    until: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    @property
    def noted(self) -> bool:
        """Whether the sums have to be read anew."""
        return bool(self.trials or self.until)


class RetentionJob:
    """Belongs to the settler's thread. One trial a run; of the other tables, whole days of UTC."""

    def __init__(self, settings: Settings, clickhouse: ClickHouse, clock: Clock) -> None:
        self._settings = settings
        self._clickhouse = clickhouse
        self._clock = clock

    def run_once(self, directory: Directory, busy: Collection[Block]) -> RetirementResult:
        """Note what is past its time by now, and destroy rows of what is noted. Raises `ClickHouseError`.

        A trial waits while one of the *busy* blocks, which are not settled, may hold events of it.
        """
        registry = directory.registry
        result = RetirementResult()
        if registry is None:
            return result
        client = self._clickhouse.writer()
        retired = read_retired(client)
        ends_ms = self._ends(client, registry)
        now_ms, keep_ms = self._clock.now_ms(), retention_ms(registry, self._settings)
        due = {trial: end_ms for trial, end_ms in ends_ms.items() if end_ms + keep_ms <= now_ms}
        self._retire_trials(client, retired, due, busy, result)
        self._retire_by_time(client, retired, now_ms, result)
        if result.noted:
            retired = read_retired(client)
        calls = [ExpiredRows(rule.table, rule.time, self._calls_until_ms(now_ms)) for rule in OF_CALLS]
        left = destroy_expired(client, [*_expired(retired, self._until_ms(now_ms)), *calls])
        result.left = [item.table for item, _ in left]
        overdue = [now_ms - end_ms - keep_ms for trial, end_ms in due.items() if retired.trials.get(trial, 0) < end_ms]
        overdue += [self._overdue_ms(item, oldest_ms, now_ms, keep_ms) for item, oldest_ms in left]
        SINK_RETENTION_OVERDUE.set(max([0, *overdue]) / 1000)
        return result

    def _until_ms(self, now_ms: int) -> dict[str, int]:
        """Return the moment before which rows of each set of tables are past their time at *now_ms*: whole days."""
        days = self._settings.clickhouse
        # Rejects first: whether theirs were answered is told by the answers.
        kept_days = {REJECTS: days.reject_retention_days, RECORDS: days.record_retention_days}
        return {scope: (now_ms // DAY_MS - kept) * DAY_MS for scope, kept in kept_days.items()}

    def _overdue_ms(self, left: ExpiredRows, oldest_ms: int, now_ms: int, keep_ms: int) -> int:
        """Return for how long rows that are *left* have been past their time."""
        if left.trial is not None:
            return now_ms - left.until_ms - keep_ms
        # By the oldest row: the moment until which they are retired goes on every day.
        if left.table in {rule.table for rule in OF_CALLS}:
            return self._calls_until_ms(now_ms) - oldest_ms
        scope = REJECTS if left.table in {rule.table for rule in OF_REJECTS} else RECORDS
        return self._until_ms(now_ms)[scope] - oldest_ms

    def _calls_until_ms(self, now_ms: int) -> int:
        return (now_ms // DAY_MS - self._settings.clickhouse.call_retention_days) * DAY_MS

    def _ends(self, client: Client, registry: Registry) -> dict[str, int]:
        """Return when each trial ends, and note what the registry says, for when it no longer does."""
        known: dict[str, int] = {}
        latest: dict[str, int] = {}
        for trial_id, end_ms, latest_ms in client.query(query("known_trial_ends")).result_rows:
            known[str(trial_id)], latest[str(trial_id)] = int(end_ms), int(latest_ms)
        said = {trial.id: epoch_ms(trial.ends) for trial in registry.trials}
        # What was tried out goes when the trial's own goes.
        said |= {SANDBOX_PREFIX + trial: end_ms for trial, end_ms in said.items() if SANDBOX_PREFIX + trial in latest}
        # Of a trial that was gone from the registry before anybody noted its end: its last hour.
        gone = {trial: end_ms for trial, end_ms in latest.items() if not known[trial] and trial not in said}
        new = {trial: end_ms for trial, end_ms in (said | gone).items() if known.get(trial) != end_ms}
        if new:
            now = moment(self._clock.now_ms())
            rows = [[trial, moment(end_ms), now] for trial, end_ms in new.items()]
            _insert(client, "trial_ends", ("trial_id", "ends_at", "noted_at"), rows)
        return {trial: end_ms for trial, end_ms in (known | new).items() if end_ms}

    def _retire_trials(
        self,
        client: Client,
        retired: RetiredRows,
        due: Mapping[str, int],
        busy: Collection[Block],
        result: RetirementResult,
    ) -> None:
        for trial, end_ms in sorted(due.items(), key=lambda item: item[1]):
            if retired.trials.get(trial, 0) >= end_ms or any(block.start_s * 1000 < end_ms for block in busy):
                continue
            if unfilled(client):
                return  # what the sums need of old blocks is counted from their events, a day at a turn
            self._retire_trial(client, retired, trial, end_ms)
            result.trials.append(trial)
            return

    def _retire_trial(self, client: Client, retired: RetiredRows, trial: str, end_ms: int) -> None:
        epochs = read_epochs(client)
        # What came after a retirement, in a trial that was opened again, was never carried.
        parameters = {
            **lateness_parameters(epochs, timing_among(epochs)),
            **retired.parameters,
            "trial": trial,
            "until_ms": end_ms,
        }
        parts = {name: _rows(client, f"carry_{name}", parameters) for name in ("stored", "unanswered_trial")}
        parts["unanswered_events"] = parts.pop("unanswered_trial")
        self._note(client, (TRIAL, trial, end_ms), parts)
        events = sum(int(row[3]) for row in parts["stored"])
        log.info("the trial's events are no longer kept", trial=trial, events=events)

    def _retire_by_time(self, client: Client, retired: RetiredRows, now_ms: int, result: RetirementResult) -> None:
        for scope, until_ms in self._until_ms(now_ms).items():
            from_ms = retired.until_ms.get(scope, 0)
            if until_ms <= from_ms:
                continue
            parameters = {**retired.parameters, "from_ms": from_ms, "until_ms": until_ms, "foreign": FOREIGN_FLOW}
            carry = _carry_rejects if scope == REJECTS else _carry_records
            self._note(client, (UNTIL, scope, until_ms), carry(client, parameters))
            result.until[scope] = until_ms

    def _note(self, client: Client, what: tuple[str, str, int], parts: Mapping[str, Sequence[Any]]) -> None:
        entry_type, scope, until_ms = what
        until, now = moment(until_ms), moment(self._clock.now_ms())
        rows: list[Row] = [[entry_type, scope, until, 0, 0, "", [], now]]
        for name, found in parts.items():
            rows += [[name, scope, until, *row[:3], list(row[3:]), now] for row in found]
        # One block: seen as a whole or not at all.
        _insert(client, "retirements", COLUMNS, rows)


def _carry_rejects(client: Client, parameters: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    return {name: _rows(client, f"carry_{name}", parameters) for name in ("kept", "unanswered_rejects")}


def _carry_records(client: Client, parameters: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    parts = {
        name: _rows(client, f"carry_{name}", parameters) for name in ("deliveries", "progress", "unanswered_events")
    }
    for topic in (Topic.EVENTS, Topic.REJECTS):
        parts[f"log {topic}"] = _rows(client, "carry_log", {**parameters, "topic": topic.value})
    return parts


def _expired(retired: RetiredRows, due_ms: Mapping[str, int]) -> list[ExpiredRows]:
    """Return the rows to destroy: of the tables by time none that is not due by the clock of now, *due_ms*.

    Noted by a clock that was ahead for a moment, the rows of all the time until then would go as they come.
    """
    found = [
        ExpiredRows(rule.table, rule.time, end_ms, trial)
        for trial, end_ms in retired.trials.items()
        for rule in OF_TRIALS
    ]
    for scope, tables in ((REJECTS, OF_REJECTS), (RECORDS, OF_RECORDS)):
        found += [
            ExpiredRows(rule.table, rule.time, min(retired.until_ms.get(scope, 0), due_ms[scope])) for rule in tables
        ]
    return found


def _rows(client: Client, name: str, parameters: Mapping[str, Any]) -> Sequence[Any]:
    return list(client.query(query(name), parameters=dict(parameters)).result_rows)


def _insert(client: Client, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    client.insert(table, rows, column_names=columns, settings={"async_insert": 0})
