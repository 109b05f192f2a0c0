"""What faults came to: each test notes its faults and what was lost; `pytest` ends with the table of all of them."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from tests.support.ledger_truth import (
    Truth,
    assert_all_is_counted_once,
    cells_of,
    differing_cells,
    read_ledgers,
    stored_events,
)
from tests.support.stack import BATCH_ACCOUNT, Stack
from tests.support.under_load import SEED, Load, Reader

FAULT, OUTCOME = "fault", "fault outcome"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one test: events sent, and what went wrong with them."""

    sent: int
    lost: int
    twice: int
    cells: int
    """That differ from a recomputation, by the ledger's own count or by `reconcile`'s."""
    anomalies: int
    """Numbers that a reader saw go down, or above the truth."""


class FaultLog:
    """Notes faults of one test for the table."""

    def __init__(self, record: Any) -> None:
        self._record = record

    def note(self, fault: str, seconds: float | None = None) -> None:
        """Note a *fault*, and the *seconds* until the numbers moved again."""
        self._record(FAULT, json.dumps([fault, None if seconds is None else round(seconds, 1)]))

    def settle(self, stack: Stack, load: Load, reader: Reader) -> Truth:
        """Hold everything against the truth, note what differs, and fail where anything does."""
        stack.reconcile(wait_s=120.0)
        truth, stored = read_ledgers(stack), stored_events(stack)
        ids = [item.event_id for item in stored if item.account_id == BATCH_ACCOUNT]
        others = (item.told for item in stored if item.account_id != BATCH_ACCOUNT)
        anomalies = reader.anomalies(cells_of([*truth.events.values(), *others]))
        self._outcome(
            Outcome(
                sent=load.sent,
                lost=len(truth.events.keys() - set(ids)),
                twice=len(ids) - len(set(ids)),
                cells=len(differing_cells(stack, truth, stored)),
                anomalies=len(anomalies),
            )
        )
        assert load.summary.samples == []
        assert_all_is_counted_once(stack)
        assert not anomalies, f"{len(anomalies)} numbers were wrong: {anomalies[:3]}"
        return truth

    def _outcome(self, outcome: Outcome) -> None:
        self._record(OUTCOME, json.dumps(asdict(outcome)))


@pytest.fixture
def faults(record_property: Any) -> FaultLog:
    """Return where this test notes its faults."""
    return FaultLog(record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    properties = [item for report in reports for item in report.user_properties]
    for line in table(properties):
        terminalreporter.write_line(line)


def table(properties: Iterable[tuple[str, object]]) -> list[str]:
    """Return the lines of the table: faults by place with their longest recovery, then the sums over all tests."""
    found = list(properties)
    seconds: dict[str, list[float | None]] = defaultdict(list)
    for name, value in found:
        if name == FAULT:
            fault, took = json.loads(str(value))
            seconds[fault].append(took)
    outcomes = [json.loads(str(value)) for name, value in found if name == OUTCOME]
    if not seconds:
        return []
    width = max(map(len, seconds))
    lines = [f"seed {SEED}", f"{'fault':<{width}}  times  longest recovery"]
    for fault, took in sorted(seconds.items()):
        known = [value for value in took if value is not None]
        longest = f"{max(known):.1f} s" if known else "-"
        lines.append(f"{fault:<{width}}  {len(took):>5}  {longest:>16}")
    sums = {name: sum(item[name] for item in outcomes) for name in Outcome.__dataclass_fields__}
    lines.append(
        "events sent {sent:,}; lost {lost}; counted twice {twice}; cells ≠ recomputation {cells}; "
        "reader anomalies {anomalies}".format(**sums)
    )
    return lines
