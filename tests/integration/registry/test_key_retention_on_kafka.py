"""The end of a hash key on a real broker: unusable at once, and gone from the topic though nothing else is written."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from kafka.admin import NewTopic

from registry.directory import Directory
from registry.file import load_registry
from registry.hash_keys import HashKeyFollower, KeyWrap, ensure_hash_keys, ensure_master_key
from registry.key_retention import KeyRetention, KeyRetentionActions
from registry.log import CompactedLog
from registry.master_key import load_master_key
from registry.pseudonyms import Pseudonyms, first_step, second_step
from registry.retention import kept_until_ms
from runtime.clock import ManualClock
from runtime.errors import UnavailableError
from runtime.kafka import TopicPartition, make_admin, make_consumer
from runtime.metrics import GATEWAY_KEYS_OVERDUE
from runtime.settings import KafkaSettings, Settings
from schemas.topics import SPECS, Topic
from tests.support.paths import EXAMPLE_REGISTRY
from tests.support.waiting import wait_until

pytestmark = pytest.mark.kafka
START_S = 20.0
# The broker's cleaner looks every 15 s.
COMPACTED_S = 120.0
LAG_MS = "1000"
REGISTRY = load_registry(EXAMPLE_REGISTRY)
TRIAL = REGISTRY.trials[0]


@pytest.fixture
def prefix(kafka_settings: KafkaSettings, unique_name: str) -> Iterator[str]:
    """Return a prefix whose hash keys' topic is as the code makes it, but for its lag: a second for a day."""
    spec = SPECS[Topic.HASH_KEYS].broker_config(max_message_bytes=1_000_000, slack_ms=0)
    assert spec["segment.ms"] == spec["max.compaction.lag.ms"] == str(86_400_000)
    short = {"segment.ms": LAG_MS, "max.compaction.lag.ms": LAG_MS, "delete.retention.ms": LAG_MS}
    admin = make_admin(kafka_settings, client_id="tests")
    name = f"{unique_name}-{Topic.HASH_KEYS}"
    admin.create_topics([NewTopic(name, 1, 1, topic_configs=spec | short)])
    yield f"{unique_name}-"
    admin.delete_topics([name])
    admin.close()
    GATEWAY_KEYS_OVERDUE.set(0)


@pytest.fixture
def settings(kafka_settings: KafkaSettings, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, kafka=kafka_settings)


def readable(settings: Settings, prefix: str) -> dict[str, bytes]:
    """Return the wrapped keys by name that a plain consumer reads from the topic's beginning."""
    consumer = make_consumer(settings.kafka, client_id="test")
    partition = TopicPartition(prefix + Topic.HASH_KEYS, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    found: dict[str, bytes] = {}
    while (consumer.position(partition) or 0) < end:
        for records in consumer.poll(timeout_ms=200).values():
            found |= {r.key.decode(): r.value for r in records if r.value and b"wrapped" in r.value}
    consumer.close(autocommit=False)
    return found


def test_a_key_ends_with_its_trials_events_and_cannot_be_read_soon_after_on_a_quiet_topic(
    settings: Settings, prefix: str
) -> None:
    name = f"trial:{TRIAL.id}"
    ensure_master_key(settings, prefix=prefix)
    ensure_hash_keys(settings, REGISTRY, prefix=prefix, clock=ManualClock(0))
    clock = ManualClock(kept_until_ms(TRIAL, REGISTRY, settings) - 1)
    retention = KeyRetention(settings, lambda: Directory(1, REGISTRY), clock, prefix=prefix)
    assert retention.run_once() == KeyRetentionActions()
    follower = HashKeyFollower(settings, prefix=prefix)
    follower.start(START_S)
    assert follower.holds(name)
    pseudonyms, account = Pseudonyms(follower), REGISTRY.accounts[0].id
    first = pseudonyms.first_step(account, "u-1")
    stored = pseudonyms.second_step(TRIAL.id, first)

    clock.advance(1)
    assert name in retention.run_once().destroy

    wait_until(lambda: not follower.holds(name), START_S, "the follower still holds it")
    follower.stop()
    with pytest.raises(UnavailableError, match=TRIAL.id):
        pseudonyms.second_step(TRIAL.id, first)
    assert name in readable(settings, prefix), "a tombstone destroys nothing by itself"
    assert GATEWAY_KEYS_OVERDUE._value.get() > 0

    def gone() -> bool:
        retention.run_once()
        return name not in readable(settings, prefix)

    wait_until(gone, COMPACTED_S, "the destroyed key can still be read")
    # Who has all that is left, the subject and the master key too, cannot say any more whose the stored events are.
    left = readable(settings, prefix)
    opened = {left_name: KeyWrap(load_master_key(settings)).unwrap(value) for left_name, value in left.items()}
    assert first_step(opened[f"account:{account}"], "u-1") == first
    assert stored not in {second_step(key, first) for key in opened.values()}
    retention.run_once()
    assert GATEWAY_KEYS_OVERDUE._value.get() == 0


def test_an_apply_makes_no_key_for_a_trial_that_is_past_its_time(settings: Settings, prefix: str) -> None:
    clock = ManualClock(kept_until_ms(TRIAL, REGISTRY, settings))
    made = ensure_hash_keys(settings, REGISTRY, prefix=prefix, clock=clock)

    assert made == len(REGISTRY.accounts) + len(REGISTRY.trials) - sum(
        kept_until_ms(trial, REGISTRY, settings) <= clock.now_ms() for trial in REGISTRY.trials
    )
    assert f"trial:{TRIAL.id}" not in readable(settings, prefix)


def test_a_gateway_does_it_by_itself(settings: Settings, prefix: str) -> None:
    gone = REGISTRY.model_copy(update={"accounts": REGISTRY.accounts[1:]})
    ensure_hash_keys(settings, REGISTRY, prefix=prefix, clock=ManualClock(0))
    clock = ManualClock(0)
    quick = settings.model_copy(update={"gateway": settings.gateway.model_copy(update={"keys_every_s": 0.2})})
    retention = KeyRetention(quick, lambda: Directory(2, gone), clock, prefix=prefix)

    retention.start()
    name = f"gone:account:{REGISTRY.accounts[0].id}"
    wait_until(lambda: name in names(settings, prefix), START_S, "it noted nothing")
    retention.stop()

    clock.advance(int(timedelta(days=365).total_seconds() * 1000))
    assert f"account:{REGISTRY.accounts[0].id}" in retention.run_once().destroy


def names(settings: Settings, prefix: str) -> set[str]:
    with CompactedLog(settings.kafka, prefix + Topic.HASH_KEYS) as topic:
        return {(record.key or b"").decode() for record in topic.read()}
