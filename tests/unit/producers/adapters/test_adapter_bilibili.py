"""Bilibili's webhooks: what is particular to them."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from producers.adapters.base import (
    AdapterResult,
    MappedMessage,
    PlatformHandshake,
    PlatformMessage,
    UnmappedMessage,
    VerifiedPush,
)
from producers.adapters.catalogue import adapter_for
from schemas.outcomes import RejectReason
from tests.support.adapter_signing import Sent, bilibili, make_account, make_push

SECRET = b"bili-secret"
VIDEO = {"openid": "o-1", "client_id": "c-1", "resource_id": "BV1", "state": 0}
TIME = "2025-07-01 08:00:00"


def read(sent: Sent) -> AdapterResult:
    adapter = adapter_for("bilibili", "webhook")
    assert adapter is not None
    return adapter.adapt(make_push(sent, make_account("bilibili"), "webhook", [SECRET]))


def only(body: Any) -> PlatformMessage:
    reading = read(bilibili(json.dumps(body).encode(), SECRET))
    assert isinstance(reading, VerifiedPush), reading
    (message,) = reading.messages
    return message


def lacking(message: PlatformMessage) -> str:
    assert isinstance(message, UnmappedMessage), message
    assert message.reason is RejectReason.UNSUPPORTED_EVENT
    return message.field


@pytest.mark.parametrize(
    ("event", "rest"),
    [
        ("authorize", {"kind": "consent.granted"}),
        ("deauthorize", {"kind": "consent.withdrawn"}),
        ("video_open", {"kind": "content.published", "outcome": "ok", "attributes": {"resource_id": "BV1"}}),
        ("video_fail", {"kind": "content.published", "outcome": "failed", "attributes": {"resource_id": "BV1"}}),
    ],
)
def test_an_event_becomes_its_line(event: str, rest: dict[str, Any]) -> None:
    body = {"event": event, "content": VIDEO, "timestamp": TIME}

    message = only(body)

    digest = hashlib.sha256(json.dumps(body).encode()).hexdigest()[:32]
    assert isinstance(message, MappedMessage)
    assert message.fields == {
        "event_id": f"bili:{digest}",
        "occurred_at": 1_751_328_000_000,
        "subject": "o-1",
        **rest,
    }
    assert message.match == ({"client_id": "c-1"},)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"event": "video_open", "content": VIDEO}, "timestamp"),
        ({"event": "video_open", "content": VIDEO, "timestamp": "1 July"}, "timestamp"),
        ({"event": "video_open", "timestamp": TIME}, "content"),
        ({"event": "video_open", "content": {"openid": "o-1"}, "timestamp": TIME}, "content.client_id"),
        ({"event": "authorize", "content": {"client_id": "c-1"}, "timestamp": TIME}, "content.openid"),
        ({"event": "authorize", "content": {"client_id": "c-1", "openid": []}, "timestamp": TIME}, "content.openid"),
        ({"event": "shop_order", "content": VIDEO, "timestamp": TIME}, "event"),
        ({}, "event"),
    ],
)
def test_an_event_that_lacks_something_is_kept_with_its_name(body: Any, field: str) -> None:
    assert lacking(only(body)) == field


def test_a_withdrawal_without_an_app_holds_all_the_same() -> None:
    message = only({"event": "deauthorize", "content": {"openid": "o-1"}, "timestamp": TIME})

    assert isinstance(message, MappedMessage)
    assert message.match == ()


def test_the_challenge_is_the_plural_one_and_a_true_integer() -> None:
    sent = bilibili(b'{"event":"verify_webhooks","content":{"data":-7},"timestamp":""}', SECRET)

    answered = read(sent)

    assert isinstance(answered, PlatformHandshake)
    assert answered.answer.body == b'{"data":-7}'
    assert lacking(only({"event": "verify_webhook", "content": {"data": 7}})) == "event"
    assert lacking(only({"event": "verify_webhooks", "content": {"data": True}})) == "event"


def test_the_signature_may_be_in_capitals() -> None:
    sent = bilibili(json.dumps({"event": "video_open", "content": VIDEO, "timestamp": TIME}).encode(), SECRET)
    capitals = {"x-bilibili-signature": sent.headers["x-bilibili-signature"].upper()}

    assert read(replace(sent, headers=capitals)) == read(sent)
