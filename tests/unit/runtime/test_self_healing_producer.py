"""A producer is made anew after a refusal that no retry can mend and after an outage, and only then."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from kafka.errors import InvalidTimestampError, KafkaError, KafkaTimeoutError, NotLeaderForPartitionError

from runtime.errors import UnavailableError
from runtime.self_healing_producer import SelfHealingProducer

SOON_S = 10.0


class Sent:
    """A future that has failed already."""

    def __init__(self, error: BaseException | None) -> None:
        self._error = error

    def add_errback(self, callback: Callable[[BaseException], None]) -> None:
        if self._error is not None:
            callback(self._error)


class Client:
    """A client whose sends all end with *error*."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.warmed: list[str] = []
        self.closed = threading.Event()

    def send(self, _topic: str, _value: bytes) -> Sent:
        return Sent(self.error)

    def partitions_for(self, topic: str) -> set[int]:
        self.warmed.append(topic)
        return {0}

    def close(self, timeout: float | None = None) -> None:
        assert timeout is None or timeout > 0
        self.closed.set()


def lasting(*clients: Client | Exception) -> SelfHealingProducer:
    """Return a producer that takes *clients* one after another."""
    left = list(clients)

    def make() -> Any:
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return SelfHealingProducer(make)


def test_after_a_refusal_a_new_client_takes_over_and_knows_the_topics() -> None:
    spoilt, fresh = Client(InvalidTimestampError()), Client()
    producer = lasting(spoilt, fresh)

    for _ in range(3):
        producer.send("t", b"x")

    assert spoilt.closed.wait(SOON_S)
    assert fresh.warmed == ["t"]
    producer.close()
    assert fresh.closed.is_set()


@pytest.mark.parametrize("error", [NotLeaderForPartitionError(), None])
def test_what_a_retry_mends_changes_nothing(error: KafkaError | None) -> None:
    client = Client(error)
    producer = lasting(client)

    producer.send("t", b"x")
    producer.close()

    assert client.warmed == []


def test_where_no_client_can_be_made_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.self_healing_producer.PAUSE_S", 0.01)
    spoilt, fresh = Client(InvalidTimestampError()), Client()
    producer = lasting(spoilt, UnavailableError("no broker"), fresh)

    producer.send("t", b"x")

    assert spoilt.closed.wait(SOON_S)
    assert fresh.warmed == ["t"]
    producer.close()


class Wedged(Client):
    """A client that waits for a producer id for ever: its records expire, and its close gives up."""

    def __init__(self) -> None:
        super().__init__(KafkaTimeoutError())
        self._sender = self

    def close(self, timeout: float | None = None) -> None:
        raise KafkaTimeoutError("records are left")

    def force_close(self) -> None:
        self.closed.set()


def test_after_a_record_expired_a_new_client_takes_over_and_the_old_one_is_ended() -> None:
    wedged, fresh = Wedged(), Client()
    producer = lasting(wedged, fresh)

    producer.send("t", b"x")

    assert wedged.closed.wait(SOON_S)
    assert fresh.warmed == ["t"]
    producer.close()


def test_closing_ends_a_client_that_has_records_left() -> None:
    wedged = Wedged()

    lasting(wedged).close(timeout=1)

    assert wedged.closed.is_set()
