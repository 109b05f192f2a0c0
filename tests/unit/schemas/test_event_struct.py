"""The event's Struct says what the model says: the same fields, in the same order, of the same types and bounds."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.event import (
    KINDS,
    MAX_AMOUNT_FEN,
    MAX_ATTRIBUTE_NUMBER,
    MAX_ATTRIBUTES,
    MAX_DURATION_MS,
    MAX_EVENT_BYTES,
    USE_OUTCOMES,
    PilotEvent,
    missing_field,
)
from schemas.event_struct import EventStruct, UncheckedIdEvent, decode_event_struct
from tests.support.properties import examples

# Has whatever any kind requires, so that one field alone decides.
SOUND: Mapping[str, Any] = {
    "event_id": "e-1", "kind": "exposure", "occurred_at": "2026-11-22T10:15:30.123+08:00", "product_id": "band",
    "placement_id": "p-017", "outcome": "ok", "amount_fen": 1990, "rating": 5,
}  # fmt: skip
LENGTHS = (0, 1, 63, 64, 65, 127, 128, 129, 255, 256, 257)
NUMBERS = sorted(
    bound + step
    for bound in (-MAX_ATTRIBUTE_NUMBER, 0, 1, 5, MAX_DURATION_MS, MAX_AMOUNT_FEN, MAX_ATTRIBUTE_NUMBER)
    for step in (-1, 0, 1)
)
# The last whole number that a float holds below the bound of attributes, the bound, and the next above.
FLOATS = [sign * number for sign in (-1.0, 1.0) for number in (0.5, 5.0, 2.0**53 - 2, 2.0**53 - 1, 2.0**53, 1e300)]
LEAVES: list[Any] = [
    None, True, False, *NUMBERS, *FLOATS, *("x" * length for length in LENGTHS), "OK", "é", "e-1\n", *USE_OUTCOMES, *KINDS,
]  # fmt: skip
EDGES: list[Any] = [
    *LEAVES, [], {}, {"k": None}, {"k": []}, {"k": {}}, *({"k": leaf} for leaf in LEAVES),
    *({"k" * length: 1} for length in LENGTHS),
    *({f"k{n}": n for n in range(count)} for count in (MAX_ATTRIBUTES - 1, MAX_ATTRIBUTES, MAX_ATTRIBUTES + 1)),
]  # fmt: skip
leaves = st.one_of(
    st.sampled_from(LEAVES), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=300)
)
values = st.one_of(leaves, st.dictionaries(st.text(max_size=70), leaves, max_size=35), st.lists(leaves, max_size=2))


def with_value(name: str, value: Any) -> bytes:
    raw = json.dumps({**SOUND, name: value}).encode()
    assert len(raw) <= MAX_EVENT_BYTES
    return raw


def model_accepts(raw: bytes) -> bool:
    try:
        PilotEvent.model_validate_json(raw)
    except ValidationError:
        return False
    return True


def struct_accepts(raw: bytes) -> bool:
    try:
        return missing_field(decode_event_struct(raw)) is None
    except msgspec.MsgspecError:
        return False


def said(schema: Any) -> Any:
    """Return of a JSON schema what a value is asked: no titles, an enumeration's values in order, its type said by them."""
    if isinstance(schema, list):
        return [said(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: said(part) for name, part in schema.items() if name != "title"}
    if "enum" in kept:
        kept = {"enum": sorted(kept["enum"])}
    return kept


def test_the_struct_s_schema_is_the_model_s() -> None:
    model, struct = PilotEvent.model_json_schema(), msgspec.json.schema(EventStruct)["$defs"]["EventStruct"]

    assert list(struct["properties"]) == list(model["properties"]) == list(EventStruct.__struct_fields__)
    for name, asked in model["properties"].items():
        assert said(struct["properties"][name]) == said(asked), name
    assert struct["required"] == model["required"] == ["event_id", "kind", "occurred_at"]
    assert struct["additionalProperties"] is model["additionalProperties"] is False


@pytest.mark.parametrize("name", [name for name in PilotEvent.model_fields if name != "occurred_at"])
def test_at_each_bound_both_say_the_same(name: str) -> None:
    verdicts = {
        repr(value): (model_accepts(raw), struct_accepts(raw)) for value in EDGES for raw in [with_value(name, value)]
    }

    assert {said_yes for said_yes, _ in verdicts.values()} == {True, False}
    assert {value: both for value, both in verdicts.items() if both[0] != both[1]} == {}


@given(st.sampled_from([name for name in PilotEvent.model_fields if name != "occurred_at"]), values)
@examples(500)
def test_of_any_value_both_say_the_same(name: str, value: Any) -> None:
    raw = json.dumps({**SOUND, name: value}).encode("utf-8", "surrogatepass")
    assert model_accepts(raw) == struct_accepts(raw)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(PilotEvent.model_fields, values)))
def test_the_event_whose_id_is_looked_at_later_differs_in_nothing_else(changed: dict[str, Any]) -> None:
    assert UncheckedIdEvent.__struct_fields__ == EventStruct.__struct_fields__
    fields = {**SOUND, **changed, "event_id": SOUND["event_id"]}
    verdicts = []
    for struct in (EventStruct, UncheckedIdEvent):
        try:
            verdicts.append(msgspec.structs.asdict(msgspec.convert(fields, struct)))
        except msgspec.ValidationError:
            verdicts.append({})
    assert verdicts[0] == verdicts[1]
