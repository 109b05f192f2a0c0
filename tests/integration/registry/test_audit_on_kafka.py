"""The audit log on a real broker: two writers at once, one of them killed, and a copy of it that somebody changed."""

import json
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import structlog

from avenue.client.audit_lines import read_audit, read_heads, verify_audit
from registry.audit_chain import ChainHead, canonical
from registry.audit_check import SILENT_MS, AuditFindings
from registry.audit_note import noted_change
from registry.audit_topic import AuditTopic, all_written
from registry.epochs import create_missing_topics
from registry.log import CompactedLog
from runtime.clock import SystemClock
from runtime.errors import UnavailableError
from runtime.kafka import LogRecord, make_admin
from runtime.settings import KafkaSettings, Settings
from schemas.audit import AuditLine
from schemas.topics import Topic
from tests.support.waiting import wait_until

pytestmark = pytest.mark.kafka
WRITTEN_S = 30.0
HOUR_MS = 3_600_000


@dataclass
class Log:
    """One audit topic, and copies of it."""

    settings: Settings
    prefix: str
    copies: int = 0

    def writer(self) -> AuditTopic:
        return AuditTopic(self.settings, prefix=self.prefix)

    def records(self) -> list[LogRecord]:
        with CompactedLog(self.settings.kafka, self.prefix + Topic.AUDIT) as topic:
            return topic.read()

    def lines(self) -> list[AuditLine]:
        return read_audit(self.settings, since_ms=SystemClock().now_ms() - HOUR_MS, prefix=self.prefix)

    def verify(self, *, later_ms: int = 0, kept_heads: dict[str, ChainHead] | None = None) -> AuditFindings:
        now_ms = SystemClock().now_ms() + later_ms
        return verify_audit(self.settings, now_ms=now_ms, kept_heads=kept_heads, prefix=self.prefix)

    def copy(
        self, records: list[tuple[str, bytes]], *, kept_heads: dict[str, ChainHead] | None = None
    ) -> AuditFindings:
        """Write *records* to a new topic, as somebody might who changed them, and verify that."""
        self.copies += 1
        prefix = f"{self.prefix}{self.copies}-"
        create_missing_topics(self.settings, {Topic.AUDIT}, prefix=prefix)
        with CompactedLog(self.settings.kafka, prefix + Topic.AUDIT) as topic:
            for key, value in records:
                topic.write({key: value})
        return verify_audit(self.settings, now_ms=SystemClock().now_ms(), kept_heads=kept_heads, prefix=prefix)


@pytest.fixture
def audit_log(kafka_settings: KafkaSettings, unique_name: str, tmp_path: Path) -> Iterator[Log]:
    log = Log(Settings(home=tmp_path, kafka=kafka_settings), f"{unique_name}-")
    create_missing_topics(log.settings, {Topic.AUDIT}, prefix=log.prefix)
    yield log
    admin = make_admin(kafka_settings)
    admin.delete_topics([name for name in admin.list_topics() if name.startswith(log.prefix)])
    admin.close()


def read_line(key: str = "k-1") -> AuditLine:
    return AuditLine(at_ms=SystemClock().now_ms(), key=key, scope="operator", method="GET", route="/v1/me", status=200)


def write_until_killed(settings: Settings, prefix: str) -> None:
    """Be a process of the role reports that is asked and asked."""
    writer = AuditTopic(settings, prefix=prefix)
    writer.start()
    while True:
        writer.note(read_line("k-killed")).result()


def test_a_cut_end_is_seen_by_the_head_that_the_writer_logged(audit_log: Log, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logged:
        writer = audit_log.writer()
        writer.start()
        writer.note(read_line()).result(WRITTEN_S)
        writer.stop()
    shipped = tmp_path / "shipped.ndjson"
    shipped.write_text("".join(json.dumps(line) + "\n" for line in logged if line["event"] == "audit head"))
    heads = read_heads(shipped)
    records = [((record.key or b"").decode(), record.value) for record in audit_log.records()]

    assert [(head.process, head.number, head.offset) for head in heads.values()] == [(writer.process, 3, 2)]
    assert told(audit_log.verify(kept_heads=heads)) == []
    assert told(audit_log.copy(records[:2])) == []
    assert told(audit_log.copy(records[:2], kept_heads=heads)) == [("head", writer.process, 3)]


def told(found: AuditFindings) -> list[tuple[str, str, int]]:
    return [(each.kind.value, each.process, each.number) for each in found.breaks]


async def test_two_writers_at_once_one_killed_hold_and_each_fault_of_a_copy_is_named(audit_log: Log) -> None:
    killed = multiprocessing.get_context("spawn").Process(
        target=write_until_killed, args=(audit_log.settings, audit_log.prefix), daemon=True
    )
    killed.start()
    writer = audit_log.writer()
    writer.start()
    try:
        for _ in range(20):
            await all_written([writer.note(read_line())])
        wait_until(
            lambda: sum(line.key == "k-killed" for line in audit_log.lines()) > 5, WRITTEN_S, "the other writes nothing"
        )
    finally:
        killed.kill()
        killed.join()
    await all_written([writer.note(read_line())])
    writer.stop()

    found, later = audit_log.verify(), audit_log.verify(later_ms=SILENT_MS + HOUR_MS)
    assert (told(found), found.ended, found.open) == ([], 1, 1)
    assert (later.ended, later.silent) == (1, 1)
    assert len(audit_log.lines()) == found.lines
    assert [line.number for line in audit_log.lines() if line.process == writer.process] == list(range(1, 24))

    records = [((record.key or b"").decode(), record.value) for record in audit_log.records()]
    at = next(i for i, (key, _) in enumerate(records) if key == f"{writer.process}:5")
    _each_fault_is_named(audit_log.copy, records, at, writer.process)


def _each_fault_is_named(
    copy: Callable[[list[tuple[str, bytes]]], AuditFindings], records: list[tuple[str, bytes]], at: int, process: str
) -> None:
    key, value = records[at]
    changed = canonical({**msgspec.json.decode(value), "key": "k-another"})
    after = next(i for i, (other, _) in enumerate(records) if other == f"{process}:6")

    assert told(copy(records)) == []
    assert told(copy([*records[:at], (key, changed), *records[at + 1 :]])) == [("changed", process, 5)]
    removed = told(copy([*records[:at], *records[at + 1 :]]))
    assert ("missing", process, 6) in removed
    assert {kind for kind, _, _ in removed} == {"missing", "shifted"}
    moved = told(copy([*records[:at], *records[at + 1 : after + 1], (key, value), *records[after + 1 :]]))
    assert moved[:2] == [("missing", process, 6), ("moved", process, 5)]


def test_a_change_is_noted_before_it_is_made_and_how_it_ended(audit_log: Log) -> None:
    seen: list[int] = []
    with noted_change(audit_log.settings, "key issue", prefix=audit_log.prefix) as change:
        seen += [line.status for line in audit_log.lines()]
        change.subject = "k-new"
    with pytest.raises(KeyError), noted_change(audit_log.settings, "key revoke", prefix=audit_log.prefix):
        raise KeyError

    assert seen == [202]
    assert [(line.scope, line.method, line.route, line.subject, line.status) for line in audit_log.lines()] == [
        ("command", "COMMAND", "key issue", "", 202),
        ("command", "COMMAND", "key issue", "k-new", 200),
        ("command", "COMMAND", "key revoke", "", 202),
        ("command", "COMMAND", "key revoke", "", 500),
    ]
    found = audit_log.verify()
    assert (told(found), found.ended) == ([], 2)


def test_nothing_is_changed_that_cannot_be_noted(audit_log: Log) -> None:
    away = audit_log.settings.kafka.model_copy(update={"bootstrap": "127.0.0.1:1", "request_timeout_s": 1.0})
    made = []

    with (
        pytest.raises(UnavailableError),
        noted_change(audit_log.settings.model_copy(update={"kafka": away}), "key issue", prefix=audit_log.prefix),
    ):
        made.append("a key")

    assert made == []
    assert audit_log.lines() == []
