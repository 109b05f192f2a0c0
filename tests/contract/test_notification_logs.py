"""The topic of messages and its twin in memory keep the same promises: of several processes one tells, and once."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from registry.epochs import create_missing_topics
from reports.notifications.log import FrozenReport, KafkaNotificationLog, NotificationLog, announce_frozen, told_key
from runtime.kafka import make_admin
from runtime.settings import KafkaSettings, Settings
from schemas.topics import Topic
from tests.support.notification_harness import MemoryNotificationLog, MemoryNotificationTopic

__test__ = True

KEY, OTHER = told_key("c-1", "trial_silent", "neuro", "", "2026-11-22"), told_key("c-1", "digest", "", "", "2026-W47")


class NotificationLogContract(ABC):
    """What every log of messages promises; one subclass per backend."""

    @abstractmethod
    def process(self) -> NotificationLog:
        """Return the log of a process of its own."""

    def test_of_several_processes_one_tells_and_none_after_a_restart(self) -> None:
        together = threading.Barrier(4)

        def one(_: int) -> list[frozenset[str]]:
            with closing(self.process()) as log:
                log.read()
                together.wait(10)
                return [log.claim([KEY]), log.claim([KEY])]

        with ThreadPoolExecutor(4) as pool:
            found = [claimed for pair in pool.map(one, range(4)) for claimed in pair]
        with closing(self.process()) as restarted:
            after = restarted.claim([KEY]), restarted.claim([OTHER]), restarted.read().told

        assert sorted(map(len, found)) == [0] * 7 + [1]
        assert list(map(sorted, after)) == [[], [OTHER], sorted([KEY, OTHER])]

    def test_what_was_not_delivered_may_be_claimed_again_by_anyone(self) -> None:
        with closing(self.process()) as first, closing(self.process()) as second:
            assert first.claim([KEY]) == {KEY}
            assert second.claim([KEY]) == frozenset()
            first.release(KEY)

            assert second.claim([KEY]) == {KEY}
            assert first.claim([KEY]) == frozenset()
            second.release(KEY)

            assert second.claim([KEY]) == {KEY}


class TestMemoryNotificationLog(NotificationLogContract):
    @pytest.fixture(autouse=True)
    def _topic(self) -> None:
        self.topic = MemoryNotificationTopic()

    def process(self) -> NotificationLog:
        return MemoryNotificationLog(self.topic)


@pytest.mark.kafka
class TestKafkaNotificationLog(NotificationLogContract):
    @pytest.fixture(autouse=True)
    def _topic(self, kafka_settings: KafkaSettings, unique_name: str, tmp_path: Path) -> Iterator[None]:
        self.settings = Settings(home=tmp_path, kafka=kafka_settings)
        self.prefix = f"{unique_name}-"
        create_missing_topics(self.settings, {Topic.NOTIFICATIONS}, prefix=self.prefix)
        yield
        admin = make_admin(kafka_settings)
        admin.delete_topics([self.prefix + Topic.NOTIFICATIONS])
        admin.close()

    def process(self) -> NotificationLog:
        return KafkaNotificationLog(self.settings, prefix=self.prefix)

    def test_a_frozen_report_is_announced_once(self) -> None:
        report = FrozenReport("neuro", "sha256-1", 1_000)

        announce_frozen(self.settings, report, prefix=self.prefix)
        announce_frozen(self.settings, FrozenReport("neuro", "sha256-1", 2_000), prefix=self.prefix)

        with closing(self.process()) as log:
            assert log.read().frozen == (report,)
