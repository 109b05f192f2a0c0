"""What the numbers have to be, from the list of events in plain Python, and how far a peer's are from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.peers.cells import FAILED, MINUTE_MS, bin_of
from schemas.lines import StoredEvent

CellId = tuple[str, int]
"""The cell's key but for its minute, and the start of the minute."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One cell's numbers; `users` and `sessions` may be estimates."""

    events: int
    failed: int
    duration_ms_sum: int
    bins: Mapping[int, int]
    users: float
    sessions: float

    @property
    def additive(self) -> tuple[int, int, int, dict[int, int]]:
        """What must be right to the unit."""
        return self.events, self.failed, self.duration_ms_sum, dict(self.bins)


@dataclass(slots=True)
class _Sum:
    events: int = 0
    failed: int = 0
    duration_ms_sum: int = 0
    bins: dict[int, int] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)


def truth_of(events: Iterable[StoredEvent]) -> dict[CellId, Figures]:
    """Return every cell of *events*; of the same account and id only the first counts."""
    sums: dict[CellId, _Sum] = {}
    seen: set[tuple[str, str]] = set()
    for event in events:
        name = (event.account_id, event.event_id)
        if name in seen:
            continue
        seen.add(name)
        key = f"{event.product_id}|{event.platform}|{event.placement_id}|{event.arm}|{event.kind}"
        cell = sums.setdefault((key, event.occurred_ms // MINUTE_MS * MINUTE_MS), _Sum())
        cell.events += 1
        cell.failed += event.outcome == FAILED
        if event.duration_ms is not None:
            cell.duration_ms_sum += event.duration_ms
            index = bin_of(event.duration_ms)
            cell.bins[index] = cell.bins.get(index, 0) + 1
        cell.users.add(event.subject)
        cell.sessions.add(event.session_id)
    return {
        name: Figures(
            cell.events, cell.failed, cell.duration_ms_sum, cell.bins, len(cell.users), len(cell.sessions)
        )
        for name, cell in sums.items()
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """How a peer's cells compare with the truth."""

    cells: int
    wrong: int
    """Cells that are missing, too many, or wrong in anything that adds up."""
    events: int
    events_told: int
    distinct_error_percent: float
    """Mean error of distinct users and sessions over the cells; 0 where every one is exact."""

    @property
    def right(self) -> bool:
        """Whether everything that adds up is right."""
        return not self.wrong


def checked(truth: Mapping[CellId, Figures], told: Mapping[CellId, Figures]) -> Check:
    """Compare what a peer *told* with the *truth*."""
    common = truth.keys() & told.keys()
    wrong = len(truth.keys() ^ told.keys()) + sum(truth[name].additive != told[name].additive for name in common)
    errors = [
        abs(got - true) / true
        for name in common
        for got, true in (
            (told[name].users, truth[name].users),
            (told[name].sessions, truth[name].sessions),
        )
    ]
    return Check(
        cells=len(truth),
        wrong=wrong,
        events=sum(cell.events for cell in truth.values()),
        events_told=sum(cell.events for cell in told.values()),
        distinct_error_percent=round(100 * sum(errors) / len(errors), 3) if errors else 0.0,
    )
