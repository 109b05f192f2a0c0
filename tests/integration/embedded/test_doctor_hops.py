"""`avenue doctor` where hops are broken on purpose: every hop is judged, soon, and nothing but its words is printed."""

import json
import os
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from avenue.commands import doctor, topics
from avenue.doctor import infrastructure_checks, pipeline_checks
from avenue.doctor.runner import BrokenError, CheckContext
from avenue.embedded.broker import Broker
from avenue.embedded.home import HomeFolder
from avenue.embedded.ports import free_port
from avenue.run_file import RunFile, StartFile
from avenue.serve.group_positions import BrokerLook
from registry.epochs import ensure_topics_and_epoch
from runtime.kafka import make_consumer, make_producer
from runtime.settings import Settings
from schemas.topics import ConsumerGroup, Topic, worker_group
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.kafka,
    # kafka-python leaves the sockets of refused connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# Three seconds are promised, of a machine that does nothing else.
SOON_S = 5.0
MINUTE_MS = 60_000
MARKS = ("ok ", "look ", "BROKEN ", "- ", "? ")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return an empty home folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def owned(home: Path) -> Iterator[Path]:
    """Return a home folder that somebody owns, as `avenue up` does from its start on."""
    owner = HomeFolder(home)
    owner.open()
    yield home
    owner.close()


@pytest.fixture
def mute() -> Iterator[str]:
    """Return the address of who takes connections and says nothing, as a frozen broker does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def run(*line: str) -> Result:
    app = typer.Typer()
    for command in (doctor, topics):
        command.register(app)
    return CliRunner().invoke(app, list(line))


def states(answer: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {check["hop"]: check["state"] for check in answer["checks"]}


def running(home: Path, bootstrap: str) -> RunFile:
    """Return the run file of a stack whose worker and server are dead."""
    return RunFile(
        pid=os.getpid(),
        url=f"http://127.0.0.1:{free_port()}",
        ops_url=f"http://127.0.0.1:{free_port()}",
        worker_ops_url=f"http://127.0.0.1:{free_port()}",
        kafka_bootstrap=bootstrap,
        home=home,
        operator_key="avk_none",
        started_at=datetime.now(UTC),
    )


@pytest.mark.parametrize("frozen", [True, False])
def test_a_dead_broker_is_named_soon_and_in_the_doctor_s_words_alone(home: Path, mute: str, *, frozen: bool) -> None:
    address = mute if frozen else f"127.0.0.1:{free_port()}"
    running(home, address).write()

    began = time.monotonic()
    result = run("doctor", "--home", str(home))

    assert time.monotonic() - began < SOON_S
    assert result.exit_code == 1
    lines = [line for line in result.stdout.splitlines() if line]
    assert lines[-1] == "first broken: broker. Next step: look at logs/kafka.log in the home folder"
    assert f"BROKEN broker       no broker answers at {address}" in lines
    assert all(line.startswith(MARKS) for line in lines[:-1]), result.stdout
    assert result.stderr == ""


def test_a_low_disk_is_a_warning_and_hides_no_dead_worker(
    home: Path, empty_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_topics_and_epoch(Settings(kafka=empty_broker.settings()))
    running(home, empty_broker.bootstrap).write()
    monkeypatch.setattr(infrastructure_checks, "MIN_FREE_MB", 10**9)

    result = run("doctor", "--home", str(home), "--json")
    answer = json.loads(result.stdout)

    assert [warning["hop"] for warning in answer["warnings"]] == ["disk"]
    found = states(answer)
    assert (found["broker"], found["topics"], found["worker"], found["server"]) == ("well", "well", "broken", "broken")
    assert answer["first_broken"] == "registry"
    assert result.exit_code == 1


def test_a_full_disk_is_broken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVENUE_STACK__LEAST_FREE_MB", "1000000000")

    answer = json.loads(run("doctor", "--home", str(home), "--json").stdout)

    assert answer["first_broken"] == "disk"
    assert f"the disk of {home} is full" in str(answer["checks"])


def test_a_stack_that_starts_says_what_it_waits_for_and_is_not_told_to_start(owned: Path) -> None:
    said = "waiting for kafka (no answer at 127.0.0.1:9092)"
    StartFile(pid=os.getpid(), said=said, began_at=datetime.now(UTC)).write(owned)

    text = run("doctor", "--home", str(owned)).stdout

    assert f"there is none yet; `avenue up` says: {said}" in text
    assert "avenue up` (pid " in text
    assert "start it" not in text
    assert text.splitlines()[-1] == "first broken: broker. Next step: wait, or mend what it says"


def test_a_start_that_hangs_on_the_worker_names_the_worker(owned: Path, empty_broker: Broker) -> None:
    StartFile(
        pid=os.getpid(),
        said="waiting for worker",
        began_at=datetime.now(UTC),
        kafka_bootstrap=empty_broker.bootstrap,
        worker_ops_url=f"http://127.0.0.1:{free_port()}",
    ).write(owned)

    answer = json.loads(run("doctor", "--home", str(owned), "--json").stdout)

    found = states(answer)
    assert (found["broker"], found["worker"], found["start"]) == ("well", "broken", "warning")


def _have_joined(members: list[Any], look: BrokerLook, epoch: int) -> bool:
    for member in members:
        member.poll(timeout_ms=100)
    found = look.read(epoch)
    return bool(found.worker.members and found.sink.members)


@pytest.fixture
def waiting(empty_broker: Broker) -> Iterator[Settings]:
    """Return a log on which a record has waited for a minute, in front of members of both groups who commit nothing."""
    settings = Settings(kafka=empty_broker.settings())
    epoch = ensure_topics_and_epoch(settings).number
    producer = make_producer(settings.kafka, client_id="test")
    minute_ago_ms = round(time.time() * 1000) - MINUTE_MS
    producer.send(Topic.EVENTS, b"x", partition=1, timestamp_ms=minute_ago_ms).get(timeout=10)
    producer.close()
    look = BrokerLook(settings, timeout_s=10.0)
    groups = (ConsumerGroup.SINK, worker_group(epoch))
    members = [make_consumer(settings.kafka, client_id="test", group_id=group) for group in groups]
    try:
        for member in members:
            member.subscribe([str(Topic.EVENTS)])
        wait_until(partial(_have_joined, members, look, epoch), 60, "they joined no group")
        yield settings
    finally:
        look.close()
        for member in members:
            member.close(autocommit=False)


def test_a_reader_that_takes_nothing_in_is_broken_however_few_records_wait(
    waiting: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_checks, "MOVES_S", 0.5)
    said = r"1 records behind, the oldest waits for \d\d+ s, and none is taken in"

    with pytest.raises(BrokenError, match=said) as worker:
        pipeline_checks.check_worker_group(CheckContext(home=None, settings=waiting))
    with pytest.raises(BrokenError, match=said) as sink:
        pipeline_checks.check_sink(CheckContext(home=None, settings=waiting))

    steps = [told.value.next_step for told in (worker, sink)]
    assert steps == [f"look at the log of `avenue {role}`" for role in ("worker", "sink")]


def test_a_start_file_of_a_process_that_is_gone_says_nothing(home: Path) -> None:
    StartFile(pid=2**22 - 3, said="waiting for kafka", began_at=datetime.now(UTC)).write(home)

    answer = json.loads(run("doctor", "--home", str(home), "--json").stdout)

    assert answer["first_broken"] == "broker"
    assert answer["next_step"] == "start it: avenue up"
