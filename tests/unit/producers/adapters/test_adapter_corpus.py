"""What fuzzing has found of the adapters' ways, sent through once more; `make fuzz-adapters` looks for others."""

import sys
from types import FrameType

import pytest

from tests.support import adapter_fuzz
from tests.support.adapter_fuzz import (
    CORPUS,
    FLOWS,
    MAX_KEPT_BYTES,
    BrokenPromiseError,
    corpus,
    is_nobody_s,
    least,
    try_input,
)


@pytest.mark.parametrize("flow", FLOWS)
def test_what_was_found_of_a_flow_gets_a_reading_and_leaves_nothing_personal(flow: str) -> None:
    found = corpus(flow)

    assert found
    for data in found:
        try_input(flow, data)


def test_every_flow_has_its_corpus_and_none_is_large() -> None:
    assert {path.stem for path in CORPUS.iterdir()} == FLOWS.keys()
    assert max(path.stat().st_size for path in CORPUS.iterdir()) <= MAX_KEPT_BYTES


@pytest.mark.parametrize("flow", FLOWS)
def test_no_input_that_is_kept_has_anybody_s_number(flow: str) -> None:
    assert [data for data in corpus(flow) if not is_nobody_s(data)] == []
    assert is_nobody_s(b"13800138000")
    assert not is_nobody_s(b"13900139001")


def test_an_adapter_that_keeps_a_number_or_forgets_its_own_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = "sunmi-callback"
    sent = b'{"sn":"N1","report_type":4,"device_online_data":{"phone":"13800138000"}}'
    try_input(flow, sent)
    monkeypatch.setattr("producers.adapters.wire.masking._leaf", lambda value: value)

    with pytest.raises(BrokenPromiseError, match="a person's number is kept"):
        try_input(flow, sent)


def test_of_inputs_that_go_the_same_way_the_shortest_is_kept() -> None:
    flow = "sunmi-callback"
    long, short = b'{"sn":"N123456789","report_type":9}', b'{"sn":"N1","report_type":9}'

    assert least(flow, [long, short, b"no json"])[-1:] != [long]
    assert set(least(flow, [long, short, b"no json"])) == {short, b"no json"}
    assert len(long) < adapter_fuzz.MAX_INPUT_BYTES


def test_who_traced_before_traces_afterwards() -> None:
    def other(_frame: FrameType, _event: str, _argument: object) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(other)
    try:
        least("sunmi-callback", [b"no json"])
        afterwards = sys.gettrace()
    finally:
        sys.settrace(before)

    assert afterwards is other
