"""What a record does to a source's state, and which rows are to be sent: pure, total, and the hot path.

Every line of a record gets exactly one outcome: counted, repeated, late, disordered or rejected. Nothing here raises
on what a record holds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import msgspec

from runtime.kafka import LogRecord
from schemas.cells import CellRow, ProgressRow, RepeatRow, SourceRow
from schemas.codec import decode_counted_lines
from schemas.foreign import position_reject, read_foreign, split_lines
from schemas.lines import HEADER_ACCOUNTS, HEADER_SCHEMA, SCHEMA_VERSION, CountedEvent, RejectLine
from schemas.timing import MINUTE_MS, minute_of
from streams.state import Cell, Outcome, SourceState, Tally
from streams.vectorised import duration_bins, registers_of

NOBODY = ""
"""The account of a line that cannot be read."""
Featured = tuple[CountedEvent, int, int, int, int]
"""An event, the registers of its subject and its session, the bin of its duration, its line in the record."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a record holds: its events with their lines, and a reject for each line that is none."""

    events: list[CountedEvent]
    lines: Sequence[int]
    rejects: tuple[RejectLine, ...] = ()


def _account_of(item: Featured) -> str:
    return item[0].account_id


def take_record(state: SourceState, record: LogRecord) -> tuple[RejectLine, ...]:
    """Take *record*, the next of its source, into *state*; return the rejects of the lines that are no events."""
    read = read_record(record, state.epoch)
    offset = record.offset
    state.advance(offset, record.timestamp_ms)
    for account, run in groupby(_with_features(read), _account_of):
        state.note(_touched_tally(state, account, offset), _take_run(state, account, run, offset))
    if read.rejects:
        state.note(_touched_tally(state, NOBODY, offset), {"rejected": len(read.rejects)})
    return read.rejects


def read_record(record: LogRecord, epoch: int) -> Read:
    """Return the events of *record* in order, and a reject for each line that is none.

    A record of our gateway's is decoded at once; a foreign one, or one that does not decode, line by line.
    """
    if is_ours(record.headers):
        try:
            events = decode_counted_lines(record.value)
            return Read(events, range(len(events)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # some line is damaged; below, each gets its own verdict
    found: list[tuple[int, CountedEvent]] = []
    rejects: list[RejectLine] = []
    place = (epoch, record.partition, record.offset)
    for index, line in split_lines(record.value):
        event = read_foreign(line)
        if event is None:
            rejects.append(position_reject(place, index, line, received_ms=max(0, record.timestamp_ms)))
        else:
            found.append((index, event))
    return Read([event for _, event in found], [index for index, _ in found], tuple(rejects))


def is_ours(headers: Mapping[str, bytes]) -> bool:
    """Tell whether a record with these *headers* was written by our gateway."""
    return HEADER_ACCOUNTS in headers and headers.get(HEADER_SCHEMA) == SCHEMA_VERSION


def _take_run(state: SourceState, account: str, events: Iterable[Featured], offset: int) -> dict[Outcome, int]:
    """Take *events*, all of *account*, in; return how many came to what. The one loop that runs per event."""
    mark, span_ms, closed_ms, ahead_ms = state.watermark_ms, state.span_ms, state.closed_ms, state.ahead_ms
    in_time_ms = MINUTE_MS + state.timing.grace_ms
    ids = state.ids.setdefault(account, {})
    counted = repeated = late = disordered = 0
    for event, subject, session, duration, line in events:
        occurred_ms = event.occurred_ms
        minute_ms = occurred_ms - occurred_ms % MINUTE_MS
        if minute_ms > ahead_ms:
            # Further ahead than the gateway lets in. Its id is not noted either: a rebuild might not come to see it.
            disordered += 1
            continue
        event_id = event.event_id
        sight_ms = ids.pop(event_id, None)
        ids[event_id] = mark
        if sight_ms is not None and mark - sight_ms <= span_ms:
            repeated += 1
            state.repeats.append(_repeat_row(state, event, offset, line))
        elif event.received_ms > minute_ms + in_time_ms:
            late += 1
        elif minute_ms < closed_ms:
            disordered += 1
        else:
            counted += 1
            if minute_ms >= state.floor_ms:
                _touched_cell(state, event, minute_ms, offset).add(event, subject, session, duration)
    return {"counted": counted, "repeated": repeated, "late": late, "disordered": disordered}


def _repeat_row(state: SourceState, event: CountedEvent, offset: int, line: int) -> RepeatRow:
    return RepeatRow(
        epoch=state.epoch,
        partition=state.partition,
        offset=offset,
        line=line,
        event_id=event.event_id,
        account_id=event.account_id,
        product_id=event.product_id,
        trial_id=event.trial_id,
        occurred_ms=event.occurred_ms,
        received_ms=event.received_ms,
    )


def _with_features(read: Read) -> Iterator[Featured]:
    """Yield the events with what is worked out for a whole record at once, at a fifth of the cost of one by one."""
    events = read.events
    return zip(
        events,
        registers_of([event.subject for event in events]),
        registers_of([event.session_id for event in events]),
        duration_bins([event.duration_ms for event in events]),
        read.lines,
        strict=True,
    )


def _touched_cell(state: SourceState, event: CountedEvent, minute_ms: int, offset: int) -> Cell:
    cells = state.cells.get(minute_ms)
    if cells is None:
        cells = state.cells[minute_ms] = {}
    key = (event.product_id, event.trial_id, event.platform, event.placement_id, event.arm, event.kind)
    cell = cells.get(key)
    if cell is None:
        cell = cells[key] = Cell(event, minute_ms, event.occurred_ms, event.occurred_ms)
    cell.version = offset
    if not cell.dirty:
        cell.dirty = True
        state.dirty_cells.append(cell)
    return cell


def _touched_tally(state: SourceState, account: str, offset: int) -> Tally:
    # The minute of the watermark, not of the line: it never goes back, so a tally is touched by one run of offsets.
    minute_ms = minute_of(state.watermark_ms)
    tallies = state.tallies.setdefault(minute_ms, {})
    tally = tallies.get(account)
    if tally is None:
        tally = tallies[account] = Tally(account, minute_ms)
    tally.version = offset
    if not tally.dirty:
        tally.dirty = True
        state.dirty_tallies.append(tally)
    return tally


@dataclass(frozen=True, slots=True)
class Cut:
    """What one flush sends for one source: everything touched since the last, and how far that goes."""

    epoch: int
    partition: int
    cells: list[CellRow]
    progress: list[ProgressRow]
    repeats: list[RepeatRow]
    source: SourceRow
    closed_minutes: list[int] = field(default_factory=list)
    closed_tallies: list[int] = field(default_factory=list)


def cut_rows(state: SourceState) -> Cut | None:
    """Return the rows that are due and mark them as cut; None where nothing has come since the last cut.

    The rows do not change when the state moves on.
    """
    if state.told_offset == state.next_offset:
        return None
    cut = Cut(
        epoch=state.epoch,
        partition=state.partition,
        cells=[cell.row(state.epoch, state.partition) for cell in state.dirty_cells],
        progress=[tally.row(state.epoch, state.partition) for tally in state.dirty_tallies],
        repeats=state.repeats,
        source=state.source_row(),
        closed_minutes=[minute for minute in state.cells if minute < state.closed_ms],
        closed_tallies=[minute for minute in state.tallies if minute < minute_of(state.watermark_ms)],
    )
    for cell in state.dirty_cells:
        cell.dirty = False
    for tally in state.dirty_tallies:
        tally.dirty = False
    state.dirty_cells.clear()
    state.dirty_tallies.clear()
    state.repeats = []
    state.told_offset = state.next_offset
    return cut


def forget_closed(state: SourceState, cut: Cut) -> None:
    """Forget what was closed when *cut* was made; to be called when the broker has confirmed all of its rows.

    Nothing can have touched it since: a closed minute takes no event, a past minute of receipt no record.
    """
    for minute in cut.closed_minutes:
        state.cells.pop(minute, None)
    for minute in cut.closed_tallies:
        state.tallies.pop(minute, None)
