"""What waits, and the tokens it is inserted under."""

from schemas.topics import Topic
from sinks.consumer.batch import DEFERRED, PROMPT, Batch, Span
from sinks.consumer.rows import Rows
from sinks.consumer.tables import Table


def span(offset: int, *, epoch: int = 1, stamped_ms: int = 5) -> Span:
    return Span(Topic.EVENTS, epoch, 0, offset, stamped_ms)


def filled(*offsets: int, epoch: int = 1) -> Batch:
    batch = Batch()
    for offset in offsets:
        batch.add(span(offset, epoch=epoch), [Rows(Table.EVENTS, b"{}", 1), Rows(Table.LOG, b"{}", 1)], now=1.0)
    return batch


def token(batch: Batch) -> str:
    ((_, found),) = batch.take(PROMPT)
    return found


def test_the_same_records_have_the_same_token() -> None:
    assert token(filled(3, 4)) == token(filled(3, 4))


def test_other_records_have_other_tokens() -> None:
    tokens = {token(filled(3, 4)), token(filled(3, 5)), token(filled(4, 5)), token(filled(3, 4, epoch=2))}

    assert len(tokens) == 4


def test_taking_what_readers_wait_for_leaves_the_rest() -> None:
    batch = filled(0, 1)

    ((prompt, _),) = batch.take(PROMPT)
    ((rest, _),) = batch.take(DEFERRED)

    assert (prompt.table, prompt.body, prompt.count) == (Table.EVENTS, b"{}\n{}", 2)
    assert (rest.table, rest.count) == (Table.LOG, 2)
    assert (batch.rows, batch.size) == (0, 0)


def test_progress_is_the_highest_offset_and_stamp() -> None:
    batch = Batch()
    for offset, stamped_ms in ((7, 50), (8, 40)):
        batch.add(span(offset, stamped_ms=stamped_ms), [], now=1.0)

    progress = batch.progress[Topic.EVENTS, 0]
    assert (progress.first, progress.next_offset, progress.watermark_ms) == (7, 9, 50)


def test_worker_sources_are_inserted_after_the_cells_they_speak_of() -> None:
    order = [*PROMPT, *DEFERRED]

    assert order.index(Table.SOURCES) > max(order.index(Table.CELLS), order.index(Table.PROGRESS))
    assert len(order) == len(Table) - 1
