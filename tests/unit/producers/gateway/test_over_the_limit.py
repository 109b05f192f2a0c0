"""Native pushes over an account's limit: the platform's own no, as a 429, and counted as that."""

import pytest

from runtime.metrics import GATEWAY_REQUESTS
from schemas.topics import Topic
from tests.support.adapter_contract import AdapterContract
from tests.support.adapter_signing import NOW_MS
from tests.support.memory_gateway import memory_gateway
from tests.support.native_walk import CONTRACTS, pushed, registry_of, whole

# One for each flow.
FLOWS = list({(contract.platform, contract.flow): contract for contract in CONTRACTS}.values())


def counted(contract: AdapterContract, status: int) -> float:
    return float(GATEWAY_REQUESTS.labels("acct", contract.adapter().flow, status)._value.get())


@pytest.mark.parametrize("contract", FLOWS, ids=lambda contract: f"{contract.platform}-{contract.flow}")
async def test_what_is_over_the_limit_is_refused_in_the_platform_s_words(contract: AdapterContract) -> None:
    before = {status: counted(contract, status) for status in (200, 429, 503)}
    async with memory_gateway(
        registry_of(contract), "acct", now_ms=NOW_MS, secrets_for=lambda _account, _flow: contract.secrets(),
        requests_per_s=1,
    ) as gateway:  # fmt: skip
        method, path, body, headers = pushed(contract, whole(contract))
        answers = [await gateway.client.request(method, path, content=body, headers=headers) for _ in range(3)]
        deliveries = gateway.log.lines(Topic.DELIVERIES)

    status, negative = contract.negative
    # A second's worth may come at once, and one more is due.
    assert [answer.content for answer in answers] == [contract.positive[1], contract.positive[1], negative]
    assert [answer.status_code for answer in answers] == [200, 200, 200 if status == 200 else 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert len(deliveries) == 2
    after = {status: counted(contract, status) - before[status] for status in before}
    assert after == {200: 2, 429: 1, 503: 0}
