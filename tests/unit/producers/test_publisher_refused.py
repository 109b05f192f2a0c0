"""What the broker refuses of the gateway is told where readiness is asked; an outage is not."""

from typing import Any

import pytest
from kafka.errors import KafkaError, KafkaTimeoutError, TopicAuthorizationFailedError

from producers import publisher as module
from producers.publisher import LineBatch, Publisher
from runtime.settings import GatewaySettings, KafkaSettings
from schemas.topics import Topic


class Refusing:
    """A producer whose sends all fail."""

    def __init__(self, error: KafkaError) -> None:
        self._error = error

    def partitions_for(self, _topic: str) -> set[int]:
        return {0}

    def send(self, *_arguments: Any, **_named: Any) -> Any:
        raise self._error

    def close(self, timeout: float) -> None:
        assert timeout > 0


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TopicAuthorizationFailedError("pilot-events.v1"), "does not allow a client without a name to do that (pilot-"),
        (KafkaTimeoutError(), None),
    ],
)
async def test_a_refused_record_is_told_with_its_cause(
    monkeypatch: pytest.MonkeyPatch, error: KafkaError, told: str | None
) -> None:
    monkeypatch.setattr(module, "make_producer", lambda *_arguments, **_named: Refusing(error))
    publisher = Publisher(KafkaSettings(bootstrap="kafka:9092"), GatewaySettings(), finished=lambda *_: None)
    await publisher.start()
    assert publisher.problem() is None

    ((_, acknowledged),) = publisher.add(Topic.EVENTS, 0, LineBatch("acct", 1, [b"{}"]))

    assert await acknowledged is False
    problem = publisher.problem()
    assert (problem is None) if told is None else (told in (problem or ""))
    await publisher.stop()
