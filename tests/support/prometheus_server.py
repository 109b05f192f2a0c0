"""A real Prometheus for a test, and what may be asked of it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from avenue.embedded.ports import free_port
from tests.support.waiting import wait_until

PORTS = 3
"""So many are tried: between choice and opening another test may be given the same."""


class Prometheus:
    """A running server."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that *expression* gives now."""
        answer = httpx.get(f"{self._url}/query", params={"query": expression}, timeout=10, trust_env=False)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def knows(self, expression: str) -> bool:
        """Tell whether *expression* gives anything; False while the server starts."""
        try:
            return bool(self.ask(expression))
        except (httpx.HTTPError, AssertionError):
            return False

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that fire, or will if their condition lasts."""
        answer = httpx.get(f"{self._url}/alerts", timeout=10, trust_env=False)
        found: list[dict[str, Any]] = answer.json()["data"]["alerts"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its health."""
        groups = httpx.get(f"{self._url}/rules", timeout=10, trust_env=False).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


@contextmanager
def running_prometheus(server: str, folder: Path, config: Path, enough: str) -> Iterator[Prometheus]:
    """Run a Prometheus on *config* until *enough* gives something, and yield it; where somebody was quicker to take its port, on another one."""
    for number in range(PORTS):
        port, log = free_port(), folder / f"log-{number}"
        options = (
            f"--config.file={config}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        with log.open("wb") as output:
            process = subprocess.Popen([server, *options], stdout=output, stderr=subprocess.STDOUT)
        try:
            made = Prometheus(port)
            wait_until(
                lambda made=made, process=process: process.poll() is not None or made.knows(enough),  # type: ignore[misc]
                within_s=60,
                otherwise=log.read_text,
            )
            if process.poll() is None:
                yield made
                return
            assert "address already in use" in log.read_text(), log.read_text()
        finally:
            process.terminate()
            process.wait()
    pytest.fail(f"{PORTS} ports were taken, one after another")
