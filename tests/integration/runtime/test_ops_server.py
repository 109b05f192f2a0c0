"""The ops port tells the state of this moment, also to a Prometheus that never asks for /health."""

from collections.abc import Iterator

import httpx
import pytest

from runtime.health import Health
from runtime.ops_server import OpsServer


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


def test_not_ready_is_said_by_the_status_too(health: Health, url: str) -> None:
    health.set("kafka", "no broker answers")

    answer = httpx.get(f"{url}/health/ready", trust_env=False)

    assert answer.status_code == 503
    assert answer.json()["dependencies"]["kafka"]["detail"] == "no broker answers"
