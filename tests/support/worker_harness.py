"""A worker as a process on a real broker, its topics under a prefix, and what it wrote held against the log."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from registry.epochs import ensure_topics_and_epoch
from runtime.kafka import (
    LogRecord,
    TopicPartition,
    commit_offsets,
    log_record,
    make_admin,
    make_consumer,
    make_producer,
)
from runtime.settings import KafkaSettings, Settings
from schemas.cells import CellRow, ProgressRow, SourceRow
from schemas.codec import decode_cell, decode_progress, decode_reject, decode_source, encode
from schemas.lines import HEADER_ACCOUNTS, HEADER_SCHEMA, SCHEMA_VERSION, RejectLine, StoredEvent, encode_record
from schemas.topics import ConsumerGroup, Topic
from streams.steps import read_record
from tests.support.counting_harness import CellName, ExpectedRows, cell_name
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

PATIENCE_S = 60.0
PARTITIONS = 2
PROGRAM = """
import sys
from runtime.logging import configure_logging
from runtime.settings import load_settings
from streams.app import run_worker

settings = load_settings()
configure_logging(settings.log, role="worker")
sys.exit(run_worker(settings, 0, prefix=sys.argv[1]))
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class WorkerRoad:
    """The topics of one test, the workers on them, and readers of what they wrote."""

    def __init__(self, kafka: KafkaSettings, prefix: str, home: Path) -> None:
        self.prefix = prefix
        self.home = home
        self.settings = Settings(kafka=kafka.model_copy(update={"partitions": PARTITIONS}))
        self.epoch = ensure_topics_and_epoch(self.settings, prefix=prefix)
        self.workers: list[subprocess.Popen[bytes]] = []
        self._producer = make_producer(kafka, client_id="tests", linger_ms=1)

    def start(self, **environ: str) -> subprocess.Popen[bytes]:
        """Start a worker; its log goes to `worker-<n>.log`."""
        kafka = self.settings.kafka
        given = {
            "AVENUE_KAFKA__BOOTSTRAP": str(kafka.bootstrap),
            "AVENUE_KAFKA__PARTITIONS": str(PARTITIONS),
            "AVENUE_WORKER__SESSION_TIMEOUT_S": "6",
            "AVENUE_WORKER__HEARTBEAT_S": "1",
            "PYTHONPATH": str(ROOT),
        }
        with self._log_path(len(self.workers)).open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, self.prefix],
                cwd=self.home,
                env=_plain_environ() | given | environ,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.workers.append(worker)
        return worker

    def log_of(self, worker: subprocess.Popen[bytes]) -> str:
        return self._log_path(self.workers.index(worker)).read_text()

    def _log_path(self, number: int) -> Path:
        return self.home / f"worker-{number}.log"

    def publish(self, partition: int, events: Sequence[StoredEvent]) -> Any:
        """Publish one record of our gateway's; return the future of its acknowledgement."""
        headers = [(HEADER_SCHEMA, SCHEMA_VERSION), (HEADER_ACCOUNTS, encode({"lab": len(events)}))]
        return self.publish_raw(
            partition, encode_record(map(encode, events)), max(e.received_ms for e in events), headers
        )

    def publish_raw(self, partition: int, value: bytes, stamp_ms: int, headers: Any = None) -> Any:
        return self._producer.send(
            self.prefix + Topic.EVENTS, value=value, partition=partition, timestamp_ms=stamp_ms, headers=headers
        )

    def flush(self) -> None:
        self._producer.flush(timeout=30)

    def read(self, topic: Topic) -> list[LogRecord]:
        """Return every record of *topic* up to its present end."""
        count = PARTITIONS if topic in {Topic.EVENTS, Topic.METRICS} else 1
        places = [TopicPartition(self.prefix + topic, partition) for partition in range(count)]
        consumer = make_consumer(self.settings.kafka, client_id="tests")
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: list[LogRecord] = []

        def read_on() -> bool:
            for records in consumer.poll(timeout_ms=200).values():
                found.extend(log_record(record) for record in records)
            return all(consumer.position(place) >= ends[place] for place in places)

        wait_until(read_on, PATIENCE_S, f"{topic} cannot be read")
        consumer.close(autocommit=False)
        return [record for record in found if record.offset < ends[TopicPartition(record.topic, record.partition)]]

    def committed(self) -> dict[int, int]:
        """Return what the group has committed by partition; 0 where nothing."""
        consumer = make_consumer(self.settings.kafka, client_id="tests", group_id=self.prefix + ConsumerGroup.WORKER)
        found = {
            partition: consumer.committed(TopicPartition(self.prefix + Topic.EVENTS, partition)) or 0
            for partition in range(PARTITIONS)
        }
        consumer.close(autocommit=False)
        return found

    def rejects(self) -> list[RejectLine]:
        return [decode_reject(line) for record in self.read(Topic.REJECTS) for line in record.value.split(b"\n")]

    def written(self) -> "WrittenRows":
        """Return what the workers have written so far."""
        return WrittenRows(self.read(Topic.METRICS))

    def truths(self) -> dict[int, ExpectedRows]:
        """Return, by partition, what the log comes to."""
        log = self.read(Topic.EVENTS)
        return {
            partition: ExpectedRows(
                [
                    (record, read_record(record, self.epoch.number).events)
                    for record in log
                    if record.partition == partition
                ],
                epoch=self.epoch.number,
                partition=partition,
            )
            for partition in range(PARTITIONS)
        }

    def caught_up(self) -> bool:
        """Tell whether source rows say that the log was read to its present end."""
        told = self.written().told()
        return all(told.get(partition, 0) >= end for partition, end in self.ends().items())

    def ends(self) -> dict[int, int]:
        """Return the next offset of each partition of the events."""
        ends = dict.fromkeys(range(PARTITIONS), 0)
        for record in self.read(Topic.EVENTS):
            ends[record.partition] = record.offset + 1
        return ends

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit *offsets* as a worker of the first epoch does."""
        consumer = make_consumer(self.settings.kafka, client_id="tests", group_id=self.prefix + ConsumerGroup.WORKER)
        places = {TopicPartition(self.prefix + Topic.EVENTS, number): offset for number, offset in offsets.items()}
        consumer.assign(list(places))
        commit_offsets(consumer, places, timeout_s=30)
        consumer.close(autocommit=False)

    def make_events_topic_anew(self) -> None:
        admin = make_admin(self.settings.kafka, client_id="tests")
        admin.delete_topics([self.prefix + Topic.EVENTS])
        admin.close()
        wait_until(self._recreated, PATIENCE_S, "the topic is there again")

    def _recreated(self) -> bool:
        return ensure_topics_and_epoch(self.settings, prefix=self.prefix).topic_id != self.epoch.topic_id

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
            worker.wait(10)
        self._producer.close(timeout=2)
        admin = make_admin(self.settings.kafka, client_id="tests")
        admin.delete_topics([self.prefix + topic for topic in Topic])
        admin.close()


class WrittenRows:
    """The rows on `product-metrics.v1`, in the order of each partition."""

    def __init__(self, records: Sequence[LogRecord]) -> None:
        self.cells: list[CellRow] = []
        self.progress: list[ProgressRow] = []
        self.sources: list[SourceRow] = []
        for record in records:
            row_type = (record.key or b"").split(b":")[0]
            for line in record.value.split(b"\n"):
                match row_type:
                    case b"cells":
                        self.cells.append(decode_cell(line))
                    case b"progress":
                        self.progress.append(decode_progress(line))
                    case b"source":
                        self.sources.append(decode_source(line))

    def told(self, epoch: int = 1) -> dict[int, int]:
        """Return the highest offset told by partition, of an epoch."""
        rows = [row for row in self.sources if row.epoch == epoch]
        return {row.partition: row.next_offset for row in sorted(rows, key=lambda row: row.version)}

    def shown(self) -> dict[tuple[int, CellName], CellRow]:
        """Return what a reader takes: of each cell and source, the highest version."""
        return {(row.partition, cell_name(row)): row for row in sorted(self.cells, key=lambda row: row.version)}

    def shown_progress(self) -> dict[tuple[int, int, str], ProgressRow]:
        rows = sorted(self.progress, key=lambda row: row.version)
        return {(row.partition, row.received_minute_ms, row.account_id): row for row in rows}


def differences(road: WorkerRoad) -> list[str]:
    """Return every row ever written that is not what the log comes to, and every cell that is missing at the end."""
    truths, written = road.truths(), road.written()
    wrong = [
        f"wrong: {row}" for row in written.cells if truths[row.partition].cells[row.version].get(cell_name(row)) != row
    ]
    shown = written.shown()
    for partition, truth in truths.items():
        for name, row in truth.standing(len(truth.cells) - 1).items():
            if shown.get((partition, name)) != row:
                wrong.append(f"missing: {row}")
    return wrong


def _plain_environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AVENUE_")}
