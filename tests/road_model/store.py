"""The store in memory: the tables' replacing keys, the view `cells`, and every query of settlement and the sums.

Stands in for `ClickHouse`, so that the real sink, settler and book run on it a thousand times a second;
`tests/contract/test_store_twin.py` holds it to the real engine.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from runtime.clock import Clock
from schemas.cells import CellRow
from schemas.foreign import FOREIGN_FLOW
from schemas.lines import CountedEvent
from schemas.registry import Epoch
from schemas.timing import BLOCK_MS, HOUR_MS, MINUTE_MS, block_of, minute_of
from schemas.topics import Topic
from sinks.clickhouse.sql import query
from sinks.consumer.rows import TableRows
from sinks.consumer.tables import StoreTable
from sinks.consumer.writer import MemoryRowWriter
from sinks.settlement.compare import REASONS
from tests.road_model.cells import empty_cell, merged_by_name, plain_cells
from tests.support.counting_harness import CellName, cell_name

Row = tuple[Any, ...]
Item = dict[str, Any]
_GATEWAY_TOPICS = (Topic.EVENTS, Topic.REJECTS, Topic.DELIVERIES)


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """What a query returns."""

    result_rows: list[Row]


@dataclass(slots=True)
class SettledBlockRow:
    """The row of `settled_blocks` with the highest run."""

    run: int = 0
    rows: int = 0
    settled_ms: int = 0


@dataclass(slots=True)
class FoundCell:
    """What a settlement found of a cell: its events by source and account, and what its live version said."""

    late: int
    live: int
    differs: bool
    sources: dict[Row, list[int]]


@dataclass(slots=True)
class ShownCell:
    """A cell as a reader sees it."""

    settled: bool
    cell: CellRow


@dataclass
class StoredEventRow:
    """A stored event at its first position."""

    item: Item
    event: CountedEvent

    @property
    def place(self) -> tuple[int, int, int, int]:
        return self.item["epoch"], self.item["partition"], self.item["offset"], self.item["line"]

    @property
    def block(self) -> tuple[str, int]:
        return self.event.product_id, block_of(self.event.occurred_ms) // 1000


class MemoryStore:
    """Rows by key; queries by their text. A writer, a client and a `ClickHouse` in one."""

    def __init__(self, clock: Clock, epochs: Callable[[], Sequence[Epoch]]) -> None:
        self._clock = clock
        self._epochs = epochs
        self.writing = MemoryRowWriter()
        self._tokens: set[tuple[StoreTable, str]] = set()
        self._positions: dict[tuple[str, int, int], list[int]] = {}
        self.touched: dict[tuple[str, int], list[int]] = {}
        self.settled: dict[CellName, tuple[int, CellRow]] = {}
        self.found: dict[tuple[CellName, int], FoundCell] = {}  # by cell and run
        self.settlements: dict[tuple[str, int], SettledBlockRow] = {}
        self.hourly: dict[tuple[str, int], tuple[int, int]] = {}
        self.rolled: dict[tuple[str, int], int] = {}
        self.differences: list[Item] = []
        self._events: dict[tuple[int, int, int, int], CountedEvent] = {}

    # --- a ClickHouse, and its clients

    def reader(self) -> "MemoryStore":
        return self

    def writer(self) -> "MemoryStore":
        return self

    def query(self, text: str, parameters: Mapping[str, Any] | None = None) -> QueryAnswer:
        """Answer a query of `sinks/clickhouse/queries`."""
        if text.startswith("SELECT body FROM registry_records"):
            return QueryAnswer([(epoch.model_dump_json(),) for epoch in self._epochs()])
        if "daily_rollups" in text:
            return QueryAnswer([])  # sums of whole days come after what is modelled here
        return QueryAnswer(list(_ANSWERS[text](self, parameters or {})))

    def command(self, text: str, parameters: Mapping[str, Any]) -> None:
        """Do what an INSERT … SELECT does."""
        if text == query("settle_cells"):
            self.put_settled(self.settle_cells(parameters))
        elif text == query("roll_hours"):
            self._roll(parameters)

    def insert(self, table: str, rows: Sequence[Sequence[Any]], *, column_names: Sequence[str], settings: Any) -> None:
        """Take the settler's own rows."""
        for values in rows:
            item = dict(zip(column_names, values, strict=True))
            match table:
                case "settled_blocks":
                    known = self.settlements.setdefault(
                        (item["product_id"], _seconds(item["block"])), SettledBlockRow()
                    )
                    if item["run"] >= known.run:
                        known.run, known.rows = item["run"], item["rows"]
                    known.settled_ms = max(known.settled_ms, round(item["settled_at"].timestamp() * 1000))
                case "settlement_differences":
                    self.differences.append(item)
                case "rolled_hours":
                    self.rolled[item["product_id"], _seconds(item["hour"])] = item["run"]

    # --- rows in

    def write(self, rows: TableRows, *, token: str) -> None:
        """Store *rows*; an insert whose token stood already changes nothing."""
        if token and (rows.table, token) in self._tokens:
            return
        if token:
            self._tokens.add((rows.table, token))
        if rows.table is StoreTable.POSITIONS:
            self._note_positions(rows)
            return
        self.writing.write(rows, token=token)
        if rows.table is StoreTable.EVENTS:
            self._touch(rows)

    def _note_positions(self, rows: TableRows) -> None:
        for line in rows.body.split(b"\n"):
            item = msgspec.json.decode(line)
            known = self._positions.setdefault((item["topic"], item["epoch"], item["partition"]), [0, 0, 0])
            new = (item["next_offset"], item["watermark_ms"], item["read_to_end_ms"])
            known[:] = [max(pair) for pair in zip(known, new, strict=True)]

    def _touch(self, rows: TableRows) -> None:
        for line in rows.body.split(b"\n"):
            item = msgspec.json.decode(line)
            touch = self.touched.setdefault((item["product_id"], block_of(item["occurred_ms"]) // 1000), [0, 0])
            touch[0] += 1
            touch[1] = max(touch[1], self._clock.now_ms())

    # --- what readers see

    def events(self) -> Iterator[StoredEventRow]:
        """Yield the stored events, repeats gone."""
        for item in self.writing.tables[StoreTable.EVENTS].values():
            if item.get("is_repeat"):
                continue
            place = (item["epoch"], item["partition"], item["offset"], item["line"])
            event = self._events.get(place)
            if event is None:
                event = self._events[place] = msgspec.convert(item, CountedEvent)
            yield StoredEventRow(item, event)

    def live_rows(self) -> Iterator[CellRow]:
        """Yield the live cell of each source: its highest version."""
        for item in self.writing.tables[StoreTable.CELLS].values():
            yield msgspec.convert(item, CellRow)

    def shown_events(self) -> dict[CellName, int]:
        """Return how many events the view `cells` shows of each cell."""
        live: Counter[CellName] = Counter()
        for item in self.writing.tables[StoreTable.CELLS].values():
            live[_name(item)] += item["events"]
        shown = {**live, **{name: cell.events for name, (_, cell) in self.settled.items()}}
        return {name: events for name, events in shown.items() if events > 0}

    def shown(self) -> dict[CellName, ShownCell]:
        """Return the view `cells`."""
        found = {name: ShownCell(settled=False, cell=cell) for name, cell in merged_by_name(self.live_rows()).items()}
        found |= {name: ShownCell(settled=True, cell=cell) for name, (_, cell) in self.settled.items()}
        return {name: item for name, item in found.items() if item.cell.events > 0}

    # --- settlement

    def is_late(self, item: Item) -> bool:
        graces = {epoch.number: epoch.grace_ms for epoch in self._epochs()}
        grace_ms = graces.get(item["epoch"], max(graces.values()))
        return bool(item["received_ms"] > minute_of(item["occurred_ms"]) + MINUTE_MS + grace_ms)

    def settle_cells(self, chosen: Mapping[str, Any]) -> dict[CellName, tuple[int, CellRow]]:
        """Return the settled cells of the *chosen* blocks under their run: computed, not written."""
        blocks = _blocks(chosen)
        by_name: dict[CellName, list[StoredEventRow]] = defaultdict(list)
        for stored in self.events():
            if stored.block in blocks:
                by_name[cell_name(stored.event)].append(stored)
        live = merged_by_name(row for row in self.live_rows() if _block_of_cell(cell_name(row)) in blocks)
        names = {*by_name, *live, *(name for name in self.settled if _block_of_cell(name) in blocks)}
        cells = {}
        for name in names:
            self.found[name, chosen["run"]] = self._found(name, by_name[name], live.get(name))
            found = plain_cells(stored.event for stored in by_name[name])
            cells[name] = (chosen["run"], found.get(name, empty_cell(name)))
        return cells

    def _found(self, name: CellName, events: Sequence[StoredEventRow], live: CellRow | None) -> FoundCell:
        prompt = plain_cells(stored.event for stored in events if not self.is_late(stored.item)).get(name)
        sources: dict[Row, list[int]] = defaultdict(lambda: [0, 0])
        for stored in events:
            row = sources[*stored.place[:2], stored.event.account_id]
            row[0] += 1
            row[1] += self.is_late(stored.item)
        return FoundCell(sum(row[1] for row in sources.values()), live.events if live else 0, prompt != live, sources)

    def put_settled(self, cells: Mapping[CellName, tuple[int, CellRow]]) -> None:
        """Write settled cells; the highest run of a cell stands."""
        for name, (run, cell) in cells.items():
            if run >= self.settled.get(name, (0, cell))[0]:
                self.settled[name] = (run, cell)

    def _roll(self, parameters: Mapping[str, Any]) -> None:
        for product, start_s in zip(parameters["products"], parameters["hours"], strict=True):
            events = sum(
                cell.events
                for name, (_, cell) in self.settled.items()
                if name[0] == product and name[6] // HOUR_MS * HOUR_MS == start_s * 1000
            )
            if parameters["run"] >= self.hourly.get((product, start_s), (0, 0))[0]:
                self.hourly[product, start_s] = (parameters["run"], events)

    # --- answers

    def touched_blocks(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        since_ms = parameters.get("since_ms", 0)
        for (product, block_s), (rows, touched_ms) in sorted(self.touched.items(), key=lambda pair: pair[0][1]):
            known = self.settlements.get((product, block_s), SettledBlockRow())
            if rows != known.rows and touched_ms >= since_ms:
                yield product, block_s, rows, touched_ms, known.run, known.settled_ms

    def due_hours(self, _: Mapping[str, Any]) -> Iterator[Row]:
        runs: dict[tuple[str, int], int] = {}
        for (product, block_s), known in self.settlements.items():
            hour = (product, block_s - block_s % 3600)
            runs[hour] = max(runs.get(hour, 0), known.run)
        for hour, run in runs.items():
            if run > self.rolled.get(hour, 0):
                yield (*hour, run)

    def source_marks(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        marks: dict[int, list[int]] = {}
        for (topic, epoch, partition), (next_offset, stored_ms, idle_ms) in self._positions.items():
            if topic == parameters["topic"] and epoch == parameters["epoch"]:
                marks[partition] = [next_offset, stored_ms, idle_ms, 0, 0]
        for item in self.writing.tables[StoreTable.SOURCES].values():
            if item["epoch"] == parameters["epoch"]:
                mark = marks.setdefault(item["partition"], [0] * 5)
                mark[3:] = [item["next_offset"], item["watermark_ms"]]
        for partition, mark in sorted(marks.items()):
            yield (partition, *mark)

    def _settled_in(self, parameters: Mapping[str, Any]) -> Iterator[tuple[CellName, CellRow, FoundCell]]:
        blocks = _blocks(parameters)
        for name, (run, cell) in sorted(self.settled.items()):
            if _block_of_cell(name) in blocks:
                yield name, cell, self.found[name, run]

    def differing_cells(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        for name, cell, found in self._settled_in(parameters):
            if found.differs:
                yield (*_block_of_cell(name), *name[1:6], name[6] // 1000, found.live, cell.events - found.late)

    def cell_sources(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        sums: dict[Row, list[int]] = defaultdict(lambda: [0, 0])
        for name, _, found in self._settled_in(parameters):
            for source, (events, late) in found.sources.items():
                row = sums[*_block_of_cell(name), *source]
                row[:] = row[0] + events, row[1] + late
        for key, row in sums.items():
            yield (*key, *row)

    def explain_cells(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        blocks, marks = _blocks(parameters), self._marks(parameters)
        live = {
            (cell_name(row), row.epoch, row.partition): row
            for row in self.live_rows()
            if _block_of_cell(cell_name(row)) in blocks
        }
        reasons: dict[tuple[CellName, int, int], Counter[str]] = {key: Counter() for key in live}
        for stored in self.events():
            if stored.block not in blocks or self.is_late(stored.item):
                continue
            epoch, partition, offset, _ = stored.place
            key = (cell_name(stored.event), epoch, partition)
            counts = reasons.setdefault(key, Counter())
            version = live[key].version if key in live else -1
            mark_ms = marks.get((epoch, partition, offset), 0)
            counts[_reason(key[0][6], mark_ms, parameters, above=offset > version)] += 1
        for (name, epoch, partition), counts in sorted(reasons.items(), key=lambda pair: pair[0][1:]):
            row = live.get((name, epoch, partition))
            said = (row.version, row.events) if row else (-1, 0)
            yield (*name[:6], name[6] // 1000, epoch, partition, *said, *(counts[r] for r in ("counted", *REASONS)))

    def _marks(self, parameters: Mapping[str, Any]) -> dict[tuple[int, int, int], int]:
        """Return the watermark by which each record was judged."""
        stamps: dict[tuple[int, int, int], int] = {}
        for item in self.writing.tables[StoreTable.LOG].values():
            if (
                item["topic"] == parameters["topic"]
                and item["stamped_ms"] >= parameters["from_s"] * 1000 - parameters["span_ms"]
            ):
                place = (item["epoch"], item["partition"], item["offset"])
                stamps[place] = max(stamps.get(place, 0), item["stamped_ms"])
        marks: dict[tuple[int, int, int], int] = {}
        highest: dict[tuple[int, int], int] = {}
        for place in sorted(stamps):
            highest[place[:2]] = marks[place] = max(highest.get(place[:2], 0), stamps[place])
        return marks

    def block_totals(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        totals: dict[Row, list[int]] = defaultdict(lambda: [0] * 4)
        for name, cell, found in self._settled_in(parameters):
            total = totals[_block_of_cell(name)]
            numbers = (cell.events > 0, cell.events, found.live, found.differs)
            total[:] = [sum(pair) for pair in zip(total, numbers, strict=True)]
        for block, total in totals.items():
            yield (*block, *total)

    def block_sources(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        blocks = _blocks(parameters)
        sums: dict[Row, list[int]] = defaultdict(lambda: [0, 0])
        for stored in self.events():
            if stored.block in blocks:
                row = sums[*stored.block, *stored.place[:2], stored.event.account_id]
                row[0] += 1
                row[1] += self.is_late(stored.item)
        for key, row in sums.items():
            yield (*key, *row)

    # --- the sums

    def stored_until(self, _: Mapping[str, Any]) -> Iterator[Row]:
        newest = max((epoch for _, epoch, _ in self._positions), default=0)
        yield (
            min(
                (
                    max(mark[1:])
                    for (topic, epoch, _), mark in self._positions.items()
                    if epoch == newest and topic in _GATEWAY_TOPICS
                ),
                default=0,
            ),
        )

    def sum_deliveries(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        sums: dict[str, Counter[str]] = defaultdict(Counter)
        for item in self.writing.rows(StoreTable.DELIVERIES):
            sums[item["account_id"]].update({name: item[name] for name in _OUTCOMES})
            if item["answered_ms"] > parameters["cut_ms"]:
                sums[item["account_id"]].update({f"fresh {name}": item[name] for name in _OUTCOMES})
        for account, row in sums.items():
            yield (account, *(row[name] for name in (*_OUTCOMES, "fresh accepted", "fresh rejected")))

    def sum_log(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        counted = {(s["epoch"], s["partition"]): s["next_offset"] for s in self.writing.rows(StoreTable.SOURCES)}
        sums: dict[tuple[int, int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        for item in self.writing.rows(StoreTable.LOG):
            if item["topic"] == parameters["topic"]:
                row = sums[item["epoch"], item["partition"], item["account_id"]]
                row[0] += item["lines"]
                row[1] += item["lines"] * (item["stamped_ms"] > parameters["cut_ms"])
                row[2] += item["lines"] * (item["offset"] >= counted.get((item["epoch"], item["partition"]), 0))
        for key, row in sums.items():
            yield (*key, *row)

    def sum_progress(self, _: Mapping[str, Any]) -> Iterator[Row]:
        sums: dict[tuple[int, int, str], Counter[str]] = defaultdict(Counter)
        names = ("counted", "repeated", "late", "disordered", "rejected")
        for item in self.writing.rows(StoreTable.PROGRESS):
            sums[item["epoch"], item["partition"], item["account_id"]].update({name: item[name] for name in names})
        for key, row in sums.items():
            yield (*key, *(row[name] for name in names))

    def sum_stored(self, _: Mapping[str, Any]) -> Iterator[Row]:
        sums: dict[tuple[int, int, str], list[int]] = defaultdict(lambda: [0, 0])
        for stored in self.events():
            row = sums[stored.item["epoch"], stored.item["partition"], stored.event.account_id]
            row[0] += 1
            row[1] += self.is_late(stored.item)
        for key, row in sums.items():
            yield (*key, *row)

    def sum_listed(self, _: Mapping[str, Any]) -> Iterator[Row]:
        yield (
            sum(
                item["live_events"] - item["recomputed_events"]
                for item in self.differences
                if "repeat_across_sources" in item["explanation"].split("+")
                and item["run"] == self.settlements[item["product_id"], _seconds(item["block"])].run
            ),
        )

    def sum_unanswered_events(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        return self._unanswered(StoreTable.EVENTS, parameters["cut_ms"])

    def sum_unanswered_rejects(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        return self._unanswered(StoreTable.REJECTS, parameters["cut_ms"])

    def _unanswered(self, table: StoreTable, cut_ms: int) -> Iterator[Row]:
        answered = {item["delivery_id"] for item in self.writing.rows(StoreTable.DELIVERIES)}
        yield from Counter(
            item["account_id"]
            for item in self.writing.rows(table)
            if item["received_ms"] <= cut_ms
            and item.get("delivery_id", "") not in answered
            and item.get("flow") != FOREIGN_FLOW
        ).items()

    def read_retired(self, _: Mapping[str, Any]) -> Iterator[Row]:
        """Nothing is old enough on this road."""
        return iter(())

    def sum_kept(self, _: Mapping[str, Any]) -> Iterator[Row]:
        kept = (item for item in self.writing.rows(StoreTable.REJECTS) if item["flow"] != FOREIGN_FLOW)
        yield from Counter(item["account_id"] for item in kept).items()


_OUTCOMES = ("received", "accepted", "duplicate", "rejected")
NAMES = (
    *("due_hours", "source_marks", "differing_cells", "explain_cells", "block_totals", "cell_sources", "block_sources"),
    *("stored_until", "sum_deliveries"),
    *("sum_log", "sum_progress", "sum_stored", "sum_listed", "sum_unanswered_events", "sum_unanswered_rejects"),
    *("sum_kept", "read_retired"),
)
_Answer = Callable[[MemoryStore, Mapping[str, Any]], Iterable[Row]]
_ANSWERS: dict[str, _Answer] = {query(name): getattr(MemoryStore, name) for name in NAMES} | {
    query("touched_blocks", which=which): MemoryStore.touched_blocks for which in ("everything", "touched_since")
}


def _reason(minute_ms: int, mark_ms: int, parameters: Mapping[str, Any], *, above: bool) -> str:
    graces = dict(zip(parameters["epochs"], parameters["graces_ms"], strict=True))
    grace_ms = max(graces.values())
    closed = mark_ms - parameters["slack_ms"] > minute_ms + MINUTE_MS + grace_ms
    if closed or minute_ms > mark_ms + parameters["lead_ms"]:
        return "disorder_beyond_slack"
    return "final_row_kept_back" if above else "counted"


def _name(item: Item) -> CellName:
    return (
        *(item["product_id"], item["trial_id"], item["platform"], item["placement_id"], item["arm"], item["kind"]),
        item["minute_ms"],
    )


def _block_of_cell(name: CellName) -> tuple[str, int]:
    return name[0], name[6] // BLOCK_MS * BLOCK_MS // 1000


def _blocks(parameters: Mapping[str, Any]) -> set[tuple[str, int]]:
    return set(zip(parameters["products"], parameters["blocks"], strict=True))


def _seconds(moment: Any) -> int:
    return int(moment.timestamp())
