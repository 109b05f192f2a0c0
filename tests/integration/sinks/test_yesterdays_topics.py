"""Topics of yesterday's, as its gateway, worker and registry wrote them, byte for byte: read and written alike today."""

import json
from pathlib import Path

import pytest

from registry.state import RegistryState
from runtime.clickhouse import ClickHouse
from runtime.kafka import LogRecord
from schemas.timing import Timing
from schemas.topics import Topic
from sinks.consumer.rows import rows_of
from sinks.consumer.writer import ClickHouseRowWriter
from sinks.reconciliation.conservation import conservation
from sinks.settlement.sources import read_epochs
from streams.outbox import row_messages, source_messages
from streams.state import SourceState, take_dirty_rows
from streams.steps import take_record

pytestmark = pytest.mark.clickhouse

FILE = Path(__file__).parents[2] / "data" / "yesterdays_records.json"
EPOCH = 1


def records(topic: Topic) -> list[LogRecord]:
    """Return yesterday's records of *topic*."""
    found = [
        LogRecord(
            topic=item["topic"],
            partition=item["partition"],
            offset=item["offset"],
            timestamp_ms=item["timestamp_ms"],
            key=None if item["key"] is None else item["key"].encode(),
            value=item["value"].encode(),
            headers={name: value.encode() for name, value in item["headers"].items()},
        )
        for item in json.loads(FILE.read_text(encoding="utf-8"))
        if item["topic"] == topic
    ]
    assert found
    return found


def test_the_worker_makes_of_them_the_rows_that_it_made_yesterday() -> None:
    (record,) = records(Topic.EVENTS)
    state = SourceState(EPOCH, record.partition, Timing(), next_offset=record.offset)

    assert take_record(state, record) == ()
    flush = take_dirty_rows(state)

    assert flush is not None
    made = [(message.key, message.value) for message in [*row_messages([flush]), *source_messages([flush])]]
    assert made == [(message.key, message.value) for message in records(Topic.METRICS)]


def test_the_registry_knows_what_it_knew() -> None:
    state = RegistryState()
    for record in records(Topic.REGISTRY):
        state.apply(record)

    directory = state.directory()
    assert [(epoch.number, epoch.topic_id) for epoch in directory.epochs] == [(1, "topic-1")]


def test_the_sink_stores_them_and_the_sums_close(clickhouse: ClickHouse) -> None:
    writer = ClickHouseRowWriter(clickhouse, timeout_s=60)
    for topic in (Topic.EVENTS, Topic.METRICS, Topic.REJECTS, Topic.DELIVERIES, Topic.REGISTRY):
        for record in records(topic):
            for rows in rows_of(topic, record, EPOCH):
                writer.write(rows, token="")

    client = clickhouse.reader()
    assert client.query("SELECT event_id, kind FROM events ORDER BY event_id").result_rows == [
        ("e-1", "use.completed"),
        ("e-2", "order.paid"),
    ]
    assert client.query("SELECT sum(events) FROM metrics_by_minute").result_rows == [(2,)]
    assert client.query("SELECT reject_id FROM rejects").result_rows == [("r-1",)]
    assert client.query("SELECT entry_type, id FROM registry_records FINAL WHERE NOT deleted").result_rows == [
        ("epoch", "1")
    ]
    assert [epoch.number for epoch in read_epochs(client)] == [EPOCH]
    sums = {item.name: (item.left, item.right) for item in conservation(clickhouse) if item.source in {"", "1/0"}}
    assert sums["published = counted + repeated + late + rejected"] == (3, 3)
    assert sums["published = stored + repeated + rejected"] == (3, 3)
    assert sums["received = accepted + duplicate + rejected"] == (4, 4)
