"""Whose refunds nobody tells: by the flows an account has, held to what the adapters make of each."""

from collections.abc import Mapping
from typing import Any

import pytest

from avenue.simulator.messages.catalogue import PUBLISHED
from registry.refunds import AGREED, ORDERS, REFUNDS, tells_no_refunds
from schemas.registry import Account
from tests.unit.producers.adapters.test_published_messages import LINES

PAID, PAID_AND_BACK = {"1": "order.paid"}, {"1": "order.paid", "2": "order.refunded"}


def account(platform: str, flows: str, message_types: Mapping[str, str] | None = None) -> Account:
    secrets = {flow: ["env:SECRET"] for flow in flows.split()}
    fields: dict[str, Any] = {"id": "a", "platform": platform, "public_url": "https://gw.example.com"}
    return Account.model_validate(fields | {"secrets": secrets, "message_types": message_types or {}})


@pytest.mark.parametrize(
    ("platform", "flows", "message_types", "untold"),
    [
        ("douyin", "life-spi", {}, True),
        ("douyin", "life-spi webhook", {}, False),
        ("douyin", "live", {}, False),
        ("meituan", "service", PAID, True),
        ("meituan", "service", PAID_AND_BACK, False),
        ("meituan", "service waimai", PAID, False),
        ("meituan", "service", {"1": "exposure"}, False),
        ("sunmi", "receipt callback", {}, False),
        ("bilibili", "webhook", {}, False),
        ("aihuishou", "webhook", {}, False),
    ],
)
def test_an_account_with_orders_and_no_flow_for_refunds_tells_none(
    platform: str, flows: str, message_types: Mapping[str, str], untold: bool
) -> None:
    assert tells_no_refunds(account(platform, flows, message_types)) is untold


@pytest.mark.parametrize(("table", "kind"), [(ORDERS, "order.paid"), (REFUNDS, "order.refunded")])
def test_the_flows_are_those_whose_published_messages_become_it(table: Mapping[str, frozenset[str]], kind: str) -> None:
    found = {(line.platform, line.flow) for line in LINES if line.becomes == kind and line.flow != AGREED}

    assert found == {(platform, flow) for platform, flows in table.items() for flow in flows}
    assert found <= set(PUBLISHED)
