"""`avenue topics list` and `avenue doctor` on a real broker."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from avenue.client.topic_state import read_group, read_topics
from avenue.commands import doctor, topics
from avenue.embedded.broker import Broker
from registry.epochs import ensure_topics_and_epoch
from runtime.kafka import make_producer
from runtime.settings import Settings
from schemas.topics import ConsumerGroup, Topic

pytestmark = pytest.mark.kafka


def run(*line: str) -> Result:
    app = typer.Typer()
    for command in (doctor, topics):
        command.register(app)
    return CliRunner().invoke(app, list(line))


def test_topics_are_listed_with_partitions_records_and_the_epoch(
    empty_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(kafka=empty_broker.settings())
    epoch = ensure_topics_and_epoch(settings)
    producer = make_producer(settings.kafka, client_id="test")
    for partition in range(3):
        producer.send(Topic.EVENTS, b"x" * 5000, partition=partition).get(timeout=10)
    producer.close()

    monkeypatch.setenv("AVENUE_KAFKA__BOOTSTRAP", empty_broker.bootstrap)
    listed = {item["topic"]: item for item in json.loads(run("topics", "list", "--json").stdout)}

    assert set(listed) == {str(topic) for topic in Topic}
    events = listed[Topic.EVENTS]
    assert (events["partitions"], events["records"], events["epoch"]) == (4, 3, epoch.number)
    assert events["bytes"] > 0
    assert f"{Topic.EVENTS} " in run("topics", "list").stdout
    assert read_group(settings, ConsumerGroup.SINK, Topic.EVENTS).lag is None
    assert read_group(settings, ConsumerGroup.SINK, Topic.REJECTS).lag == 0


def test_no_topics_are_an_empty_list(empty_broker: Broker) -> None:
    assert read_topics(Settings(kafka=empty_broker.settings())) == []


def test_the_doctor_goes_down_the_road_and_names_the_first_broken_hop(
    empty_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    home = ("--home", str(tmp_path / "home"), "--json")
    assert first_broken(run("doctor", *home)) == "broker"
    assert first_broken(run("doctor", "--home", str(tmp_path / "nowhere"), "--json")) == "home"

    monkeypatch.setenv("AVENUE_KAFKA__BOOTSTRAP", empty_broker.bootstrap)
    assert first_broken(run("doctor", *home)) == "topics"

    ensure_topics_and_epoch(Settings(kafka=empty_broker.settings()))
    assert first_broken(run("doctor", *home)) == "registry"

    monkeypatch.setenv("AVENUE_WORKER__GRACE_S", "60")
    result = run("doctor", *home)
    assert first_broken(result) == "topics"
    assert "AVENUE_WORKER__GRACE_S" in result.stdout


def first_broken(result: Result) -> str:
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    states = [check["state"] for check in answer["checks"]]
    place = states.index("broken")
    assert set(states[:place]) <= {"well", "skipped"}
    assert answer["checks"][place]["hop"] == answer["first_broken"]
    assert "Traceback" not in result.stdout + result.stderr
    return str(answer["first_broken"])
