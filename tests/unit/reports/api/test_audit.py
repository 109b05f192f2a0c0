"""The audit of reads: one line for each request of a known reader, and nothing in it that stood in the address."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from avenue.client.audit_lines import missing_lines
from avenue.serve.application import http_application
from reports.access.audit import MemoryAudit
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


@pytest.fixture
def client(audit: MemoryAudit) -> Iterator[Client]:
    """Return a client of a site without a store."""
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
        found.headers["authorization"] = f"Bearer {KEYS['startup:calmwave']}"
        yield found
    reading.close()


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
    assert audit.lines[-1].share == audit.lines[4].key == made["id"]


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


def test_a_number_that_is_not_there_is_a_missing_line() -> None:
    def line(process: str, number: int) -> AuditLine:
        fields: dict[str, Any] = dict.fromkeys(("key", "scope", "method", "route", "trial", "share"), "")
        return AuditLine(at_ms=NOW, process=process, number=number, status=200, sent_bytes=0, whole=True, **fields)

    whole = [line("a", n) for n in (4, 5, 6)] + [line("b", 1)]

    assert missing_lines(whole) == 0
    assert missing_lines([*whole, line("b", 4)]) == 2
    assert missing_lines([]) == 0
