"""The whole pushes on the partners' pages: read from the page, signed as the page says, sent, and become what it says."""

import re
from inspect import signature
from itertools import product
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from httpx import Response

from producers.adapters.catalogue import ADAPTERS
from schemas.registry import MATCH_KEYS, Registry
from schemas.topics import Topic
from tests.support.factories import REGISTRY
from tests.support.memory_gateway import MemoryGateway, memory_gateway
from tests.support.paths import PARTNER_PAGES
from tests.support.whole_pushes import (
    AFTER_ITS_ORDER,
    KEYS,
    LANGUAGES,
    PLATFORMS,
    TRADE,
    ShownPush,
    WholePush,
    account,
    at_ms,
    blocks,
    main_page,
    page,
    read_pushes,
    secret_of,
    signed_values,
)

SHOWN = [push for platform in PLATFORMS for push in read_pushes(platform)]
FLOWS = sorted({(push.platform, push.flow) for push in SHOWN})
# Signed as batch push is: the example stands on the partners' first page.
STANDARD_WEBHOOKS = {("aihuishou", "webhook"), ("bilibili", "live")}
WHERE = {
    ("douyin", "webhook"): "X-Douyin-Signature", ("douyin", "life-spi"): "x-life-sign",
    ("douyin", "live"): "x-signature", ("bilibili", "webhook"): "x-bilibili-signature",
    ("sunmi", "callback"): "Sunmi-Sign",
}  # fmt: skip
IN_FORM = {("meituan", "waimai"): "sig", ("meituan", "service"): "sign", ("sunmi", "receipt"): "sign"}


def registry_of(platform: str) -> Registry:
    """Return a registry with the account of a platform's pushes and a place for each key that they name."""
    spots = [
        REGISTRY.placements[0].model_copy(
            update={"id": f"spot-{key.lower()}", "account": f"{platform}-main", "match": {key: KEYS[key]}}
        )
        for key in MATCH_KEYS[platform]
        if key in KEYS
    ]
    return REGISTRY.model_copy(update={"accounts": [account(platform)], "placements": spots})


def section(platform: str, flow: str) -> str:
    """Return the part of a platform's page that is about *flow*; the whole where it has but one."""
    text = (PARTNER_PAGES / f"{platform}.md").read_text().replace("## Live rooms", "## `live`")
    found = re.findall(rf"^## `{flow}(?:-<kind>)?`\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return str(found[0]) if found else text.partition("\n## ")[0]


def signer(platform: str, flow: str, name: str = "sign") -> Any:
    """Return the function that the page gives for signing (or verifying) a flow's pushes."""
    text = (
        (PARTNER_PAGES / "README.md").read_text() if (platform, flow) in STANDARD_WEBHOOKS else section(platform, flow)
    )
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102  the page's own example, which partners will run
    return namespace[name]


def signed(shown: ShownPush) -> Any:
    """Return what the page's function says of a push."""
    sign = signer(shown.platform, shown.flow)
    values = signed_values(shown.push, secret_of(shown.platform, shown.flow).decode())
    return sign(**{name: values[name] for name in signature(sign).parameters})


def stated(shown: ShownPush) -> Any:
    """Return the signature that the push itself holds."""
    flow = (shown.platform, shown.flow)
    if flow in STANDARD_WEBHOOKS:
        return {name: value for name, value in shown.push.headers.items() if name.startswith("webhook-")}
    return shown.push.headers[WHERE[flow]] if flow in WHERE else shown.push.form[IN_FORM[flow]]


def name_of(shown: ShownPush) -> str:
    return f"{shown.platform} {shown.flow} {shown.message}"


async def sent(shown: ShownPush) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
    """Send a push to a gateway whose clock stands where the page says: its answer, the events, the rejects.

    What is due once its order has come is sent after the order on the platform's own page.
    """
    secret = secret_of(shown.platform, shown.flow)

    def secrets_for(_account: object, _flow: str) -> tuple[bytes, ...]:
        return (secret,)

    async with memory_gateway(
        registry_of(shown.platform), f"{shown.platform}-main", now_ms=at_ms(shown.flow), secrets_for=secrets_for
    ) as gateway:
        if AFTER_ITS_ORDER in shown.said:
            (order,) = blocks(section(shown.platform, shown.flow))
            await request(gateway, order)
        before = len(gateway.log.lines(Topic.EVENTS))
        answer = await request(gateway, shown.push)
        events, rejects = (gateway.log.lines(topic) for topic in (Topic.EVENTS, Topic.REJECTS))
    return f"{answer.status_code} `{answer.text}`", events[before:], rejects


async def request(gateway: MemoryGateway, push: WholePush) -> Response:
    return await gateway.client.request(
        push.method, push.target, content=push.body.encode(), headers=dict(push.headers)
    )


def test_every_flow_has_its_whole_pushes_and_the_pages_are_as_they_would_be_made_anew() -> None:
    assert sorted({(adapter.platform, adapter.flow) for adapter in ADAPTERS}) == FLOWS
    assert len(SHOWN) > 50
    for platform, wording in product(PLATFORMS, LANGUAGES):
        name = f"{platform}{wording.suffix}.md"
        own = (PARTNER_PAGES / name).read_text()
        assert page(platform, wording) == (PARTNER_PAGES / "pushes" / name).read_text()
        assert main_page(platform, own, wording) == own


@pytest.mark.parametrize(("platform", "flow"), FLOWS)
def test_each_flows_own_page_shows_one_of_them(platform: str, flow: str) -> None:
    (shown,) = blocks(section(platform, flow))

    assert shown in [push.push for push in SHOWN if (push.platform, push.flow) == (platform, flow)]


@pytest.mark.parametrize("shown", [push for push in SHOWN if (push.platform, push.flow) != TRADE], ids=name_of)
def test_the_signature_on_the_page_is_what_the_pages_own_code_makes(shown: ShownPush) -> None:
    assert signed(shown) == stated(shown)


def test_the_pages_code_verifies_the_push_that_is_signed_by_rsa() -> None:
    (shown,) = [push for push in SHOWN if (push.platform, push.flow) == TRADE]
    (pem,) = re.findall(
        r"-----BEGIN.*?-----END PUBLIC KEY-----", (PARTNER_PAGES / "pushes/douyin.md").read_text(), re.DOTALL
    )
    verify = signer(*TRADE, "verify")

    verify(pem, shown.push.headers, shown.push.body.encode())
    with pytest.raises(InvalidSignature):
        verify(pem, shown.push.headers, shown.push.body.encode() + b" ")


@pytest.mark.parametrize("shown", SHOWN, ids=name_of)
async def test_a_whole_push_is_answered_and_becomes_what_its_page_says(shown: ShownPush) -> None:
    answer, events, rejects = await sent(shown)

    assert shown.said.startswith(f"Answered {answer}; ")
    if (shown.platform, shown.flow) == TRADE:
        assert [line["reason"] for line in rejects] == re.findall(r"as a reject, `(\w+)`", shown.said)
        assert not events
    else:
        told = re.findall(r"`([a-z._]+)` with the event id `([^`]+)`", shown.said)
        assert [(line["kind"], line["event_id"]) for line in events] == told
        amounts = [str(line["amount_fen"]) for line in events if line.get("amount_fen") is not None]
        # What an order has left is the whole of it here.
        assert amounts == (["1990"] if AFTER_ITS_ORDER in shown.said else re.findall(r"`amount_fen` (\d+)", shown.said))
        assert told
        assert not rejects
