"""Ended sessions and share links on a real broker: in every process within 5 s, and after a restart."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registry.epochs import create_missing_topics
from reports.access.ledger import AccessLedger
from reports.access.reader_access import ReaderAccess, ReaderSession
from reports.access.topic import AccessTopic
from runtime.kafka import make_admin
from runtime.settings import KafkaSettings, Settings
from schemas.topics import Topic
from tests.support.waiting import wait_until

pytestmark = pytest.mark.kafka
TOPICS = {Topic.ACCESS}
TAKES_HOLD_S = 5.0
START_S = 20.0
NOW = 1_000_000
HOUR = 3_600_000


@dataclass
class Processes:
    """Processes of the role reports over one topic."""

    settings: KafkaSettings
    prefix: str
    open: ExitStack = field(default_factory=ExitStack)

    def start(self) -> ReaderAccess:
        ledger = AccessLedger()
        topic = AccessTopic(self.settings, ledger, prefix=self.prefix)
        topic.start(START_S)
        self.open.callback(topic.stop)
        assert topic.problem() is None
        return ReaderAccess(ledger, topic)


@pytest.fixture
def processes(kafka_settings: KafkaSettings, unique_name: str, tmp_path: Path) -> Iterator[Processes]:
    prefix = f"{unique_name}-"
    create_missing_topics(Settings(home=tmp_path, kafka=kafka_settings), TOPICS, prefix=prefix)
    with ExitStack() as opened:
        yield Processes(kafka_settings, prefix, opened)
    admin = make_admin(kafka_settings)
    admin.delete_topics([prefix + topic for topic in TOPICS])
    admin.close()


def test_a_sign_out_and_a_link_hold_in_every_process_within_five_seconds_and_after_a_restart(
    processes: Processes,
) -> None:
    here, there = processes.start(), processes.start()
    session = ReaderSession("1", "k-1", NOW, NOW + HOUR)

    here.end_session(session, NOW)
    kept, ended = (here.make_share("t", "k-1", now_ms=NOW, until_ms=NOW + HOUR) for _ in range(2))
    wait_until(lambda: len(there.shares_of("t", NOW)) == 2, TAKES_HOLD_S, "the links hold here alone")
    there.end_share(ended.entry.id)
    wait_until(lambda: here.share_of(ended.token, NOW) is None, TAKES_HOLD_S, "the link is ended there alone")

    for access in (here, there, processes.start()):
        assert access.has_ended(session)
        assert access.share_of(kept.token, NOW) == kept.entry
        assert access.share_of(ended.token, NOW) is None
