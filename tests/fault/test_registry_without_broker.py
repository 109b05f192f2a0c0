"""The registry's follower while its broker is killed and comes back."""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from avenue.embedded.broker import Broker
from registry.epochs import create_missing_topics
from registry.follower import RegistryFollower
from registry.keys import issue_key
from registry.topic import RegistryWriter
from runtime.settings import KafkaSettings, Settings
from schemas.topics import Topic
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.fault,
    # kafka-python leaves the sockets of refused connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
BROKER_READY_S = 60


@pytest.fixture
def settings(private_broker: Broker, tmp_path: Path) -> Settings:
    """Return settings for a cluster of one's own; its clients give up early."""
    kafka = KafkaSettings(bootstrap=private_broker.bootstrap, request_timeout_s=2, delivery_timeout_s=5)
    return Settings(home=tmp_path, kafka=kafka)


@pytest.fixture
def follower(settings: Settings) -> Iterator[RegistryFollower]:
    """Return a follower that has read the topic to its end."""
    create_missing_topics(settings, {Topic.REGISTRY})
    follower = RegistryFollower(settings)
    follower.start(20)
    yield follower
    follower.stop()
    # Here, where it is expected, and not in a later test.
    gc.collect()


def issue(settings: Settings) -> str:
    """Publish a key; return its id."""
    with RegistryWriter(settings) as writer:
        entry = issue_key("operator", now=datetime.now(UTC)).entry
        writer.publish_key(entry)
    return entry.id


def test_a_follower_goes_on_with_what_it_has_and_catches_up_when_the_broker_is_back(
    private_broker: Broker, settings: Settings, follower: RegistryFollower
) -> None:
    def ids() -> set[str]:
        return {key.id for key in follower.directory.keys.values()}

    first = issue(settings)
    wait_until(lambda: ids() == {first}, within_s=5)

    private_broker.kill()
    wait_until(lambda: "cannot be read" in (follower.problem() or ""), within_s=15)
    assert ids() == {first}

    private_broker.start()
    private_broker.wait_ready(BROKER_READY_S)
    second = issue(settings)
    wait_until(lambda: ids() == {first, second}, within_s=15)
    wait_until(lambda: follower.problem() is None, within_s=15)
