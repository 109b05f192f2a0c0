"""Claims of messages on a real broker: of several processes one tells, over restarts too."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from registry.epochs import create_missing_topics
from reports.notifications.log import FrozenReport, KafkaNotificationLog, announce_frozen, told_key
from runtime.kafka import make_admin
from runtime.settings import KafkaSettings, Settings
from schemas.topics import Topic

pytestmark = pytest.mark.kafka

KEY, OTHER = told_key("c-1", "trial_silent", "neuro", "", "2026-11-22"), told_key("c-1", "digest", "", "", "2026-W47")


@pytest.fixture
def prefix(kafka_settings: KafkaSettings, unique_name: str) -> Iterator[str]:
    """Return a prefix under which there is a topic of messages."""
    prefix = f"{unique_name}-"
    create_missing_topics(Settings(kafka=kafka_settings), {Topic.NOTIFICATIONS}, prefix=prefix)
    yield prefix
    admin = make_admin(kafka_settings)
    admin.delete_topics([prefix + Topic.NOTIFICATIONS])
    admin.close()


@pytest.fixture
def settings(kafka_settings: KafkaSettings, tmp_path: Path) -> Settings:
    """Return settings of the session's broker."""
    return Settings(home=tmp_path, kafka=kafka_settings)


def test_of_several_processes_one_tells_and_none_after_a_restart(settings: Settings, prefix: str) -> None:
    together = threading.Barrier(4)

    def one(_: int) -> list[frozenset[str]]:
        with closing(KafkaNotificationLog(settings, prefix=prefix)) as log:
            log.read()
            together.wait(10)
            return [log.claim([KEY]), log.claim([KEY])]

    with ThreadPoolExecutor(4) as pool:
        found = [claimed for pair in pool.map(one, range(4)) for claimed in pair]
    with closing(KafkaNotificationLog(settings, prefix=prefix)) as restarted:
        after = restarted.claim([KEY]), restarted.claim([OTHER]), restarted.read().told

    assert sorted(map(len, found)) == [0] * 7 + [1]
    assert list(map(sorted, after)) == [[], [OTHER], sorted([KEY, OTHER])]


def test_what_was_not_delivered_may_be_claimed_again_by_anyone(settings: Settings, prefix: str) -> None:
    with (
        closing(KafkaNotificationLog(settings, prefix=prefix)) as first,
        closing(KafkaNotificationLog(settings, prefix=prefix)) as second,
    ):
        assert first.claim([KEY]) == {KEY}
        assert second.claim([KEY]) == frozenset()
        first.release(KEY)

        assert second.claim([KEY]) == {KEY}
        assert first.claim([KEY]) == frozenset()


def test_a_frozen_report_is_announced_once(settings: Settings, prefix: str) -> None:
    report = FrozenReport("neuro", "sha256-1", 1_000)

    announce_frozen(settings, report, prefix=prefix)
    announce_frozen(settings, FrozenReport("neuro", "sha256-1", 2_000), prefix=prefix)

    with closing(KafkaNotificationLog(settings, prefix=prefix)) as log:
        assert log.read().frozen == (report,)
