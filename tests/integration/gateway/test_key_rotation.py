"""Keys and secrets rotated under load: none refused while both hold, all refused soon after the old one goes."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from avenue.embedded.broker import Broker
from registry.apply import apply_registry
from registry.key_uses import KeyUses, KeyUseWriter
from registry.keys import issue_key
from registry.topic import RegistryWriter
from registry.webhook_signing import secret_bytes, standard_headers
from schemas.registry import Registry
from schemas.timing import HOUR_MS
from tests.conftest import started_broker
from tests.support.factories import REGISTRY
from tests.support.gateway_client import GatewayClient, event, open_gateway

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("gateway-rotation")]

ACCOUNT = "sunmi-main"
# Standard Webhooks secrets of a test.
OLD, NEW = "whsec_" + "b2xk" * 11, "whsec_" + "bmV3" * 11
HOLDS_S = 5.0
LATE_S = 30.0
SENDERS = 2


def registry_with(*secrets: str) -> Registry:
    """Return the example registry with these push secrets on the account."""
    references = {"push": [f"plain:{secret}" for secret in secrets]}
    accounts = [
        a.model_copy(update={"secrets": {**a.secrets, **references}}) if a.id == ACCOUNT else a
        for a in REGISTRY.accounts
    ]
    return REGISTRY.model_copy(update={"accounts": accounts, "demo": True})


@pytest.fixture(scope="module")
def broker(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = started_broker(tmp_path_factory.mktemp("rotation-broker"))
    yield broker
    broker.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    async with open_gateway(broker, tmp_path_factory.mktemp("rotation-home"), registry_with(OLD)) as gateway:
        yield gateway


class RotationLoad:
    """Pushes one event after another from some senders, each with what it is given, and notes every answer."""

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway
        self._ended = False
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.answers: list[tuple[float, float, str, int]] = []
        """When it was asked and answered, with what, and the status."""

    def begin(self, name: str) -> None:
        """Push with the key, or the Standard Webhooks secret, *name*."""
        self._tasks += [asyncio.create_task(self._push(name, sender)) for sender in range(SENDERS)]

    async def end(self) -> None:
        """Stop, and let what is under way end."""
        self._ended = True
        await asyncio.gather(*self._tasks)

    async def until(self, count: int, name: str, *, status: int, since_s: float = 0.0) -> None:
        """Wait until *count* of the pushes with *name* since then were answered with *status*."""
        async with asyncio.timeout(LATE_S):
            while sum(a[2:] == (name, status) and a[0] >= since_s for a in self.answers) < count:
                self._more.clear()
                await self._more.wait()

    def statuses(self, name: str, from_s: float, to_s: float) -> set[int]:
        """Return what pushes with *name* were answered that were asked and answered in a time."""
        return {status for asked, told, by, status in self.answers if by == name and from_s <= asked and told < to_s}

    async def _push(self, name: str, sender: int) -> None:
        number = 0
        while not self._ended:
            number += 1
            at_s = time.monotonic()
            status = await self._ask(name, f"m-{sender}-{number}")
            self.answers.append((at_s, time.monotonic(), name, status))
            self._more.set()

    async def _ask(self, name: str, message_id: str) -> int:
        gateway = self._gateway
        if not name.startswith("whsec_"):
            return (await gateway.push([event()], authorization=f"Bearer {name}")).status_code
        body = b"[]"
        headers = standard_headers(secret_bytes(name), message_id, time.time_ns() // 1_000_000, body)
        address = f"/v1/events?account={ACCOUNT}"
        return (await gateway.client.post(address, content=body, headers=dict(headers))).status_code


async def test_a_key_is_rotated_under_load(gateway: GatewayClient) -> None:
    old, new = (issue_key(f"account:{ACCOUNT}", now=datetime.now(UTC)) for _ in range(2))
    load = RotationLoad(gateway)
    with RegistryWriter(gateway.settings) as writer:
        await asyncio.to_thread(writer.publish_key, old.entry)
        await asyncio.to_thread(writer.publish_key, new.entry)
        load.begin(old.secret)
        load.begin(new.secret)
        await load.until(20, new.secret, status=200)
        await load.until(20, old.secret, status=200)
        both_s = time.monotonic()
        await load.until(20, old.secret, status=200, since_s=both_s)
        going_s = time.monotonic()
        revoked = old.entry.model_copy(update={"revoked_at": datetime.now(UTC)})
        await asyncio.to_thread(writer.publish_key, revoked)
        gone_s = time.monotonic()
    await load.until(20, old.secret, status=401, since_s=gone_s + HOLDS_S)
    await load.end()

    end_s = time.monotonic()
    assert load.statuses(old.secret, both_s, going_s) == {200}
    assert load.statuses(new.secret, both_s, end_s) == {200}
    assert load.statuses(old.secret, gone_s + HOLDS_S, end_s) == {401}


async def test_a_secret_is_rotated_under_load(gateway: GatewayClient) -> None:
    load = RotationLoad(gateway)
    load.begin(OLD)
    await load.until(20, OLD, status=200)
    began_s = time.monotonic()
    await asyncio.to_thread(apply_registry, gateway.settings, registry_with(NEW, OLD))
    load.begin(NEW)
    await load.until(20, NEW, status=200)
    both_s = time.monotonic()
    await load.until(20, OLD, status=200, since_s=both_s)
    going_s = time.monotonic()
    await asyncio.to_thread(apply_registry, gateway.settings, registry_with(NEW))
    gone_s = time.monotonic()
    await load.until(20, OLD, status=401, since_s=gone_s + HOLDS_S)
    await load.end()

    end_s = time.monotonic()
    assert load.statuses(OLD, began_s, going_s) == {200}
    assert load.statuses(NEW, both_s, end_s) == {200}
    assert load.statuses(OLD, gone_s + HOLDS_S, end_s) == {401}


async def test_the_hour_in_which_a_key_was_used_is_kept_beside_it(gateway: GatewayClient) -> None:
    uses, hour_ms = KeyUses(), 495_000 * HOUR_MS
    uses.note("k-1", hour_ms + 5)
    uses.note("k-2", hour_ms - 1)
    writer = KeyUseWriter(gateway.settings.kafka, uses)

    await asyncio.to_thread(writer.write)
    await asyncio.to_thread(writer.stop)

    with RegistryWriter(gateway.settings) as registry:
        found, directory = registry.last_uses(), registry.read_all()
    assert (found["k-1"], found["k-2"]) == (hour_ms, hour_ms - HOUR_MS)
    assert uses.take() == {}
    assert directory.registry is not None
