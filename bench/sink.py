"""CPU of the sink, of settlement and of the sums: seconds per million events, topics to ClickHouse, on a real broker.

    python -m bench.sink [--events 400000] [--runs 3] [--history 5]

Publishes events, what a worker makes of them and the answers of their requests under topics of its own; then a sink in
a process of its own reads them all into a new chDB folder, and its CPU is taken, less that of one on empty topics. In
the same store all blocks are settled, and the sums are taken, whole and as the server takes them each minute; then
again beside a past of so many times as many events. AVENUE_BENCH_KAFKA=host:port uses a broker that runs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from bench.broker import broker
from bench.machine import RESULTS, machine, min_and_median
from bench.worker import PARTITIONS, PER_RECORD, SPREAD_MS, events_of
from registry.epochs import ensure_topics_and_epoch
from runtime.kafka import LogRecord, make_admin, make_producer
from runtime.settings import KafkaSettings, Settings
from schemas.codec import encode
from schemas.lines import HEADER_ACCOUNTS, HEADER_SCHEMA, SCHEMA_VERSION, DeliveryLine, StoredEvent, encode_record
from schemas.timing import Timing
from schemas.topics import Topic
from streams.state import SourceState, take_dirty_rows
from streams.steps import take_record

# A flush of the worker each half second, at 20,000 events a second.
RECORDS_A_CUT = 20
AGE_MS = 40 * 60_000
"""Old enough for each block to be over."""


def publish(settings: Settings, prefix: str, events: list[StoredEvent]) -> int:
    """Publish *events* as the gateway does, with their answers, and the worker's rows; return the number of rows."""
    producer = make_producer(settings.kafka, client_id="bench", linger_ms=5)
    states = [SourceState(1, partition, Timing()) for partition in range(PARTITIONS)]
    rows = len(events)

    def send(topic: Topic, partition: int, lines: list[bytes], stamp_ms: int, **others: Any) -> None:
        value = encode_record(lines) if topic is Topic.EVENTS else b"\n".join(lines)
        producer.send(prefix + topic, value=value, partition=partition, timestamp_ms=stamp_ms, **others)

    for number, start in enumerate(range(0, len(events), PER_RECORD)):
        part = events[start : start + PER_RECORD]
        partition, stamp_ms = number % PARTITIONS, part[-1].received_ms
        accounts = Counter(item.account_id for item in part)
        headers = {HEADER_SCHEMA: SCHEMA_VERSION, HEADER_ACCOUNTS: encode(dict(accounts))}
        lines = list(map(encode, part))
        send(Topic.EVENTS, partition, lines, stamp_ms, headers=list(headers.items()))
        answers = [encode(_answer(f"d-{start}-{account}", account, n, stamp_ms)) for account, n in accounts.items()]
        answered = {HEADER_SCHEMA: SCHEMA_VERSION, HEADER_ACCOUNTS: encode(dict.fromkeys(accounts, 1))}
        send(Topic.DELIVERIES, 0, answers, stamp_ms, headers=list(answered.items()))
        record = LogRecord(Topic.EVENTS, partition, number // PARTITIONS, stamp_ms, None, encode_record(lines), headers)
        take_record(states[partition], record)
        last = start + PER_RECORD >= len(events)
        for state in states if last else [states[partition]] * (number // PARTITIONS % RECORDS_A_CUT == 0):
            rows += _send_cut(send, state, stamp_ms)
    producer.flush(timeout=120)
    producer.close(timeout=5)
    return rows


def _with_true_repeats(events: Iterable[StoredEvent]) -> Iterator[StoredEvent]:
    """Yield *events*; one whose id was there in its record is the first again, as in a partner's retry, others are new.

    A repeat in another record may come to another partition here, which partitions by product never do.
    """
    first: dict[tuple[int, str], StoredEvent] = {}
    for n, item in enumerate(events):
        known = first.setdefault((n // PER_RECORD, item.event_id), item)
        event_id = f"{item.event_id}-{n // PER_RECORD}"
        yield replace(known, event_id=event_id, received_ms=item.received_ms, delivery_id=item.delivery_id)


def _send_cut(send: Any, state: SourceState, stamp_ms: int) -> int:
    flush = take_dirty_rows(state)
    if flush is None:
        return 0
    for minute_ms in flush.closed_minutes:
        state.cells.pop(minute_ms, None)
    for row_type, lines in (("cells", flush.cells), ("progress", flush.progress), ("source", [flush.source])):
        key = f"{row_type}:{state.epoch}:{state.partition}".encode()
        for chunk in _chunks(list(map(encode, lines))):
            send(Topic.METRICS, state.partition, chunk, stamp_ms, key=key)
    return len(flush.cells)


def _chunks(lines: list[bytes]) -> Iterable[list[bytes]]:
    return (lines[start : start + 200] for start in range(0, len(lines), 200))


def _answer(delivery_id: str, account: str, lines: int, stamp_ms: int) -> DeliveryLine:
    return DeliveryLine(
        delivery_id=delivery_id,
        account_id=account,
        platform="sunmi",
        flow="events",
        status=200,
        received=lines,
        accepted=lines,
        duplicate=0,
        rejected=0,
        received_ms=stamp_ms,
        answered_ms=stamp_ms,
    )


def one_run(kafka: KafkaSettings, count: int, history: int) -> dict[str, Any]:
    """Return what the child measured of *count* events."""
    prefix = f"bench-{uuid.uuid4().hex[:8]}-"
    settings = Settings(kafka=kafka)
    ensure_topics_and_epoch(settings, prefix=prefix)
    try:
        start_ms = time.time_ns() // 1_000_000 - SPREAD_MS - AGE_MS
        events = list(_with_true_repeats(events_of(count, start_ms))) if count else []
        rows = publish(settings, prefix, events)
        with tempfile.TemporaryDirectory(prefix="avenue-bench-") as home:
            asked = json.dumps({"bootstrap": kafka.bootstrap, "prefix": prefix, "rows": rows, "history": history})
            command = [sys.executable, "-m", "bench.sink_child", home, asked]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        if done.returncode:
            raise SystemExit(f"the sink's process ended with {done.returncode}: {done.stderr[-2000:]}")
        return dict(json.loads(done.stdout.splitlines()[-1])) | {"cells": rows - count}
    finally:
        admin = make_admin(kafka)
        admin.delete_topics([prefix + topic for topic in Topic])
        admin.close()


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--history", type=int, default=5, help="times the events for the sums' last row")
    asked = parser.parse_args()
    with broker() as kafka:
        idle = one_run(kafka, 0, 0)["sink"]
        runs = [one_run(kafka, asked.events, asked.history) for _ in range(asked.runs)]
    scale = 1e6 / asked.events
    result = {
        "what": "the sink, topics to ClickHouse, 500 events a record; settlement; the sums",
        "events": asked.events,
        "cells_rows": runs[0]["cells"],
        "cpu_seconds_per_million_events": {
            "sink, events and cells": min_and_median([(run["sink"] - idle) * scale for run in runs]),
            "settlement, once": min_and_median([run["settle"] * scale for run in runs]),
            "sums: a count of events that wait": min_and_median([run["count"] * scale for run in runs]),
        },
        "cpu_seconds_each": {
            f"sums over {events:,} events, {how}": min_and_median([run["sums"][n][how] for run in runs])
            for n, events in enumerate((asked.events, asked.events * asked.history))
            for how in runs[0]["sums"][n]
        },
        "start_up_cpu_seconds": idle,
        "machine": machine(),
        "runs": asked.runs,
        "command": f"python -m bench.sink --events {asked.events} --runs {asked.runs} --history {asked.history}",
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sink.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
