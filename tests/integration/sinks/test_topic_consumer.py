"""The sink's membership in its group, on a real broker."""

from collections.abc import Iterator

import pytest

from registry.epochs import ensure_topics_and_epoch
from runtime.kafka import make_admin
from runtime.settings import KafkaSettings, Settings
from schemas.topics import Topic
from sinks.consumer.topic_consumer import TopicConsumer
from tests.support.waiting import let_pass, wait_until

pytestmark = pytest.mark.kafka

# Shorter than any join.
POLL_S = 0.001
POLLS_A_LOOK = 100
JOIN_S = 30.0


@pytest.fixture
def prefix(kafka_settings: KafkaSettings, unique_name: str) -> Iterator[str]:
    name = f"{unique_name}-"
    ensure_topics_and_epoch(Settings(kafka=kafka_settings), prefix=name)
    yield name
    admin = make_admin(kafka_settings)
    admin.delete_topics([name + topic for topic in Topic])
    admin.close()


def test_a_join_that_outlasts_a_poll_ends_and_offsets_can_be_committed(
    kafka_settings: KafkaSettings, prefix: str
) -> None:
    reader = TopicConsumer(Settings(kafka=kafka_settings), prefix=prefix)

    def joined() -> bool:
        # As a sink does: without a pause, or the join is never served.
        for _ in range(POLLS_A_LOOK):
            reader.poll(POLL_S)
        return bool(reader.assignment())

    wait_until(joined, JOIN_S, "it has no partition")
    # What the broker tells of topics after the join would make it join again.
    let_pass(2.0, lambda: reader.poll(POLL_S))

    assigned = set(reader.assignment())
    reader.commit(dict.fromkeys(assigned, 0), topic_id="t")

    reader.close()
    assert {topic.removeprefix(prefix) for topic, _ in assigned} == set(Topic) - {
        Topic.HASH_KEYS,
        Topic.CONSENT,
        Topic.ORDERS,
        Topic.NOTIFICATIONS,
        Topic.ACCESS,
        Topic.AUDIT,
    }
