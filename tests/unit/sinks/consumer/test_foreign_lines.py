"""Lines that our gateway did not write."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.foreign import position_reject, read_foreign, split_lines

GOOD = {
    "event_id": "e-1",
    "account_id": "acct",
    "platform": "sunmi",
    "product_id": "band",
    "trial_id": "band-q4",
    "kind": "exposure",
    "occurred_ms": 1_793_000_000_000,
    "received_ms": 1_793_000_001_000,
}


def test_an_event_in_our_form_is_read() -> None:
    event = read_foreign(msgspec.json.encode(GOOD | {"subject": "0" * 32, "unknown": [1]}))

    assert event is not None
    assert event.event_id == "e-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"event_id": ""},
        {"trial_id": None},
        {"occurred_ms": -1},
        {"occurred_ms": 10**15},
        {"duration_ms": -5},
        {"duration_ms": 10**12},
        {"rating": 6},
        {"subject": "no hash"},
        {"session_id": "0X" + "0" * 30},
    ],
)
def test_what_the_store_could_not_hold_as_it_is_counts_nowhere(changes: dict[str, object]) -> None:
    assert read_foreign(msgspec.json.encode(GOOD | changes)) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_none_and_never_an_exception(line: bytes) -> None:
    assert read_foreign(line) is None


def test_blank_lines_count_in_the_index_only() -> None:
    assert list(split_lines(b"a\n\n b \r\n")) == [(0, b"a"), (2, b"b")]


def test_a_reject_is_known_by_its_position_and_keeps_no_bytes() -> None:
    reject = position_reject((1, 2, 3), 4, b"secret", received_ms=5)

    assert reject.reject_id == "pos-1-2-3-4"
    assert "secret" not in msgspec.json.encode(reject).decode()
