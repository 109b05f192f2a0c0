"""CPU of the worker, topic to topic: seconds per million events, 500 events a record, on a real broker.

    python -m bench.worker [--events 400000]

Publishes the events under topics of its own, then starts the worker, waits until its source rows say that it has read
them all, and takes the CPU time of its process, less that of a worker that starts on empty topics. Also measured: the
steps alone, in this process, and a rebuild. AVENUE_BENCH_KAFKA=host:port uses a broker that runs.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from typing import Any

from bench.broker import broker
from bench.machine import RESULTS, machine
from registry.epochs import ensure_topics_and_epoch
from runtime.kafka import TopicPartition, make_admin, make_consumer, make_producer
from runtime.settings import KafkaSettings, Settings
from schemas.codec import decode_source, encode
from schemas.lines import HEADER_ACCOUNTS, HEADER_SCHEMA, SCHEMA_VERSION, StoredEvent, encode_record
from schemas.timing import Timing
from schemas.topics import Topic
from streams.log_reader import KafkaLog
from streams.rebuild import SourceSpec, rebuild
from streams.state import SourceState
from streams.steps import take_record

PER_RECORD = 500
PARTITIONS = 4
SPREAD_MS = 8 * 60_000
PROGRAM = (
    "import sys; from runtime.logging import configure_logging; from runtime.settings import load_settings; "
    "from streams.app import run_worker; s = load_settings(); configure_logging(s.log, role='worker'); "
    "sys.exit(run_worker(s, 0, prefix=sys.argv[1]))"
)


def events_of(count: int, start_ms: int) -> list[StoredEvent]:
    """Return *count* events over eight minutes: 40 products, 5 platforms, 5,000 people, 2 % repeats."""
    chance = random.Random(1)
    people = [uuid.UUID(int=chance.getrandbits(128)).hex for _ in range(5000)]
    sessions = [uuid.UUID(int=chance.getrandbits(128)).hex for _ in range(20_000)]
    ids = [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(count)]
    return [
        StoredEvent(
            event_id=ids[n - 40] if n > 40 and chance.random() < 0.02 else ids[n],
            account_id=f"account-{n // 100 % 5}",
            platform=("douyin", "bilibili", "meituan", "aihuishou", "sunmi")[n // 100 % 5],
            product_id=f"product-{chance.randrange(40)}",
            trial_id="trial-1",
            kind="use.completed",
            occurred_ms=start_ms + SPREAD_MS * n // count - chance.randrange(20_000),
            received_ms=start_ms + SPREAD_MS * n // count,
            delivery_id=f"d-{n // 100}",
            placement_id=f"p-{n % 3}",
            arm="pilot",
            outcome="ok",
            subject=chance.choice(people),
            session_id=chance.choice(sessions),
            duration_ms=chance.randrange(60_000),
            attributes={"scene": "street", "firmware": "2.1.0"},
        )
        for n in range(count)
    ]


def publish(settings: Settings, prefix: str, events: list[StoredEvent]) -> None:
    producer = make_producer(settings.kafka, client_id="bench", linger_ms=5)
    headers = [(HEADER_SCHEMA, SCHEMA_VERSION), (HEADER_ACCOUNTS, b'{"bench":500}')]
    for number, start in enumerate(range(0, len(events), PER_RECORD)):
        part = events[start : start + PER_RECORD]
        producer.send(
            prefix + Topic.EVENTS,
            value=encode_record(map(encode, part)),
            partition=number % PARTITIONS,
            timestamp_ms=part[-1].received_ms,
            headers=headers,
        )
    producer.flush(timeout=120)
    producer.close(timeout=5)


def cpu_of_worker(settings: Settings, prefix: str, records: int) -> tuple[float, float]:
    """Return the worker's CPU seconds until it has told of *records* records, and the wall seconds."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AVENUE_")}
    environ["AVENUE_KAFKA__BOOTSTRAP"] = str(settings.kafka.bootstrap)
    began = time.monotonic()
    log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process, read only where it fails
    worker = subprocess.Popen([sys.executable, "-c", PROGRAM, prefix], env=environ, stderr=log)
    consumer = make_consumer(settings.kafka, client_id="bench")
    places = [TopicPartition(prefix + Topic.METRICS, partition) for partition in range(PARTITIONS)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    told = dict.fromkeys(range(PARTITIONS), 0)
    idle_until = time.monotonic() + 12
    while sum(told.values()) < records or (not records and time.monotonic() < idle_until):
        if worker.poll() is not None:
            log.seek(0)
            raise SystemExit(f"the worker ended with {worker.returncode}: {log.read()[-2000:].decode()}")
        for found in consumer.poll(timeout_ms=200).values():
            for record in found:
                if record.key.startswith(b"source"):
                    told[record.partition] = decode_source(record.value).next_offset
    wall = time.monotonic() - began
    consumer.close(autocommit=False)
    worker.terminate()
    _, _, usage = os.wait4(worker.pid, 0)
    worker.returncode = 0
    return usage.ru_utime + usage.ru_stime, wall


def one_run(kafka: KafkaSettings, events: list[StoredEvent]) -> tuple[float, float]:
    prefix = f"bench-{uuid.uuid4().hex[:8]}-"
    settings = Settings(kafka=kafka)
    ensure_topics_and_epoch(settings, prefix=prefix)
    try:
        publish(settings, prefix, events)
        return cpu_of_worker(settings, prefix, len(events) // PER_RECORD)
    finally:
        admin = make_admin(kafka)
        admin.delete_topics([prefix + topic for topic in Topic])
        admin.close()


def steps_and_rebuild(kafka: KafkaSettings, events: list[StoredEvent]) -> tuple[float, float]:
    """Return CPU microseconds an event of the steps alone, and of a rebuild from the broker."""
    prefix = f"bench-{uuid.uuid4().hex[:8]}-"
    settings = Settings(kafka=kafka)
    ensure_topics_and_epoch(settings, prefix=prefix)
    publish(settings, prefix, events)
    log = KafkaLog(kafka, prefix + Topic.EVENTS)
    source, timing = SourceSpec(1, 0, Timing()), Timing()
    past = list(log.between(0, 0, len(events) // PER_RECORD // PARTITIONS))
    lines = len(past) * PER_RECORD
    began = time.process_time()
    state = SourceState(1, 0, timing)
    for record in past:
        take_record(state, record)
    steps = time.process_time() - began
    began = time.process_time()
    rebuild(source, past[-1], log)
    rebuilt = time.process_time() - began
    log.close()
    admin = make_admin(kafka)
    admin.delete_topics([prefix + topic for topic in Topic])
    admin.close()
    return steps / lines * 1e6, rebuilt / lines * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    events = events_of(asked.events, time.time_ns() // 1_000_000 - SPREAD_MS)
    with broker() as kafka:
        idle, _ = one_run(kafka, [])
        runs = [one_run(kafka, events) for _ in range(asked.runs)]
        steps_us, rebuild_us = steps_and_rebuild(kafka, events)
    per_million = sorted((cpu - idle) / asked.events * 1e6 for cpu, _ in runs)
    result: dict[str, Any] = {
        "what": "worker, topic to topic, 500 events a record",
        "events": asked.events,
        "cpu_seconds_per_million_events": {"min": per_million[0], "median": per_million[len(per_million) // 2]},
        "start_up_cpu_seconds": idle,
        "wall_seconds": [wall for _, wall in runs],
        "steps_us_per_event": steps_us,
        "rebuild_us_per_event": rebuild_us,
        "machine": machine(),
        "command": f"python -m bench.worker --events {asked.events} --runs {asked.runs}",
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "worker.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
