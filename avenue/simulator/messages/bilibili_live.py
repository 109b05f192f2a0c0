"""What Bilibili's live rooms say, as the connector posts it."""

import json
from collections.abc import Mapping
from typing import Any

from avenue.simulator.messages.base import (
    BuildMessage,
    ExpectedEvent,
    FlowSigner,
    MessageContext,
    PushMessage,
    PushRequest,
    body_id,
    compact,
    fitting_id,
    whole_seconds,
)
from avenue.simulator.messages.standard_webhook import signed_request
from schemas.outcomes import RejectReason

PREFIX = "LIVE_OPEN_PLATFORM_"
_COMMENTS = ("这个头环怎么用", "好喝吗？", "机械臂好稳", "666")


def _request(signer: FlowSigner, context: MessageContext, messages: list[dict[str, Any]]) -> PushRequest:
    return signed_request("bilibili", "live", signer, context, compact({"messages": messages}))


def message(context: MessageContext, cmd: str, index: int = 0) -> dict[str, Any]:
    """Return one message of the room, as the platform's WebSocket has it."""
    user = {
        "uid": 0,
        "open_id": f"{context.subject}-{index % 3}",
        "uname": "模拟观众",
        "uface": "https://example.com/a.png",
    }
    room = context.keys.get("room_id", "1000001")
    data: dict[str, Any] = {"room_id": int(room) if room.isdigit() else room, **_content(context, cmd)}
    data |= {"timestamp": context.occurred_ms // 1000}
    if cmd not in {"LIVE_START", "LIVE_END", "LIVE_ROOM_ENTER", "INTERACTION_END"}:
        data["msg_id"] = f"{context.token}-{index}"
    return {"cmd": PREFIX + cmd, "data": data | ({"user_info": user} if cmd == "GUARD" else user)}


def _content(context: MessageContext, cmd: str) -> Mapping[str, Any]:
    count = context.rng.randint(1, 30)
    contents: Mapping[str, Mapping[str, Any]] = {
        "DM": {"msg": context.rng.choice(_COMMENTS), "dm_type": 0, "guard_level": 0},
        "SEND_GIFT": {"gift_id": 1, "gift_name": "辣条", "gift_num": count, "price": 100, "paid": False},
        "SUPER_CHAT": {"message": "加油", "message_id": 1000 + count, "rmb": 30, "start_time": 0, "end_time": 0},
        "SUPER_CHAT_DEL": {"message_ids": [1000 + count]},
        "GUARD": {"guard_level": 3, "guard_num": 1, "guard_unit": "月", "price": 198_000},
        "LIKE": {"like_text": "为主播点赞了", "like_count": count},
        "LIVE_START": {"area_name": "日常", "title": "试用直播"},
        "LIVE_END": {"area_name": "日常", "title": "试用直播"},
    }
    return contents.get(cmd, {})


def live_of(*cmds: str) -> BuildMessage:
    """Return what makes a push of up to `context.count` messages of *cmds*, each an event."""

    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        count = context.rng.randint(1, max(1, context.count))
        sent = [message(context, context.rng.choice(cmds), index) for index in range(count)]
        at_ms = whole_seconds(context.occurred_ms)
        events = tuple(
            ExpectedEvent(fitting_id("bili-live:", str(each["data"]["msg_id"])), "interaction", at_ms) for each in sent
        )
        return PushMessage(_request(signer, context, sent), events)

    return build


def _unmapped(cmd: str) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        event = ExpectedEvent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
        return PushMessage(_request(signer, context, [message(context, cmd)]), (event,))

    return build


def _sign_of_life(cmd: str, kind: str) -> BuildMessage:
    def build(signer: FlowSigner, context: MessageContext) -> PushMessage:
        sent = message(context, cmd)
        event = ExpectedEvent(event_id_of(sent), kind, whole_seconds(context.occurred_ms))
        return PushMessage(_request(signer, context, [sent]), (event,))

    return build


def event_id_of(sent: dict[str, Any]) -> str:
    """Return the id of a message that has none of its own: of a digest of it, its names in order."""
    return body_id("bili-live:", json.dumps(sent, sort_keys=True).encode())


LIVE: Mapping[str, BuildMessage] = {
    PREFIX + cmd: live_of(cmd) for cmd in ("DM", "SEND_GIFT", "SUPER_CHAT", "GUARD", "LIKE")
}
SIGNS_OF_LIFE: Mapping[str, BuildMessage] = {
    f"{PREFIX}LIVE_START": _sign_of_life("LIVE_START", "device.online"),
    f"{PREFIX}LIVE_END": _sign_of_life("LIVE_END", "device.offline"),
}
UNMAPPED: Mapping[str, BuildMessage] = {
    PREFIX + cmd: _unmapped(cmd) for cmd in ("DM_MIRROR", "SUPER_CHAT_DEL", "LIVE_ROOM_ENTER", "INTERACTION_END")
}


def live(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return what a room said: comments, gifts, likes, paid comments, guards."""
    return live_of("DM", "SEND_GIFT", "SUPER_CHAT", "GUARD", "LIKE")(signer, context)


def unmapped_live(signer: FlowSigner, context: MessageContext) -> PushMessage:
    """Return what becomes nothing here."""
    return context.rng.choice(tuple(UNMAPPED.values()))(signer, context)
