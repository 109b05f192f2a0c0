"""What waits, and the tokens it is inserted under."""

from schemas.topics import Topic
from sinks.consumer.batch import DEFERRED, IMMEDIATE, RowBatch
from sinks.consumer.positions import RecordPosition
from sinks.consumer.rows import TableRows
from sinks.consumer.tables import StoreTable


def span(offset: int, *, epoch: int = 1, stamped_ms: int = 5) -> RecordPosition:
    return RecordPosition(Topic.EVENTS, epoch, 0, offset, stamped_ms)


def filled(*offsets: int, epoch: int = 1) -> RowBatch:
    batch = RowBatch()
    for offset in offsets:
        batch.add(
            span(offset, epoch=epoch),
            [TableRows(StoreTable.EVENTS, b"{}", 1), TableRows(StoreTable.LOG, b"{}", 1)],
            now=1.0,
        )
    return batch


def token(batch: RowBatch) -> str:
    ((_, found),) = batch.take(IMMEDIATE)
    return found


def test_the_same_records_have_the_same_token() -> None:
    assert token(filled(3, 4)) == token(filled(3, 4))


def test_other_records_have_other_tokens() -> None:
    tokens = {token(filled(3, 4)), token(filled(3, 5)), token(filled(4, 5)), token(filled(3, 4, epoch=2))}

    assert len(tokens) == 4


def test_taking_what_readers_wait_for_leaves_the_rest() -> None:
    batch = filled(0, 1)

    ((prompt, _),) = batch.take(IMMEDIATE)
    ((rest, _),) = batch.take(DEFERRED)

    assert (prompt.table, prompt.body, prompt.count) == (StoreTable.EVENTS, b"{}\n{}", 2)
    assert (rest.table, rest.count) == (StoreTable.LOG, 2)
    assert (batch.rows, batch.size) == (0, 0)


def test_a_history_is_inserted_apart_and_later_under_a_token_of_its_own() -> None:
    """The same rows of the same ranges, in the one lane and in the other, are not each other's further try."""
    batch = RowBatch()
    batch.add(span(0), [TableRows(StoreTable.EVENTS, b"{}", 1, background=True)], now=1.0)
    assert batch.first_at is None
    batch.add(span(1), [TableRows(StoreTable.EVENTS, b"[]", 1)], now=2.0)
    assert batch.first_at == 2.0

    ((live, live_token),) = batch.take(IMMEDIATE)
    ((history, history_token),) = batch.take(DEFERRED)

    assert (live.body, history.body) == (b"[]", b"{}")
    assert live_token != history_token
    assert (batch.rows, batch.size) == (0, 0)


def test_progress_is_the_highest_offset_and_stamp() -> None:
    batch = RowBatch()
    for offset, stamped_ms in ((7, 50), (8, 40)):
        batch.add(span(offset, stamped_ms=stamped_ms), [], now=1.0)

    progress = batch.progress[Topic.EVENTS, 0]
    assert (progress.first, progress.next_offset, progress.watermark_ms) == (7, 9, 50)


def test_worker_sources_are_inserted_after_the_cells_they_speak_of() -> None:
    order = [kind.table for kind in (*IMMEDIATE, *DEFERRED)]

    assert order.index(StoreTable.SOURCES) > max(order.index(StoreTable.CELLS), order.index(StoreTable.PROGRESS))
    assert set(order) == set(StoreTable) - {StoreTable.POSITIONS}
