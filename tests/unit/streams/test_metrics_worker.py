"""The shell around the steps: the order of a flush, its bounds, and what ends the worker."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
import structlog

import streams.metrics_worker
from runtime.errors import ProtocolError
from runtime.kafka import LogRecord
from runtime.settings import WorkerSettings
from schemas.codec import decode_cell, decode_reject, decode_source
from schemas.lines import HEADER_ACCOUNTS
from schemas.topics import Topic
from streams.metrics_worker import MetricsWorker, RejectShare, WorkerDeps
from streams.outbox import OutboxMessage
from tests.support.counting_harness import (
    EPOCH,
    PARTITION,
    START_MS,
    TIMING,
    InlineExecutor,
    MemoryLog,
    make_epoch,
    make_event,
    make_record,
    raw_record,
)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


class Bench:
    """A worker, and everything it did in order: what it sent, what it acknowledged."""

    def __init__(
        self,
        records: list[LogRecord],
        *,
        fail: Callable[[OutboxMessage], bool] = lambda _: False,
        settings: WorkerSettings | None = None,
    ) -> None:
        self.done: list[str] = []
        self.sent: list[OutboxMessage] = []
        self._fail = fail
        self.log = MemoryLog(records)
        self.worker = MetricsWorker(
            make_epoch(), TIMING, settings or WorkerSettings(), WorkerDeps(self.log, InlineExecutor(), self._send)
        )

    async def _send(self, message: OutboxMessage) -> None:
        await asyncio.sleep(0)
        if self._fail(message):
            raise ConnectionError("not confirmed")
        self.sent.append(message)
        self.done.append((message.key or b"rejects").decode().split(":")[0])

    async def take(self, *offsets: int) -> None:
        for offset in offsets:
            record = self.log.records[offset]
            await self.worker.take(record, lambda offset=offset: self.done.append(f"ack {offset}"))  # type: ignore[misc]

    def events(self) -> int:
        """Return the events of the last version of the only cell."""
        return max(
            (
                decode_cell(line)
                for m in self.sent
                if (m.key or b"").startswith(b"cells")
                for line in m.value.split(b"\n")
            ),
            key=lambda row: row.version,
        ).events


def records(count: int) -> list[LogRecord]:
    return [make_record(n, [make_event(f"e-{n}", occurred_ms=START_MS + n)]) for n in range(count)]


async def test_rows_are_confirmed_before_the_source_row_and_that_before_the_acknowledgements() -> None:
    bench = Bench([*records(2), raw_record(2, b"garbage", stamp_ms=START_MS)])

    await bench.take(0, 1, 2)
    await bench.worker.flush()

    assert sorted(bench.done[:2]) == ["cells", "progress"]
    assert sorted(bench.done[2:4]) == ["rejects", "source"]
    assert bench.done[4:] == ["ack 0", "ack 1", "ack 2"]


@pytest.mark.parametrize("row_type", [b"cells", b"progress", b"source"])
async def test_nothing_is_acknowledged_when_a_row_is_not_confirmed(row_type: bytes) -> None:
    bench = Bench(records(1), fail=lambda message: (message.key or b"").startswith(row_type))
    await bench.take(0)

    with pytest.raises(ConnectionError):
        await bench.worker.flush()

    assert not [done for done in bench.done if done.startswith("ack")]


async def test_a_failed_row_leaves_no_source_row_that_claims_it() -> None:
    bench = Bench(records(1), fail=lambda message: (message.key or b"").startswith(b"cells"))
    await bench.take(0)

    with pytest.raises(ConnectionError):
        await bench.worker.flush()

    assert "source" not in bench.done


async def test_a_redelivered_record_counts_nothing_and_is_acknowledged() -> None:
    bench = Bench(records(3))

    await bench.take(0, 1, 2, 1)
    await bench.worker.flush()

    assert bench.events() == 3
    assert bench.done[-4:] == ["ack 0", "ack 1", "ack 2", "ack 1"]


async def test_a_skipped_record_is_read_from_the_log() -> None:
    bench = Bench(records(5))

    await bench.take(0, 4)
    await bench.worker.flush()

    assert bench.events() == 5


async def test_a_flush_with_nothing_new_sends_nothing() -> None:
    bench = Bench(records(1))
    await bench.take(0)
    await bench.worker.flush()
    before = len(bench.sent)

    await bench.worker.flush()

    assert len(bench.sent) == before


async def test_too_many_unacknowledged_records_are_flushed_without_waiting_for_the_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams.metrics_worker, "MAX_UNACKED", 3)
    bench = Bench(records(3))

    await bench.take(0, 1, 2)

    assert bench.done[-1] == "ack 2"


async def test_a_source_row_tells_the_next_offset_and_the_watermark() -> None:
    bench = Bench(records(3))
    await bench.take(0, 1, 2)

    await bench.worker.flush()

    (row,) = [decode_source(message.value) for message in bench.sent if (message.key or b"").startswith(b"source")]
    assert (row.epoch, row.partition, row.next_offset, row.version) == (EPOCH, PARTITION, 3, 2)
    assert row.watermark_ms == START_MS + 2


async def test_rejects_go_out_with_their_count_by_account() -> None:
    bench = Bench([raw_record(0, b"x\ny")])
    await bench.take(0)

    await bench.worker.flush()

    (message,) = [message for message in bench.sent if message.topic is Topic.REJECTS]
    assert message.headers[HEADER_ACCOUNTS] == b'{"":2}'
    assert [decode_reject(line).index for line in message.value.split(b"\n")] == [0, 1]


@pytest.mark.parametrize(("setting", "name"), [("max_ids", "MAX_IDS"), ("max_cells", "MAX_CELLS")])
async def test_it_stops_rather_than_forget_and_names_the_setting(setting: str, name: str) -> None:
    events = [make_event(f"e-{n}", product_id=f"p-{n}") for n in range(4)]
    bench = Bench([make_record(0, events)], settings=WorkerSettings.model_validate({setting: 3}))

    with pytest.raises(ProtocolError, match=name):
        await bench.take(0)


async def test_the_bounds_hold_in_a_rebuild_too() -> None:
    bench = Bench(records(6), settings=WorkerSettings(max_ids=3))

    with pytest.raises(ProtocolError, match="MAX_IDS"):
        await bench.take(5)


async def test_a_rebuild_is_broken_off_when_the_worker_is_to_stop() -> None:
    bench = Bench(records(3))
    bench.worker.stop()

    with pytest.raises(ProtocolError, match="unfinished"):
        await bench.take(2)


async def test_a_source_that_came_back_goes_on_with_the_state_that_stayed() -> None:
    bench = Bench(records(4))
    bench.worker.assigned([PARTITION])
    await bench.take(0, 1)
    bench.worker.assigned([])
    await bench.worker.flush()
    bench.worker.assigned([PARTITION])

    await bench.take(3)
    await bench.worker.flush()

    assert bench.events() == 4
    assert bench.worker.positions() == {PARTITION: 4}


async def test_a_source_that_stayed_away_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.metrics_worker, "REVOKED_KEEP_S", -1.0)
    bench = Bench(records(1))
    bench.worker.assigned([PARTITION])
    await bench.take(0)
    bench.worker.assigned([])

    await bench.worker.flush()

    bench.worker.assigned([PARTITION])
    assert bench.worker.positions() == {PARTITION: None}


def test_a_share_of_rejects_above_the_limit_stops_the_worker() -> None:
    share = RejectShare(0.5)
    share.note(600, 600)

    with pytest.raises(ProtocolError, match="REJECT_SHARE"):
        share.note(600, 10)


def test_a_foreign_record_on_a_quiet_topic_does_not_stop_the_worker() -> None:
    share = RejectShare(0.5)

    share.note(999, 999)

    assert share.rejected == 999


def test_rejects_of_long_ago_fade() -> None:
    share = RejectShare(0.5)
    share.note(1000, 400)

    for _ in range(20):
        share.note(1000, 0)

    assert share.rejected == 0
