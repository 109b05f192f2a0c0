"""The broker's settings in the compose file are taken by that very broker, started here without a container."""

import re
from pathlib import Path

import pytest

from avenue.embedded.broker import Broker
from avenue.embedded.ports import free_port
from registry.epochs import create_missing_topics
from runtime.kafka import make_admin
from runtime.settings import Settings
from tests.support.paths import OPS
from tests.support.prometheus_files import read_yaml

pytestmark = pytest.mark.kafka

# Not the broker's own: the image's start script reads it.
_OF_THE_SCRIPT = {"KAFKA_HEAP_OPTS"}


class ComposedBroker(Broker):
    """A broker with the compose file's settings; only addresses and folder are this machine's."""

    def _configure(self) -> None:
        super()._configure()
        own = dict(line.split("=", 1) for line in self._properties.read_text().splitlines())
        here = ("listeners", "advertised.listeners", "controller.quorum.voters", "log.dirs")
        lines = properties() | {name: own[name] for name in here}
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


def properties() -> dict[str, str]:
    """Return the settings as the image's start script makes them: `KAFKA_A_B` is `a.b`."""
    environment = read_yaml(OPS.parent / "docker-compose.yml")["services"]["kafka"]["environment"]
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name not in _OF_THE_SCRIPT
    }


def test_the_broker_starts_with_them_and_takes_the_production_topics(kafka_jars: list[Path], tmp_path: Path) -> None:
    broker = ComposedBroker(tmp_path / "kafka", port=free_port())
    broker.prepare()
    broker.start()
    try:
        broker.wait_ready(60)
        kafka = broker.settings().model_copy(update={"partitions": 64})
        create_missing_topics(Settings(kafka=kafka))

        admin = make_admin(kafka)
        (events,) = admin.describe_topics(["pilot-events.v1"])
        admin.close()
    finally:
        broker.kill()

    assert len(events["partitions"]) == 64
    # A misspelt setting is ignored in silence; one that is known stands in the list that the broker logs at its start.
    known = dict(re.findall(r"^\t([a-z.]+) = (.*)$", broker.log.read_text(), re.MULTILINE))
    assert set(properties()) - set(known) == set()
    assert known["auto.create.topics.enable"] == "false"
