"""Where worker and sink are on a real broker's log, as the operator's page asks it."""

import time

import pytest

from avenue.embedded.broker import Broker
from avenue.serve.group_positions import BrokerLook
from registry.epochs import ensure_topics_and_epoch
from runtime.errors import UnavailableError
from runtime.kafka import TopicPartition, commit_offsets, make_consumer, make_producer
from runtime.settings import Settings
from schemas.topics import ConsumerGroup, Topic

pytestmark = pytest.mark.kafka

HOUR_MS = 3_600_000


def test_a_group_is_where_it_committed_and_its_oldest_record_is_the_first_behind_that(empty_broker: Broker) -> None:
    settings = Settings(kafka=empty_broker.settings())
    epoch = ensure_topics_and_epoch(settings).number
    began_ms = round(time.time() * 1000)
    producer = make_producer(settings.kafka, client_id="test")
    for number, ago_ms in enumerate((2 * HOUR_MS, HOUR_MS, 0, 0)):
        producer.send(Topic.EVENTS, b"x", partition=1, timestamp_ms=began_ms - ago_ms + number).get(timeout=10)
    producer.send(Topic.DELIVERIES, b"x", partition=0, timestamp_ms=began_ms).get(timeout=10)
    producer.close()
    look = BrokerLook(settings, timeout_s=10.0)
    before = look.read(epoch)
    sink = make_consumer(settings.kafka, client_id="test", group_id=ConsumerGroup.SINK)
    sink.assign([TopicPartition(Topic.EVENTS, 1)])
    commit_offsets(sink, {TopicPartition(Topic.EVENTS, 1): 1}, timeout_s=10)

    found = look.read(epoch)

    sink.close(autocommit=False)
    look.close()
    assert (before.records_per_min, before.faulty_partitions) == (2.0, 0)
    assert (before.worker.lag_records, before.worker.oldest_ms) == (4, began_ms - 2 * HOUR_MS)
    assert (before.sink.lag_records, before.sink.committed, before.sink.members) == (5, 0, 0)
    assert (found.sink.lag_records, found.sink.committed) == (4, 1)
    assert found.sink.oldest_ms == began_ms - HOUR_MS + 1
    assert found.worker == before.worker


def test_a_broker_that_is_not_there_is_said_in_one_sentence() -> None:
    settings = Settings().model_copy(update={"kafka": Settings().kafka.model_copy(update={"bootstrap": "127.0.0.1:9"})})
    look = BrokerLook(settings, timeout_s=0.2)

    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9"):
        look.read(1)
    look.close()
