"""Bring a source's state up to a record, from the log: after a start, after a gap, never from a saved state.

A rebuild reads from far enough back that every cell still open comes out whole, whatever the log holds:

- an event is counted only where its minute starts at most the lead after the watermark, and is not closed; so all
  events of an open minute lie in records whose watermark is at most one span behind;
- whether each of those is a repeat depends on one more span of ids;
- two slacks more give the cells that closed just now, in case their last rows did not come through.

Repeats of the last two slacks are sent again for the same reason: a commit can run ahead of what was confirmed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from runtime.kafka import LogRecord
from schemas.timing import Timing
from streams.state import SourceState
from streams.steps import take_record


class SourceLog(Protocol):
    """The records of a source's past."""

    def since(self, partition: int, stamp_ms: int, before: int) -> Iterator[LogRecord]:
        """Yield the records from the first one stamped *stamp_ms* or later up to offset *before* (excluded)."""
        ...

    def between(self, partition: int, first: int, before: int) -> Iterator[LogRecord]:
        """Yield the records from offset *first* up to offset *before* (excluded)."""
        ...


OnRecord = Callable[[SourceState], None]


def _ignore(_: SourceState) -> None:
    return


def lookback_ms(timing: Timing) -> int:
    """Return how far a rebuild reads back from the stamp of the record that it is for: about 20 minutes."""
    return 2 * timing.span_ms + 2 * timing.slack_ms


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Which source a state is of, and how it is counted."""

    epoch: int
    partition: int
    timing: Timing


def rebuild(source: SourceSpec, record: LogRecord, log: SourceLog, *, on_record: OnRecord = _ignore) -> SourceState:
    """Return the state of *source* just before *record*, with every whole cell due to be sent.

    *on_record* is called after each record read. Raises what *log* and *on_record* raise.
    """
    timing = source.timing
    from_ms = max(0, record.timestamp_ms - lookback_ms(timing))
    whole_from_ms = _whole_from_ms(from_ms, timing)
    state = SourceState(source.epoch, source.partition, timing, next_offset=record.offset)
    # A minute counts from the lead before its start: one whose lead began earlier would come out short.
    state.floor_ms = whole_from_ms + timing.lead_ms if from_ms else 0
    resend_from_ms = record.timestamp_ms - 2 * timing.slack_ms
    for earlier in log.since(source.partition, from_ms, record.offset):
        take_record(state, earlier)
        if earlier.timestamp_ms < resend_from_ms:
            state.repeats.clear()  # sent and confirmed long ago
        on_record(state)
    _drop_partial_progress(state, whole_from_ms)
    state.floor_ms = 0
    state.next_offset = record.offset
    state.outcomes.update(dict.fromkeys(state.outcomes, 0))  # counted by whoever took these records first
    return state


def read_gap(state: SourceState, record: LogRecord, log: SourceLog, *, on_record: OnRecord = _ignore) -> None:
    """Take the records between *state* and *record* in. Raises what *log* and *on_record* raise."""
    before = dict(state.outcomes)
    for missed in log.between(state.partition, state.next_offset, record.offset):
        take_record(state, missed)
        on_record(state)
    state.next_offset = record.offset
    # The gap was counted by whoever took it first.
    state.outcomes.update(before)


def _whole_from_ms(from_ms: int, timing: Timing) -> int:
    """Return the watermark from which on it is known what is a repeat, for a log read from *from_ms*."""
    return from_ms + timing.span_ms if from_ms else 0


def _drop_partial_progress(state: SourceState, whole_from_ms: int) -> None:
    for minute_ms in [minute for minute in state.progress if minute < whole_from_ms]:
        del state.progress[minute_ms]
    state.dirty_progress = [cell for cell in state.dirty_progress if cell.minute_ms >= whole_from_ms]
