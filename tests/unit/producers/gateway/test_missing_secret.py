"""A secret that cannot be resolved closes its own flow, says so when it is applied, and leaves the others alone."""

from collections.abc import Callable
from pathlib import Path

import structlog

from producers.gateway.http_request import HttpRequest
from producers.gateway.service import GatewayService
from registry.directory import Directory
from registry.follower import RegistryFollower
from registry.master_key import make_master_key
from registry.secrets import SECRETS
from runtime.clock import ManualClock
from runtime.health import Health
from runtime.settings import Settings
from schemas.registry import Account, Avenue, BilingualText, Registry

PUSH = "plain:whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"


class Applied(RegistryFollower):
    """A follower to whom directories are handed."""

    def __init__(self, push: str = PUSH) -> None:
        self._push = push
        self._directory = Directory()
        self._told: list[Callable[[Directory], object]] = []

    @property
    def directory(self) -> Directory:
        """The directory in force."""
        return self._directory

    def subscribe(self, callback: Callable[[Directory], object]) -> None:
        """Tell *callback* of each directory."""
        self._told.append(callback)

    def apply(self, reference: str) -> None:
        account = Account(id="acct", platform="meituan", secrets={"service": [reference], "push": [self._push]})
        registry = Registry(demo=True, avenue=Avenue(id="a", name=BilingualText(zh="", en="")), accounts=[account])
        self._directory = Directory(1, registry)
        for callback in self._told:
            callback(self._directory)


def gateway(applied: Applied, home: Path) -> tuple[GatewayService, Health]:
    settings = Settings(home=home)
    make_master_key(settings)
    made, health = GatewayService(settings, applied, clock=ManualClock(0)), Health()
    made.watch(health)
    return made, health


def test_it_is_logged_when_applied_and_told_by_the_health_page_until_it_is_mended(tmp_path: Path) -> None:
    applied = Applied()
    _, health = gateway(applied, tmp_path)

    with structlog.testing.capture_logs() as lines:
        applied.apply("env:NOT_THERE")
        broken = [health.read()["dependencies"][SECRETS] for _ in range(2)][-1]
        applied.apply("plain:there")

    (line,) = lines
    assert (line["log_level"], line["account"], line["flow"]) == ("warning", "acct", "service")
    assert "account acct, flow service: the environment variable NOT_THERE is not set" in broken["detail"]
    assert health.read()["dependencies"][SECRETS]["ok"]


async def test_pushes_to_its_flow_are_answered_like_those_to_a_flow_without_secrets(tmp_path: Path) -> None:
    applied = Applied()
    pipeline = gateway(applied, tmp_path)[0].pipeline
    applied.apply("env:NOT_THERE")

    answers = [
        await pipeline.push_native("acct", flow, HttpRequest("POST", f"/in/acct/{flow}", b"", {}, b"x"))
        for flow in ("service", "waimai-order-paid")
    ]

    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].body == answers[1].body


def test_a_fault_that_only_some_suffer_from_is_told_and_the_process_stays_ready() -> None:
    health = Health()
    health.watch("store", lambda: None)
    health.advise("one-of-many", lambda: "gone")

    state = health.read()

    assert state["ready"]
    assert state["dependencies"]["one-of-many"]["detail"] == "gone"
    health.watch("store", lambda: "gone too")
    assert not health.read()["ready"]


def test_a_webhook_secret_that_spells_no_key_is_told_by_the_health_page_and_the_gateway_stays_ready(
    tmp_path: Path,
) -> None:
    applied = Applied(push="plain:hunter2")
    _, health = gateway(applied, tmp_path)

    applied.apply("plain:there")

    found = health.read()["dependencies"][SECRETS]
    assert not found["ok"]
    assert found["detail"].startswith(
        "account acct, flow push: the plain: reference holds no Standard Webhooks secret: it spells 5 bytes"
    )
    assert "hunter2" not in found["detail"]
