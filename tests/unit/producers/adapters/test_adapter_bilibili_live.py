"""Bilibili's live rooms: what is particular to them."""

import json
from typing import Any

import pytest

from producers.adapters import bilibili_live
from producers.adapters.base import MappedMessage, PlatformMessage, UnmappedMessage, VerifiedPush
from producers.adapters.catalogue import adapter_for
from schemas.outcomes import RejectReason
from tests.support.adapter_signing import WHSEC_1, make_account, make_push, standard_webhook

AT_S = 1_751_328_000
DATA = {"room_id": 1000001, "open_id": "o-1", "uid": 0, "uname": "someone", "timestamp": AT_S, "msg_id": "m-1"}


def messages(*elements: Any) -> tuple[PlatformMessage, ...]:
    return read({"messages": list(elements)}).messages


def read(body: Any) -> VerifiedPush:
    adapter = adapter_for("bilibili", "live")
    assert adapter is not None
    sent = standard_webhook(json.dumps(body).encode(), WHSEC_1)
    reading = adapter.adapt(make_push(sent, make_account("bilibili"), "live", [WHSEC_1]))
    assert isinstance(reading, VerifiedPush), reading
    return reading


def said(cmd: str, **more: Any) -> dict[str, Any]:
    return {"cmd": f"LIVE_OPEN_PLATFORM_{cmd}", "data": {**DATA, **more}}


def fields(message: PlatformMessage) -> dict[str, Any]:
    assert isinstance(message, MappedMessage), message
    return dict(message.fields)


@pytest.mark.parametrize(
    ("cmd", "more", "attributes"),
    [
        ("DM", {"msg": "never kept"}, {"action": "comment"}),
        ("SEND_GIFT", {"gift_num": 7, "price": 1000}, {"action": "gift", "gift_num": 7}),
        ("SUPER_CHAT", {"rmb": 30, "message": "never kept"}, {"action": "super_chat"}),
        ("LIKE", {"like_count": 30}, {"action": "like", "like_num": 30}),
        ("LIKE", {"like_count": "many"}, {"action": "like"}),
        ("SEND_GIFT", {"gift_num": -1}, {"action": "gift"}),
    ],
)
def test_what_a_viewer_does_is_one_interaction_at_the_room(
    cmd: str, more: dict[str, Any], attributes: dict[str, Any]
) -> None:
    (message,) = messages(said(cmd, **more))

    assert fields(message) == {
        "event_id": "bili-live:m-1",
        "kind": "interaction",
        "occurred_at": AT_S * 1000,
        "subject": "o-1",
        "attributes": attributes,
    }
    assert isinstance(message, MappedMessage)
    assert message.match == ({"room_id": "1000001"},)
    assert "never kept" not in str(message.payload)
    assert "someone" not in str(message.payload)


def test_who_bought_a_guard_stands_one_level_deeper() -> None:
    guard = said("GUARD", guard_level=3, user_info={"open_id": "o-9", "uname": "someone"})
    del guard["data"]["open_id"]

    (message,) = messages(guard)

    assert fields(message)["subject"] == "o-9"


def test_a_like_of_2023_has_no_id_and_a_redelivery_of_it_is_the_same_event() -> None:
    like = said("LIKE", like_count=3)
    del like["data"]["msg_id"]
    turned = {"data": dict(reversed(like["data"].items())), "cmd": like["cmd"]}
    later = {**like, "data": {**like["data"], "timestamp": AT_S + 1}}

    first, again, other = (fields(message)["event_id"] for message in messages(like, turned, later))

    assert first == again
    assert first != other
    assert first.startswith("bili-live:")


def test_a_room_that_goes_live_is_a_sign_of_life_and_its_owner_is_no_user() -> None:
    start, end = messages(said("LIVE_START", msg_id=None), said("LIVE_END", msg_id=None))

    assert [fields(start)["kind"], fields(end)["kind"]] == ["device.online", "device.offline"]
    assert "subject" not in fields(start)
    assert "o-1" not in str(start.payload)


@pytest.mark.parametrize("cmd", bilibili_live.UNMAPPED_EVENTS)
def test_what_becomes_nothing_is_kept_and_says_why(cmd: str) -> None:
    (message,) = messages({"cmd": cmd, "data": {**DATA, "message_ids": [1]}})

    assert isinstance(message, UnmappedMessage)
    assert (message.reason, message.field) == (RejectReason.UNSUPPORTED_EVENT, "cmd")
    assert bilibili_live.UNMAPPED_EVENTS[cmd] in message.message
    assert message.event_id == "bili-live:m-1"


@pytest.mark.parametrize(
    ("element", "field"),
    [
        ({"cmd": "LIVE_OPEN_PLATFORM_NEW"}, "cmd"),
        ({"cmd": "LIVE_OPEN_PLATFORM_DM"}, "data"),
        ({"cmd": "LIVE_OPEN_PLATFORM_DM", "data": []}, "data"),
        ({"data": {}}, "cmd"),
        ([], "message"),
        (said("DM", timestamp="soon"), "data.timestamp"),
        (said("DM", room_id=None), "data.room_id"),
        (said("DM", open_id=["o-1"]), "data.open_id"),
    ],
)
def test_what_a_message_lacks_is_named(element: Any, field: str) -> None:
    (message,) = messages(element)

    assert isinstance(message, UnmappedMessage)
    assert message.reason is RejectReason.UNSUPPORTED_EVENT
    assert message.field == field


@pytest.mark.parametrize("body", [{}, [], {"messages": []}, {"messages": {}}])
def test_a_push_without_messages_is_one_kept_reject(body: Any) -> None:
    (message,) = read(body).messages

    assert isinstance(message, UnmappedMessage)
    assert message.reason is RejectReason.UNSUPPORTED_EVENT


def test_more_messages_than_a_push_may_have_are_one_reject() -> None:
    (message,) = messages(*[said("DM")] * (bilibili_live.MAX_MESSAGES + 1))

    assert isinstance(message, UnmappedMessage)
    assert message.reason is RejectReason.TOO_LARGE
