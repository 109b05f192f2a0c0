"""Workers killed and frozen on a real broker: every row ever written stays right, and none is missing at the end."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from avenue.embedded.broker import Broker
from runtime.settings import KafkaSettings
from schemas.lines import StoredEvent
from tests.support.counting_harness import make_event
from tests.support.waiting import wait_until
from tests.support.worker_harness import PARTITIONS, PATIENCE_S, WorkerRoad, differences, now_ms

# Far above what a start takes, also beside other tests; the broker allows half an hour.
SESSION_S = 45

pytestmark = [pytest.mark.kafka, pytest.mark.fault]


@pytest.fixture
def road(kafka_settings: KafkaSettings, unique_name: str, tmp_path: Path) -> Iterator[WorkerRoad]:
    road = WorkerRoad(kafka_settings, f"{unique_name}-", tmp_path)
    yield road
    road.close()


class Traffic(threading.Thread):
    """Publishes some fifty records a second until told to stop."""

    def __init__(self, road: WorkerRoad) -> None:
        super().__init__(daemon=True)
        self._road = road
        self._stopped = threading.Event()
        self._chance = random.Random(7)
        self._number = 0

    def run(self) -> None:
        while not self._stopped.wait(0.02):
            received = now_ms()
            self._road.publish(self._chance.randrange(PARTITIONS), [self._event(received) for _ in range(10)])

    def _event(self, received_ms: int) -> StoredEvent:
        self._number += 1
        repeated = self._chance.random() < 0.2
        number = self._chance.randint(0, self._number) if repeated else self._number
        return make_event(f"e-{number}", received_ms=received_ms, occurred_ms=received_ms - number % 1000)

    def stop(self) -> None:
        self._stopped.set()
        self.join(5)
        self._road.flush()


def told(road: WorkerRoad) -> int:
    return sum(road.written().told().values())


def test_killed_again_and_again_it_loses_and_repeats_nothing_and_no_commit_is_ahead_of_the_rows(
    road: WorkerRoad,
) -> None:
    traffic = Traffic(road)
    traffic.start()
    for _ in range(2):
        worker, before = road.start(), told(road)
        wait_until(lambda before=before: told(road) > before + 20, PATIENCE_S, "the worker takes records in")  # type: ignore[misc]
        worker.kill()
        worker.wait(10)
        written = road.written().told()
        assert all(offset <= written.get(partition, 0) for partition, offset in road.committed().items())
    traffic.stop()
    road.start()
    wait_until(road.caught_up, PATIENCE_S, "the last worker reads the log to its end")

    assert differences(road) == []


def test_a_worker_that_freezes_and_wakes_writes_nothing_wrong(road: WorkerRoad) -> None:
    traffic = Traffic(road)
    traffic.start()
    frozen = road.start()
    wait_until(lambda: told(road) > 20, PATIENCE_S, "the first worker takes records in")
    frozen.send_signal(signal.SIGSTOP)
    before = told(road)
    road.start()
    wait_until(lambda: told(road) > before + 20, PATIENCE_S, "the second one takes over")

    frozen.send_signal(signal.SIGCONT)
    before = told(road)
    wait_until(lambda: told(road) > before + 100, PATIENCE_S, "both go on")
    traffic.stop()
    wait_until(road.caught_up, PATIENCE_S, "the log is read to its end")

    assert differences(road) == []


def test_one_worker_then_three_then_one_again_while_events_flow_and_one_freezes_meanwhile(road: WorkerRoad) -> None:
    traffic = Traffic(road)
    traffic.start()
    first = road.start()
    wait_until(lambda: told(road) > 20, PATIENCE_S, "the first worker takes records in")
    # The others' joining is what the first one sleeps through.
    first.send_signal(signal.SIGSTOP)
    others = [road.start(), road.start()]
    before = told(road)
    wait_until(lambda: told(road) > before + 50, PATIENCE_S, "the others go on without it")

    first.send_signal(signal.SIGCONT)
    before = told(road)
    wait_until(lambda: told(road) > before + 50, PATIENCE_S, "three go on")
    for other in others:
        other.send_signal(signal.SIGTERM)
    assert [other.wait(PATIENCE_S) for other in others] == [0, 0]
    before = told(road)
    wait_until(lambda: told(road) > before + 50, PATIENCE_S, "one goes on")
    traffic.stop()
    wait_until(road.caught_up, PATIENCE_S, "the log is read to its end")

    assert differences(road) == []


def test_a_killed_worker_that_keeps_its_name_has_its_partitions_back_without_waiting_for_the_session(
    road: WorkerRoad, record_property: Callable[[str, object], None]
) -> None:
    traffic = Traffic(road)
    traffic.start()
    names = {"AVENUE_WORKER__INSTANCE_ID": "w-1", "AVENUE_WORKER__SESSION_TIMEOUT_S": str(SESSION_S)}
    killed = road.start(**names)
    wait_until(lambda: told(road) > 20, PATIENCE_S, "the first worker takes records in")
    killed.kill()
    killed.wait(10)

    began, before = time.monotonic(), told(road)
    road.start(**names)
    wait_until(lambda: told(road) > before + 5, PATIENCE_S, "its successor goes on")
    took_s = time.monotonic() - began
    traffic.stop()
    wait_until(road.caught_up, PATIENCE_S, "the log is read to its end")

    record_property("a worker with a name killed, seconds until it counts again", round(took_s, 1))
    assert took_s < SESSION_S
    assert differences(road) == []


def test_it_outlasts_a_broker_that_is_killed_and_started_again_and_its_log_stays_readable(
    private_broker: Broker, unique_name: str, tmp_path: Path
) -> None:
    road = WorkerRoad(KafkaSettings(bootstrap=private_broker.bootstrap), f"{unique_name}-", tmp_path)
    worker = road.start()
    road.publish(0, [make_event("before", occurred_ms=now_ms())]).get(10)
    wait_until(road.caught_up, PATIENCE_S, "the worker takes the first record in")

    private_broker.kill()
    private_broker.start()
    private_broker.wait_ready(PATIENCE_S)
    road.publish(0, [make_event("after", occurred_ms=now_ms())]).get(30)
    wait_until(road.caught_up, PATIENCE_S, "the worker goes on")

    assert worker.poll() is None
    assert differences(road) == []
    assert len(road.log_of(worker).splitlines()) < 100
    road.close()
