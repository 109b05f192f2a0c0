"""What a record does to a source's state: every line one outcome, every row a function of the log's prefix."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.lines import HEADER_ACCOUNTS, HEADER_SCHEMA
from schemas.timing import MINUTE_MS, minute_of
from schemas.topics import Topic
from sinks.consumer.rows import rows_of as rows_of_record
from sinks.consumer.tables import StoreTable
from streams.rebuild import lookback_ms, read_gap, rebuild
from streams.state import SourceState, forget_closed, take_dirty_rows
from streams.steps import take_record
from tests.support.counting_harness import (
    EPOCH,
    OUR_HEADERS,
    PARTITION,
    SOURCE,
    START_MS,
    TIMING,
    ExpectedRows,
    MemoryLog,
    Written,
    logs,
    make_event,
    make_record,
    raw_record,
    rows_of,
    state_after,
)
from tests.support.properties import examples

MINUTE = minute_of(START_MS)


@given(logs())
@examples(200)
def test_every_row_is_what_a_plain_recomputation_of_the_prefix_gives(written: Written) -> None:
    truth = ExpectedRows(written)
    state = SourceState(EPOCH, PARTITION, TIMING)

    assert written
    for (record, _), cells, progress in zip(written, truth.cells, truth.progress, strict=True):
        take_record(state, record)
        assert rows_of(state) == (cells, progress)


@given(logs(), st.data())
@examples(300)
def test_a_state_rebuilt_at_any_offset_gives_the_rows_of_one_that_was_never_lost(
    written: Written, data: st.DataObject
) -> None:
    truth, log = ExpectedRows(written), MemoryLog([record for record, _ in written])
    offset = data.draw(st.integers(0, len(written) - 1))
    state = rebuild(SOURCE, log.records[offset], log)

    cells, progress = rows_of(state)
    standing = truth.standing(offset - 1)
    assert {name: standing[name] for name in cells} == cells
    for (minute, account), row in progress.items():
        assert truth.progress[row.version][minute, account] == row
    for record in log.records[offset:]:
        take_record(state, record)
        assert rows_of(state) == (truth.cells[record.offset], truth.progress[record.offset])


@given(logs(), st.data())
@examples(200)
def test_a_rebuild_sends_every_cell_that_is_still_open(written: Written, data: st.DataObject) -> None:
    truth, log = ExpectedRows(written), MemoryLog([record for record, _ in written])
    record = log.records[data.draw(st.integers(0, len(written) - 1))]
    watermark = max(past.timestamp_ms for past in log.records[: record.offset + 1])

    cells, _ = rows_of(rebuild(SOURCE, record, log))

    standing = truth.standing(record.offset - 1)
    assert {name for name, row in standing.items() if not TIMING.is_closed(row.minute_ms, watermark)} <= cells.keys()


@given(logs(), st.data())
def test_a_gap_read_from_the_log_leaves_the_state_as_if_it_had_been_taken_in(
    written: Written, data: st.DataObject
) -> None:
    log = MemoryLog([record for record, _ in written])
    first, last = sorted((data.draw(st.integers(0, len(written) - 1)), len(written) - 1))
    state = state_after(log.records[:first])

    read_gap(state, log.records[last], log)

    assert rows_of(state) == rows_of(state_after(log.records[:last]))
    assert state.next_offset == last


@given(logs())
def test_what_a_flush_forgets_is_never_touched_again(written: Written) -> None:
    truth = ExpectedRows(written)
    state = SourceState(EPOCH, PARTITION, TIMING)

    assert written
    for record, _ in written:
        take_record(state, record)
        flush = take_dirty_rows(state)
        assert flush is not None
        forget_closed(state, flush)
        assert {row.version for row in flush.cells} <= {record.offset}
        assert len(flush.cells) == len(truth.cells[record.offset])


def test_a_repeat_is_told_by_its_position_and_its_own_content() -> None:
    state = SourceState(EPOCH, PARTITION, TIMING)
    take_record(state, make_record(0, [make_event("e-1")]))
    again = make_event("e-1", occurred_ms=START_MS + 7000, received_ms=START_MS + 9000, trial_id="t-2")

    take_record(state, make_record(1, [make_event("e-2"), again]))
    flush = take_dirty_rows(state)

    assert flush is not None
    (row,) = flush.repeats
    assert (row.epoch, row.partition, row.offset, row.line) == (EPOCH, PARTITION, 1, 1)
    assert (row.event_id, row.account_id, row.product_id, row.trial_id, row.occurred_ms, row.received_ms) == (
        "e-1",
        again.account_id,
        again.product_id,
        "t-2",
        START_MS + 7000,
        START_MS + 9000,
    )
    take_record(state, make_record(2, [make_event("e-3")]))
    assert rows_of(state)[0].keys()
    assert state.repeats == []


def test_a_repeat_in_a_foreign_record_has_the_line_that_the_sink_gives_it() -> None:
    line = make_record(0, [make_event("e-1")]).value
    record = raw_record(0, b"\n".join([b"", line, b"no event", line]))
    state = SourceState(EPOCH, PARTITION, TIMING)

    take_record(state, record)

    stored = next(rows for rows in rows_of_record(Topic.EVENTS, record, EPOCH) if rows.table is StoreTable.EVENTS)
    lines = [json.loads(row)["line"] for row in stored.body.split(b"\n")]
    assert [row.line for row in state.repeats] == lines[1:] == [3]


@given(logs(), st.data())
@examples(200)
def test_a_rebuild_tells_the_repeats_of_the_last_minutes_and_none_that_is_none(
    written: Written, data: st.DataObject
) -> None:
    log = MemoryLog([record for record, _ in written])
    record = log.records[data.draw(st.integers(0, len(written) - 1))]
    whole = state_after(log.records[: record.offset])

    rebuilt = rebuild(SOURCE, record, log)

    told = {(row.offset, row.line) for row in rebuilt.repeats}
    assert told <= {(row.offset, row.line) for row in whole.repeats}
    stamps = {past.offset: past.timestamp_ms for past in log.records}
    since = next(
        (
            offset
            for offset in reversed(range(record.offset))
            if stamps[offset] < record.timestamp_ms - 2 * TIMING.slack_ms
        ),
        -1,
    )
    assert {(row.offset, row.line) for row in whole.repeats if row.offset > since} <= told


@given(st.binary(max_size=400), st.sampled_from([OUR_HEADERS, {}]))
@examples(300)
def test_any_bytes_get_one_outcome_a_line_and_never_an_exception(value: bytes, headers: dict[str, bytes]) -> None:
    state = SourceState(EPOCH, PARTITION, TIMING)

    rejects = take_record(state, raw_record(0, value, headers=headers))

    assert sum(state.outcomes.values()) == sum(1 for line in value.split(b"\n") if line.strip())
    assert len(rejects) == state.outcomes["rejected"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"event_id":"\xff\xfe"}',
        b'{"occurred_ms":1e400}',
        b'{"occurred_ms":' + b"9" * 5000 + b"}",
        b"\x00",
        b"null",
    ],
)
def test_a_hostile_line_is_a_reject_and_its_neighbours_count(line: bytes) -> None:
    good = make_record(0, [make_event("e-1"), make_event("e-2")]).value.split(b"\n")
    state = SourceState(EPOCH, PARTITION, TIMING)

    rejects = take_record(state, raw_record(7, b"\n".join([good[0], line, good[1]]), headers=OUR_HEADERS))

    assert [reject.reject_id for reject in rejects] == [f"pos-{EPOCH}-{PARTITION}-7-1"]
    assert (state.outcomes["counted"], state.outcomes["rejected"]) == (2, 1)


def test_a_reject_keeps_length_and_digest_and_nothing_of_the_line() -> None:
    (reject,) = take_record(SourceState(EPOCH, PARTITION, TIMING), raw_record(0, b"call 13800000000"))

    assert reject.reason == "malformed"
    assert "138" not in reject.payload.split('"sha256"')[0]
    assert '"bytes":16' in reject.payload.replace(" ", "")


@pytest.mark.parametrize("header", [HEADER_SCHEMA, HEADER_ACCOUNTS])
def test_a_foreign_record_counts_its_storable_lines_and_rejects_the_others(header: str) -> None:
    good, nameless = make_event("e-1"), make_event("e-2", product_id="")
    headers = {name: value for name, value in OUR_HEADERS.items() if name != header}
    state = SourceState(EPOCH, PARTITION, TIMING)

    take_record(state, raw_record(0, make_record(0, [good, nameless]).value, headers=headers))

    assert (state.outcomes["counted"], state.outcomes["rejected"]) == (1, 1)


def test_a_repeat_counts_once_and_extends_the_sight_of_its_id() -> None:
    step = TIMING.span_ms - 1
    sights = [make_record(n, [make_event("e-1", occurred_ms=START_MS + n * step)]) for n in range(3)]

    assert state_after(sights).outcomes == {"counted": 1, "repeated": 2, "late": 0, "disordered": 0, "rejected": 0}


def test_an_id_seen_longer_ago_than_the_span_is_new_and_forgotten_ids_take_no_memory() -> None:
    later = START_MS + TIMING.span_ms + 1
    state = state_after(
        [
            make_record(0, [make_event(f"e-{n}") for n in range(100)]),
            make_record(1, [make_event("e-1", occurred_ms=later)]),
        ]
    )

    assert state.outcomes["counted"] == 101
    assert len(state.ids) == 1


def test_an_event_received_past_the_grace_is_late_whatever_the_watermark() -> None:
    end = MINUTE + MINUTE_MS + TIMING.grace_ms
    events = [
        make_event("in-time", occurred_ms=MINUTE, received_ms=end),
        make_event("late", occurred_ms=MINUTE, received_ms=end + 1),
    ]

    assert state_after([make_record(0, events)]).outcomes["late"] == 1


def test_an_event_in_time_whose_minute_is_closed_is_disordered() -> None:
    closing = MINUTE + MINUTE_MS + TIMING.grace_ms + TIMING.slack_ms
    in_time = [make_event(name, occurred_ms=MINUTE) for name in ("before", "after")]

    state = state_after(
        [
            make_record(0, [make_event("x", occurred_ms=closing)]),
            make_record(1, in_time[:1]),
            make_record(2, [make_event("y", occurred_ms=closing + 1)]),
            make_record(3, in_time[1:]),
        ]
    )

    assert (state.outcomes["counted"], state.outcomes["disordered"]) == (3, 1)


def test_an_event_further_ahead_than_the_lead_is_kept_out_of_the_live_cells() -> None:
    ahead = START_MS + TIMING.lead_ms
    events = [make_event("near", occurred_ms=ahead), make_event("far", occurred_ms=ahead + 2 * MINUTE_MS)]

    state = state_after([make_record(0, events, stamp_ms=START_MS)])

    assert (state.outcomes["counted"], state.outcomes["disordered"]) == (1, 1)


def test_the_bounds_kept_beside_the_watermark_say_what_the_timing_says() -> None:
    state = state_after([make_record(0, [make_event()])])

    minutes = range(MINUTE - 10 * MINUTE_MS, MINUTE + MINUTE_MS, 1000)
    closed = [minute for minute in minutes if TIMING.is_closed(minute, state.watermark_ms)]
    assert [minute for minute in minutes if minute < state.closed_ms] == closed
    assert 0 < len(closed) < len(minutes)


def test_a_flush_forgets_the_minutes_that_are_closed_and_no_other() -> None:
    # The second record puts the bound of what is closed right on the start of a minute that has a cell.
    bound = MINUTE + MINUTE_MS
    stamp = bound + MINUTE_MS + TIMING.grace_ms + TIMING.slack_ms
    early = [make_event(f"e-{at}", occurred_ms=at) for at in (MINUTE, bound)]
    state = state_after([make_record(0, early, stamp_ms=bound)])
    take_record(state, make_record(1, [make_event("e-late", occurred_ms=stamp)], stamp_ms=stamp))
    assert state.closed_ms == bound
    assert set(state.cells) == {MINUTE, bound, minute_of(stamp)}
    received = sorted(state.progress)
    assert received == [bound, minute_of(stamp)]

    flush = take_dirty_rows(state)
    assert flush is not None
    forget_closed(state, flush)

    assert set(state.cells) == {bound, minute_of(stamp)}
    assert sorted(state.progress) == received[1:]


def test_a_cell_is_kept_of_the_minute_at_the_floor_and_of_none_before_it() -> None:
    state = SourceState(EPOCH, PARTITION, TIMING, floor_ms=MINUTE)

    take_record(state, make_record(0, [make_event("at", occurred_ms=MINUTE), make_event("b", occurred_ms=MINUTE - 1)]))

    assert set(state.cells) == {MINUTE}
    assert state.outcomes["counted"] == 2


def test_a_redelivered_cut_holds_nothing_until_something_new_comes() -> None:
    state = state_after([make_record(0, [make_event()])])

    assert take_dirty_rows(state) is not None
    assert take_dirty_rows(state) is None


def test_rows_that_were_cut_stay_as_they_were_when_the_state_moves_on() -> None:
    state = state_after([make_record(0, [make_event("e-1", subject="ann", duration_ms=5)])])
    flush = take_dirty_rows(state)
    assert flush is not None
    before = str(flush)

    take_record(state, make_record(1, [make_event("e-2", subject="bo", duration_ms=500)]))

    assert str(flush) == before


def test_a_rebuild_reads_two_spans_and_two_slacks() -> None:
    assert lookback_ms(TIMING) == 20 * MINUTE_MS
