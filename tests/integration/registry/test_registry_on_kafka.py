"""The registry's topics on a real broker: what roles see, and when."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kafka.admin import NewPartitions

from registry.apply import apply_registry
from registry.epochs import begin_next_epoch, create_missing_topics, ensure_topics_and_epoch, timing_of, topic_exists
from registry.file import load_registry
from registry.follower import RegistryFollower
from registry.hash_keys import HashKeyFollower, destroy_hash_keys, ensure_hash_keys, ensure_master_key
from registry.keys import issue_key
from registry.log import CompactedLog, standing
from registry.master_key import make_master_key
from registry.plan_history import changes_of
from registry.pseudonyms import Pseudonyms
from registry.topic import RegistryWriter
from runtime.errors import ConfigurationError, UnavailableError
from runtime.kafka import make_admin
from runtime.settings import GatewaySettings, KafkaSettings, Settings, WorkerSettings
from schemas.registry import epoch_ms
from schemas.timing import Timing
from schemas.topics import Topic
from tests.support.paths import EXAMPLE_REGISTRY
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from registry.directory import Directory

pytestmark = pytest.mark.kafka
TAKES_HOLD_S = 5.0
START_S = 20.0


@dataclass(frozen=True)
class Cluster:
    """A broker with topics of one's own: *prefix* stands before each name."""

    settings: Settings
    prefix: str


@pytest.fixture
def cluster(kafka_settings: KafkaSettings, unique_name: str, tmp_path: Path) -> Iterator[Cluster]:
    """Return a cluster without topics; those a test makes go after it."""
    prefix = f"{unique_name}-"
    yield Cluster(Settings(home=tmp_path, kafka=kafka_settings), prefix)
    admin = make_admin(kafka_settings)
    if made := [name for name in admin.list_topics() if name.startswith(prefix)]:
        admin.delete_topics(made)
    admin.close()


@pytest.fixture
def follower(cluster: Cluster) -> Iterator[RegistryFollower]:
    """Return a follower that has read the (empty) topic."""
    create_missing_topics(cluster.settings, {Topic.REGISTRY}, prefix=cluster.prefix)
    follower = RegistryFollower(cluster.settings, prefix=cluster.prefix)
    follower.start(START_S)
    yield follower
    follower.stop()


def test_an_apply_takes_hold_as_a_whole_and_is_told_to_subscribers(
    cluster: Cluster, follower: RegistryFollower
) -> None:
    seen: list[Directory] = []
    follower.subscribe(seen.append)
    example = load_registry(EXAMPLE_REGISTRY)
    smaller = example.model_copy(update={"placements": []})

    versions = [apply_registry(cluster.settings, each, prefix=cluster.prefix) for each in (example, smaller, example)]
    wait_until(lambda: follower.directory.version == versions[-1])

    assert follower.directory.registry == example
    assert [d.version for d in seen] == sorted({d.version for d in seen})
    assert all(d.registry in (example, smaller) for d in seen)
    assert follower.problem() is None


def test_a_key_is_seen_within_five_seconds_and_so_is_its_revocation(
    cluster: Cluster, follower: RegistryFollower
) -> None:
    now = datetime.now(UTC)
    issued = issue_key("operator", now=now, expires_at=now + timedelta(days=1))
    with RegistryWriter(cluster.settings, prefix=cluster.prefix) as writer:
        writer.publish_key(issued.entry)
        wait_until(lambda: follower.directory.key_of(issued.secret, now_ms=epoch_ms(now)) == issued.entry)

        writer.publish_key(issued.entry.model_copy(update={"revoked_at": now}))
        wait_until(lambda: follower.directory.key_of(issued.secret, now_ms=epoch_ms(now)) is None)

        writer.remove(f"key:{issued.entry.id}")
        wait_until(lambda: not follower.directory.keys)
    assert follower.directory.key_of(issued.secret, now_ms=epoch_ms(now + timedelta(days=2))) is None


def test_a_record_that_cannot_be_read_is_skipped(cluster: Cluster, follower: RegistryFollower) -> None:
    with CompactedLog(cluster.settings.kafka, cluster.prefix + Topic.REGISTRY) as log:
        log.write({"registry:file": b"\xff{", "key:x": b"[]", "what:ever": b"{}"})

    version = apply_registry(cluster.settings, load_registry(EXAMPLE_REGISTRY), prefix=cluster.prefix)

    wait_until(lambda: follower.directory.version == version)


def test_a_subscriber_that_fails_stops_nobody(cluster: Cluster, follower: RegistryFollower) -> None:
    seen: list[int] = []
    follower.subscribe(lambda directory: [][directory.version])
    follower.subscribe(lambda directory: seen.append(directory.version))

    version = apply_registry(cluster.settings, load_registry(EXAMPLE_REGISTRY), prefix=cluster.prefix)

    wait_until(lambda: seen == [version])


def test_an_apply_keeps_what_it_changes_in_a_plan_that_has_begun(cluster: Cluster, follower: RegistryFollower) -> None:
    example = load_registry(EXAMPLE_REGISTRY)
    trial = example.trials[0]
    changed = example.model_copy(
        update={"trials": [trial.model_copy(update={"planned_units": 7}), *example.trials[1:]]}
    )
    apply_registry(cluster.settings, example, prefix=cluster.prefix, now=trial.starts - timedelta(days=1))

    version = apply_registry(cluster.settings, changed, prefix=cluster.prefix, now=trial.starts + timedelta(days=1))

    wait_until(lambda: follower.directory.version == version)
    (change,) = changes_of(follower.directory, trial.id)
    assert (change.field, change.old, change.new) == ("planned_units", None, 7)
    assert change.at == trial.starts + timedelta(days=1)


def test_a_topic_made_anew_is_read_from_its_beginning(cluster: Cluster, follower: RegistryFollower) -> None:
    example = load_registry(EXAMPLE_REGISTRY)
    versions = [apply_registry(cluster.settings, example, prefix=cluster.prefix) for _ in range(3)]
    wait_until(lambda: follower.directory.version == versions[-1])
    admin = make_admin(cluster.settings.kafka)
    admin.delete_topics([cluster.prefix + Topic.REGISTRY])
    admin.close()
    wait_until(lambda: not topic_exists(cluster.settings, Topic.REGISTRY, prefix=cluster.prefix))

    smaller = example.model_copy(update={"placements": []})
    version = apply_registry(cluster.settings, smaller, prefix=cluster.prefix)

    wait_until(lambda: follower.directory.version == version, within_s=30)
    assert follower.directory.registry == smaller


def test_a_follower_of_a_missing_topic_says_so_and_leaves_no_thread(cluster: Cluster) -> None:
    follower = RegistryFollower(cluster.settings, prefix=cluster.prefix)

    with pytest.raises(UnavailableError, match="could not be read to its end"):
        follower.start(0.5)

    assert follower.problem() is not None
    wait_until(
        lambda: not any("follow" in t.name and cluster.prefix in t.name for t in threading.enumerate()), within_s=15
    )


def test_an_epoch_begins_once_and_holds_the_settings_tolerances(cluster: Cluster) -> None:
    first = ensure_topics_and_epoch(cluster.settings, prefix=cluster.prefix)
    again = ensure_topics_and_epoch(cluster.settings, prefix=cluster.prefix)

    assert again == first
    assert (first.number, first.partitions, timing_of(first)) == (1, 4, Timing())


def test_two_roles_that_start_at_once_agree_on_one_epoch(cluster: Cluster) -> None:
    with ThreadPoolExecutor(4) as pool:
        epochs = list(pool.map(lambda _: ensure_topics_and_epoch(cluster.settings, prefix=cluster.prefix), range(4)))

    assert len({epoch.model_dump_json() for epoch in epochs}) == 1


def test_a_topic_made_anew_begins_the_next_epoch(cluster: Cluster) -> None:
    first = ensure_topics_and_epoch(cluster.settings, prefix=cluster.prefix)
    admin = make_admin(cluster.settings.kafka)
    admin.delete_topics([cluster.prefix + Topic.EVENTS])
    admin.close()
    wait_until(lambda: not topic_exists(cluster.settings, Topic.EVENTS, prefix=cluster.prefix))

    second = ensure_topics_and_epoch(cluster.settings, prefix=cluster.prefix)

    assert (second.number, second.topic_id != first.topic_id) == (2, True)


def test_other_tolerances_are_refused_with_both_values_until_a_new_epoch_begins(cluster: Cluster) -> None:
    ensure_topics_and_epoch(cluster.settings, prefix=cluster.prefix)
    other = cluster.settings.model_copy(update={"worker": WorkerSettings(grace_s=30)})

    with pytest.raises(ConfigurationError, match=r"grace of 120 s, but AVENUE_WORKER__GRACE_S says 30 s"):
        ensure_topics_and_epoch(other, prefix=cluster.prefix)

    assert begin_next_epoch(other, prefix=cluster.prefix).number == 2
    assert ensure_topics_and_epoch(other, prefix=cluster.prefix).grace_ms == 30_000


def test_partitions_changed_behind_the_epochs_back_are_refused(cluster: Cluster) -> None:
    ensure_topics_and_epoch(cluster.settings, prefix=cluster.prefix)
    admin = make_admin(cluster.settings.kafka)
    admin.create_partitions({cluster.prefix + name: NewPartitions(6) for name in (Topic.EVENTS, Topic.METRICS)})
    admin.close()

    with pytest.raises(ConfigurationError, match=r"has 6 partitions, but epoch 1 began with 4"):
        ensure_topics_and_epoch(cluster.settings, prefix=cluster.prefix)

    assert begin_next_epoch(cluster.settings, prefix=cluster.prefix).partitions == 6


@pytest.mark.parametrize(
    "settings",
    [Settings(gateway=GatewaySettings(max_ahead_s=301)), Settings(kafka=KafkaSettings(delivery_timeout_s=60))],
    ids=["lead", "slack"],
)
def test_tolerances_that_the_gateway_would_break_are_refused(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="AVENUE_WORKER__"):
        ensure_topics_and_epoch(settings)


def test_topics_are_made_as_their_specs_say(cluster: Cluster) -> None:
    ensure_topics_and_epoch(cluster.settings, prefix=cluster.prefix)
    admin = make_admin(cluster.settings.kafka)
    described = admin.describe_topics([cluster.prefix + topic for topic in Topic])
    admin.close()

    partitions = {topic["name"].removeprefix(cluster.prefix): len(topic["partitions"]) for topic in described}
    assert partitions == {topic: 4 if topic in {Topic.EVENTS, Topic.METRICS} else 1 for topic in Topic}


def test_hash_keys_survive_a_restart_and_are_gone_after_a_tombstone(cluster: Cluster) -> None:
    settings, prefix, example = cluster.settings, cluster.prefix, load_registry(EXAMPLE_REGISTRY)
    create_missing_topics(settings, {Topic.HASH_KEYS}, prefix=prefix)
    assert ensure_hash_keys(settings, example, prefix=prefix) == len(example.accounts) + len(example.trials)
    assert ensure_hash_keys(settings, example, prefix=prefix) == 0

    found: list[str] = []
    for _ in range(2):
        follower = HashKeyFollower(settings, prefix=prefix)
        follower.start(START_S)
        found.append(Pseudonyms(follower).first_step("sunmi-main", "somebody"))
        assert follower.problem() is None
        if len(found) == 2:
            destroy_hash_keys(settings, ["account:sunmi-main"], prefix=prefix)
            wait_until(lambda follower=follower: follower.account_key("sunmi-main") is None)  # type: ignore[misc]  # the default binds it
            assert follower.account_key("douyin-main") is not None
        follower.stop()
    assert found[0] == found[1]


def test_another_master_key_is_refused_and_reported(cluster: Cluster, tmp_path: Path) -> None:
    settings, prefix, example = cluster.settings, cluster.prefix, load_registry(EXAMPLE_REGISTRY)
    create_missing_topics(settings, {Topic.HASH_KEYS}, prefix=prefix)
    ensure_hash_keys(settings, example, prefix=prefix)
    other = settings.model_copy(update={"home": tmp_path / "other"})
    make_master_key(other)

    with pytest.raises(ConfigurationError, match=rf"but {tmp_path}/other/master.key holds .* they were wrapped with"):
        ensure_hash_keys(other, example, prefix=prefix)

    follower = HashKeyFollower(other, prefix=prefix)
    follower.start(START_S)
    assert "wrapped with master key" in (follower.problem() or "")
    with pytest.raises(ConfigurationError, match="wrapped with master key"):
        follower.refuse_another_master()


def test_a_lost_master_key_is_told_by_its_file_and_no_other_takes_its_place(cluster: Cluster) -> None:
    settings, prefix, example = cluster.settings, cluster.prefix, load_registry(EXAMPLE_REGISTRY)
    create_missing_topics(settings, {Topic.HASH_KEYS}, prefix=prefix)
    ensure_master_key(settings, prefix=prefix)
    ensure_hash_keys(settings, example, prefix=prefix)
    lost = settings.home / "master.key"
    kept = lost.read_bytes()
    lost.unlink()

    for ensure in (ensure_master_key, partial(ensure_hash_keys, registry=example)):
        with pytest.raises(ConfigurationError, match=rf"^{lost} is not there, and 7 hash keys are wrapped") as caught:
            ensure(settings, prefix=prefix)
        assert "AVENUE_MASTER_KEY_FILE" not in str(caught.value)
    assert not lost.exists()

    lost.write_bytes(kept)
    lost.chmod(0o600)
    assert ensure_hash_keys(settings, example, prefix=prefix) == 0


def test_of_many_claims_at_once_one_stands_for_all_and_is_what_compaction_keeps(cluster: Cluster) -> None:
    create_missing_topics(cluster.settings, {Topic.HASH_KEYS}, prefix=cluster.prefix)
    together = threading.Barrier(5)

    def claim(number: int) -> bytes:
        with CompactedLog(cluster.settings.kafka, cluster.prefix + Topic.HASH_KEYS) as log:
            log.read()
            together.wait(10)
            return log.claim({"account:a": b"%d" % number})["account:a"]

    with ThreadPoolExecutor(5) as pool:
        stood = set(pool.map(claim, range(5)))
    with CompactedLog(cluster.settings.kafka, cluster.prefix + Topic.HASH_KEYS) as log:
        records = log.read()

    assert stood == {standing(records)["account:a"]}
    assert records[-1].value in stood
