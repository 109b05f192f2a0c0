"""The examples that partners copy, each run as it stands against the gateway over HTTP: taken, refused, sent again."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from schemas.registry import Account
from schemas.topics import Topic
from tests.conftest import missing_service
from tests.support.adapter_signing import WHSEC_1
from tests.support.factories import REGISTRY, sent_event
from tests.support.memory_gateway import MemoryGateway, memory_gateway
from tests.support.paths import PARTNER_PAGES

EXAMPLES = PARTNER_PAGES / "examples"
COMMANDS = {
    "push.sh": ("bash", "{}"),
    "push.py": (sys.executable, "{}"),
    "push.mjs": ("node", "{}"),
    "Push.java": ("java", "-XX:TieredStopAtLevel=1", "-cp", "{}.built", "Push"),
    "push.go": ("{}.built",),
}
"""How each is run; `{}` is its path in a folder of the tests."""
BUILDS = {"Push.java": ("javac", "-d", "{}.built", "{}"), "push.go": ("go", "build", "-o", "{}.built", "{}")}
NEEDED = {"push.sh": ("curl", "openssl"), "push.mjs": ("node",), "Push.java": ("java", "javac"), "push.go": ("go",)}
ACCOUNT = "sunmi-main"
PATIENCE_S = 120.0
"""Of one run or build; Go's first one compiles its standard library."""


@dataclass
class Shop:
    """A gateway on a port of this machine."""

    gateway: MemoryGateway
    address: str
    busy: int = 0
    """So many requests more are told to come back."""

    def stored(self) -> list[str]:
        """Return the ids of all events taken."""
        return [line["event_id"] for line in self.gateway.log.lines(Topic.EVENTS)]


@dataclass(frozen=True)
class Ran:
    """How an example ended."""

    exit_code: int | None
    said: str
    told: str


@asynccontextmanager
async def shop() -> AsyncIterator[Shop]:
    """Serve a gateway whose clock stands at the present."""

    def secrets_for(_account: Account, flow: str) -> tuple[bytes, ...]:
        return (WHSEC_1,) if flow == "push" else ()

    now = datetime.now(UTC)
    placements = [
        spot.model_copy(update={"from_": now - timedelta(days=1), "until": now + timedelta(days=1)})
        for spot in REGISTRY.placements
    ]
    trials = [
        trial.model_copy(update={"starts": now - timedelta(days=1), "ends": now + timedelta(days=1)})
        for trial in REGISTRY.trials
    ]
    registry = REGISTRY.model_copy(update={"placements": placements, "trials": trials})
    async with memory_gateway(
        registry, ACCOUNT, now_ms=time.time_ns() // 1_000_000, secrets_for=secrets_for
    ) as gateway:
        inner: Any = gateway.client._transport
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            found = Shop(gateway, f"http://127.0.0.1:{free.getsockname()[1]}")

            async def app(scope: Any, receive: Any, send: Any) -> None:
                if scope["type"] == "http" and found.busy:
                    found.busy -= 1
                    head = {"type": "http.response.start", "status": 503, "headers": [(b"retry-after", b"0")]}
                    await send(head)
                    await send({"type": "http.response.body", "body": b'{"detail":"busy"}'})
                    return
                await inner.app(scope, receive, send)

            server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
            serving = asyncio.create_task(server.serve([free]))
            yield found
            server.should_exit = True
            await serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the examples, where what has to be compiled is compiled once."""
    return Path(shutil.copytree(EXAMPLES, tmp_path_factory.mktemp("examples"), dirs_exist_ok=True))


@pytest.fixture
def command(folder: Path, name: str) -> tuple[str, ...]:
    """Return how example *name* is run."""
    missing = [tool for tool in NEEDED.get(name, ()) if shutil.which(tool) is None]
    if missing:
        missing_service(f"{' and '.join(missing)} would have to be installed to run {name}")
    path = folder / name
    if name in BUILDS and not path.with_name(f"{name}.built").exists():
        build = [part.format(path) for part in BUILDS[name]]
        subprocess.run(build, check=True, capture_output=True, timeout=PATIENCE_S)
    return tuple(part.format(path) for part in COMMANDS[name])


async def run(command: Sequence[str], environ: Mapping[str, str], body: bytes) -> Ran:
    """Run an example with *body* on standard input."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AVENUE_")}
    child = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={**clean, **environ}
    )
    said, told = await asyncio.wait_for(child.communicate(body), PATIENCE_S)
    return Ran(child.returncode, said.decode(), told.decode())


def events(*ids: str, **change: Any) -> bytes:
    at = datetime.now(UTC) - timedelta(minutes=1)
    return json.dumps([sent_event(event_id, at=at, **change) for event_id in ids], ensure_ascii=False).encode()


def test_there_is_an_example_for_each_language_and_the_first_page_leads_to_it() -> None:
    text = (PARTNER_PAGES / "README.md").read_text()

    assert sorted(COMMANDS) == sorted(path.name for path in EXAMPLES.iterdir())
    assert [name for name in COMMANDS if f"(examples/{name})" not in text] == []


@pytest.mark.parametrize("name", COMMANDS)
async def test_an_example_pushes_with_a_key_tries_again_and_tells_the_verdicts(command: Sequence[str]) -> None:
    async with shop() as found:
        environ = {"AVENUE_URL": found.address, "AVENUE_KEY": found.gateway.key}
        found.busy = 1
        taken = await run(command, environ, events("e-1", "e-2"))
        refused = await run(command, environ, events("e-3", outcome="perhaps"))
        unknown = await run(command, {**environ, "AVENUE_KEY": "avk_nobody"}, events("e-4"))

    assert (taken.exit_code, json.loads(taken.said)["accepted"], found.busy) == (0, 2, 0), taken
    assert refused.exit_code == 1, refused
    assert json.loads(refused.said)["results"][0]["field"] == "outcome"
    assert (unknown.exit_code, unknown.said) == (2, ""), unknown
    assert "key" in unknown.told
    assert found.stored() == ["e-1", "e-2"]


@pytest.mark.parametrize("name", COMMANDS)
async def test_an_example_signs_where_it_has_a_secret_and_no_key(command: Sequence[str]) -> None:
    async with shop() as found:
        environ = {"AVENUE_URL": found.address, "AVENUE_ACCOUNT": ACCOUNT, "AVENUE_SECRET": WHSEC_1.decode()}
        found.busy = 1
        taken = await run(command, environ, events("e-1", session_id="焦点"))
        other = "whsec_" + "A" * 32
        refused = await run(command, {**environ, "AVENUE_SECRET": other}, events("e-2"))

    assert (taken.exit_code, json.loads(taken.said)["accepted"]) == (0, 1), taken
    assert (refused.exit_code, refused.said) == (2, ""), refused
    assert found.stored() == ["e-1"]
