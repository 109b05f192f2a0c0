"""The production shape on one machine: each role a process of its own, settled by environment variables only."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from avenue.embedded.ports import free_port
from runtime.clickhouse import ClickHouse
from runtime.settings import ClickHouseSettings
from tests.support.paths import EXAMPLE_REGISTRY
from tests.support.waiting import wait_until

UP_S = 120.0
END_S = 45.0
Found = TypeVar("Found")


@dataclass
class RoleProcess:
    """One running role."""

    name: str
    process: subprocess.Popen[bytes]
    ops_port: int
    http_port: int
    log: Path

    def health(self) -> dict[str, Any]:
        """Return what /health/ready says, or that nobody answers."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.ops_port}/health/ready", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return {"ready": False, "dependencies": "no answer"}
        found: dict[str, Any] = answer.json()
        return found

    def metrics(self) -> str:
        """Return its metrics page."""
        return httpx.get(f"http://127.0.0.1:{self.ops_port}/metrics", timeout=5, trust_env=False).text

    def end(self) -> int:
        """Ask it to end as a container engine does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S)


@dataclass
class Production:
    """A cluster, a store, and the roles on them."""

    folder: Path
    bootstrap: str
    dsn: str
    database: str
    registry: Path = field(init=False)
    roles: list[RoleProcess] = field(default_factory=list)
    _secrets: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.registry = self.folder / "registry.toml"
        text, self._secrets = without_plain_secrets(EXAMPLE_REGISTRY.read_text())
        self.registry.write_text(text)
        key = self.folder / "master.key"
        key.write_bytes(base64.b64encode(bytes(range(32))))
        key.chmod(0o600)

    def environ(self, home: str, **more: str) -> dict[str, str]:
        """Return the settings of a role whose home folder is *home*: all that it is told."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AVENUE_")}
        return {
            **kept,
            **self._secrets,
            "AVENUE_PROFILE": "production",
            "AVENUE_HOME": str(self.folder / home),
            "AVENUE_MASTER_KEY_FILE": str(self.folder / "master.key"),
            "AVENUE_KAFKA__BOOTSTRAP": self.bootstrap,
            "AVENUE_CLICKHOUSE__DSN": self.dsn,
            "AVENUE_CLICKHOUSE__DATABASE": self.database,
            **more,
        }

    def start(self, role: str) -> RoleProcess:
        """Start *role*; it need not be ready yet."""
        name = f"{role}-{len(self.roles)}"
        ops_port, http_port = free_port(), free_port()
        ports = {"AVENUE_HTTP__OPS_PORT": str(ops_port), "AVENUE_HTTP__PORT": str(http_port)}
        log = self.folder / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "avenue", role],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=self.environ(name, **ports),
                cwd=self.folder,
            )
        self.roles.append(RoleProcess(name, process, ops_port, http_port, log))
        return self.roles[-1]

    def wait_ready(self) -> None:
        """Wait until every role is ready; fail with its words where one is not."""

        def unready() -> list[str]:
            for role in self.roles:
                assert role.process.poll() is None, f"{role.name} ended: {role.log.read_text()[-3000:]}"
            return [f"{role.name}: {role.health()}" for role in self.roles if not role.health()["ready"]]

        wait_until(lambda: not unready(), UP_S, unready)

    def run(self, *words: str, code: int = 0) -> str:
        """Run `avenue` with *words*; return its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "avenue", *words],
            capture_output=True,
            text=True,
            env=self.environ("operator"),
            cwd=self.folder,
            timeout=200,
            check=False,
        )
        assert done.returncode == code, f"avenue {words[0]} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def issue(self, scope: str) -> str:
        """Return a new key of *scope*."""
        key: str = json.loads(self.run("key", "issue", "--scope", scope, "--json"))["key"]
        return key

    def pages(self, role: str) -> list[str]:
        """Return the metrics page of each process of *role*."""
        return [process.metrics() for process in self.roles if process.name.startswith(role)]

    def read(self, path: str, key: str) -> httpx.Response:
        """Return what the reading role answers."""
        (reports,) = [role for role in self.roles if role.name.startswith("reports")]
        return httpx.get(
            f"http://127.0.0.1:{reports.http_port}{path}",
            headers={"authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
        )

    def store(self) -> ClickHouse:
        """Return the store, as a role sees it."""
        return ClickHouse(ClickHouseSettings(dsn=SecretStr(self.dsn), database=self.database))

    def close(self) -> None:
        """End what still runs."""
        for role in self.roles:
            if role.process.poll() is None:
                role.process.kill()
            role.process.wait()


def without_plain_secrets(text: str) -> tuple[str, Mapping[str, str]]:
    """Return the registry *text* as production takes it, and the environment that its secrets now come from.

    Its trials and placements last from a month ago until a month ahead, whatever the day.
    """
    secrets: dict[str, str] = {}

    def named(match: re.Match[str]) -> str:
        name = f"PARTNER_SECRET_{len(secrets)}"
        secrets[name] = match[1]
        return f'"env:{name}"'

    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begin, end = ((today + timedelta(days=days)).isoformat() for days in (-30, 30))
    text = re.sub(r'"plain:([^"]*)"', named, text)
    text = re.sub(r"^(starts|from) = \S+", rf"\1 = {begin}", text, flags=re.MULTILINE)
    text = re.sub(r"^(ends|until) = \S+", rf"\1 = {end}", text, flags=re.MULTILINE)
    return re.sub(r"^demo = .*$", "", text, flags=re.MULTILINE), secrets
