"""The worker as a process on a real broker: what it writes is what the log comes to."""

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.settings import KafkaSettings
from schemas.topics import Topic
from tests.support.counting_harness import hash_of, make_event
from tests.support.waiting import wait_until
from tests.support.worker_harness import PARTITIONS, PATIENCE_S, WorkerRoad, differences, now_ms

pytestmark = pytest.mark.kafka

DRAIN_S = 5.0
RECORDS = 60


@pytest.fixture
def road(kafka_settings: KafkaSettings, unique_name: str, tmp_path: Path) -> Iterator[WorkerRoad]:
    road = WorkerRoad(kafka_settings, f"{unique_name}-", tmp_path)
    yield road
    road.close()


def publish_traffic(road: WorkerRoad, records: int, *, seed: int = 1) -> int:
    """Publish records with repeats, late events and ids that come again with other content; return their lines."""
    chance, lines = random.Random(seed), 0
    for _ in range(records):
        received = now_ms()
        events = [
            make_event(
                f"{seed}-{chance.randint(0, 4 * records)}",
                received_ms=received,
                occurred_ms=received - chance.choice([0, 500, 20_000, 70_000, 600_000, -120_000]),
                product_id=chance.choice(["neuro-band", "sleep-cap"]),
                kind=chance.choice(["interaction", "use.completed"]),
                outcome=chance.choice(["ok", "failed"]),
                subject=f"person-{chance.randint(0, 50)}",
                session_id=hash_of(f"s-{chance.randint(0, 80)}"),
                duration_ms=chance.randint(0, 90_000),
            )
            for _ in range(chance.randint(1, 20))
        ]
        road.publish(chance.randrange(PARTITIONS), events)
        lines += len(events)
    road.flush()
    return lines


def test_what_it_writes_is_what_the_log_comes_to_and_it_leaves_in_order(road: WorkerRoad) -> None:
    lines = publish_traffic(road, RECORDS)
    road.publish_raw(0, b"not json\n{\n\n", now_ms())
    road.publish_raw(1, b'{"event_id":"foreign"}', now_ms(), [("who", b"kcat")])
    road.flush()
    worker = road.start()
    wait_until(road.caught_up, PATIENCE_S, "the worker reads the log to its end")
    publish_traffic(road, 5, seed=2)
    wait_until(road.caught_up, PATIENCE_S, "the worker goes on")

    worker.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert worker.wait(DRAIN_S) == 0, road.log_of(worker)
    assert time.monotonic() - began < DRAIN_S

    assert differences(road) == []
    assert road.committed() == road.written().told()
    progress = road.written().shown_progress().values()
    assert sum(row.counted + row.repeated + row.late + row.disordered for row in progress) >= lines
    assert sum(row.rejected for row in progress) == 3
    assert sorted(reject.reason for reject in road.rejects()) == ["malformed"] * 3


def test_every_line_of_the_log_is_in_exactly_one_sum(road: WorkerRoad) -> None:
    lines = publish_traffic(road, RECORDS)
    road.start()
    wait_until(road.caught_up, PATIENCE_S, "the worker reads the log to its end")

    progress = road.written().shown_progress().values()

    assert sum(r.counted + r.repeated + r.late + r.disordered + r.rejected for r in progress) == lines
    assert sum(r.counted for r in progress) == sum(row.events for row in road.written().shown().values())
    assert min(sum(r.repeated for r in progress), sum(r.late for r in progress)) > 0


def test_it_ends_when_its_topic_is_made_anew_and_says_so(road: WorkerRoad) -> None:
    publish_traffic(road, 5)
    worker = road.start()
    wait_until(road.caught_up, PATIENCE_S, "the worker reads the log to its end")

    road.make_events_topic_anew()

    assert worker.wait(30) == 1
    assert "made anew" in road.log_of(worker)


def test_what_a_worker_of_the_epoch_before_commits_late_skips_nothing_of_this_one(road: WorkerRoad) -> None:
    """It hears last that the topic is gone; the broker keeps its commit for the topic of the same name."""
    publish_traffic(road, 20)
    first = road.start()
    wait_until(road.caught_up, PATIENCE_S, "the log is read to its end")
    road.make_events_topic_anew()
    assert first.wait(60) == 1
    road.commit(dict.fromkeys(range(PARTITIONS), 10))

    publish_traffic(road, 20, seed=2)
    road.start()

    wait_until(lambda: road.ends() == road.written().told(epoch=2), PATIENCE_S, "all of the new topic is told")


def test_rows_stand_in_the_partition_of_their_source(road: WorkerRoad) -> None:
    publish_traffic(road, 10)
    road.start()
    wait_until(road.caught_up, PATIENCE_S, "the worker reads the log to its end")

    keys = {(record.partition, record.key) for record in road.read(Topic.METRICS)}

    epoch = road.epoch.number
    assert keys == {
        (partition, f"{row_type}:{epoch}:{partition}".encode())
        for row_type in ("cells", "progress", "repeats", "source")
        for partition in range(PARTITIONS)
    }


def test_killed_it_leaves_no_file_behind(road: WorkerRoad, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    publish_traffic(road, 5)
    worker = road.start(TMPDIR=str(scratch))
    wait_until(road.caught_up, PATIENCE_S, "the worker reads the log to its end")

    worker.kill()
    worker.wait(DRAIN_S)

    assert list(scratch.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"scratch", "worker-0.log"}
