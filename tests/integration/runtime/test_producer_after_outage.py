"""A producer on a real broker that is away for longer than records may wait."""

import signal
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import NewTopic

from avenue.embedded.broker import Broker
from runtime.kafka import KafkaError, make_admin, make_producer
from runtime.settings import KafkaSettings
from tests.support.waiting import wait_until, wait_until_equal

pytestmark = pytest.mark.kafka

PATIENCE_S = 60.0


def outcome(future: Any, patience_s: float = PATIENCE_S) -> str:
    """Return what became of a record within *patience_s*."""
    try:
        future.get(timeout=patience_s)
    except KafkaError as error:
        return type(error).__name__
    return "acknowledged"


def freeze(broker: Broker) -> None:
    """Stop every thread of *broker*: a signal takes its time to reach them, and one more record would come through."""
    broker.process.signal(signal.SIGSTOP)
    wait_until(lambda: states(broker) == {"T"}, PATIENCE_S, "the broker does not stand still")


def states(broker: Broker) -> set[str]:
    """Return the states that the broker's threads are in, as the kernel's letters."""
    stats = [path.read_text() for path in Path(f"/proc/{broker.pid}/task").glob("*/stat")]
    return {stat.rpartition(")")[2].split()[0] for stat in stats}


def test_after_an_outage_longer_than_the_delivery_time_out_records_are_acknowledged_again(
    private_broker: Broker, unique_name: str
) -> None:
    settings = KafkaSettings(bootstrap=private_broker.bootstrap, delivery_timeout_s=2, request_timeout_s=1)
    admin = make_admin(settings)
    admin.create_topics([NewTopic(unique_name, 1, 1)])
    admin.close()
    producer = make_producer(settings, client_id="tests")
    assert outcome(producer.send(unique_name, b"before")) == "acknowledged"

    # Frozen, not killed: what is sent now is on its way when its time is over.
    freeze(private_broker)
    meanwhile = [producer.send(unique_name, b"meanwhile")]
    assert outcome(meanwhile[0]) == "KafkaTimeoutError"
    meanwhile += [producer.send(unique_name, b"meanwhile") for _ in range(3)]
    private_broker.process.signal(signal.SIGCONT)

    wait_until_equal(lambda: outcome(producer.send(unique_name, b"after"), 10), "acknowledged", PATIENCE_S)
    # Neither acknowledged nor failed would count against the gateway's budget for ever.
    assert all(outcome(future) and future.is_done for future in meanwhile)
    producer.close(timeout=5)
