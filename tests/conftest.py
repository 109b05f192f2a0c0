"""Fixtures of the whole suite: a real broker, names of one's own, and guards against what a test leaves behind.

`AVENUE_TEST_KAFKA=host:port` uses a broker that runs; otherwise one is started for the session (one per xdist worker).
`AVENUE_REQUIRE_SERVICES=1` turns a skip for want of a service into a failure.
"""

import concurrent.futures.thread
import importlib.util
import logging
import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from _pytest.nodeid import coerce_node_id

from avenue.embedded.broker import Broker, java
from avenue.embedded.jars import locked_jars
from runtime.errors import ConfigurationError
from runtime.kafka import make_admin
from runtime.settings import KafkaSettings
from tests.support.paths import TESTS
from tests.support.properties import register_profiles
from tests.support.tiers import OFFLINE, group_of
from tests.support.verapdf import verapdf_jars
from tests.support.waiting import wait_until

_OPTIONAL = (
    "tests.support.clickhouse_fixtures",
    "tests.support.stack",
    "tests.support.fault_table",
    "tests.support.small_disks",
)
pytest_plugins = [name for name in _OPTIONAL if importlib.util.find_spec(name)]

BROKER_READY_S = 60
EMPTY_S = 30.0
TEST_HEAP_MB = 384
LOOPBACK = ["127.0.0.1", "::1"]
GRACE_S = 5.0

register_profiles()

MakeTopic = Callable[..., str]
StartBroker = Callable[[Path], Broker]


def missing_service(reason: str) -> None:
    """Skip for want of a service, or fail where services are required."""
    if os.environ.get("AVENUE_REQUIRE_SERVICES") == "1":
        pytest.fail(f"AVENUE_REQUIRE_SERVICES=1, and {reason}")
    pytest.skip(reason)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests of the long form out, unless it is asked for: they take minutes each. Say which stay together."""
    if os.environ.get("AVENUE_TEST_EVENTS", "0") == "0":
        left_out = [item for item in items if item.get_closest_marker("long")]
        if left_out:
            items[:] = [item for item in items if not item.get_closest_marker("long")]
            config.hook.pytest_deselected(items=left_out)
    if getattr(config.option, "loadgroup", False):
        for item in items:
            if group := group_of(item):
                # What pytest-xdist (3.8.0) does for `--dist loadgroup`, to a name that pytest (9.2) no longer reads:
                # every stack of a module was started in both workers.
                item._id = coerce_node_id(f"{item.nodeid}@{group}")  # there is no public name


@pytest.fixture(scope="session")
def kafka_jars() -> list[Path]:
    """Return the broker's jars, downloaded while the network may still be used."""
    try:
        java()
        return locked_jars(progress=print)
    except ConfigurationError as error:
        missing_service(f"no broker can be started; set AVENUE_TEST_KAFKA=host:port to use yours: {error}")
        raise


@pytest.fixture(scope="session")
def pdf_validator() -> list[Path]:
    """Return the jars of the validator of PDF/A and PDF/UA, downloaded while the network may still be used."""
    try:
        java()
        return verapdf_jars(progress=print)
    except ConfigurationError as error:
        missing_service(f"no PDF can be validated: {error}")
        raise


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return host:port of the session's broker; other tests write to it too, so use names of your own."""
    if given := os.environ.get("AVENUE_TEST_KAFKA"):
        yield given
        return
    request.getfixturevalue("kafka_jars")
    broker = started_broker(tmp_path_factory.mktemp("session-broker"))
    yield broker.bootstrap
    broker.kill()


@pytest.fixture(scope="session")
def kafka_settings(kafka_bootstrap: str) -> KafkaSettings:
    """Return settings for clients of the session's broker."""
    return KafkaSettings(bootstrap=kafka_bootstrap)


@pytest.fixture
def start_broker(kafka_jars: list[Path]) -> Iterator[StartBroker]:
    """Return `start(home) -> Broker`, for brokers that only this test sees; they end with it."""
    started: list[Broker] = []

    def start(home: Path) -> Broker:
        started.append(started_broker(home))
        return started[-1]

    yield start
    for broker in started:
        broker.kill()


@pytest.fixture
def private_broker(start_broker: StartBroker, tmp_path: Path) -> Broker:
    """Return a started broker with an empty cluster that only this test sees (about 6 s)."""
    return start_broker(tmp_path / "private-broker")


@pytest.fixture(scope="session")
def _broker_to_empty(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = started_broker(tmp_path_factory.mktemp("empty-broker"))
    yield broker
    broker.kill()


@pytest.fixture
def empty_broker(_broker_to_empty: Broker) -> Broker:
    """Return a broker without topics and groups, for tests that leave it running: one is started for all of them.

    Whoever kills it, freezes it or looks at its cluster's identity takes `private_broker`.
    """
    admin = make_admin(_broker_to_empty.settings(), client_id="tests")
    try:
        # A member that did not leave keeps its group until its session is over.
        wait_until(lambda: _groups_gone(admin), EMPTY_S, "a group of the test before is still there")
        if topics := _topics(admin):
            admin.delete_topics(topics)
        wait_until(lambda: not _topics(admin), EMPTY_S, "topics of the test before are still there")
    finally:
        admin.close()
    return _broker_to_empty


def _groups_gone(admin: Any) -> bool:
    groups = [group["group_id"] for group in admin.list_groups()]
    if groups:
        admin.delete_groups(groups)
    return not groups


def _topics(admin: Any) -> list[str]:
    return [name for name in admin.list_topics() if not name.startswith("__")]


def started_broker(home: Path) -> Broker:
    """Start a broker in *home* and wait until groups can be coordinated."""
    broker = Broker(home / "kafka", heap_mb=TEST_HEAP_MB)
    broker.prepare()
    broker.start()
    try:
        broker.wait_ready(BROKER_READY_S)
    except BaseException:
        broker.kill()
        raise
    return broker


@pytest.fixture
def unique_name() -> str:
    """Return a name that nothing else has."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def unique_group(unique_name: str) -> str:
    """Return the name of a consumer group that nothing else uses."""
    return f"{unique_name}-group"


@pytest.fixture
def make_topic(kafka_settings: KafkaSettings) -> Iterator[MakeTopic]:
    """Return `make(partitions=1, **config) -> name`; the topics go after the test."""
    from kafka.admin import NewTopic

    admin = make_admin(kafka_settings, client_id="tests")
    made: list[str] = []

    def make(partitions: int = 1, **config: str) -> str:
        name = f"t-{uuid.uuid4().hex[:12]}"
        admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config)])
        made.append(name)
        return name

    yield make
    if made:
        admin.delete_topics(made)
    admin.close()


@pytest.fixture
def unique_topic(make_topic: MakeTopic) -> str:
    """Return a topic with one partition that only this test uses."""
    return make_topic()


@pytest.fixture(autouse=True)
def _network_stays_here(request: pytest.FixtureRequest) -> None:
    """Let the tiers of one process open no socket but a pair, and others reach this machine only."""
    if request.node.get_closest_marker("enable_socket"):
        return
    if request.path.relative_to(TESTS).parts[0] in OFFLINE:
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _leaves_nothing_behind() -> Iterator[None]:
    """Fail a test that leaves a thread that would keep the process alive, a child process, or a setting."""
    threads, children, environ = set(threading.enumerate()), _children(), _avenue_environ()
    yield
    assert _avenue_environ() == environ, "the test changed AVENUE_* variables; use monkeypatch"
    wait_until(
        lambda: not _left(threads, children),
        GRACE_S,
        lambda: f"the test left behind: {', '.join(_left(threads, children))}",
    )


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Undo what a command under test did to the logs of the process: its stream is closed by now."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def _left(threads: set[threading.Thread], children: dict[int, str]) -> list[str]:
    new = [item for item in threading.enumerate() if item not in threads and not item.daemon and item.is_alive()]
    alive = [item for item in new if not _waits_in_a_loop_s_pool(item)]
    started = {pid: name for pid, name in _children().items() if pid not in children}
    return [f"thread {item.name}" for item in alive] + [f"process {name} ({pid})" for pid, name in started.items()]


def _waits_in_a_loop_s_pool(thread: threading.Thread) -> bool:
    """Return whether *thread* is an idle one of an event loop's own pool: such a loop lives as long as its fixture.

    The pool grows when two calls meet, in whichever test that is, and ends with the loop. One that works is no
    exception: what it does was left behind.
    """
    frame = sys._current_frames().get(thread.ident or 0)
    waits = frame is not None and frame.f_code is concurrent.futures.thread._worker.__code__
    return thread.name.startswith("asyncio_") and waits


def _children() -> dict[int, str]:
    """Return this process's living children; multiprocessing's own tracker stays for the session and is not one."""
    found: dict[int, str] = {}
    for listing in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        try:
            pids = [int(word) for word in listing.read_text().split()]
        except OSError:
            continue  # the thread just ended
        for pid in pids:
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            command = b" ".join(words).decode(errors="replace").strip()
            if command and "resource_tracker" not in command:
                found[pid] = command[:80]
    return found


def _avenue_environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("AVENUE_")}
