"""The figures of the sums without reading the whole past again: what will never change is added up once, in memory.

What stays open is read each time: the log beyond what is stored, counted and before the cut; progress of the last
minutes; deliveries and rejects of the last minutes; events of blocks that wait for their settlement.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runtime.clickhouse import ClickHouse, Client
from schemas.foreign import FOREIGN_FLOW
from schemas.timing import MINUTE_MS
from schemas.topics import Topic
from sinks.clickhouse.sql import query
from sinks.reconciliation.figures import UNANSWERED, BySource
from sinks.reconciliation.settled import SettledSums, unfilled
from sinks.settlement.blocks import Block, BlockActivity, ints, lateness_parameters
from sinks.settlement.retired import RECORDS, REJECTS, SourceAccount, SourceId, read_retired
from sinks.settlement.sources import read_epochs, timing_among

# A request received so long before the cut has its records stored: above the time-outs of its publishes, and the slack
# of clocks that differ.
REST_MS = 60_000
# The worker sends rows of its open minutes once more after a rebuild: those of the span, of 9 minutes by default, and
# of twice the slack. A row of an earlier minute of the watermark is final.
PROGRESS_REST_MS = 3_600_000
PLACE_BITS = 16
READ_AGAIN_S = 3600.0

WIDTHS = {"deliveries": 6, "kept": 1, "unanswered_events": 1, "unanswered_rejects": 1, "log": 3, "progress": 5}
"""Numbers of each figure."""
OF_REJECTS = ("kept", "unanswered_rejects")

Bounds = dict[SourceId, int]


class IncrementalSum:
    """Sums by key that only grow: rows that are closed are added once, the others each time they are asked for."""

    def __init__(self, begin: Mapping[Any, tuple[int, ...]]) -> None:
        self._closed = dict(begin)

    def take(self, rows: Iterable[tuple[Any, bool, tuple[int, ...]]]) -> dict[Any, tuple[int, ...]]:
        """Return the sums of what was closed before and of all *rows* (key, closed, numbers); keep the closed ones."""
        fresh: dict[Any, tuple[int, ...]] = {}
        for key, closed, numbers in rows:
            sums = self._closed if closed else fresh
            sums[key] = _added(sums.get(key), numbers)
        return {key: _added(self._closed.get(key), fresh.get(key, ())) for key in {**self._closed, **fresh}}


class RunningSums:
    """What is known of the past. It belongs to the settler's thread, and ends with its settler.

    *waiting* looks for the blocks that have rows which their settlement has not seen.
    """

    def __init__(self, waiting: Callable[[], Mapping[Block, BlockActivity]]) -> None:
        self._waiting = waiting
        self._unfilled: list[int] | None = None
        self.settled = SettledSums()
        self.forget()

    def forget(self) -> None:
        """Know nothing: the next figures read the whole past."""
        self.settled.forget()
        self.cut_ms = 0
        self.bounds: dict[Topic | None, Bounds] = {}
        self.incremental: dict[str, IncrementalSum] = {}
        self.since_ms: dict[str, int] = {}
        self._began = time.monotonic()

    def old(self) -> bool:
        """Tell whether the whole past should be read again, should something have slipped by."""
        return time.monotonic() - self._began >= READ_AGAIN_S

    def fill(self, clickhouse: ClickHouse) -> bool:
        """Fill in what settlements before an update did not leave, a day at a call; tell whether nothing is missing."""
        client = clickhouse.writer()
        if self._unfilled is None:
            self._unfilled = unfilled(client)
        if not self._unfilled:
            return True
        epochs = read_epochs(client)
        lateness = lateness_parameters(epochs, timing_among(epochs))
        client.command(query("fill_settled_day"), parameters={**lateness, "day_s": self._unfilled[-1]})
        self._unfilled.pop()
        return not self._unfilled

    def note(self, blocks: Iterable[Block]) -> None:
        """Remember that *blocks* were settled."""
        self.settled.note(blocks)

    def figures(self, client: Client, cut_ms: int, lateness: Mapping[str, Any]) -> "RunningFigures":
        """Return the figures of now. Raises `ClickHouseError`."""
        if cut_ms < self.cut_ms:
            # A new epoch's sources begin before it: what was closed by the later cut may be in flight again.
            self.forget()
        self.cut_ms = cut_ms
        return RunningFigures(self, client, lateness, self._waiting)


class RunningFigures:
    """The figures of one moment; asking for one closes what has come to rest since the last time."""

    def __init__(
        self,
        running: RunningSums,
        client: Client,
        lateness: Mapping[str, Any],
        waiting: Callable[[], Mapping[Block, BlockActivity]],
    ) -> None:
        self._running = running
        self._client = client
        self._lateness = lateness
        self._waiting = waiting
        self._retired = read_retired(client)
        self._read_marks: dict[Topic, list[Any]] = {}

    def deliveries(self) -> Mapping[str, tuple[int, ...]]:
        """Return what was answered."""
        return self._by_account("deliveries")

    def log(self, topic: Topic) -> BySource:
        """Return the lines of *topic*: an offset below what the sink has committed never changes its lines."""
        marks = self._marks(topic)
        counted = {(int(row[0]), int(row[1])): int(row[3]) for row in marks}
        bounds = {
            (int(row[0]), int(row[1])): int(row[2]) if topic is Topic.REJECTS else min(int(row[2]), int(row[3]))
            for row in marks
        }
        known = self._running.bounds.get(topic, {})
        beyond = _beyond(known, "offset >= {}")
        asked = {"topic": topic.value, "cut_ms": self._running.cut_ms}
        for epoch, partition, first in self._rows("log_recent", asked, beyond):
            source = (int(epoch), int(partition))
            bounds[source] = min(bounds.get(source, 0), int(first))
        bounds = known | {source: max(bound, known.get(source, 0)) for source, bound in bounds.items()}
        asked |= _pairs(bounds) | {"counted": [counted.get(source, 0) for source in bounds]}
        found = self._added_up(f"log {topic}", self._rows("run_log", asked, beyond))
        self._running.bounds[topic] = bounds
        return found

    def progress(self) -> BySource:
        """Return what workers made of the lines: a minute of the watermark that is past is not counted into again."""
        marks = self._marks(Topic.EVENTS)
        known = self._running.bounds.get(None, {})
        bounds = {
            (int(row[0]), int(row[1])): max(0, int(row[4]) - PROGRESS_REST_MS) // MINUTE_MS * MINUTE_MS // 1000
            for row in marks
        }
        bounds = known | {source: max(bound, known.get(source, 0)) for source, bound in bounds.items()}
        beyond = _beyond(known, "received_minute >= toDateTime({}, 'UTC')")
        found = self._added_up("progress", self._rows("run_progress", _pairs(bounds), beyond))
        self._running.bounds[None] = bounds
        return found

    def stored(self) -> BySource:
        """Return stored events: what settlements left, and those of blocks that wait, counted."""
        sums = self._running.settled.sums(self._client, self._waiting(), self._lateness)
        return {key: numbers for key, numbers in sums.items() if any(numbers)}

    def kept(self) -> Mapping[str, int]:
        """Return the kept rejects."""
        return {account: numbers[0] for account, numbers in self._by_account("kept").items()}

    def listed(self) -> int:
        """Return what settlements have listed."""
        return self._running.settled.listed

    def unanswered(self, topic: Topic) -> Mapping[str, int]:
        """Return what was never answered."""
        return {account: numbers[0] for account, numbers in self._by_account(UNANSWERED[topic]).items()}

    def _marks(self, topic: Topic) -> list[Any]:
        # Read before the rows that they vouch for, and once.
        if topic not in self._read_marks:
            self._read_marks[topic] = self._rows("log_marks", {"topic": topic.value})
        return self._read_marks[topic]

    def _by_account(self, name: str) -> dict[str, tuple[int, ...]]:
        """Return sums by account of a table whose rows are received once and for all, up to the cut less a rest."""
        since_ms = self._running.since_ms.get(name, self._begins_ms(name))
        until_ms = max(since_ms, self._running.cut_ms - REST_MS)
        parameters = {
            "from_ms": since_ms,
            "until_ms": until_ms,
            "cut_ms": self._running.cut_ms,
            "foreign": FOREIGN_FLOW,
            "answer_ms": REST_MS,
        }
        rows = self._rows(f"run_{name}", parameters)
        begin = self._retired.by_account(name, width=WIDTHS[name])
        fold = self._running.incremental.setdefault(name, IncrementalSum(begin))
        found = fold.take((str(row[0]), bool(row[1]), ints(row[2:])) for row in rows)
        self._running.since_ms[name] = until_ms
        return found

    def _added_up(self, name: str, rows: Iterable[Any]) -> dict[SourceAccount, tuple[int, ...]]:
        begin = self._retired.by_source(name, width=WIDTHS[name.partition(" ")[0]])
        fold = self._running.incremental.setdefault(name, IncrementalSum(begin))
        return fold.take((((int(row[0]), int(row[1])), str(row[2])), bool(row[3]), ints(row[4:])) for row in rows)

    def _rows(self, name: str, parameters: Mapping[str, Any], beyond: str = "1") -> list[Any]:
        text = query(name).replace("places_beyond()", beyond)
        return list(self._client.query(text, parameters={**self._retired.parameters, **parameters}).result_rows)

    def _begins_ms(self, name: str) -> int:
        """Return the moment before which the rows of a figure by account are retired."""
        return self._retired.until_ms.get(REJECTS if name in OF_REJECTS else RECORDS, 0)


def _pairs(bounds: Bounds) -> dict[str, Any]:
    places = [epoch << PLACE_BITS | partition for epoch, partition in bounds]
    return {"places": places, "bounds": list(bounds.values())}


def _beyond(bounds: Bounds, condition: str) -> str:
    """Return the condition of rows beyond *bounds*, in a form that the primary key is searched by; numbers only."""
    if not bounds:
        return "1"
    known = ", ".join(f"({epoch}, {partition})" for epoch, partition in bounds)
    terms = [
        f"(epoch = {epoch} AND partition = {partition} AND {condition.format(bound)})"
        for (epoch, partition), bound in bounds.items()
    ]
    return f"({' OR '.join([*terms, f'(epoch, partition) NOT IN ({known})'])})"


def _added(one: tuple[int, ...] | None, other: tuple[int, ...]) -> tuple[int, ...]:
    if not one or not other:
        return one or other
    return tuple(a + b for a, b in zip(one, other, strict=True))
