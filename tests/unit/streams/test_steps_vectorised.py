"""What is worked out for a whole record is what the definitions say, one by one."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.cells import duration_bin, register_of
from schemas.event import MAX_DURATION_MS
from streams.state import NO_BIN, NO_REGISTER
from streams.steps import duration_bins, registers_of

MANY = 30
"""More than are worked out one by one."""
HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
ANY_HASH = st.one_of(HEX, st.just(""), st.text(max_size=32), st.just("0" * 32), HEX.map(str.upper))


def one_by_one(hashed: str) -> int:
    """Return the register of *hashed* as its definition says."""
    try:
        return register_of(hashed) if hashed else NO_REGISTER
    except ValueError:
        return NO_REGISTER


@given(st.lists(st.one_of(HEX, st.just(""))))
def test_registers_of_a_record_are_those_of_each_hash(hashes: list[str]) -> None:
    for record in (hashes, hashes * MANY):
        assert registers_of(record) == [one_by_one(hashed) for hashed in record]


@given(st.lists(ANY_HASH))
def test_an_odd_hash_spoils_no_other(hashes: list[str]) -> None:
    for record in (hashes, hashes * MANY):
        assert registers_of(record) == [one_by_one(hashed) for hashed in record]


@given(st.integers(0, 2**64 - 1), st.integers(0, 64))
def test_registers_are_right_at_every_rank(bits: int, zeros: int) -> None:
    hashed = f"{bits >> zeros << zeros:016x}".ljust(32, "0")

    assert registers_of([hashed] * MANY) == [register_of(hashed)] * MANY


@given(st.lists(st.one_of(st.none(), st.integers(0, MAX_DURATION_MS), st.sampled_from([255, 256, 257, 511, 512]))))
def test_bins_of_a_record_are_those_of_each_duration(durations_ms: list[int | None]) -> None:
    for record in (durations_ms, durations_ms * MANY):
        assert duration_bins(record) == [NO_BIN if one is None else duration_bin(one) for one in record]
