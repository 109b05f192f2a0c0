"""The sink on a real broker and the real engine."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import UnsupportedCodecError

from registry.epochs import ensure_topics_and_epoch
from registry.follower import RegistryFollower
from runtime.clickhouse import ClickHouse
from runtime.clock import SystemClock
from runtime.kafka import TopicPartition, commit_offsets, make_admin, make_consumer, make_producer
from runtime.metrics import CONSUMER_LAG
from runtime.settings import KafkaSettings, Settings, SinkSettings
from schemas.cells import CellRow, ProgressRow, SourceRow
from schemas.codec import encode
from schemas.lines import DeliveryLine, RejectLine, StoredEvent, encode_record
from schemas.topics import ConsumerGroup, Topic
from sinks.consumer.topic_consumer import TopicConsumer
from sinks.sink import Sink
from tests.support.factories import stored_event
from tests.support.waiting import wait_until_equal

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]

PATIENCE_S = 30.0


def event_of_now(event_id: str, **changes: Any) -> StoredEvent:
    """Return an event received just now; one that occurred an hour ago is late then."""
    now_ms = time.time_ns() // 1_000_000
    now: dict[str, Any] = {"occurred_ms": now_ms, "received_ms": now_ms}
    return stored_event(event_id, **(now | changes))


class Road:
    """Topics of one test, filled by hand, and what the store made of them."""

    def __init__(self, settings: Settings, prefix: str, clickhouse: ClickHouse) -> None:
        self.settings = settings
        self.prefix = prefix
        self.clickhouse = clickhouse
        self.epoch = ensure_topics_and_epoch(settings, prefix=prefix)
        self.follower = RegistryFollower(settings, prefix=prefix)
        self.follower.start(PATIENCE_S)
        self._producer = make_producer(settings.kafka, client_id="tests")

    def sink(self) -> Sink:
        return Sink(self.settings, self.clickhouse, self.follower, SystemClock(), prefix=self.prefix)

    def send(
        self,
        topic: Topic,
        value: bytes,
        *,
        accounts: dict[str, int] | None = None,
        key: bytes | None = None,
        partition: int = 0,
    ) -> None:
        headers = []
        if accounts is not None:
            headers = [("schema-version", b"1"), ("accounts", json.dumps(accounts).encode())]
        sent = self._producer.send(self.prefix + topic, value, key=key, headers=headers, partition=partition)
        sent.get(timeout=PATIENCE_S)

    def send_events(self, *events: StoredEvent, partition: int = 0) -> None:
        value = encode_record(encode(event) for event in events)
        self.send(Topic.EVENTS, value, accounts={"sunmi-main": len(events)}, partition=partition)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.clickhouse.reader().query(query).result_rows]

    def await_rows(self, query: str, wanted: list[tuple[Any, ...]]) -> None:
        wait_until_equal(lambda: self.rows(query), wanted)

    def committed(self, topic: Topic) -> int | None:
        consumer = make_consumer(self.settings.kafka, client_id="tests", group_id=self.prefix + ConsumerGroup.SINK)
        try:
            found: int | None = consumer.committed(TopicPartition(self.prefix + topic, 0), timeout_ms=5000)
            return found
        finally:
            consumer.close(autocommit=False)

    def commit(self, topic: Topic, offset: int, *, said: str) -> None:
        """Commit as a sink does that is there no more."""
        consumer = make_consumer(self.settings.kafka, client_id="tests", group_id=self.prefix + ConsumerGroup.SINK)
        place = TopicPartition(self.prefix + topic, 0)
        consumer.assign([place])
        commit_offsets(consumer, {place: offset}, timeout_s=PATIENCE_S, said=said)
        consumer.close(autocommit=False)

    def close(self) -> None:
        self.follower.stop()
        self._producer.close(timeout=5)
        admin = make_admin(self.settings.kafka, client_id="tests")
        admin.delete_topics([self.prefix + topic for topic in Topic])
        admin.close()


@pytest.fixture
def road(kafka_settings: KafkaSettings, unique_name: str, clickhouse: ClickHouse, tmp_path: Path) -> Iterator[Road]:
    settings = Settings(
        home=tmp_path,
        kafka=kafka_settings.model_copy(update={"partitions": 2}),
        sink=SinkSettings(settle_every_s=0.5),
    )
    road = Road(settings, f"{unique_name}.", clickhouse)
    yield road
    road.close()


@pytest.fixture
def sink(road: Road) -> Iterator[Sink]:
    sink = road.sink()
    sink.start()
    yield sink
    sink.stop(drain=False)


def test_every_topic_comes_into_its_table(road: Road, sink: Sink) -> None:
    road.send_events(event_of_now("e-1", rating=5, attributes={"scene": "x"}), event_of_now("e-2"))
    delivery = DeliveryLine(
        delivery_id="d-1", account_id="sunmi-main", platform="sunmi", flow="events", status=200, received=3,
        accepted=2, duplicate=0, rejected=1, reasons={"malformed": 1}, received_ms=1, answered_ms=2,
    )  # fmt: skip
    road.send(Topic.DELIVERIES, encode(delivery), accounts={"sunmi-main": 1})
    reject = RejectLine(
        reject_id="r-1", account_id="sunmi-main", platform="sunmi", flow="events", reason="malformed", received_ms=1
    )
    road.send(Topic.REJECTS, encode(reject), accounts={"sunmi-main": 1})
    cell = CellRow(
        product_id="neuro-band", trial_id="neuro-band-q4", platform="sunmi", placement_id="", arm="", kind="exposure",
        minute_ms=1_793_000_040_000, epoch=1, partition=0, version=0, events=2,
    )  # fmt: skip
    road.send(Topic.METRICS, encode(cell), key=b"cells:1:0")
    progress = ProgressRow(epoch=1, partition=0, version=0, account_id="sunmi-main", received_minute_ms=0, counted=2)
    road.send(Topic.METRICS, encode(progress), key=b"progress:1:0")
    source = SourceRow(epoch=1, partition=0, version=0, next_offset=1, watermark_ms=5)
    road.send(Topic.METRICS, encode(source), key=b"source:1:0")

    road.await_rows(
        "SELECT event_id, rating, attributes FROM events ORDER BY event_id",
        [("e-1", 5, '{"scene":"x"}'), ("e-2", None, "{}")],
    )
    road.await_rows("SELECT delivery_id, accepted, reasons FROM pilot_deliveries", [("d-1", 2, {"malformed": 1})])
    road.await_rows("SELECT reject_id, reason, replayed_at FROM rejects", [("r-1", "malformed", None)])
    road.await_rows("SELECT events, settled FROM metrics_by_minute", [(2, 0)])
    road.await_rows("SELECT counted FROM worker_progress", [(2,)])
    road.await_rows("SELECT next_offset, watermark_ms FROM worker_sources", [(1, 5)])
    road.await_rows(
        "SELECT account_id, lines, offset FROM log_records WHERE topic = 'pilot-events.v1'", [("sunmi-main", 2, 0)]
    )
    assert sink.problem() is None


def test_one_event_is_visible_soon(road: Road, sink: Sink) -> None:
    road.send_events(event_of_now("warm"))
    road.await_rows("SELECT event_id FROM events", [("warm",)])

    began = time.monotonic()
    road.send_events(event_of_now("quick"))
    road.await_rows("SELECT event_id FROM events WHERE event_id = 'quick'", [("quick",)])

    # 0.4 s is the aim; the bound leaves room for a machine that is busy with other tests.
    assert time.monotonic() - began < 2.0


def test_garbage_becomes_a_reject_at_its_position_and_the_rest_is_stored(road: Road, sink: Sink) -> None:
    good = encode(event_of_now("e-foreign"))
    road.send(Topic.EVENTS, b"not json\n\n" + good + b"\n{}")

    road.await_rows("SELECT event_id, line FROM pilot_events", [("e-foreign", 2)])
    road.await_rows(
        "SELECT reject_id, reason FROM rejects ORDER BY reject_id",
        [("pos-1-0-0-0", "malformed"), ("pos-1-0-0-3", "malformed")],
    )
    road.await_rows("SELECT account_id, lines FROM log_records ORDER BY account_id", [("", 2), ("sunmi-main", 1)])


def test_a_line_that_the_engine_refuses_becomes_a_reject_and_the_rest_is_stored(road: Road, sink: Sink) -> None:
    bad = encode(event_of_now("e-bad")).replace(b'"received_ms":', b'"rating":"five","received_ms":')
    value = encode_record([encode(event_of_now("e-1")), bad, encode(event_of_now("e-2"))])
    road.send(Topic.EVENTS, value, accounts={"sunmi-main": 3})

    road.await_rows("SELECT event_id FROM events ORDER BY event_id", [("e-1",), ("e-2",)])
    road.await_rows("SELECT reject_id FROM rejects", [("pos-1-0-0-1",)])


def test_offsets_are_committed_after_the_insert_and_a_restart_goes_on(road: Road) -> None:
    first = road.sink()
    first.start()
    road.send_events(event_of_now("e-1"))
    road.await_rows("SELECT event_id FROM events", [("e-1",)])
    assert first.stop(drain=True)
    assert road.committed(Topic.EVENTS) == 1

    road.send_events(event_of_now("e-2"))
    second = road.sink()
    second.start()
    road.await_rows("SELECT event_id FROM events ORDER BY event_id", [("e-1",), ("e-2",)])
    second.stop(drain=False)


def test_what_was_committed_late_for_the_topic_before_skips_nothing_of_this_one(road: Road) -> None:
    road.send_events(event_of_now("e-1"))
    road.send_events(event_of_now("e-2"))
    road.commit(Topic.EVENTS, 1, said="the id of a topic that is gone")
    sink = road.sink()
    sink.start()

    road.await_rows("SELECT event_id FROM events ORDER BY 1", [("e-1",), ("e-2",)])
    assert sink.stop(drain=True)
    assert road.committed(Topic.EVENTS) == 2


def test_a_drain_stores_all_that_the_topics_hold(road: Road) -> None:
    for batch in range(20):
        road.send_events(*(event_of_now(f"e-{batch}-{index}") for index in range(50)), partition=batch % 2)
    sink = road.sink()
    sink.start()
    wait_until_equal(sink.problem, None)

    assert sink.stop(drain=True)

    assert road.rows("SELECT count() FROM events") == [(1000,)]
    assert road.committed(Topic.EVENTS) == 10
    assert road.rows("SELECT sum(lines) FROM log_records FINAL") == [(1000,)]


def test_an_idle_partition_is_noted_as_read_to_its_end(road: Road, sink: Sink) -> None:
    road.send_events(event_of_now("e-1"))

    road.await_rows(
        "SELECT partition, max(next_offset), max(read_to_end_at) > '2020-01-01 00:00:00' FROM sink_sources "
        "WHERE topic = 'pilot-events.v1' GROUP BY partition ORDER BY partition",
        [(0, 1, 1), (1, 0, 1)],
    )


def test_a_store_that_takes_nothing_is_waited_for(road: Road, sink: Sink) -> None:
    road.send_events(event_of_now("e-1"))
    road.await_rows("SELECT event_id FROM events", [("e-1",)])
    wait_until_equal(lambda: road.committed(Topic.EVENTS), 1)
    road.clickhouse.writer().command("RENAME TABLE pilot_events TO away")
    road.send_events(event_of_now("e-2"))
    wait_until_equal(lambda: "pilot_events" in (sink.problem() or ""), True)
    assert road.committed(Topic.EVENTS) == 1

    road.clickhouse.writer().command("RENAME TABLE away TO pilot_events")

    road.await_rows("SELECT event_id FROM events ORDER BY event_id", [("e-1",), ("e-2",)])
    wait_until_equal(sink.problem, None)


def test_a_running_sink_settles_blocks_that_are_over(road: Road, sink: Sink) -> None:
    an_hour_ago_ms = time.time_ns() // 1_000_000 - 3_600_000
    road.send_events(event_of_now("e-late", occurred_ms=an_hour_ago_ms))
    source = SourceRow(epoch=1, partition=0, version=0, next_offset=1, watermark_ms=an_hour_ago_ms)
    road.send(Topic.METRICS, encode(source), key=b"source:1:0")

    road.await_rows("SELECT events, settled FROM metrics_by_minute", [(1, 1)])
    road.await_rows("SELECT events, late_events, unexplained FROM settled_blocks FINAL", [(1, 1, 0)])


def lag_of_events() -> float:
    found: float = CONSUMER_LAG.labels(str(Topic.EVENTS), 0, str(ConsumerGroup.SINK))._value.get()
    return found


def test_the_lag_rises_while_the_reader_fails_and_readiness_says_why_all_the_time(
    road: Road, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    road.send_events(event_of_now("before"))
    road.await_rows("SELECT event_id FROM events", [("before",)])
    wait_until_equal(lambda: (road.committed(Topic.EVENTS), lag_of_events(), sink.problem()), (1, 0, None))

    def unreadable(_reader: TopicConsumer, _timeout_s: float) -> Any:
        raise UnsupportedCodecError("Libraries for snappy compression codec not found")

    with monkeypatch.context() as patched:
        patched.setattr(TopicConsumer, "poll", unreadable)
        for number in range(3):
            road.send_events(event_of_now(f"unread-{number}"))
        wait_until_equal(lag_of_events, 3)
        road.send_events(event_of_now("unread-3"))
        told = set()

        def lag() -> float:
            told.add(sink.problem() or "")
            return lag_of_events()

        wait_until_equal(lag, 4)
        assert all("cannot be read here (Libraries for snappy" in words for words in told), told

    road.await_rows("SELECT count() FROM events", [(5,)])
    wait_until_equal(lambda: (lag_of_events(), sink.problem()), (0, None))
