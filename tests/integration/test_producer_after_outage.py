"""A producer on a real broker that is away for longer than records may wait."""

import time
from typing import Any

import pytest
from kafka.admin import NewTopic

from avenue.embedded.broker import Broker
from runtime.kafka import KafkaError, make_admin, make_producer
from runtime.settings import KafkaSettings

pytestmark = pytest.mark.kafka

PATIENCE_S = 60.0


def outcome(future: Any) -> str:
    """Return what became of a record within the test's patience."""
    try:
        future.get(timeout=PATIENCE_S)
    except KafkaError as error:
        return type(error).__name__
    return "acknowledged"


def test_after_an_outage_longer_than_the_delivery_time_out_records_are_acknowledged_again(
    private_broker: Broker, unique_name: str
) -> None:
    settings = KafkaSettings(bootstrap=private_broker.bootstrap, delivery_timeout_s=2, request_timeout_s=1)
    admin = make_admin(settings)
    admin.create_topics([NewTopic(unique_name, 1, 1)])
    admin.close()
    producer = make_producer(settings, client_id="tests")
    assert outcome(producer.send(unique_name, b"before")) == "acknowledged"

    private_broker.kill()
    meanwhile = [producer.send(unique_name, b"meanwhile")]
    assert outcome(meanwhile[0]) != "acknowledged"
    meanwhile += [producer.send(unique_name, b"meanwhile") for _ in range(3)]
    private_broker.start()
    private_broker.wait_ready(PATIENCE_S)

    deadline = time.monotonic() + PATIENCE_S
    while (told := outcome(producer.send(unique_name, b"after"))) != "acknowledged":
        assert time.monotonic() < deadline, told
    assert all(future.is_done or outcome(future) for future in meanwhile)
    producer.close(timeout=5)
