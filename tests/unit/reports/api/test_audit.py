"""The audit of reads: one line for each request of a known reader, and nothing in it that stood in the address."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from avenue.serve.application import http_application
from registry.audit_topic import MemoryAudit
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import Settings
from schemas.audit import AuditLine
from tests.support.reports_harness import KEYS, NOW, directory

Client = TestClient[Any]


@pytest.fixture
def audit() -> MemoryAudit:
    return MemoryAudit()


@contextmanager
def site(audit: MemoryAudit, scope: str = "startup:calmwave") -> Iterator[Client]:
    """Give a client, with a key of *scope*, of a site without a store."""
    settings, known = Settings(), directory()
    reading = ReadService(
        ClickHouse(settings.clickhouse),
        lambda: known,
        settings,
        ManualClock(NOW),
        session_secret=b"s" * 32,
        audit=audit,
    )
    app = http_application(settings, lambda: known, read_service=reading)
    with TestClient(app, raise_server_exceptions=False) as found:
        found.follow_redirects = False
        found.headers["authorization"] = f"Bearer {KEYS[scope]}"
        yield found
    reading.close()


@pytest.fixture
def client(audit: MemoryAudit) -> Iterator[Client]:
    with site(audit) as found:
        yield found


def test_a_read_is_noted_with_who_what_when_and_how_it_ended(client: Client, audit: MemoryAudit) -> None:
    answer = client.get("/v1/trials/neuro?secret=1")

    (line,) = audit.lines
    assert (line.at_ms, line.key, line.scope) == (NOW, "k-0", "startup:calmwave")
    assert (line.method, line.route, line.trial, line.share) == ("GET", "/v1/trials/{trial_id}", "neuro", "")
    assert (line.status, line.sent_bytes, line.whole) == (200, len(answer.content), True)


def test_exports_pages_refusals_and_links_are_noted_and_strangers_are_not(client: Client, audit: MemoryAudit) -> None:
    made = client.post("/v1/trials/neuro/shares", json={"days": 1}).json()
    for path in ("/v1/trials/neuro/events", "/trials/neuro", "/v1/trials/emg", made["url"]):
        client.get(path)
    client.delete(f"/v1/shares/{made['id']}")
    client.get("/v1/me", headers={"authorization": "Bearer nobody"})

    assert [(line.scope[:7], line.method, line.route, line.trial, line.status) for line in audit.lines] == [
        ("startup", "POST", "/v1/trials/{trial_id}/shares", "neuro", 201),
        ("startup", "GET", "/v1/trials/{trial_id}/events", "neuro", 500),
        ("startup", "GET", "/trials/{trial_id}", "neuro", 500),
        ("startup", "GET", "/v1/trials/{trial_id}", "emg", 404),
        ("share", "GET", "/s/{token}", "neuro", 500),
        ("startup", "DELETE", "/v1/shares/{share_id}", "", 204),
    ]
    assert [line.number for line in audit.lines] == [1, 2, 3, 4, 5, 6]
    assert audit.lines[-1].share == audit.lines[4].key == audit.lines[0].subject == made["id"]


def test_nothing_that_stood_in_the_address_is_noted(
    client: Client, audit: MemoryAudit, capfd: pytest.CaptureFixture[str]
) -> None:
    personal = "13800138000"
    for path in (
        f"/v1/trials/{personal}/metrics?metric={personal}",
        f"/trials/{personal}",
        f"/v1/trials/emg?{personal}",
    ):
        client.get(path)
    client.delete(f"/v1/shares/{personal}")

    kept = msgspec.json.encode(list(audit.lines)).decode() + "".join(capfd.readouterr())
    assert len(audit.lines) == 4
    assert "/v1/shares/{share_id}" in kept
    assert personal not in kept
    assert KEYS["startup:calmwave"] not in kept


class NotTaking(MemoryAudit):
    """Keeps lines, and says that the broker took none."""

    def note(self, line: AuditLine) -> "Future[bool]":
        super().note(line)
        lost: Future[bool] = Future()
        lost.set_result(False)
        return lost


def test_a_change_whose_line_is_not_written_is_not_answered_and_a_read_is() -> None:
    with site(NotTaking()) as client:
        read = client.get("/v1/trials/neuro")
        made = client.post("/v1/trials/neuro/shares", json={"days": 1})
        refused = client.post("/v1/trials/neuro/shares", json={"days": 10_000})

    assert read.status_code == 200
    assert (made.status_code, made.headers["content-type"]) == (503, "application/problem+json")
    assert "could not be noted in the audit log" in made.json()["detail"]
    assert "url" not in made.json()
    assert refused.status_code == 503


def test_operators_questions_leave_a_line_and_do_not_wait_for_it() -> None:
    audit = NotTaking()
    with site(audit, "operator") as client:
        answer = client.post("/internal/sql", content=b"SELECT 1")

    (line,) = audit.lines
    assert (line.scope, line.method, line.route) == ("operator", "POST", "/internal/sql")
    assert line.status == answer.status_code
    assert "audit" not in answer.text
