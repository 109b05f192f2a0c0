"""The pydantic model and the Struct derived from it give the same verdict on the same bytes, hostile ones too."""

import json
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from producers.validation.decode import DecodedEvent, EventFault, decode_event
from schemas.event import KINDS, PilotEvent, missing_field, parse_time_ms
from schemas.event_struct import EventStruct, decode_event_struct
from schemas.outcomes import RejectReason
from tests.support.properties import examples

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOUND = {"event_id": "e-1", "kind": "exposure", "occurred_at": "2026-11-22T10:15:30.123+08:00", "product_id": "band"}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(),
    st.text(max_size=300),
    st.sampled_from([0, -1, 5, 6, 86_400_000, 86_400_001, 10**12, 10**12 + 1, 2**53 - 1, 2**53, 1e15, 5.0, "ok", "OK"]),
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=70), inner, max_size=3)
)
attributes = st.dictionaries(st.text(max_size=70), scalars, max_size=35)
times = st.one_of(
    st.datetimes().map(lambda d: d.isoformat() + "Z"),
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,10})?(Z|z|[+-][0-9]{2}:?[0-9]{2})?",
        fullmatch=True,
    ),
    st.text(max_size=40),
)
events = st.fixed_dictionaries(
    {
        "event_id": st.one_of(st.from_regex(r"[A-Za-z0-9._:\-]{1,64}", fullmatch=True), anything),
        "kind": st.one_of(st.sampled_from(KINDS), anything),
        "occurred_at": times,
    },
    optional={
        **{name: anything for name in PilotEvent.model_fields if name not in {"event_id", "kind", "occurred_at"}},
        "attributes": attributes,
        "occured_at": anything,
    },
)


def model_accepts(raw: bytes) -> bool:
    try:
        PilotEvent.model_validate_json(raw)
    except ValidationError:
        return False
    return True


def struct_accepts(raw: bytes) -> bool:
    try:
        event = decode_event_struct(raw)
        parse_time_ms(event.occurred_at)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return missing_field(event) is None


def dumped(value: Any) -> bytes:
    return json.dumps(value, allow_nan=True).encode("utf-8", "surrogatepass")


@given(events.map(dumped))
@example(dumped({**SOUND, "rating": 5.0}))
@example(dumped({**SOUND, "rating": True}))
@example(dumped({**SOUND, "attributes": {"n": 2**53}}))
@example(dumped({**SOUND, "attributes": {"n": 1e300}}))
@example(dumped({**SOUND, "attributes": {"n": -0.0}}))
@example(dumped({**SOUND, "event_id": "e-1\n"}))
@example(dumped({**SOUND, "subject": "\ud800"}))
@example(b'{"event_id":"a","event_id":"b","kind":"exposure","occurred_at":"2026-11-22T10:15:30Z","product_id":"p"}')
@examples(600)
def test_model_and_struct_give_the_same_verdict(raw: bytes) -> None:
    assert model_accepts(raw) == struct_accepts(raw)


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'{"attributes":' * 50_000)
@example(b'{"event_id":1e999}')
@example(b"")
@examples(300)
def test_any_bytes_get_one_verdict_and_never_an_exception(raw: bytes) -> None:
    assert model_accepts(raw) == struct_accepts(raw)
    assert isinstance(decode_event(raw), DecodedEvent | EventFault)


@given(events.map(dumped))
@examples(300)
def test_decoding_refuses_exactly_what_the_model_refuses(raw: bytes) -> None:
    decoded = decode_event(raw)
    assert isinstance(decoded, DecodedEvent) == model_accepts(raw)
    if isinstance(decoded, EventFault):
        assert decoded.reason is not RejectReason.INTERNAL_ERROR


def test_the_struct_has_the_model_s_fields_and_defaults() -> None:
    assert EventStruct.__struct_fields__ == tuple(PilotEvent.model_fields)


@pytest.mark.parametrize(
    ("misspelt", "field"), [("evnt_id", "event_id"), ("kynd", "kind"), ("occured_at", "occurred_at")]
)
def test_a_misspelt_required_field_is_missing_with_the_name_that_was_given(misspelt: str, field: str) -> None:
    given = {(misspelt if name == field else name): value for name, value in SOUND.items()}

    fault = decode_event(dumped(given))

    assert isinstance(fault, EventFault)
    assert (fault.reason, fault.field) == (RejectReason.MISSING_FIELD, field)
    assert misspelt in fault.message


def test_a_missing_field_that_nothing_given_resembles_has_no_hint() -> None:
    given = {name: value for name, value in SOUND.items() if name != "event_id"} | {"colour": 1}

    fault = decode_event(dumped(given))

    assert isinstance(fault, EventFault)
    assert fault.message == "event_id is required"


@pytest.mark.parametrize(
    ("change", "reason", "field", "hint"),
    [
        ({"kind": "exposur"}, RejectReason.INVALID_VALUE, "kind", "did you mean exposure"),
        ({"colour": 1}, RejectReason.UNKNOWN_FIELD, "colour", "attributes"),
        ({"subjet": "x"}, RejectReason.UNKNOWN_FIELD, "subjet", "did you mean subject"),
        ({"event_id": ""}, RejectReason.INVALID_VALUE, "event_id", "1 to 64"),
        ({"occurred_at": "2026-11-22 10:15"}, RejectReason.INVALID_VALUE, "occurred_at", "RFC 3339"),
        ({"product_id": None}, RejectReason.MISSING_FIELD, "placement_id", "placement_id or product_id"),
        ({"kind": "use.completed"}, RejectReason.MISSING_FIELD, "outcome", "use.completed"),
        ({"kind": "order.paid"}, RejectReason.MISSING_FIELD, "amount_fen", "order.paid"),
        ({"kind": "rating.given"}, RejectReason.MISSING_FIELD, "rating", "rating.given"),
        ({"rating": "five"}, RejectReason.INVALID_VALUE, "rating", "integer"),
        ({"subject": "x" * 129}, RejectReason.INVALID_VALUE, "subject", "128"),
        ({"attributes": {"a": [1]}}, RejectReason.INVALID_VALUE, "attributes.a", "text, a number or a boolean"),
        ({"attributes": {"a": "x" * 257}}, RejectReason.INVALID_VALUE, "attributes.a", "256 characters"),
        ({"attributes": {"order": 2**53}}, RejectReason.INVALID_VALUE, "attributes.order", "9007199254740991"),
        ({"attributes": {"order": -(2**53)}}, RejectReason.INVALID_VALUE, "attributes.order", "send it as text"),
        ({"attributes": {"order": 10**309}}, RejectReason.INVALID_VALUE, "attributes.order", "send it as text"),
        ({"attributes": {"a": "cut \ud83d"}}, RejectReason.INVALID_VALUE, "attributes.a", "half a surrogate pair"),
        ({"attributes": {"b": 1, "cut \ud83d": 1}}, RejectReason.INVALID_VALUE, "attributes[1]", "its name"),
        ({"attributes": {"13800138000": [1]}}, RejectReason.INVALID_VALUE, "attributes[0]", "text, a number"),
        ({"attributes": {"x" * 65: 1}}, RejectReason.INVALID_VALUE, "attributes[0]", "64 characters"),
        ({"subject": "cut \ud83d"}, RejectReason.INVALID_VALUE, "subject", "half a surrogate pair"),
        ({"kind": "exposure\udc00"}, RejectReason.INVALID_VALUE, "kind", "half a surrogate pair"),
        ({"amount_fen": 10**309}, RejectReason.INVALID_VALUE, "amount_fen", "1000000000000"),
        ({"13800138000": 1}, RejectReason.UNKNOWN_FIELD, "[4]", "in place 4"),
        ({"someone@example.com": 1}, RejectReason.UNKNOWN_FIELD, "[4]", "in place 4"),
        ({"cut \ud83d": 1}, RejectReason.UNKNOWN_FIELD, "[4]", "in place 4"),
        ({"kind": "order.paid", "rating": 9}, RejectReason.MISSING_FIELD, "amount_fen", "order.paid"),
        ({"attributes": {str(n): n for n in range(33)}}, RejectReason.INVALID_VALUE, "attributes", "32"),
    ],
)
def test_a_fault_names_the_field_and_the_way_out(
    change: dict[str, Any], reason: RejectReason, field: str, hint: str
) -> None:
    fault = decode_event(dumped({**SOUND, **change}))
    assert isinstance(fault, EventFault)
    assert (fault.reason, fault.field) == (reason, field)
    assert hint in fault.message


HUGE = [b"9" * 309, b"-" + b"9" * 309, b"1" + b"0" * 4300, b"1e400", b"-1e400", b"1e-400", b"1e99999999999999999999",
        b"0.1" + b"0" * 5000, b"[" * 40 + b"]" * 40, b"[" * 5000 + b"]" * 5000, b'{"a":' * 3000 + b"1" + b"}" * 3000]  # fmt: skip


@pytest.mark.parametrize("value", HUGE, ids=lambda value: f"{value[:8].decode()}…{len(value)}")
@pytest.mark.parametrize("name", [*PilotEvent.model_fields, "attributes.a", "unknown"])
def test_a_value_beyond_every_bound_is_its_event_s_fault_and_the_id_is_told(name: str, value: bytes) -> None:
    fields = {n: json.dumps(v).encode() for n, v in SOUND.items()} | {name: value}
    if name == "attributes.a":
        fields["attributes"] = b'{"a":%b}' % fields.pop(name)
    raw = b"{" + b",".join(b'"%b":%b' % (n.encode(), v) for n, v in fields.items()) + b"}"

    fault = decode_event(raw)

    expected = RejectReason.UNKNOWN_FIELD if name == "unknown" else RejectReason.INVALID_VALUE
    if isinstance(fault, DecodedEvent):
        # 1e-400 is zero to every reader, and 0.1000… a tenth.
        assert (name, fault.event.attributes) in [("attributes.a", {"a": 0.0}), ("attributes.a", {"a": 0.1})]
    else:
        assert (fault.reason, fault.field.removesuffix(".a")) == (expected, name.removesuffix(".a"))
        assert fault.event_id == ("" if name == "event_id" else "e-1")


def test_more_brackets_than_an_event_has_bytes_are_too_large() -> None:
    fault = decode_event(b'{"event_id":"e-1","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert isinstance(fault, EventFault)
    assert fault.reason is RejectReason.TOO_LARGE


@pytest.mark.parametrize(
    "raw",
    [
        b'{"event_id":"e-1","kind":"exposure","occurred_at":"2026-11-22T10:15:30Z","product_id":"a","product_id":"b"}',
        b'{"event_id":"e-1","kind":"exposure","occurred_at":"2026-11-22T10:15:30Z","product_id":"a","rating":null , "rating" :5}',
        b'{"event_id":"e-1","kind":"exposure","occurred_at":"2026-11-22T10:15:30Z","product_id":"a","attributes":{"n":1,"n":2}}',
        b'{"event_id":"e-1","kind":"exposure","occurred_at":"2026-11-22T10:15:30Z","product_id":"a","attributes":{"n":"\\u0022\\u0022","m":1,"m":2}}',
        b'{"event_id":"e-1","kind":"exposure","occurred_at":"2026-11-22T10:15:30Z","product_id":"a","k\\u0069nd":"exposure"}',
    ],
)
def test_a_name_given_twice_is_malformed(raw: bytes) -> None:
    fault = decode_event(raw)
    assert isinstance(fault, EventFault)
    assert (fault.reason, fault.event_id) == (RejectReason.MALFORMED, "e-1")
    assert "given twice" in fault.message


def test_thousands_of_unknown_fields_cost_as_much_as_one() -> None:
    given = SOUND | {f"field_{number}": {"a": number} for number in range(5000)}
    began = time.process_time()
    fault = decode_event(dumped(given))
    assert isinstance(fault, EventFault)
    assert fault.reason is RejectReason.UNKNOWN_FIELD
    # The nearest known name of each would take seconds.
    assert time.process_time() - began < 0.5


def test_the_first_reason_in_order_is_named_where_several_hold() -> None:
    fault = decode_event(dumped({"kind": "nonsense", "occured_at": "x", "event_id": "e-1", "product_id": "p"}))
    assert isinstance(fault, EventFault)
    assert (fault.reason, fault.field, fault.event_id) == (RejectReason.MISSING_FIELD, "occurred_at", "e-1")


def test_null_in_an_optional_field_is_its_absence() -> None:
    with_nulls = decode_event(dumped({**SOUND, "subject": None, "rating": None, "attributes": None}))
    without = decode_event(dumped(SOUND))
    assert isinstance(with_nulls, DecodedEvent)
    assert isinstance(without, DecodedEvent)
    assert with_nulls.event == without.event


@given(st.datetimes(timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))))
def test_times_become_the_same_milliseconds_as_in_the_standard_library(aware: datetime) -> None:
    assert parse_time_ms(aware.isoformat()) == (aware - UNIX_EPOCH) // timedelta(milliseconds=1)
