"""Douyin live interactive play: comments, gifts and likes of a room, several messages a push.

`x-signature` is base64 MD5 over four headers, the body and the secret; the time among them is signed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from producers.adapters.base import (
    AdapterResult,
    MappedFields,
    MappingContext,
    NativePush,
    PlatformAnswer,
    PlatformHandshake,
    PlatformMessage,
    RefusedPush,
    bounded_event_id,
)
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
from producers.adapters.wire.signing import from_base64, header_bytes, holds, plain_hash
from producers.adapters.wire.strict_json import UnreadableError, read_json
from producers.adapters.wire.times import is_fresh, unix_ms
from schemas.event import MAX_ATTRIBUTE_NUMBER

SIGNATURE = "x-signature"
MAX_MESSAGES = 10_000
"""Of one push; the platform sends a few dozen at most, and each becomes an outcome."""
COMMON = ("x-msg-type", "x-nonce-str", "x-timestamp")
# Rooms of live play, else apps of mini-games: one of the two is signed, and only a signed one is believed.
SCOPES = ("x-roomid", "x-appid")
ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "live_comment": "comment",
        "live_gift": "gift",
        "live_like": "like",
        "live_fansclub": "fansclub",
        "live_follow": "follow",
    }
)
# Published sorts that become nothing, and why.
UNMAPPED_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "live_user_enter_leave": "tells of who watches, which is no act; no agreed field says who came and who went",
        "user_group": "is the choice of a team within a game",
    }
)
SELF_TEST = "marks the console's self-test, which is no event of the trial"
# How many of a thing: a like may stand for thirty.
COUNTS = ("like_num", "gift_num", "gift_value")
CHALLENGE = "verify_request"
POSITIVE = PlatformAnswer(200, b'{"err_no":0,"err_tips":"success"}')
NEGATIVE = PlatformAnswer(503, b'{"err_no":1,"err_tips":"try again"}')
ALLOWED: AllowList = {
    "headers": {
        "x-msg-type": ValueFormat.WORD,
        "x-roomid": ValueFormat.ID,
        "x-appid": ValueFormat.ID,
        "x-timestamp": ValueFormat.TIME,
    },
    "message": {
        "msg_id": ValueFormat.ID,
        "timestamp": ValueFormat.TIME,
        "sec_gift_id": ValueFormat.ID,
        "gift_num": ValueFormat.NUMBER,
        "gift_value": ValueFormat.NUMBER,
        "like_num": ValueFormat.NUMBER,
        "fansclub_reason_type": ValueFormat.WORD,
        "fansclub_level": ValueFormat.NUMBER,
        "follow_action": ValueFormat.WORD,
        "user_enter_leave_type": ValueFormat.WORD,
        "group_id": ValueFormat.ID,
        "test": ValueFormat.WORD,
    },
    "subject": ValueFormat.SUBJECT,
}


@dataclass(frozen=True, slots=True)
class DouyinLive:
    """The flow `live`."""

    platform: str = "douyin"
    flow: str = "live"
    fast: bool = True
    positive: PlatformAnswer = POSITIVE
    negative: PlatformAnswer = NEGATIVE

    def adapt(self, push: NativePush) -> AdapterResult:
        """Verify *push* and take it apart. Total."""
        head = _signed_headers(push)
        if head is None:
            return RefusedPush(
                f"{SIGNATURE} is missing or does not match; check the secret and the x- headers it covers"
            )
        sent_ms = unix_ms(head["x-timestamp"])
        if sent_ms is None or not is_fresh(sent_ms, push.received_ms, push.account.max_age_s):
            return RefusedPush("x-timestamp is no time, or too far from the server's")
        if head["x-msg-type"] == CHALLENGE:
            return PlatformHandshake(self.positive)
        try:
            value = read_json(push.body)
        except UnreadableError as error:
            return malformed(push.body, error)
        context = MappingContext(push.account, push.flow, push.received_ms)
        elements = [value] if isinstance(value, dict) else value
        return take_messages(
            push.body, elements, MAX_MESSAGES, lambda element: self.interpret(_document(head, element), context)
        )

    def interpret(self, document: Mapping[str, object], context: MappingContext) -> PlatformMessage:
        """Map *document* by today's rules. Total."""
        del context
        return map_document(document, ALLOWED, _interaction, _event_id(document))


def _signed_headers(push: NativePush) -> dict[str, str] | None:
    """Return the headers that the signature covers, None where it covers none of the possible sets."""
    presented = from_base64(push.headers.get(SIGNATURE))
    found = None
    for names in _header_sets(push.headers):
        head = {name: push.headers[name] for name in names}
        text = b"&".join(b"%b=%b" % (name.encode(), header_bytes(head[name])) for name in sorted(head))
        if holds(presented, push.secrets, partial(_signature, text + push.body)):
            found = found or head
    return found


def _signature(signed: bytes, secret: bytes) -> tuple[bytes]:
    return (plain_hash("md5", signed, secret),)


def _header_sets(headers: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    if all(name in headers for name in COMMON):
        yield from ((*COMMON, scope) for scope in SCOPES if scope in headers)


def _document(head: Mapping[str, str], element: object) -> dict[str, object]:
    if not isinstance(element, dict):
        return {"headers": dict(head), "message": element}
    message = {name: value for name, value in element.items() if name != "sec_openid"}
    return with_subject({"headers": dict(head), "message": message}, element.get("sec_openid"))


def _event_id(document: Mapping[str, object]) -> str:
    message = document.get("message")
    try:
        return _message_id(DocumentFields(message)) if isinstance(message, Mapping) else ""
    except LackingError:
        return ""


def _message_id(message: DocumentFields) -> str:
    return bounded_event_id("dy-live:", message.identifier("msg_id"))


def _interaction(document: DocumentFields) -> EventDraft:
    headers = DocumentFields(document.child("headers").tree)
    message_type = headers.identifier("x-msg-type")
    action = ACTIONS.get(message_type)
    if action is None:
        raise headers.lacking("x-msg-type", UNMAPPED_EVENTS.get(message_type, "is of a sort that has no mapping"))
    message = DocumentFields(document.child("message").tree)
    if message.tree.get("test") in (True, "true"):
        raise message.lacking("test", SELF_TEST)
    found: MappedFields = {
        "event_id": _message_id(message),
        "kind": "interaction",
        "occurred_at": message.moment("timestamp"),
    }
    subject = subject_of(document, "sec_openid")
    if subject is not None:
        found["subject"] = subject
    found["attributes"] = {"action": action, **_counts(message)}
    return EventDraft(found, ({"room_id": headers.identifier("x-roomid")},))


def _counts(message: DocumentFields) -> dict[str, int]:
    """Return how many likes or gifts it stands for: it is one act, however many."""
    counts = {name: _small_count(message.tree.get(name)) for name in COUNTS}
    return {name: count for name, count in counts.items() if count is not None}


def _small_count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_ATTRIBUTE_NUMBER:
        return None
    return value
