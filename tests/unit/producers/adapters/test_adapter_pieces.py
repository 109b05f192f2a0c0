"""The adapters' shared pieces: times, money, strict JSON, forms, masking, secrets."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.adapters.base import MAX_EVENT_ID, bounded_event_id
from producers.adapters.catalogue import ADAPTERS, adapter_for, secret_flow
from producers.adapters.wire.forms import as_text, parse_pairs, single
from producers.adapters.wire.masking import AllowList, ValueFormat, mask_document
from producers.adapters.wire.money import fen, fen_from_print, fen_from_yuan
from producers.adapters.wire.signing import from_hex, holds, plain_hash, rsa_holds
from producers.adapters.wire.strict_json import MAX_DEPTH, UnreadableError, read_json
from producers.adapters.wire.times import is_fresh, moment_ms, unix_ms
from schemas.event import MAX_AMOUNT_FEN
from schemas.registry import FLOWS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_751_328_000, 1_751_328_000_000),
        ("1751328000", 1_751_328_000_000),
        (1_751_328_000_123, 1_751_328_000_123),
        ("1751328000123", 1_751_328_000_123),
        (175_132_800, None),
        ("17513280001", None),
        ("0751328000", None),
        (-1_751_328_000, None),
        (True, None),
        (1_751_328_000.0, None),
        ("１７５１３２８０００", None),
        ("1751328000 ", None),
        (None, None),
    ],
)
def test_digits_decide_between_seconds_and_milliseconds(value: Any, expected: int | None) -> None:
    assert unix_ms(value) == expected


def test_an_integer_too_long_to_be_spelt_is_nothing() -> None:
    huge = 10**5000

    assert [parse(huge) for parse in (unix_ms, moment_ms, fen, fen_from_yuan)] == [None] * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-07-01 08:00:00", 1_751_328_000_000),
        ("2025-07-01T08:00:00", 1_751_328_000_000),
        ("2025-07-01T00:00:00Z", 1_751_328_000_000),
        ("2025-07-01T09:00:00.250+09:00", 1_751_328_000_250),
        ("1751328000", 1_751_328_000_000),
        ("2025-02-30 08:00:00", None),
        ("2025-07-01", None),
        ("2025-07-01 08:00", 1_751_328_000_000),
        ("0000-01-01 00:00:00", None),
        ("2025-07-01 08:00:00\n", None),
        ("", None),
    ],
)
def test_text_without_a_zone_is_chinas_time(text: str, expected: int | None) -> None:
    assert moment_ms(text) == expected


@given(st.text() | st.integers() | st.none() | st.floats() | st.booleans() | st.decimals())
def test_any_value_is_a_time_an_amount_or_none(value: Any) -> None:
    for parse in (unix_ms, moment_ms, fen, fen_from_yuan):
        assert parse(value) is None or isinstance(parse(value), int)


def test_the_window_of_a_signed_time_is_closed_on_both_ends() -> None:
    assert is_fresh(0, 5000, 5)
    assert is_fresh(5000, 0, 5)
    assert not is_fresh(0, 5001, 5)
    assert not is_fresh(5001, 0, 5)


@pytest.mark.parametrize(
    ("yuan", "expected"),
    [
        ("20.5", 2050),
        ("20", 2000),
        ("20.50", 2050),
        ("20.500", 2050),
        ("0.01", 1),
        ("19.99", 1999),
        (Decimal("19.99"), 1999),
        (20, 2000),
        ("20.505", None),
        ("0.001", None),
        ("-1", None),
        ("+1", None),
        ("1e5", None),
        (Decimal("1e5"), None),
        ("NaN", None),
        ("Infinity", None),
        ("1,000", None),
        (".5", None),
        ("5.", None),
        (" 5", None),
        ("٥", None),
        ("", None),
        (True, None),
        (10**20, None),
        ("9" * 40, None),
    ],
)
def test_yuan_become_fen_exactly_or_not_at_all(yuan: Any, expected: int | None) -> None:
    assert fen_from_yuan(yuan) == expected


@given(st.integers(min_value=0, max_value=10**12))
def test_every_amount_survives_the_way_through_yuan(amount: int) -> None:
    assert fen_from_yuan(f"{amount // 100}.{amount % 100:02}") == amount
    assert fen_from_yuan(str(Decimal(amount) / 100)) == amount


@pytest.mark.parametrize("text", ["-￥-1", "--1", "1,23", "￥", "", "+1", "1.234", "￥￥1", None, True, []])
def test_what_paper_would_not_show_is_no_amount(text: Any) -> None:
    assert fen_from_print(text) is None


# Thirteen thousand million yuan could be a telephone number; an amount ends at ten thousand million.
@given(st.integers(min_value=-MAX_AMOUNT_FEN, max_value=MAX_AMOUNT_FEN), st.sampled_from(["", "￥", "¥ "]))
def test_every_amount_survives_the_way_over_paper(amount: int, mark: str) -> None:
    whole, rest = divmod(abs(amount), 100)
    sign = "-" if amount < 0 else ""

    for text in (
        f"{sign}{mark}{whole}.{rest:02d}",
        f"{sign}{mark}{whole:,}.{rest:02d}",
        f"{mark}{sign}{whole}.{rest:02d}元",
    ):
        assert fen_from_print(text) == amount
        assert mask_document({"amount": text}, {"amount": ValueFormat.AMOUNT}) == {"amount": text}


@pytest.mark.parametrize("value", [19.9, Decimal("19.9"), "19.9", -1, "-1", True, None, [], 10**15])
def test_fen_are_whole(value: Any) -> None:
    assert fen(value) is None


@given(JSON)
def test_what_json_writes_strictly_is_read_as_it_was(value: Any) -> None:
    try:
        body = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:  # NaN, or half a surrogate pair, which UTF-8 cannot say
        return

    assert json.loads(json.dumps(read_json(body), default=float)) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a":1,"a":1}', "duplicate"),
        (b'{"a":[{"b":1,"b":2}]}', "duplicate"),
        (b"{} {}", "Extra data"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "NaN"),
        (b"\xff", "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b"", "not JSON"),
    ],
)
def test_what_has_more_than_one_meaning_is_not_read(body: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        read_json(body)


def test_what_would_exhaust_the_reader_is_not_read() -> None:
    deep = b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)

    for body, why in ((deep, "deeper"), (b'{"a":' * 1_000_000, "deeper")):
        with pytest.raises(UnreadableError, match=why):
            read_json(body)
    assert read_json(deep[1:-1])


def test_brackets_inside_text_are_no_nesting() -> None:
    text = '[{"' * 100

    assert read_json(json.dumps([text] * 3).encode()) == [text] * 3
    assert read_json(b"[" + b"[]," * 500 + b"[]]") == [[]] * 501


def test_what_the_grammar_allows_is_read_though_no_field_can_keep_it() -> None:
    assert read_json(b'\xef\xbb\xbf["\\ud83d", 1e99999999999999999999, -1e99999999999999999999, 1e-99999999999999999999]') == [
        "\ud83d", Decimal("Infinity"), Decimal("-Infinity"), 0,
    ]  # fmt: skip
    assert read_json(b"9" * 5000) == Decimal("9" * 5000)


def test_a_fraction_is_as_exact_as_it_was_sent() -> None:
    assert read_json(b"[19.99]") == [Decimal("19.99")]


def test_a_form_is_decoded_once_and_a_repeated_name_has_no_single_value() -> None:
    pairs = parse_pairs(b"a=1%2B1+x&b=%25E5&c&&d=&a=2")

    assert pairs == [(b"a", b"1+1 x"), (b"b", b"%E5"), (b"c", b""), (b"d", b""), (b"a", b"2")]
    assert (single(pairs, b"a"), single(pairs, b"b"), single(pairs, b"z")) == (None, "%E5", None)
    with pytest.raises(UnreadableError, match="repeated"):
        as_text(pairs)


ALLOWED: AllowList = {
    "subject": ValueFormat.SUBJECT,
    "body": {"id": ValueFormat.ID, "status": ValueFormat.WORD, "n": ValueFormat.NUMBER},
}


def test_only_allow_listed_fields_of_the_right_shape_are_kept() -> None:
    body = {"id": "x-1", "status": "call 13800138000", "n": Decimal("1.5"), "name": "张三", "tags": [1, 2], "ok": True}

    kept = mask_document({"subject": "open-1", "body": body}, ALLOWED)

    assert kept == {
        "subject": "open-1",
        "body": {
            "id": "x-1",
            "status": {"type": "string", "length": 16},
            "n": "1.5",
            "name": {"type": "string", "length": 2},
            "tags": {"type": "array", "length": 2},
            "ok": {"type": "boolean", "length": 1},
        },
    }


def test_an_id_may_have_a_mark_before_it_and_is_no_address() -> None:
    ids = {
        "a": "@9VxT0uuFWsE7M3Koc1+/=",
        "b": "4111111111111111",
        "c": "me@example.com",
        "d": "@13800138000",
        "e": "@@a",
    }

    kept = mask_document(ids, dict.fromkeys(ids, ValueFormat.MARKED_ID))

    assert kept == ids | {name: {"type": "string", "length": len(ids[name])} for name in "cde"}


def test_names_that_could_tell_something_are_only_counted() -> None:
    kept = mask_document(
        {"body": {"13800138000": 1, "张三": 1, "a@b.cn": 1, "phone_13800138000": 1, "id": "1"}}, ALLOWED
    )

    assert kept == {"body": {"id": "1", "_unnamed": 4}}


def test_a_subject_that_is_no_text_is_masked() -> None:
    assert mask_document({"subject": {"phone": "13800138000"}}, ALLOWED) == {"subject": {"type": "object", "length": 1}}


@given(st.dictionaries(st.sampled_from(["subject", "body", "x"]) | st.text(), JSON))
def test_what_is_kept_can_be_written_and_is_kept_the_same_again(document: dict[str, Any]) -> None:
    kept = mask_document(document, ALLOWED)

    assert msgspec.json.encode({name: value for name, value in kept.items() if name != "subject"})
    assert mask_document(kept, ALLOWED) == kept


@given(st.text(), st.text())
def test_any_id_becomes_one_that_the_contract_takes(left: str, right: str) -> None:
    first, second = bounded_event_id("p:", left), bounded_event_id("p:", right)

    assert 0 < len(first) <= MAX_EVENT_ID
    assert all(c.isascii() and (c.isalnum() or c in "._:-") for c in first)
    assert (first == second) == (left == right)


@pytest.mark.parametrize("name", ["13800138000", "11010519491231002X"])
def test_an_id_that_could_be_a_person_s_number_is_replaced_by_its_digest(name: str) -> None:
    assert bounded_event_id("sm-r:", name) == "sm-r:" + hashlib.sha256(f"sm-r:{name}".encode()).hexdigest()[:32]
    assert bounded_event_id("mt:", "4111111111111111") == "mt:4111111111111111"


@pytest.mark.parametrize("shape", ValueFormat)
@pytest.mark.parametrize("number", ["13800138000", 13800138000, Decimal("1.3800138E10"), 13800138000.0, "008613800138000",
                                    "11010519491231002X", "someone@example.com"])  # fmt: skip
def test_a_person_s_number_has_no_shape_but_a_subject_s(shape: ValueFormat, number: Any) -> None:
    kept = mask_document({"a": number}, {"a": shape})
    assert (kept["a"] == number) == (shape is ValueFormat.SUBJECT and isinstance(number, str))


def test_an_id_may_look_like_a_card_number_and_an_amount_may_not() -> None:
    kept = mask_document(
        {"order_id": "6212345678901232", "total": 6212345678901232},
        {"order_id": ValueFormat.ID, "total": ValueFormat.NUMBER},
    )
    assert kept == {"order_id": "6212345678901232", "total": {"type": "number", "length": 16}}


def test_a_public_key_or_an_empty_text_is_never_a_shared_secret() -> None:
    pem = b"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"

    for secret in (b"", pem, b"\n" + pem):
        assert not holds(plain_hash("sha1", secret), [secret], lambda key: (plain_hash("sha1", key),))
    assert not rsa_holds(b"signature", b"message", [pem, b"-----BEGIN nonsense", b"shared"])


@pytest.mark.parametrize("text", [None, "", "a", "zz", "aa bb", "0x11", "ａａ"])
def test_hex_is_hex_and_nothing_else(text: str | None) -> None:
    assert from_hex(text) is None


def test_the_catalogue_holds_exactly_the_registrys_flows() -> None:
    entered = {(adapter.platform, adapter.flow) for adapter in ADAPTERS}

    assert entered == {(platform, flow) for platform, flows in FLOWS.items() for flow in flows if flow != "push"}
    assert len(ADAPTERS) == len(entered)


@pytest.mark.parametrize(
    "flow",
    [
        "waimai",
        "waimai-",
        "waimai--",
        "waimai-UP",
        "waimai-13800138000",
        "waimai-a/b",
        "waimai-" + "a" * 60,
        "push",
        "",
    ],
)
def test_what_is_no_flow_of_a_url_has_no_adapter(flow: str) -> None:
    assert adapter_for("meituan", flow) is None
    assert adapter_for("nobody", "webhook") is None


def test_all_kinds_of_waimai_share_one_secret() -> None:
    found = adapter_for("meituan", "waimai-order-paid")

    assert found is adapter_for("meituan", "waimai-anything-new")
    assert (secret_flow("waimai-order-paid"), secret_flow("service")) == ("waimai", "service")


@pytest.mark.parametrize("shape", [shape for shape in ValueFormat if shape is not ValueFormat.SUBJECT])
@pytest.mark.parametrize("number", ["17953128.00", "1795312800.5", "1795312800", "20.50", "-3.25", "0.001"])
def test_a_number_that_is_kept_as_text_is_kept_again(shape: ValueFormat, number: str) -> None:
    kept = mask_document({"value": Decimal(number)}, {"value": shape})

    assert mask_document(kept, {"value": shape}) == kept
    assert kept["value"] == number or kept["value"] == {"type": "number", "length": len(number)}
