"""Which of two secrets verified a push is noted, by reference; a secret itself stands nowhere."""

import pytest

from producers.adapters.standard_webhooks import key_of
from registry.key_uses import KeyUses
from registry.secret_uses import SecretUse, SecretUses, secret_uses
from registry.secrets import SecretResolver
from registry.webhook_signing import standard_headers
from runtime.clock import ManualClock
from schemas.registry import Account
from schemas.timing import HOUR_MS
from tests.support.adapter_contract import AdapterContract
from tests.support.adapter_signing import NOW_MS
from tests.support.factories import REGISTRY
from tests.support.memory_gateway import memory_gateway
from tests.support.native_walk import CONTRACTS, pushed, registry_of, whole

ENVIRON = {"OLDER": "the older one"}
REFERENCES = ["plain:whsec_bmV3ZXI=", "env:OLDER"]


def account(**secrets: list[str]) -> Account:
    return Account(id="acct", platform="meituan", secrets=secrets)


def test_a_use_is_noted_under_the_reference_and_never_under_the_secret() -> None:
    uses, owner = KeyUses(), account(service=REFERENCES, waimai=["env:OLDER"])
    noted = SecretUses(SecretResolver(ENVIRON, ManualClock(NOW_MS)), lambda: uses)

    noted.note(owner, "service", b"the older one", NOW_MS)
    noted.note(owner, "waimai-order-paid", b"the older one", NOW_MS + HOUR_MS)
    noted.note(owner, "service", b"whsec_bmV3ZXI=", NOW_MS)
    noted.note(owner, "service", b"nobody's", NOW_MS)
    taken = uses.take()

    hour_ms = NOW_MS - NOW_MS % HOUR_MS
    assert secret_uses([owner], taken) == [
        SecretUse("acct", "service", "plain, number 2", hour_ms),
        SecretUse("acct", "service", "env:OLDER", hour_ms),
        SecretUse("acct", "waimai", "env:OLDER", hour_ms + HOUR_MS),
    ]
    assert len(taken) == 3
    assert "bmV3ZXI" not in str(taken)
    assert "the older one" not in str(taken)


def test_a_new_secret_before_it_changes_no_name() -> None:
    before, after = account(service=["plain:old"]), account(service=["plain:new", "plain:old"])

    assert secret_uses([before], {})[0].secret == secret_uses([after], {})[1].secret


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: f"{contract.platform}-{contract.flow}")
@pytest.mark.parametrize("place", [0, 1])
async def test_of_every_flow_the_secret_that_verified_is_told(contract: AdapterContract, place: int) -> None:
    """Beside another one that does not."""
    right = contract.secrets()[0]
    method, path, body, headers = pushed(contract, whole(contract))
    secrets = [b"whsec_" + b"A" * 32, right] if place else [right, b"whsec_" + b"A" * 32]
    told = list[tuple[str, bytes]]()
    note = lambda _owner, flow, secret, _ms: told.append((flow, secret))  # noqa: E731 - the port
    async with memory_gateway(
        registry_of(contract), "acct", now_ms=NOW_MS, secrets_for=lambda _a, _f: tuple(secrets), note_secret=note
    ) as gateway:
        answer = await gateway.client.request(method, path, content=body, headers=headers)

    assert answer.status_code == 200
    assert told == [(path.partition("?")[0].rpartition("/")[2], right)]


async def test_a_batch_s_signature_tells_its_secret_too() -> None:
    """The older of two; one that no secret verifies is refused and notes nothing."""
    secrets, told = (b"whsec_" + b"A" * 32, b"whsec_" + b"B" * 32), list[bytes]()
    note = lambda _owner, _flow, secret, _ms: told.append(secret)  # noqa: E731 - the port
    owner = REGISTRY.accounts[-1].id
    async with memory_gateway(
        REGISTRY, owner, now_ms=NOW_MS, secrets_for=lambda _a, _f: secrets, note_secret=note
    ) as gateway:
        answers = [
            await gateway.client.post(
                f"/v1/events?account={owner}",
                content=b"[]",
                headers={"content-type": "application/json", **standard_headers(key_of(secret), "m-1", NOW_MS, b"[]")},
            )
            for secret in (secrets[1], b"whsec_" + b"C" * 32)
        ]

    assert ([answer.status_code for answer in answers], told) == ([200, 401], [secrets[1]])
