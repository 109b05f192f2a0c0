"""Every codec that a broker or a topic may choose is read by every role: the whole road in each."""

import json
import struct
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType

from runtime.kafka import make_admin
from runtime.settings import KafkaSettings
from schemas.topics import Topic
from tests.support.stack import BATCH_ACCOUNT, Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

SEEN_S = 60.0
EVENTS = 300
# The low three bits of a batch's attributes, after offset, length, epoch, magic and checksum.
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_BATCH = struct.Struct(">qiibIh")
_BEFORE_LENGTH_ENDS = 12


def codec_of_last_batch(folder: Path) -> int:
    """Return the codec in which the log in *folder* holds its newest batch."""
    data = b"".join(segment.read_bytes() for segment in sorted(folder.glob("*.log")))
    place, codec = 0, -1
    while place + _BATCH.size <= len(data):
        _, length, _, _, _, attributes = _BATCH.unpack_from(data, place)
        if length <= 0:
            break
        codec = attributes & 7
        place += _BEFORE_LENGTH_ENDS + length
    return codec


@pytest.fixture
def compress(stack: Stack) -> Iterator["Compress"]:
    """Return what lets the broker store every topic in one codec; as before after the test."""
    made = Compress(KafkaSettings(bootstrap=stack.run.kafka_bootstrap))
    yield made
    made("producer")


class Compress:
    """Call it with `compression.type`."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    def __call__(self, codec: str) -> None:
        admin = make_admin(self._settings, client_id="tests")
        wanted = {"compression.type": (AlterConfigOp.SET, codec)}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, str(topic), wanted) for topic in Topic])
        admin.close()


@pytest.mark.parametrize("codec", CODECS)
def test_what_was_accepted_is_seen_whatever_the_broker_stores_it_in(
    stack: Stack, compress: Compress, codec: str
) -> None:
    key = stack.pushing_key(BATCH_ACCOUNT)
    compress(codec)
    mark = f"{codec}-{uuid.uuid4().hex[:8]}"
    events = [
        {
            "event_id": f"{mark}-{number}",
            "kind": "interaction",
            "occurred_at": datetime.now(UTC).isoformat(),
            "product_id": "neuro-band",
            "attributes": {"mark": mark},
        }
        for number in range(EVENTS)
    ]

    before = live_events(stack)
    headers = {"authorization": f"Bearer {key}"}
    told = httpx.post(f"{stack.url}/v1/events", json=events, headers=headers, trust_env=False, timeout=SEEN_S).json()

    assert told["accepted"] == EVENTS, told
    stored = f"SELECT count() FROM events WHERE startsWith(event_id, '{mark}-')"  # noqa: S608 - a name made here
    wait_until(lambda: stack.number(stored) == EVENTS, SEEN_S, f"the sink did not read {codec}")
    wait_until(lambda: live_events(stack) >= before + EVENTS, SEEN_S, f"the worker did not count {codec}")
    # The registry's topic: a key is written, and read by the gateway and by a command.
    assert stack.pushing_key(BATCH_ACCOUNT)
    shown = stack.command("key", "list", "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)
    written = max((stack.home / "kafka" / "data").glob(f"{Topic.EVENTS}-*"), key=newest)
    assert codec_of_last_batch(written) == CODECS[codec]
    assert codec_of_last_batch(stack.home / "kafka" / "data" / f"{Topic.REGISTRY}-0") == CODECS[codec]


def newest(folder: Path) -> float:
    """Return when the log in *folder* was written last."""
    return max(segment.stat().st_mtime for segment in folder.glob("*.log"))


def live_events(stack: Stack) -> int:
    """Return how many events the worker has counted; there is no such line before the first."""
    text = httpx.get(f"{stack.run.worker_ops_url}/metrics", trust_env=False).text
    lines = [line for line in text.splitlines() if line.startswith('avenue_worker_events_total{outcome="counted"}')]
    return sum(int(float(line.split()[-1])) for line in lines)
