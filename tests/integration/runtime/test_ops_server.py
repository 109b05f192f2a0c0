"""The ops port tells the state of this moment, also to a Prometheus that never asks for /health."""

import re
import time
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from runtime.health import Health
from runtime.memory_limit import memory_limit_bytes
from runtime.ops_server import OpsServer
from tests.support.live_alerts import assert_exports_its_own


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def url(health: Health) -> Iterator[str]:
    server = OpsServer(health, {"sink"}, host="127.0.0.1", port=0)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def test_the_metrics_page_asks_each_dependency(health: Health, url: str) -> None:
    trouble: list[str] = []
    health.watch("store-of-this-test", lambda: trouble[0] if trouble else None)

    before = httpx.get(f"{url}/metrics", trust_env=False).text
    trouble.append("gone")
    after = httpx.get(f"{url}/metrics", trust_env=False).text

    assert 'avenue_role_ready{dependency="store-of-this-test"} 1.0' in before
    assert 'avenue_role_ready{dependency="store-of-this-test"} 0.0' in after


def test_a_process_of_several_roles_gives_the_metrics_of_one_when_asked() -> None:
    server = OpsServer(Health(), {"gateway", "sink"}, host="127.0.0.1", port=0)
    server.start()
    try:
        page = partial(httpx.get, f"http://127.0.0.1:{server.port}/metrics", trust_env=False)
        whole, sink, other = page(), page(params={"role": "sink"}), page(params={"role": "worker"})
    finally:
        server.stop()

    assert_exports_its_own(whole.text, {"gateway", "sink"})
    assert_exports_its_own(sink.text, {"sink"})
    assert other.status_code == 404
    assert sorted(other.json()["roles"]) == ["gateway", "sink"]


def test_a_role_tells_its_hosts_clock_and_what_memory_it_may_take(url: str) -> None:
    before = time.time()
    page = httpx.get(f"{url}/metrics", trust_env=False).text

    clock, limit = (
        float(re.search(rf"^{name} (\S+)$", page, re.MULTILINE)[1])  # type: ignore[index]
        for name in ("avenue_role_clock_seconds", "avenue_role_memory_limit_bytes")
    )
    assert before <= clock <= time.time()
    assert limit == memory_limit_bytes() > 0


def test_not_ready_is_said_by_the_status_too(health: Health, url: str) -> None:
    health.set("kafka", "no broker answers")

    answer = httpx.get(f"{url}/health/ready", trust_env=False)

    assert answer.status_code == 503
    assert answer.json()["dependencies"]["kafka"]["detail"] == "no broker answers"
