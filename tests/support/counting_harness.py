"""Logs of one source, a log to read back from, and the plain recomputation that the worker's rows are held against."""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from runtime.kafka import LogRecord
from schemas.cells import CellRow, ProgressRow, duration_bin, register_of
from schemas.codec import encode
from schemas.lines import HEADER_ACCOUNTS, HEADER_SCHEMA, SCHEMA_VERSION, CountedEvent, StoredEvent, encode_record
from schemas.registry import Epoch
from schemas.timing import MINUTE_MS, Timing, minute_of
from streams.rebuild import SourceSpec
from streams.state import SourceState, take_dirty_rows
from streams.steps import take_record
from tests.support.factories import stored_event

EPOCH = 3
PARTITION = 1
START_MS = 1_790_000_040_000
TIMING = Timing()
SOURCE = SourceSpec(EPOCH, PARTITION, TIMING)
OUR_HEADERS = {HEADER_SCHEMA: SCHEMA_VERSION, HEADER_ACCOUNTS: b'{"lab":1}'}

CellName = tuple[str, str, str, str, str, str, int]
Event = CountedEvent | StoredEvent


def make_epoch() -> Epoch:
    return Epoch(
        number=EPOCH,
        topic_id="x",
        partitions=2,
        grace_ms=TIMING.grace_ms,
        lead_ms=TIMING.lead_ms,
        slack_ms=TIMING.slack_ms,
        began_at=datetime(2026, 11, 1, tzinfo=UTC),
    )


def hash_of(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest() if text else ""


def make_event(
    event_id: str = "e-1",
    *,
    occurred_ms: int = START_MS,
    received_ms: int | None = None,
    subject: str = "",
    **fields: Any,
) -> StoredEvent:
    """Return an event as the gateway stores it; *subject* is a name that gets hashed."""
    own = {"account_id": "lab", "trial_id": "t-1", "kind": "interaction"}
    return stored_event(event_id, occurred_ms, received_ms=received_ms, subject=hash_of(subject), **(own | fields))


def make_record(offset: int, events: Sequence[StoredEvent], *, stamp_ms: int | None = None) -> LogRecord:
    """Return a record of our gateway's: stamped with its highest receipt unless told otherwise."""
    stamp = max(event.received_ms for event in events) if stamp_ms is None else stamp_ms
    return raw_record(offset, encode_record(map(encode, events)), stamp_ms=stamp, headers=OUR_HEADERS)


def raw_record(
    offset: int, value: bytes, *, stamp_ms: int = START_MS, headers: dict[str, bytes] | None = None
) -> LogRecord:
    """Return a record as it is on the log; without headers it is foreign."""
    return LogRecord("pilot-events.v1", PARTITION, offset, stamp_ms, None, value, headers or {})


class MemoryLog:
    """A log that lies in memory; reads like `streams.rebuild.Log`."""

    def __init__(self, records: Sequence[LogRecord]) -> None:
        self.records = list(records)

    def since(self, partition: int, stamp_ms: int, before: int) -> Iterator[LogRecord]:
        first = next((r.offset for r in self.records if r.timestamp_ms >= stamp_ms), None)
        if first is not None:
            yield from self.between(partition, first, before)

    def between(self, partition: int, first: int, before: int) -> Iterator[LogRecord]:
        assert partition == PARTITION
        yield from (record for record in self.records if first <= record.offset < before)


class InlineExecutor(Executor):
    """Runs what it is given at once, in the caller's thread."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits it
            done.set_exception(error)
        return done


def state_after(records: Iterable[LogRecord]) -> SourceState:
    """Return the state of a worker that read *records* one by one from the log's beginning."""
    state = SourceState(EPOCH, PARTITION, TIMING)
    for record in records:
        take_record(state, record)
    return state


def rows_of(state: SourceState) -> tuple[dict[CellName, CellRow], dict[tuple[int, str], ProgressRow]]:
    """Return every row that is due, by name."""
    flush = take_dirty_rows(state)
    if flush is None:
        return {}, {}
    return {cell_name(row): row for row in flush.cells}, {
        (row.received_minute_ms, row.account_id): row for row in flush.progress
    }


def cell_name(item: CellRow | Event) -> CellName:
    minute = item.minute_ms if isinstance(item, CellRow) else minute_of(item.occurred_ms)
    return item.product_id, item.trial_id, item.platform, item.placement_id, item.arm, item.kind, minute


class ExpectedRows:
    """What a log comes to, read from its beginning with nothing ever forgotten: the rules once more, in plain words."""

    def __init__(
        self,
        records: Sequence[tuple[LogRecord, Sequence[Event]]],
        *,
        epoch: int = EPOCH,
        partition: int = PARTITION,
        timing: Timing = TIMING,
    ) -> None:
        self._source = {"epoch": epoch, "partition": partition}
        self._timing = timing
        self._sights: dict[tuple[str, str], int] = {}
        self._watermark = 0
        self._counted: dict[CellName, list[Event]] = {}
        self.cells: list[dict[CellName, CellRow]] = []
        """By offset: the cells that the record touched, as they stand after it."""
        self.progress: list[dict[tuple[int, str], ProgressRow]] = []
        self._progress: dict[tuple[int, str], dict[str, int]] = {}
        for record, events in records:
            self._take(record, events)

    def _take(self, record: LogRecord, events: Sequence[Event]) -> None:
        self._watermark = max(self._watermark, record.timestamp_ms)
        touched: set[CellName] = set()
        minute = minute_of(self._watermark)
        for event in events:
            outcome = self._judge(event)
            tally = self._progress.setdefault((minute, event.account_id), {})
            tally[outcome] = tally.get(outcome, 0) + 1
            if outcome == "counted":
                touched.add(cell_name(event))
                self._counted.setdefault(cell_name(event), []).append(event)
        place: dict[str, Any] = {**self._source, "version": record.offset}
        self.cells.append({name: plain_cell(self._counted[name], **place) for name in touched})
        self.progress.append(
            {
                (minute, account): ProgressRow(
                    account_id=account, received_minute_ms=minute, **place, **self._progress[minute, account]
                )
                for account in {event.account_id for event in events}
            }
        )

    def _judge(self, event: Event) -> str:
        minute = minute_of(event.occurred_ms)
        if minute > self._watermark + self._timing.lead_ms:
            return "disordered"
        key = (event.account_id, event.event_id)
        sight, self._sights[key] = self._sights.get(key), self._watermark
        if sight is not None and self._watermark - sight <= self._timing.span_ms:
            return "repeated"
        if self._timing.is_late(event.occurred_ms, event.received_ms):
            return "late"
        if self._timing.is_closed(minute, self._watermark):
            return "disordered"
        return "counted"

    def standing(self, upto: int) -> dict[CellName, CellRow]:
        """Return every cell as it stands after offset *upto*."""
        found: dict[CellName, CellRow] = {}
        for cells in self.cells[: upto + 1]:
            found |= cells
        return found


def plain_cell(events: Sequence[Event], **place: int) -> CellRow:
    """Return the cell of *events* by the definitions."""
    one = events[0]
    durations = [e.duration_ms for e in events if e.duration_ms is not None]
    amounts = [e.amount_fen for e in events if e.amount_fen is not None]
    ratings = [e.rating for e in events if e.rating is not None]
    bins = sorted({duration_bin(d) for d in durations})
    return CellRow(
        product_id=one.product_id,
        trial_id=one.trial_id,
        platform=one.platform,
        placement_id=one.placement_id,
        arm=one.arm,
        kind=one.kind,
        minute_ms=minute_of(one.occurred_ms),
        **place,
        events=len(events),
        failed=sum(e.outcome == "failed" for e in events),
        abandoned=sum(e.outcome == "abandoned" for e in events),
        duration_count=len(durations),
        duration_ms_sum=sum(durations),
        duration_bins=bins,
        duration_counts=[sum(duration_bin(d) == b for d in durations) for b in bins],
        amount_count=len(amounts),
        amount_fen_sum=sum(amounts),
        rating_count=len(ratings),
        rating_sum=sum(ratings),
        subjects=plain_registers(e.subject for e in events),
        sessions=plain_registers(e.session_id for e in events),
        first_ms=min(e.occurred_ms for e in events),
        last_ms=max(e.occurred_ms for e in events),
    )


def plain_registers(hashes: Iterable[str]) -> list[int]:
    """Return the packed registers of *hashes*: per index the highest rank."""
    best: dict[int, int] = {}
    for text in hashes:
        if text:
            packed = register_of(text)
            best[packed >> 6] = max(packed & 63, best.get(packed >> 6, 0))
    return [index << 6 | rank for index, rank in sorted(best.items())]


Written = list[tuple[LogRecord, list[StoredEvent]]]

# Around every bound of the protocol: the minute, grace, slack, lead, span and twice the span.
_STEPS_MS = (
    0,
    1,
    900,
    20_000,
    MINUTE_MS,
    150_000,
    5 * MINUTE_MS,
    9 * MINUTE_MS,
    14 * MINUTE_MS,
    -30_000,
    -6 * MINUTE_MS,
)
_AGES_MS = (0, 1, 500, 30_000, MINUTE_MS, 170_000, 250_000, 12 * MINUTE_MS, -60_000, -299_000, -900_000)
_BEHIND_MS = (0, 0, 0, 5, 20_000, 59_000, 4 * MINUTE_MS)


def random_events(chance: random.Random, stamp_ms: int) -> list[StoredEvent]:
    """Return the events of one record, with ids that come again and again, also with other content."""
    return [
        make_event(
            f"e-{chance.randint(0, 12)}",
            received_ms=(received := stamp_ms - chance.choice(_BEHIND_MS)),
            occurred_ms=received - chance.choice(_AGES_MS),
            account_id=chance.choice(["lab", "shop"]),
            product_id=chance.choice(["neuro-band", "sleep-cap"]),
            kind=chance.choice(["interaction", "use.completed"]),
            outcome=chance.choice(["", "ok", "failed", "abandoned"]),
            subject=chance.choice(["", "ann", "bo", "cy", "di"]),
            session_id=hash_of(chance.choice(["", "s1", "s2"])),
            duration_ms=chance.choice([None, 0, 255, 256, 5230, 86_400_000]),
            amount_fen=chance.choice([None, 0, 1990]),
            rating=chance.choice([None, 1, 5]),
        )
        for _ in range(chance.randint(1, 4))
    ]


def random_log(chance: random.Random, length: int) -> Written:
    """Return a log of any order: time stands, jumps, goes back beyond the slack; ids are reused with other content."""
    written: Written = []
    stamp = START_MS
    for offset in range(length):
        stamp += chance.choice(_STEPS_MS)
        events = random_events(chance, stamp)
        written.append((make_record(offset, events, stamp_ms=stamp), events))
    return written


def logs() -> st.SearchStrategy[Written]:
    """Draw a log. A seed and a length: drawing each field took a hundred times as long as what is tested."""
    return st.builds(random_log, st.integers(0, 1 << 32).map(random.Random), st.integers(1, 20))
