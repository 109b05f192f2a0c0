"""`avenue topics resize` on a real broker: refused while anything is under way, else a new epoch."""

from typing import Any

import pytest

from avenue.client.resize import resize
from avenue.client.topic_state import read_group, read_topics
from avenue.embedded.broker import Broker
from registry.epochs import ensure_topics_and_epoch
from runtime.errors import ConfigurationError
from runtime.kafka import TopicPartition, commit_offsets, make_consumer, make_producer
from runtime.settings import Settings
from schemas.registry import Epoch
from schemas.topics import ConsumerGroup, Topic
from tests.support.waiting import wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(empty_broker: Broker) -> Settings:
    settings = Settings(kafka=empty_broker.settings())
    ensure_topics_and_epoch(settings)
    return settings


def join(consumer: Any) -> None:
    """Let *consumer* poll until its group has given it something."""

    def joined() -> bool:
        consumer.poll(timeout_ms=200)
        return bool(consumer.assignment())

    wait_until(joined, 30, "no partition is assigned")


def test_a_resize_is_refused_until_all_is_read(settings: Settings) -> None:
    publish(settings, 3)
    with pytest.raises(ConfigurationError, match="the worker has read nothing: start it again"):
        resized(settings, 6)

    read_all(settings, ConsumerGroup.WORKER)
    with pytest.raises(ConfigurationError, match="the sink has read nothing"):
        resized(settings, 6)

    with pytest.raises(ConfigurationError, match="has 4 partitions already"):
        resized(settings, 4)
    assert partitions_of(settings)[Topic.EVENTS] == 4


def test_a_member_that_was_killed_is_waited_for_until_its_session_is_over(settings: Settings) -> None:
    for group in (ConsumerGroup.WORKER, ConsumerGroup.SINK):
        read_all(settings, group)
    # A consumer by a fixed name does not leave when it is closed: it may come back within its session.
    config = {"group_instance_id": "killed", "session_timeout_ms": 6000, "heartbeat_interval_ms": 2000}
    consumer = make_consumer(settings.kafka, client_id="test", group_id=ConsumerGroup.SINK, **config)
    consumer.subscribe([Topic.EVENTS])
    join(consumer)
    consumer.close(autocommit=False)
    assert read_group(settings, ConsumerGroup.SINK, Topic.EVENTS).members == 1

    assert resized(settings, 6).partitions == 6


def test_a_member_that_lives_makes_it_refuse(settings: Settings) -> None:
    consumer = make_consumer(settings.kafka, client_id="test", group_id=ConsumerGroup.WORKER)
    consumer.subscribe([Topic.EVENTS])
    join(consumer)
    short = settings.model_copy(update={"worker": settings.worker.model_copy(update={"session_timeout_s": 0.1})})

    with pytest.raises(ConfigurationError, match="a worker still runs"):
        resized(short, 6)

    consumer.close(autocommit=False)


def test_a_publish_while_it_watches_makes_it_refuse(settings: Settings) -> None:
    for group in (ConsumerGroup.WORKER, ConsumerGroup.SINK):
        read_all(settings, group)

    with pytest.raises(ConfigurationError, match="somebody still publishes"):
        resize(settings, 6, quiet_s=0.01, say=lambda _line: publish(settings, 1))


def test_a_new_epoch_begins_with_the_new_partitions_and_without_old_offsets(settings: Settings) -> None:
    publish(settings, 3)
    for group in (ConsumerGroup.WORKER, ConsumerGroup.SINK):
        read_all(settings, group)

    epoch = resized(settings, 6)

    assert (epoch.number, epoch.partitions) == (2, 6)
    assert partitions_of(settings) == {Topic.EVENTS: 6, Topic.METRICS: 6}
    assert ensure_topics_and_epoch(settings) == epoch
    # Else a reader would skip what comes first on the new topic.
    publish(settings, 2)
    assert read_group(settings, ConsumerGroup.SINK, Topic.EVENTS).lag is None


def test_a_smaller_number_is_possible_since_the_topic_is_made_anew(settings: Settings) -> None:
    for group in (ConsumerGroup.WORKER, ConsumerGroup.SINK):
        read_all(settings, group)

    assert resized(settings, 2).partitions == 2
    assert partitions_of(settings) == {Topic.EVENTS: 2, Topic.METRICS: 4}


def resized(settings: Settings, partitions: int) -> Epoch:
    return resize(settings, partitions, quiet_s=0, say=lambda _line: None)


def publish(settings: Settings, count: int) -> None:
    producer = make_producer(settings.kafka, client_id="test")
    for _ in range(count):
        producer.send(Topic.EVENTS, b"{}", partition=0).get(timeout=10)
    producer.close()


def read_all(settings: Settings, group: ConsumerGroup) -> None:
    """Commit the end of the events' topic for *group*, and leave it."""
    consumer = make_consumer(settings.kafka, client_id="test", group_id=group)
    parts = [TopicPartition(Topic.EVENTS, number) for number in range(4)]
    consumer.assign(parts)
    commit_offsets(consumer, consumer.end_offsets(parts), timeout_s=10)
    consumer.close(autocommit=False)


def partitions_of(settings: Settings) -> dict[Topic, int]:
    found = {state.topic: state.partitions for state in read_topics(settings)}
    return {topic: found[topic] for topic in (Topic.EVENTS, Topic.METRICS)}
