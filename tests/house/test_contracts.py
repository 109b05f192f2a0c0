"""The exported contracts say what the code says, and old lines stay readable."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from kafka.partitioner.default import DefaultPartitioner
from kafka.partitioner.default import murmur2 as kafka_murmur2

from schemas.cells import HLL_REGISTERS, bin_bounds_ms, duration_bin, register_of
from schemas.codec import decode_counted, encode
from schemas.event import MAX_DURATION_MS, PilotEvent
from schemas.export import documents, drifted
from schemas.lines import StoredEvent, encode_record, fill_positions
from schemas.outcomes import REASON_ORDER, RejectReason
from schemas.timing import Timing, block_of, minute_of
from schemas.topics import SPECS, Topic, murmur2, partition_of
from tests.support.paths import ROOT

EVENT = {
    "event_id": "a7f3",
    "kind": "use.completed",
    "occurred_at": "2026-11-22T10:15:30.123+08:00",
    "placement_id": "p-017",
    "outcome": "ok",
    "attributes": {"scene": "café"},
}
# A line as the first release wrote it: a topic keeps seven days, so every later release must read it.
FIRST_LINE = (
    b'{"event_id":"e-1","account_id":"a","platform":"sunmi","product_id":"p","trial_id":"t","kind":"use.completed",'
    b'"occurred_ms":1795313730123,"received_ms":1795313730999,"delivery_id":"d-1","attributes":{"scene":"x"},'
    b'"placement_id":"p-1","arm":"pilot","outcome":"ok","subject":"0123456789abcdef0123456789abcdef","duration_ms":5}'
)


def test_exported_schemas_have_not_drifted() -> None:
    assert drifted() == []


@pytest.mark.parametrize("name", sorted(documents()))
def test_every_schema_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(documents()[name])
    assert {"properties", "$ref"} & documents()[name].keys(), "an empty schema is valid, and everything is by it"


def test_the_event_schema_agrees_with_the_model() -> None:
    validator = Draft202012Validator(documents()["event.v1.schema.json"])
    PilotEvent.model_validate_json(json.dumps(EVENT))
    assert validator.is_valid(EVENT)
    for broken in ({**EVENT, "kind": "x"}, {**EVENT, "colour": 1}, {**EVENT, "rating": 6}):
        assert not validator.is_valid(broken)


def test_a_first_release_line_is_still_read() -> None:
    assert decode_counted(FIRST_LINE).event_id == "e-1"
    assert msgspec.json.decode(FIRST_LINE, type=StoredEvent).attributes == {"scene": "x"}


def test_a_record_s_positions_are_filled_by_one_replacement() -> None:
    lines = [FIRST_LINE, FIRST_LINE.replace(b'"x"', rb'"{\"epoch\":0,\"line\":"')]
    value, count = fill_positions(encode_record(lines), epoch=2, partition=3, offset=99)
    filled = value.split(b"\n")
    assert count == 2
    places = [{k: json.loads(line)[k] for k in ("epoch", "partition", "offset", "line")} for line in filled]
    assert places == [{"epoch": 2, "partition": 3, "offset": 99, "line": n} for n in (0, 1)]
    assert json.loads(filled[1])["attributes"] == {"scene": '{"epoch":0,"line":'}


def test_reasons_are_the_contract_s_in_their_order() -> None:
    assert [reason.value for reason in REASON_ORDER] == ["malformed", "not_an_object", "missing_field", "unknown_field", "invalid_value", "occurred_at_in_future", "occurred_at_too_old", "unknown_product", "unknown_placement", "outside_trial", "not_your_product", "too_large", "personal_data", "consent_withdrawn", "unsupported_event", "internal_error"]  # fmt: skip
    assert len(RejectReason) == 16


def test_every_topic_is_specified() -> None:
    assert set(SPECS) == set(Topic)


@given(st.binary(max_size=64))
def test_murmur2_is_kafka_s_own(data: bytes) -> None:
    assert murmur2(data) == kafka_murmur2(data) & 0xFFFFFFFF


class ClusterOfOneTopic:
    """As much of the client's picture of a cluster as its partitioner asks for."""

    def __init__(self, partitions: int) -> None:
        self.partitions = set(range(partitions))

    def topics(self) -> set[str]:
        return {"events"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        assert topic == "events"
        return self.partitions

    available_partitions_for_topic = partitions_for_topic


@given(st.text(max_size=40), st.integers(1, 128))
def test_a_product_s_partition_is_the_one_kafka_s_own_client_chooses_for_its_key(product_id: str, parts: int) -> None:
    key, cluster = product_id.encode(), ClusterOfOneTopic(parts)
    chosen = DefaultPartitioner().partition("events", None, key, None, None, cluster)
    assert partition_of(product_id, parts) == chosen


@given(st.integers(0, MAX_DURATION_MS))
def test_a_duration_lies_in_its_bin_and_bins_are_narrow(duration_ms: int) -> None:
    low, high = bin_bounds_ms(duration_bin(duration_ms))
    assert low <= duration_ms <= high
    assert high - low <= low / 100
    assert duration_bin(high + 1) == duration_bin(low) + 1


@given(st.binary(min_size=16, max_size=16))
def test_a_register_is_the_low_bits_and_the_rank_of_the_rest(digest: bytes) -> None:
    bits = int.from_bytes(digest[:8], "big")
    packed = register_of(digest.hex())
    rest = format(bits >> 10, "054b")
    assert packed >> 6 == bits % HLL_REGISTERS
    assert packed & 63 == len(rest) - len(rest.rstrip("0")) + 1


@given(st.integers(0, 2**42))
def test_minutes_and_blocks_hold_their_instant(at_ms: int) -> None:
    assert minute_of(at_ms) <= at_ms < minute_of(at_ms) + 60_000
    assert block_of(at_ms) <= minute_of(at_ms) < block_of(at_ms) + 300_000


@given(st.integers(0, 2**42), st.integers(-300_000, 3_600_000))
def test_an_event_of_a_closed_minute_that_comes_in_order_is_late_by_itself(occurred_ms: int, delay_ms: int) -> None:
    timing, received_ms = Timing(), occurred_ms + delay_ms
    # Within the slack of the watermark: what a source may be disordered by.
    for watermark_ms in (received_ms, received_ms + timing.slack_ms):
        closed = timing.is_closed(minute_of(occurred_ms), watermark_ms)
        assert timing.is_late(occurred_ms, received_ms) or not closed


def test_the_span_is_nine_minutes() -> None:
    assert Timing().span_ms == 9 * 60_000


def test_stored_events_omit_what_is_absent() -> None:
    line: dict[str, Any] = json.loads(FIRST_LINE)
    event = msgspec.convert(line, StoredEvent)
    assert json.loads(encode(event)) == line


def test_no_schema_names_a_folder_of_this_machine() -> None:
    paths = list((ROOT / "schemas/json").iterdir())

    assert {path.name for path in paths} == set(documents())
    assert not any(str(Path.home()) in path.read_text() for path in paths)
