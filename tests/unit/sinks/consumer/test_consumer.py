"""One consumer's life, with a reader and a store by hand."""

from collections.abc import Callable, Mapping

import pytest

from runtime.clock import ManualClock
from runtime.errors import RetryableError
from runtime.kafka import KafkaError, LogRecord
from runtime.settings import SinkSettings
from schemas.codec import encode
from schemas.lines import BACKGROUND_LANE, HEADER_LANE, encode_record
from schemas.topics import Topic
from sinks.consumer import consumer, retrying_writer
from sinks.consumer.consumer import ConsumerDeps, SinkConsumer, worth_a_wait_s
from sinks.consumer.positions import PartitionKey
from sinks.consumer.retrying_writer import SinkStatus, StoppedError
from sinks.consumer.rows import TableRows
from sinks.consumer.tables import StoreTable
from sinks.consumer.writer import MemoryRowWriter, RefusedRowsError
from tests.support.settlement_harness import NOON_MS, event

EVENTS_0 = (Topic.EVENTS, 0)


class FakeReader:
    """A consumer whose records are given, and whose calls are kept in order."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Topic, LogRecord]] = []
        self.next: dict[PartitionKey, int] = {EVENTS_0: 0}
        self.ids = ["topic-1"]
        self.calls: list[object] = []
        self.paused = False
        self.commit_fails = False
        self.committed_for = ""

    def give(self, *event_ids: str, lane: bytes = b"") -> LogRecord:
        offset = self.next[EVENTS_0] + len(self.waiting)
        value = encode_record(encode(event(event_id)) for event_id in event_ids)
        headers = {"schema-version": b"1", "accounts": encode({"sunmi-main": len(event_ids)})}
        if lane:
            headers[HEADER_LANE] = lane
        record = LogRecord(Topic.EVENTS, 0, offset, NOON_MS, None, value, headers)
        self.waiting.append((Topic.EVENTS, record))
        return record

    def poll(self, timeout_s: float) -> list[tuple[Topic, LogRecord]]:
        if self.paused:
            return []
        polled, self.waiting = self.waiting, []
        for topic, record in polled:
            self.next[topic, record.partition] = record.offset + 1
        return polled

    def assignment(self) -> frozenset[PartitionKey]:
        return frozenset(self.next)

    def positions(self) -> dict[PartitionKey, int]:
        return dict(self.next)

    def ends(self) -> dict[PartitionKey, int]:
        return {EVENTS_0: self.next[EVENTS_0] + len(self.waiting)}

    def commit(self, offsets: Mapping[PartitionKey, int], *, topic_id: str) -> None:
        if self.commit_fails:
            raise KafkaError("rebalanced")
        self.calls.append(("commit", dict(offsets)))
        self.committed_for = topic_id

    def begun_elsewhere(self, topic_id: str) -> bool:
        begun, self.committed_for = self.committed_for, topic_id
        return begun not in {"", topic_id}

    def pause(self) -> None:
        self.paused = True
        self.calls.append("pause")

    def resume(self) -> None:
        self.paused = False
        self.calls.append("resume")

    def rewind(self, topic: Topic) -> None:
        self.next[topic, 0] = 0
        self.calls.append(("rewind", topic))

    def topic_id(self, topic: Topic) -> str | None:
        return self.ids[0] if len(self.ids) == 1 else self.ids.pop(0)


class Stand:
    """A sink consumer with everything around it."""

    def __init__(self, **settings: float) -> None:
        self.reader = FakeReader()
        self.writer = MemoryRowWriter()
        self.status = SinkStatus()
        self.stopping = False
        self.epochs: dict[str, int] = {"topic-1": 1}
        values = {"commit_s": 0.001, "settle_every_s": 1000.0, **settings}
        deps = ConsumerDeps(
            settings=SinkSettings.model_validate(values),
            clock=ManualClock(NOON_MS + 1000),
            status=self.status,
            epoch_of=self.epochs.get,
            stopping=lambda: self.stopping,
        )
        self.consumer = SinkConsumer(self.reader, self.writer, deps)  # type: ignore[arg-type]  # the twin

    def polls_until(self, until: Callable[[], bool], most: int = 1000) -> None:
        for _ in range(most):
            if until():
                return
            self.consumer.poll_once()
        pytest.fail("it did not come to that")

    def ids(self) -> list[str]:
        return [row["event_id"] for row in self.writer.rows(StoreTable.EVENTS)]

    @property
    def commits(self) -> list[object]:
        return [call for call in self.reader.calls if isinstance(call, tuple) and call[0] == "commit"]


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    monkeypatch.setattr(retrying_writer, "FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(retrying_writer, "LONGEST_WAIT_S", 0.0)
    monkeypatch.setattr(consumer, "TICK_S", 0.0)
    return Stand()


def test_offsets_are_committed_after_every_table_has_its_rows(stand: Stand) -> None:
    stand.reader.give("e-1", "e-2")
    stand.writer.failing = _noted(stand)

    stand.polls_until(lambda: bool(stand.commits))

    assert stand.reader.calls[:4] == [
        StoreTable.EVENTS,
        StoreTable.LOG,
        StoreTable.POSITIONS,
        ("commit", {EVENTS_0: 1}),
    ]
    assert stand.ids() == ["e-1", "e-2"]


def _noted(stand: Stand) -> Callable[[TableRows], None]:
    def note(rows: TableRows) -> None:
        stand.reader.calls.append(rows.table)

    return note


def test_positions_of_lines_are_those_of_the_log(stand: Stand) -> None:
    stand.reader.give("e-1", "e-2")

    stand.polls_until(lambda: bool(stand.commits))

    places = [
        (row["epoch"], row["partition"], row["offset"], row["line"]) for row in stand.writer.rows(StoreTable.EVENTS)
    ]
    assert places == [(1, 0, 0, 0), (1, 0, 0, 1)]


def test_nothing_is_read_before_the_epoch_is_known(stand: Stand) -> None:
    stand.epochs.clear()
    stand.reader.give("e-1")
    stand.consumer.poll_once()

    assert stand.status.epoch_known is False
    assert stand.ids() == []


def test_an_outage_pauses_and_goes_on_with_the_same_rows(stand: Stand) -> None:
    failures = [RetryableError("away"), RetryableError("away"), None]
    tries: list[bytes] = []

    def failing(rows: TableRows) -> Exception | None:
        if rows.table is not StoreTable.EVENTS:
            return None
        tries.append(rows.body)
        return failures.pop(0) if failures else None

    stand.writer.failing = failing
    stand.reader.give("e-1")

    stand.polls_until(lambda: bool(stand.commits))

    assert len(tries) == 3
    assert len(set(tries)) == 1
    assert stand.status.outage is None
    assert stand.ids() == ["e-1"]


def test_told_to_stop_in_an_outage_it_commits_nothing(stand: Stand) -> None:
    def failing(_rows: TableRows) -> Exception:
        stand.stopping = True
        return RetryableError("away")

    stand.writer.failing = failing
    stand.reader.give("e-1")

    with pytest.raises(StoppedError):
        stand.polls_until(lambda: False)
    assert stand.commits == []


def test_a_refused_line_becomes_a_reject_at_its_position_and_the_others_are_stored(stand: Stand) -> None:
    def failing(rows: TableRows) -> Exception | None:
        refused = rows.table is StoreTable.EVENTS and b"e-bad" in rows.body
        return RefusedRowsError("no", code=117) if refused else None

    stand.writer.failing = failing
    stand.reader.give("e-1", "e-bad", "e-2")

    stand.polls_until(lambda: bool(stand.commits))

    assert stand.ids() == ["e-1", "e-2"]
    assert [row["reject_id"] for row in stand.writer.rows(StoreTable.REJECTS)] == ["pos-1-0-0-1"]


def test_a_commit_that_fails_loses_no_row(stand: Stand) -> None:
    stand.reader.commit_fails = True
    stand.reader.give("e-1")

    stand.polls_until(lambda: stand.ids() == ["e-1"])

    assert stand.commits == []


def test_commits_that_are_refused_for_long_end_the_consumer_so_that_a_new_one_joins() -> None:
    stand = Stand(session_timeout_s=0.001)
    stand.reader.commit_fails = True
    stand.reader.give("e-1")
    stand.polls_until(lambda: bool(stand.ids()))

    with pytest.raises(KafkaError):
        stand.polls_until(lambda: stand.reader.give("e-2") is None)


def test_an_idle_consumer_commits_so_that_a_lost_membership_is_noticed(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "IDLE_COMMIT_S", 0.0)

    stand.polls_until(lambda: bool(stand.commits))

    assert stand.commits == [("commit", {EVENTS_0: 0})]


def test_offsets_that_another_sink_committed_for_the_topic_before_are_not_gone_by(stand: Stand) -> None:
    stand.reader.committed_for = "topic-0"
    stand.reader.give("e-9")

    stand.polls_until(lambda: ("rewind", Topic.EVENTS) in stand.reader.calls)
    assert stand.ids() == []

    stand.reader.give("e-1")
    stand.polls_until(lambda: bool(stand.commits))
    assert stand.commits == [("commit", {EVENTS_0: 1})]
    assert stand.ids() == ["e-1"]


def test_a_topic_made_anew_is_read_from_its_beginning_under_its_own_epoch(stand: Stand) -> None:
    stand.reader.give("e-1")
    stand.polls_until(lambda: bool(stand.commits))
    stand.epochs["topic-2"] = 2
    stand.reader.ids = ["topic-2"]
    stand.polls_until(lambda: ("rewind", Topic.EVENTS) in stand.reader.calls)
    stand.reader.give("e-2")

    stand.polls_until(lambda: len(stand.commits) == 2)

    assert [(row["event_id"], row["epoch"], row["offset"]) for row in stand.writer.rows(StoreTable.EVENTS)] == [
        ("e-1", 1, 0),
        ("e-2", 2, 0),
    ]


def test_a_drain_reads_to_the_end_and_commits(stand: Stand) -> None:
    stand.polls_until(lambda: stand.status.epoch_known)
    stand.reader.give("e-1")

    assert stand.consumer.drain(deadline=float("inf"))
    assert stand.commits == [("commit", {EVENTS_0: 1})]


def test_a_drain_past_its_deadline_says_so(stand: Stand) -> None:
    stand.reader.give("e-1")

    assert stand.consumer.drain(deadline=float("-inf")) is False


def test_rows_beyond_the_bound_are_flushed_at_once() -> None:
    stand = Stand(batch_rows=2, commit_s=1000.0, batch_wait_s=1000.0)
    stand.polls_until(lambda: stand.status.epoch_known)
    stand.reader.give("e-1", "e-2")

    stand.consumer.poll_once()

    assert stand.commits == [("commit", {EVENTS_0: 1})]


def test_a_batch_waits_longer_where_rows_pour_in() -> None:
    """A few events a second are seen at once; with 30,000 a second each wait makes the next longer."""
    insert_s = 0.013
    few, many = worth_a_wait_s(insert_s, 3), worth_a_wait_s(insert_s, 3)
    for _ in range(20):
        few = worth_a_wait_s(insert_s, round(50 * few))
        many = worth_a_wait_s(insert_s, min(50_000, round(30_000 * many)))

    assert few < 0.1
    assert many > SinkSettings().batch_wait_s


def test_few_rows_wait_no_longer_for_inserts_that_other_work_makes_slow() -> None:
    assert worth_a_wait_s(0.5, 20) < 0.3


def test_live_rows_do_not_wait_for_a_history() -> None:
    """Of one poll, what somebody waits for is visible first; the history stands before its offsets are committed."""
    stand = Stand(commit_s=0.2, batch_wait_s=1000.0)
    stand.polls_until(lambda: stand.status.epoch_known)
    stand.writer.failing = lambda rows: stand.reader.calls.append((rows.table, rows.count))
    stand.reader.give(*(f"h-{number}" for number in range(500)), lane=BACKGROUND_LANE)
    stand.reader.give("e-1")

    stand.polls_until(lambda: bool(stand.ids()), most=1_000_000)
    first = stand.ids()
    stand.polls_until(lambda: bool(stand.commits), most=1_000_000)

    assert first == ["e-1"]
    assert len(stand.ids()) == 501
    assert stand.reader.calls[:2] == [(StoreTable.EVENTS, 1), (StoreTable.EVENTS, 500)]
    assert stand.commits == [("commit", {EVENTS_0: 2})]


def test_an_idle_source_is_noted() -> None:
    stand = Stand(settle_every_s=0.001)
    stand.polls_until(lambda: bool(stand.writer.rows(StoreTable.POSITIONS)))

    (row,) = stand.writer.rows(StoreTable.POSITIONS)
    assert (row["next_offset"], row["read_to_end_ms"]) == (0, NOON_MS + 1000)
