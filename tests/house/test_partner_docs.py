"""The partners' pages say what the code does: every address, message, answer and attribute stands on them."""

import re
from typing import Any

import pytest

from producers.adapters import (
    bilibili_live,
    bilibili_webhook,
    douyin_live,
    douyin_webhook,
    meituan_waimai,
    sunmi_callback,
)
from producers.adapters.base import Adapter
from producers.adapters.catalogue import ADAPTERS
from producers.adapters.standard_webhooks import VerifiedWebhook, verify
from schemas.registry import MATCH_KEYS
from tests.support.adapter_signing import NOW_MS, WHSEC_1
from tests.support.paths import PARTNER_PAGES

WORDS = {
    "douyin": [*douyin_webhook.MAPPINGS, douyin_webhook.ORDERS, *douyin_live.ACTIONS],
    "bilibili": [*bilibili_webhook.MAPPINGS, *bilibili_live.ACTIONS, *bilibili_live.SIGNS_OF_LIFE],
    "meituan": list(meituan_waimai.MAPPINGS),
    "aihuishou": ["recycle.order.status_changed", "quoted", "completed"],
    "sunmi": list(sunmi_callback.REPORTED),
}


def page(name: str) -> str:
    return (PARTNER_PAGES / f"{name}.md").read_text()


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda a: f"{a.platform} {a.flow}")
def test_a_flows_address_and_answer_stand_on_its_page(adapter: Adapter) -> None:
    text = page(adapter.platform)

    assert f"/in/{{account}}/{adapter.flow}" in text
    assert f"{adapter.positive.status} " in text
    assert adapter.positive.body.decode() in text
    assert str(adapter.negative.status) in text


@pytest.mark.parametrize("platform", WORDS)
def test_every_message_and_every_key_of_a_place_stands_on_its_page(platform: str) -> None:
    text = page(platform)
    words = [*WORDS[platform], *MATCH_KEYS[platform]]

    assert words
    assert [word for word in words if f"`{word}`" not in text] == []


def test_the_pages_links_to_each_other_lead_somewhere() -> None:
    links = {link for name in (*WORDS, "README") for link in re.findall(r"\]\(([a-z]+\.md|README\.md)", page(name))}

    assert links == {f"{name}.md" for name in (*WORDS, "README")}
    assert [link for link in links if not (PARTNER_PAGES / link).is_file()] == []


def test_the_signing_example_signs_what_the_gateway_accepts() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", page("README"), re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102  the page's own example, which partners will run

    headers = namespace["sign"](WHSEC_1.decode(), "push-1", NOW_MS // 1000, b"[]")

    assert isinstance(verify(headers, b"[]", [WHSEC_1], NOW_MS), VerifiedWebhook)
