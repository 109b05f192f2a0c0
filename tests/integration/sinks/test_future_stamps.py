"""The broker refuses a record whose timestamp would close minutes that are still coming in."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka.errors import InvalidTimestampError

from registry.epochs import create_missing_topics
from runtime.kafka import make_admin, make_producer
from runtime.settings import KafkaSettings, Settings
from schemas.topics import Topic
from tests.support.waiting import wait_until

pytestmark = pytest.mark.kafka

ACKNOWLEDGED_S = 20
MARGIN_MS = 10_000
POLL_S = 0.05
Send = Callable[[Topic, int], Any]


def eventually(attempt: Callable[[], Any]) -> Any:
    """Return what *attempt* gives once the broker takes the record: the client is made anew meanwhile."""

    def taken() -> Any:
        try:
            return attempt()
        except InvalidTimestampError:
            return None

    return wait_until(taken, ACKNOWLEDGED_S, "the producer does not recover from a refusal")


@pytest.fixture
def topics(kafka_settings: KafkaSettings, unique_name: str) -> Iterator[str]:
    """Return the prefix of topics made as every role makes them."""
    prefix = f"{unique_name}-"
    asked = Settings(kafka=kafka_settings)
    wanted = {Topic.EVENTS, Topic.METRICS}
    create_missing_topics(asked, wanted, prefix=prefix)
    yield prefix
    admin = make_admin(kafka_settings, client_id="tests")
    admin.delete_topics([prefix + topic for topic in wanted])
    admin.close()


@pytest.fixture
def send(kafka_settings: KafkaSettings, topics: str) -> Iterator[Send]:
    """Return `send(topic, ahead_ms)`: publish one record stamped so far ahead, and wait for the broker's word."""
    producer = make_producer(kafka_settings, client_id="tests")

    def publish(topic: Topic, ahead_ms: int) -> Any:
        stamp = time.time_ns() // 1_000_000 + ahead_ms
        return producer.send(topics + topic, b"{}", partition=0, timestamp_ms=stamp).get(ACKNOWLEDGED_S)

    yield publish
    producer.close()


def test_a_stamp_further_ahead_than_the_slack_is_refused_and_the_producer_goes_on(send: Send) -> None:
    slack_ms = Settings().worker.slack_s * 1000

    with pytest.raises(InvalidTimestampError):
        send(Topic.EVENTS, slack_ms + MARGIN_MS)

    assert eventually(lambda: send(Topic.EVENTS, slack_ms - MARGIN_MS)).offset == 0
    assert send(Topic.EVENTS, -86_400_000).offset == 1


def test_topics_whose_stamps_close_nothing_keep_the_broker_s_own_bound(send: Send) -> None:
    send(Topic.METRICS, 30 * 60_000)
    with pytest.raises(InvalidTimestampError):
        send(Topic.METRICS, 2 * 3_600_000)


def test_a_refused_stamp_takes_no_other_topic_away_from_the_producer(send: Send) -> None:
    assert send(Topic.METRICS, 0).offset == 0
    with pytest.raises(InvalidTimestampError):
        send(Topic.EVENTS, 2 * 3_600_000)

    # The client's transaction manager is spoilt for all topics: without a new one these would fail for ever.
    assert eventually(lambda: send(Topic.METRICS, 0)).offset == 1
    assert send(Topic.EVENTS, 0).offset == 0
    assert send(Topic.METRICS, 0).offset == 2
