"""Personal data is found where it is, and not where numbers merely look long. All numbers here are made up."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.validation.pii import find_pii, find_pii_attribute, find_pii_in_id, may_hold_pii
from producers.validation.redaction import redact_match

# A made-up identity number of a date in 1949 with a right check digit, and the standard's card test numbers.
IDENTITY = "11010519491231002X"
VISA = "4111111111111111"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("13800138000", "mobile"),
        ("call 13800138000 now", "mobile"),
        ("电话13800138000。", "mobile"),
        ("+8613800138000", "mobile"),
        ("１３８００１３８０００", "mobile"),
        (IDENTITY, "identity"),
        (IDENTITY.lower(), "identity"),
        # Of a residence permit, and of districts that no list has.
        ("810000199003070015", "identity"),
        ("710000194901010018", "identity"),
        ("830101194901010017", "identity"),
        ("119999194901010023", "identity"),
        ("someone@example.com", "email"),
        (VISA, "card"),
    ],
)
def test_personal_data_is_found(text: str, kind: str) -> None:
    assert find_pii(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "café",
        "23800138000",
        "138001380001",
        "a13800138000",
        "13800138000b",
        "11010519491231002" + "1",
        "110105194913310021",
        "4111111111111112",
        # Of no province, born before anybody who lives, on no day, and with another check character.
        "99000019490101001X",
        "110102187901010019",
        "110105194902310026",
        "110105194912310020",
        "1234567890123456",
        "20260101123456",
        "user@host",
        "BV1S9L90H082",
    ],
)
def test_other_text_is_let_through(text: str) -> None:
    assert find_pii(text) is None


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"scene": "café", "phone": "13800138000"}, "attributes.phone"),
        ({"n": 13800138000}, "attributes.n"),
        ({"n": 13800138000.0}, "attributes.n"),
        ({"a": 1, "13800138000": "x"}, "attributes[1]"),
        ({"a": True, "b": 1.5, "c": "ok"}, None),
    ],
)
def test_attributes_are_searched_in_keys_values_and_numbers(attributes: dict[str, object], field: str | None) -> None:
    assert find_pii_attribute(attributes) == field


def test_an_event_id_counts_only_where_it_is_nothing_but_the_number() -> None:
    assert find_pii_in_id("13800138000") == "mobile"
    assert find_pii_in_id("008613800138000") == "mobile"
    assert find_pii_in_id(IDENTITY) == "identity"
    assert find_pii_in_id("1008613800138000") is None
    assert find_pii_in_id("order-13800138000") is None
    assert find_pii_in_id("13800138000-1") is None


@given(
    st.dictionaries(
        st.text(max_size=8) | st.sampled_from(["13800138000"]),
        st.sampled_from(
            ["13800138000", 13800138000, 13800138000.0, "a@example.com", "１３８００１３８０００", IDENTITY, VISA]
        )
        | st.text(max_size=8)
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False),
        max_size=4,
    ),
    st.booleans(),
)
def test_the_glance_at_the_raw_bytes_misses_nothing(attributes: dict[str, Any], ascii_only: bool) -> None:
    raw = json.dumps({"attributes": attributes}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert may_hold_pii(raw) or find_pii_attribute(attributes) is None


def test_the_glance_sees_numbers_in_other_spellings() -> None:
    assert may_hold_pii(b'{"attributes":{"n":1.3800138e10}}')
    assert may_hold_pii(b'{"attributes":{"n": 13800138E+3}}')
    assert may_hold_pii(rb'{"attributes":{"n":"\u0031\u0033800138000"}}')
    assert not may_hold_pii(b'{"event_id":"3e5a-1","occurred_at":"2026-11-22T10:15:30.123+08:00","rating":5}')


def test_a_placement_key_that_is_no_id_is_masked() -> None:
    keys = ({"sn": "N301P00TEST01", "shop_id": "脑智大道的张三"}, {"opBizCode": "op 1"}, {"sn": "13800138000"})

    assert redact_match(keys) == [
        {"sn": "N301P00TEST01", "shop_id": {"type": "string", "length": 7}},
        {"opBizCode": {"type": "string", "length": 4}},
        {"sn": {"type": "string", "length": 11}},
    ]
