"""What every adapter promises, whatever the platform: one test class, subclassed once per flow."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import msgspec
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from producers.adapters.base import (
    Adapter,
    MappedMessage,
    MappingContext,
    NativePush,
    PlatformHandshake,
    PlatformMessage,
    RefusedPush,
    UnmappedMessage,
    VerifiedPush,
)
from producers.adapters.catalogue import adapter_for
from schemas.event import KINDS
from schemas.outcomes import RejectReason
from tests.support.adapter_signing import NOW_MS, Sent, make_account, make_push
from tests.support.properties import examples

# One inherited test runs in several classes: each is an executor of its own, on purpose.
PROPERTY = examples(40, suppress=[HealthCheck.differing_executors, HealthCheck.too_slow])
PERSONAL = ("张三", "Zhang San", "13800138000", "上海市长宁区", "hunter2-wifi", "460001234567890", "come at eight")
"""What must not be found again anywhere in what is kept."""
UNREADABLE = (
    b"{}{}",
    b"{} x",
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b'{"a":-Infinity}',
    b'{"a":"\xff\xfe"}',
    b"[" * 1_000_000,
    b'{"a":' * 100_000,
    b'"' + b'\\"' * 100_000,
    b"\x00",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "x-douyin-signature",
            "x-life-sign",
            "x-signature",
            "x-timestamp",
            "x-nonce-str",
            "x-roomid",
            "x-msg-type",
            "byte-signature",
            "byte-timestamp",
            "x-bilibili-signature",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "sunmi-sign",
            "sunmi-timestamp",
            "msg-id",
        ]
    ),
    st.text(max_size=40),
)


class AdapterContract(ABC):
    """Subclass with the platform's side: how it signs, and one message that becomes an event."""

    platform: ClassVar[str]
    flow: ClassVar[str]
    positive: ClassVar[tuple[int, bytes]]
    negative: ClassVar[tuple[int, bytes]]
    signs_time: ClassVar[bool] = True
    kind: ClassVar[str] = ""
    """Of the event that `content` becomes; '' where the flow maps none yet."""
    account_fields: ClassVar[Mapping[str, Any]] = {}
    signing: ClassVar[tuple[Any, Any]] = (b"first-secret", b"second-secret")
    window_s: ClassVar[int] = 86_400
    unreadable: ClassVar[tuple[bytes, ...]] = UNREADABLE
    envelope: ClassVar[bytes] = b"%b"
    """What stands around a message in a push of several."""

    @abstractmethod
    def content(self) -> dict[str, Any]:
        """Return a message of the platform's, with every text of `PERSONAL` in a field that holds such a thing."""

    @abstractmethod
    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        """Sign *content*."""

    @abstractmethod
    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        """Sign *raw* in the place of the flow's JSON."""

    def secrets(self) -> tuple[bytes, bytes]:
        """Return what verifies what the two of `signing` signed."""
        first, second = self.signing
        return first, second

    def adapter(self) -> Adapter:
        found = adapter_for(self.platform, self.flow)
        assert found is not None
        return found

    def push(self, sent: Sent, *, secrets: tuple[bytes, ...] | None = None, received_ms: int = NOW_MS) -> NativePush:
        account = make_account(self.platform, **self.account_fields)
        return make_push(sent, account, self.flow, self.secrets() if secrets is None else secrets, received_ms)

    def messages(self, push: NativePush) -> tuple[PlatformMessage, ...]:
        result = self.adapter().adapt(push)
        assert isinstance(result, VerifiedPush), result
        return result.messages

    def test_the_catalogue_knows_it_under_its_platform(self) -> None:
        adapter = self.adapter()

        assert adapter.platform == self.platform
        assert self.flow.startswith(adapter.flow)

    def test_it_answers_as_the_platform_wants(self) -> None:
        adapter = self.adapter()

        assert (adapter.positive.status, adapter.positive.body) == self.positive
        assert (adapter.negative.status, adapter.negative.body) == self.negative

    def test_a_message_becomes_one_event_of_its_kind(self) -> None:
        messages = self.messages(self.push(self.sent(self.content(), self.signing[0])))

        assert len(messages) == 1
        assert _kind(messages[0]) == self.kind
        assert not self.kind or self.kind in KINDS

    def test_a_signature_by_an_unknown_secret_is_refused(self) -> None:
        sent = self.sent(self.content(), self.signing[1])

        result = self.adapter().adapt(self.push(sent, secrets=self.secrets()[:1]))

        assert isinstance(result, RefusedPush)

    def test_a_changed_body_is_refused(self) -> None:
        sent = self.sent(self.content(), self.signing[0])
        wire = sent.body or sent.query
        changed = wire.replace(b"1", b"2", 1)

        altered = replace(sent, body=changed) if sent.body else replace(sent, query=changed)

        assert isinstance(self.adapter().adapt(self.push(altered)), RefusedPush)

    def test_without_a_signature_or_a_secret_it_is_refused(self) -> None:
        sent = self.sent(self.content(), self.signing[0])
        bare = replace(sent, headers={}, body=sent.body.split(b"&sig")[0], query=sent.query.split(b"&sig")[0])

        assert isinstance(self.adapter().adapt(self.push(bare)), RefusedPush)
        assert isinstance(self.adapter().adapt(self.push(sent, secrets=())), RefusedPush)

    def test_an_empty_secret_signs_nothing(self) -> None:
        result = self.adapter().adapt(self.push(self.sent_with_empty_secret(), secrets=(b"",)))

        assert isinstance(result, RefusedPush)

    def sent_with_empty_secret(self) -> Sent:
        """Return a push signed with the empty text."""
        return self.sent(self.content(), b"")

    def test_a_refusal_names_no_secret(self) -> None:
        sent = self.sent(self.content(), self.signing[1])

        result = self.adapter().adapt(self.push(sent, secrets=self.secrets()[:1]))

        assert isinstance(result, RefusedPush)
        assert all(secret.decode() not in result.message for secret in self.secrets())

    def test_both_secrets_are_valid_while_one_is_rotated(self) -> None:
        first, second = (self.sent(self.content(), secret) for secret in self.signing)

        assert self.messages(self.push(first)) == self.messages(self.push(second))

    def test_a_redelivery_gives_the_same_ids(self) -> None:
        at_once = self.messages(self.push(self.sent(self.content(), self.signing[0])))
        again = self.push(self.redelivered(), received_ms=NOW_MS + 60_000)

        assert [_event_id(m) for m in self.messages(again)] == [_event_id(m) for m in at_once]

    def redelivered(self) -> Sent:
        """Return the same message as it comes a minute later."""
        return self.sent(self.content(), self.signing[0], NOW_MS + 60_000)

    def test_a_signed_time_outside_the_window_is_refused(self) -> None:
        sent = self.sent(self.content(), self.signing[0])
        late = self.push(sent, received_ms=NOW_MS + self.window_s * 1000 + 1000)
        early = self.push(sent, received_ms=NOW_MS - self.window_s * 1000 - 1000)

        assert isinstance(self.adapter().adapt(late), RefusedPush if self.signs_time else VerifiedPush)
        assert isinstance(self.adapter().adapt(early), RefusedPush if self.signs_time else VerifiedPush)

    def test_a_signed_time_just_inside_the_window_is_taken(self) -> None:
        sent = self.sent(self.content(), self.signing[0])

        assert self.messages(self.push(sent, received_ms=NOW_MS + self.window_s * 1000))
        assert self.messages(self.push(sent, received_ms=NOW_MS - self.window_s * 1000))

    def test_nothing_personal_is_kept_or_passed_on(self) -> None:
        (message,) = self.messages(self.push(self.sent(self.content(), self.signing[0])))

        passed_on = dict(message.fields) if isinstance(message, MappedMessage) else {}
        passed_on.pop("subject", None)
        kept = json.dumps([message.payload, passed_on], ensure_ascii=False)
        assert [text for text in PERSONAL if text in kept] == []

    def test_the_subject_stands_in_one_place_only(self) -> None:
        (message,) = self.messages(self.push(self.sent(self.content(), self.signing[0])))
        subject = message.fields.get("subject") if isinstance(message, MappedMessage) else None

        kept = dict(message.payload)
        assert kept.pop("subject", None) == subject
        assert "open-1" not in json.dumps(kept)

    def test_what_is_kept_maps_again_to_the_same_event(self) -> None:
        push = self.push(self.sent(self.content(), self.signing[0]))
        (message,) = self.messages(push)
        kept = json.loads(msgspec.json.encode(message.payload))

        again = self.adapter().interpret(kept, MappingContext(push.account, push.flow, push.received_ms))

        assert _comparable(again) == _comparable(message)

    def test_a_signed_body_that_cannot_be_read_is_kept_as_length_and_digest(self) -> None:
        by_get = self.sent(self.content(), self.signing[0]).method == "GET"
        assert bool(self.unreadable) != by_get, "what is kept of a GET is its query, which has tests of its own"
        for raw in self.unreadable:
            push = self.push(self.sent_raw(raw, self.signing[0]))

            (message,) = self.messages(push)

            expected = {"bytes": len(push.body), "sha256": hashlib.sha256(push.body).hexdigest()}
            assert isinstance(message, UnmappedMessage), raw[:40]
            assert (message.reason, message.payload) == (RejectReason.MALFORMED, expected), raw[:40]

    @PROPERTY
    @given(method=st.sampled_from(["GET", "POST", "PUT"]), query=st.binary(max_size=80), body=st.binary(max_size=200), headers=HEADERS)  # fmt: skip
    def test_any_request_gets_a_reading_and_never_an_exception(
        self, method: str, query: bytes, body: bytes, headers: dict[str, str]
    ) -> None:
        result = self.adapter().adapt(self.push(Sent(body, headers, query, method)))

        assert isinstance(result, RefusedPush | PlatformHandshake)

    @PROPERTY
    @given(raw=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
    @example(raw=b"null")
    @example(raw=b"[]")
    @example(raw=b"")
    def test_any_signed_body_gets_its_messages(self, raw: bytes) -> None:
        messages = self.messages(self.push(self.sent_raw(raw, self.signing[0])))

        assert messages
        assert msgspec.json.encode([message.payload for message in messages])

    @PROPERTY
    @given(data=st.data())
    def test_any_value_in_any_field_gets_its_message(self, data: st.DataObject) -> None:
        content = _with_one_changed(self.content(), data)

        for message in self.messages(self.push(self.sent(content, self.signing[0]))):
            assert msgspec.json.encode(message.payload)
            assert isinstance(message, MappedMessage) or message.reason in {
                RejectReason.UNSUPPORTED_EVENT,
                RejectReason.MALFORMED,
            }

    @PROPERTY
    @given(document=st.dictionaries(st.sampled_from(["body", "form", "headers", "message", "subject", "digest"]), JSON))
    def test_any_kept_document_maps_to_a_message(self, document: dict[str, Any]) -> None:
        push = self.push(Sent())

        message = self.adapter().interpret(document, MappingContext(push.account, push.flow, NOW_MS))

        assert isinstance(message, MappedMessage | UnmappedMessage)
        assert msgspec.json.encode(message.payload)


def _kind(message: PlatformMessage) -> str:
    return str(message.fields["kind"]) if isinstance(message, MappedMessage) else ""


def _event_id(message: PlatformMessage) -> str:
    return str(message.fields["event_id"]) if isinstance(message, MappedMessage) else message.event_id


def _comparable(message: PlatformMessage) -> Any:
    if isinstance(message, MappedMessage):
        return dict(message.fields), message.match, message.payload
    return message


def _with_one_changed(content: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """Return *content* with one field, at any depth, replaced by anything or taken away."""
    changed = json.loads(json.dumps(content))
    at = changed
    while True:
        name = data.draw(st.sampled_from(sorted(at)))
        if isinstance(at[name], dict) and at[name] and data.draw(st.booleans()):
            at = at[name]
            continue
        if data.draw(st.booleans()):
            at[name] = data.draw(JSON)
        else:
            del at[name]
        return dict(changed)
