"""Aihuishou's webhook: what is particular to it."""

import json
from typing import Any

import pytest

from producers.adapters.base import MappedMessage, PlatformMessage, UnmappedMessage, VerifiedPush
from producers.adapters.catalogue import adapter_for
from schemas.outcomes import RejectReason
from tests.support.adapter_signing import WHSEC_1, make_account, make_push, standard_webhook

DATA = {"order_no": "R1", "status": "quoted", "amount_fen": 125_000, "store_id": "store-12"}
BODY = {"type": "recycle.order.status_changed", "timestamp": "2025-07-01T00:00:00Z", "data": DATA}


def only(body: Any, webhook_id: str = "msg_1") -> PlatformMessage:
    adapter = adapter_for("aihuishou", "webhook")
    assert adapter is not None
    sent = standard_webhook(json.dumps(body).encode(), WHSEC_1, webhook_id=webhook_id)
    reading = adapter.adapt(make_push(sent, make_account("aihuishou"), "webhook", [WHSEC_1]))
    assert isinstance(reading, VerifiedPush), reading
    (message,) = reading.messages
    return message


def lacking(message: PlatformMessage) -> str:
    assert isinstance(message, UnmappedMessage), message
    assert message.reason is RejectReason.UNSUPPORTED_EVENT
    return message.field


@pytest.mark.parametrize(
    ("status", "kind", "rest"),
    [
        ("quoted", "trade_in.quoted", {}),
        ("completed", "trade_in.completed", {}),
        ("inspected", "interaction", {"attributes": {"status": "inspected"}}),
    ],
)
def test_a_status_becomes_its_kind(status: str, kind: str, rest: dict[str, Any]) -> None:
    message = only({**BODY, "data": {**DATA, "status": status}})

    assert isinstance(message, MappedMessage)
    assert message.fields == {
        "event_id": "ahs:msg_1",
        "kind": kind,
        "occurred_at": 1_751_328_000_000,
        "amount_fen": 125_000,
        **rest,
    }
    assert message.match == ({"store_id": "store-12"},)


def test_the_change_has_its_own_time_where_it_says_one() -> None:
    message = only({**BODY, "data": {**DATA, "occurred_at": "2025-07-01T07:59:00+08:00"}})

    assert isinstance(message, MappedMessage)
    assert message.fields["occurred_at"] == 1_751_328_000_000 - 60_000


def test_an_amount_may_be_absent_but_not_wrong() -> None:
    without = only({**BODY, "data": {name: value for name, value in DATA.items() if name != "amount_fen"}})

    assert isinstance(without, MappedMessage)
    assert "amount_fen" not in without.fields
    assert lacking(only({**BODY, "data": {**DATA, "amount_fen": 12.5}})) == "data.amount_fen"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**BODY, "type": "recycle.order.created"}, "type"),
        ({**BODY, "data": None}, "data"),
        ({**BODY, "data": {**DATA, "status": None}}, "data.status"),
        ({**BODY, "data": {**DATA, "store_id": ""}}, "data.store_id"),
        ({**BODY, "timestamp": None}, "timestamp"),
        ({**BODY, "data": {**DATA, "occurred_at": "then"}}, "data.occurred_at"),
    ],
)
def test_a_change_that_lacks_something_is_kept_with_its_name(body: Any, field: str) -> None:
    assert lacking(only(body)) == field


def test_an_id_with_other_characters_becomes_a_digest() -> None:
    message = only(BODY, webhook_id="msg/1")

    assert isinstance(message, MappedMessage)
    assert message.fields["event_id"].startswith("ahs:")
    assert len(message.fields["event_id"]) == len("ahs:") + 32
