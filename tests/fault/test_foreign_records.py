"""Garbage and giant records written straight into the topics, under load: listed, and in nobody's way."""

import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from runtime.kafka import make_producer
from runtime.settings import KafkaSettings
from schemas.lines import HEADER_ACCOUNTS, HEADER_SCHEMA, SCHEMA_VERSION
from schemas.topics import Topic
from tests.support.fault_table import FaultLog
from tests.support.ledger_truth import read_ledgers
from tests.support.stack import MakeStack, Stack
from tests.support.under_load import (
    EVENTS,
    NUMBERS_S,
    PATIENT_PARENT,
    SEED,
    Load,
    Reader,
    load_on,
    long_form,
    now_ms,
    wait_for_new_numbers,
)
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.stack,
    pytest.mark.fault,
    pytest.mark.timeout(3600),
    pytest.mark.xdist_group("foreign"),
    long_form,
]

EVENTS_BETWEEN = max(400, EVENTS // 20)
GIANT = 7_000_000
OURS = [(HEADER_SCHEMA, SCHEMA_VERSION), (HEADER_ACCOUNTS, b'{"push-demo":2}')]


def garbage(chance: random.Random) -> Iterator[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]:
    """Yield key, value and headers of records that nobody of ours writes."""
    for headers in ([], OURS, [(HEADER_SCHEMA, b"99")], [(HEADER_ACCOUNTS, b"no json")]):
        yield None, b"", headers
        yield b"key:garbage", chance.randbytes(300), headers
        yield b"cells:1:0", b'{"epoch":0,"line":0,"event_id":', headers
        yield None, b"[" * 20_000, headers
        yield b"epoch:99", b'{"a":1}\n\n{"event_id":"x"}\n\xff\xfe', headers
        yield b"source:1:99", b'{"epoch":1,"partition":99,"version":-1}', headers
    yield b"registry:file", None, []
    yield b"key:gone", None, []
    yield None, b"x" * GIANT, []
    yield None, b'{"pad":"' + b"y" * GIANT + b'"}', OURS


# A tombstone of the registry is an operator's order, not garbage; there the rest is tried.
UNTOUCHED = {Topic.REGISTRY: {b"registry:file"}}


def write_garbage(stack: Stack, topic: Topic) -> None:
    """Write every kind of garbage into partition 0 of *topic*."""
    settings = KafkaSettings(bootstrap=stack.run.kafka_bootstrap)
    producer = make_producer(settings, client_id="tests-garbage")
    try:
        for key, value, headers in garbage(random.Random(SEED)):
            if key not in UNTOUCHED.get(topic, ()):
                compacted_key = key or b"garbage"  # compacted topics take no record without one
                producer.send(topic, value, key=compacted_key, headers=headers, partition=0).get(timeout=NUMBERS_S)
    finally:
        producer.close(timeout=5)


def test_garbage_and_giants_in_every_topic_spoil_no_number_and_stop_nobody(
    make_stack: MakeStack, faults: FaultLog, tmp_path: Path
) -> None:
    stack = make_stack(**PATIENT_PARENT)
    before = stack.children()
    with Reader(stack) as reader, Load(load_on(stack, tmp_path / "sent.ndjson")) as load:
        for topic in Topic:
            load.wait_for(EVENTS_BETWEEN)
            write_garbage(stack, topic)
            written_ms = now_ms()
            wait_for_new_numbers(stack, written_ms)
            faults.note(f"garbage in {topic}")
        load.wait_for(EVENTS_BETWEEN)
        assert stack.children() == before, "garbage is no reason to start anew"

    faults.settle(stack, load, reader)
    assert stack.number("SELECT toString(count()) AS kept FROM rejects WHERE flow != 'events'") > 0


def test_what_was_garbage_at_a_start_is_so_again(make_stack: MakeStack, tmp_path: Path) -> None:
    stack = make_stack(**PATIENT_PARENT)
    with Load(load_on(stack, tmp_path / "sent.ndjson")) as load:
        load.wait_for(EVENTS_BETWEEN)
        for topic in Topic:
            write_garbage(stack, topic)
        for name in ("worker", "server"):
            stack.kill(name)
        killed_ms = now_ms()
        wait_for_new_numbers(stack, killed_ms)

    wait_until(lambda: ready(stack), NUMBERS_S, "the server is not ready")
    assert read_ledgers(stack).events
    assert stack.reconcile()["ok"]


def ready(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.ops_url}/health/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
