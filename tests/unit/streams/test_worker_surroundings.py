"""What stands around the worker: packing, the watchdog's clock, calm logs, and what is wired to what."""

import logging
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import UnavailableError
from runtime.health import Health
from runtime.kafka import KafkaError
from runtime.log_throttle import ThrottleFilter
from runtime.settings import KafkaSettings, Settings, WorkerSettings
from schemas.topics import ConsumerGroup, Topic
from streams.app import pause_s
from streams.outbox import MAX_BYTES, MAX_LINES, packed
from streams.watchdog import ConsumedTopic, Watchdog, WatchedWorker
from tests.support.counting_harness import make_epoch


@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda row: b"\n" not in row), max_size=1200))
def test_packing_keeps_every_row_in_order_and_no_message_above_its_bounds(rows: list[bytes]) -> None:
    values = list(packed(rows))

    assert [row for value in values for row in value.split(b"\n")] == rows
    assert all(value.count(b"\n") < MAX_LINES for value in values)


def test_a_message_is_closed_before_it_grows_beyond_its_bytes() -> None:
    values = list(packed([b"x" * 400_000] * 5 + [b"y" * (MAX_BYTES + 1)]))

    assert [value.count(b"\n") + 1 for value in values] == [2, 2, 1, 1]


@pytest.mark.parametrize(
    ("took_s", "pause"),
    [(0.0, 0.5), (0.05, 0.5), (0.1, 0.9), (0.2, 1.8), (5.0, 2.0)],
)
def test_flushes_take_a_tenth_of_the_time_as_long_as_the_numbers_may_wait(took_s: float, pause: float) -> None:
    assert pause_s(took_s, WorkerSettings()) == pytest.approx(pause)


def test_who_wants_flushes_further_apart_gets_them() -> None:
    assert pause_s(0.0, WorkerSettings(flush_s=5.0)) == 5.0


def test_a_worker_that_does_not_move_says_that_it_is_stuck() -> None:
    names = ConsumedTopic("t", "g")
    watch = Watchdog(KafkaSettings(), names, make_epoch(), WatchedWorker(dict, lambda: 0, lambda: True), lambda _: None)
    watch._stuck_s, watch._waiting, watch._waited_s = 60.0, 7, 20.0

    assert (watch.stuck() or "").startswith("stuck: 7 records wait")
    watch._waited_s = 1.0
    assert watch.stuck() is None


@pytest.fixture
def library_lines() -> Iterator[tuple[logging.Logger, list[str]]]:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    handler.addFilter(ThrottleFilter(3600))
    logger = logging.getLogger("aiokafka.test")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, lines
    logger.removeHandler(handler)


def test_a_line_that_a_library_repeats_is_written_once(library_lines: tuple[logging.Logger, list[str]]) -> None:
    logger, lines = library_lines

    for port in range(1000):
        logger.error("cannot connect to %s", port)
    logger.error("another")

    assert lines == ["cannot connect to 0", "another"]


def test_our_own_lines_are_never_held_back() -> None:
    once = ThrottleFilter(3600)
    record = logging.makeLogRecord({"name": "streams.metrics_worker", "msg": "the same"})

    assert [once.filter(record), once.filter(record)] == [True, True]


def test_the_topology_is_one_agent_on_the_events_and_two_ways_out() -> None:
    from streams.topology import make_topology

    async def take(*_: object) -> None: ...

    topology = make_topology(Settings(), take, lambda _: None, epoch=1)

    (agent,) = topology.app.agents.values()
    assert agent.channel.get_topic_name() == Topic.EVENTS
    assert (agent.concurrency, topology.app.conf.id) == (1, ConsumerGroup.WORKER)
    assert set(topology.outlets) == {Topic.METRICS, Topic.REJECTS}
    assert not topology.app.tables.data


def test_a_worker_that_has_not_joined_is_not_ready() -> None:
    health = Health()
    watch = Watchdog(
        KafkaSettings(),
        ConsumedTopic("t", "g"),
        make_epoch(),
        WatchedWorker(dict, lambda: 0, lambda: False),
        lambda _: None,
    )
    watch.start = lambda: None  # type: ignore[method-assign]
    watch.begin(health, stuck_s=60)

    assert not health.read()["dependencies"]["group"]["ok"]


def test_the_watch_outlasts_a_broker_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.watchdog.EVERY_S", 0.01)
    watched = WatchedWorker(dict, lambda: 0, lambda: True)
    watch = Watchdog(KafkaSettings(), ConsumedTopic("t", "g"), make_epoch(), watched, lambda _: None)
    answers = iter([UnavailableError("no broker answers"), KafkaError("nor now"), None])
    looked = threading.Event()

    def look() -> None:
        if (error := next(answers, None)) is not None:
            raise error
        looked.set()

    watch._look = look  # type: ignore[method-assign]
    watch.begin(Health(), stuck_s=60)

    assert looked.wait(5)
    watch.end()
