"""Bilibili's live rooms: what a connector read from the platform's WebSocket, many messages a push.

The platform pushes none of this over HTTP. `avenue connect bilibili-live` posts each message as it came, signed by
Standard Webhooks with the account's own secret for this flow: `{"messages": [{"cmd": …, "data": {…}}, …]}`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from producers.adapters.base import (
    AdapterResult,
    MappedFields,
    MappingContext,
    NativePush,
    PlatformAnswer,
    PlatformMessage,
    RefusedPush,
    bounded_event_id,
)
from producers.adapters.standard_webhooks import verify
from producers.adapters.wire.fields import (
    DocumentFields,
    EventDraft,
    LackingError,
    malformed,
    map_document,
    subject_of,
    take_messages,
    with_subject,
)
from producers.adapters.wire.masking import AllowList, ValueFormat
from producers.adapters.wire.strict_json import UnreadableError, read_json
from schemas.event import Kind

MAX_MESSAGES = 1000
"""Of one push; the connector sends at most 200, and each becomes an outcome."""
POSITIVE = PlatformAnswer(200, b"{}")
NEGATIVE = PlatformAnswer(503, b"{}")
PREFIX = "LIVE_OPEN_PLATFORM_"
ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        f"{PREFIX}DM": "comment",
        f"{PREFIX}SEND_GIFT": "gift",
        f"{PREFIX}SUPER_CHAT": "super_chat",
        f"{PREFIX}GUARD": "guard",
        f"{PREFIX}LIKE": "like",
    }
)
SIGNS_OF_LIFE: Mapping[str, Kind] = MappingProxyType(
    {f"{PREFIX}LIVE_START": "device.online", f"{PREFIX}LIVE_END": "device.offline"}
)
# Published sorts that become nothing, and why.
UNMAPPED_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        f"{PREFIX}DM_MIRROR": "repeats a comment of another room, which is told there",
        f"{PREFIX}SUPER_CHAT_DEL": "takes back what was shown; what was paid and done stays so",
        f"{PREFIX}LIVE_ROOM_ENTER": "tells of who watches, which is no act",
        f"{PREFIX}INTERACTION_END": "ends the connector's own session, of which it has told already",
    }
)
# How many of a thing: a gift may be of a hundred, a like may stand for thirty.
COUNTS: Mapping[str, str] = MappingProxyType({"gift_num": "gift_num", "like_count": "like_num"})
ALLOWED: AllowList = {
    "message": {
        "cmd": ValueFormat.WORD,
        "data": {
            "msg_id": ValueFormat.ID,
            "room_id": ValueFormat.ID,
            "timestamp": ValueFormat.TIME,
            "start_time": ValueFormat.TIME,
            "end_time": ValueFormat.TIME,
            "dm_type": ValueFormat.NUMBER,
            "gift_id": ValueFormat.ID,
            "gift_num": ValueFormat.NUMBER,
            "price": ValueFormat.NUMBER,
            "r_price": ValueFormat.NUMBER,
            "paid": ValueFormat.WORD,
            "combo_gift": ValueFormat.WORD,
            "rmb": ValueFormat.NUMBER,
            "message_id": ValueFormat.ID,
            "guard_level": ValueFormat.NUMBER,
            "guard_num": ValueFormat.NUMBER,
            "like_count": ValueFormat.NUMBER,
            "game_id": ValueFormat.ID,
        },
    },
    "digest": ValueFormat.ID,
    "subject": ValueFormat.SUBJECT,
}


@dataclass(frozen=True, slots=True)
class BilibiliLive:
    """The flow `live`."""

    platform: str = "bilibili"
    flow: str = "live"
    fast: bool = False
    positive: PlatformAnswer = POSITIVE
    negative: PlatformAnswer = NEGATIVE

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total."""
        signed = verify(push.headers, push.body, push.secrets, push.received_ms)
        if isinstance(signed, RefusedPush):
            return signed
        try:
            body = read_json(push.body)
        except UnreadableError as error:
            return malformed(push.body, error)
        messages = body.get("messages") if isinstance(body, dict) else None
        context = MappingContext(push.account, push.flow, push.received_ms)
        return take_messages(
            push.body, messages, MAX_MESSAGES, lambda element: self.interpret(_document(element), context)
        )

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document* by today's rules. Total."""
        del context
        return map_document(document, ALLOWED, _draft, _event_id(document))


def _document(element: object) -> dict[str, object]:
    """Return the message with its person apart, and a digest of it for those that have no id of their own."""
    digest = hashlib.sha256(json.dumps(element, sort_keys=True, default=str).encode()).hexdigest()[:32]
    if not isinstance(element, dict) or not isinstance(element.get("data"), dict):
        return {"message": element, "digest": digest}
    data = dict(element["data"])
    subject = data.pop("open_id", None)
    # Who bought a guard stands one level deeper.
    user = data.pop("user_info", None)
    if subject is None and isinstance(user, dict):
        subject = user.get("open_id")
    if element.get("cmd") in tuple(SIGNS_OF_LIFE):
        subject = None  # the room's owner, who uses nothing
    return with_subject({"message": element | {"data": data}, "digest": digest}, subject)


def _event_id(document: Mapping[str, object]) -> str:
    try:
        return _message_id(DocumentFields(document))
    except LackingError:
        return ""


def _message_id(document: DocumentFields) -> str:
    """Return the id: the message's own, else of its digest, which a redelivery of the same message has too."""
    data = document.child("message").child("data")
    return bounded_event_id("bili-live:", data.optional("msg_id") or document.identifier("digest"))


def _draft(document: DocumentFields) -> EventDraft:
    message = DocumentFields(document.child("message").tree)
    cmd = message.identifier("cmd")
    kind = SIGNS_OF_LIFE.get(cmd, "interaction")
    if cmd not in ACTIONS and cmd not in SIGNS_OF_LIFE:
        raise message.lacking("cmd", UNMAPPED_EVENTS.get(cmd, "is of a sort that has no mapping"))
    data = message.child("data")
    found: MappedFields = {
        "event_id": _message_id(document),
        "kind": kind,
        "occurred_at": data.moment("timestamp"),
    }
    if kind == "interaction":
        subject = subject_of(document, "data.open_id")
        if subject is not None:
            found["subject"] = subject
        found["attributes"] = {"action": ACTIONS[cmd], **_counts(data)}
    return EventDraft(found, ({"room_id": data.identifier("room_id")},))


def _counts(data: DocumentFields) -> dict[str, int]:
    """Return how many likes or gifts it stands for: it is one act, however many."""
    found: dict[str, int] = {}
    for name, attribute in COUNTS.items():
        try:
            count = data.number(name)
        except LackingError:
            continue  # absent, or no count: the act is one all the same
        if count >= 0:
            found[attribute] = count
    return found
