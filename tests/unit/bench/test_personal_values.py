"""The show that nothing personal is found: its values stand once, are known again, and what is not read is told."""

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from avenue.demo.registry import write_demo_registry
from bench.personal import Findings
from bench.personal_places import readable
from bench.personal_pushes import NativePushes
from bench.personal_values import RECOGNISED, SORTS, PersonalValues
from producers.adapters.catalogue import ADAPTERS
from producers.validation.pii import find_pii
from registry.file import load_registry

OF_EACH = 300


@pytest.mark.parametrize("sort", SORTS)
def test_values_stand_once_and_are_known_again_however_they_are_written(sort: str) -> None:
    values = PersonalValues()
    made = [values.new(sort, "batch attribute", "note") for _ in range(OF_EACH)]

    assert len(set(made)) == len(values) == OF_EACH
    for text in made[:20]:
        for written in (text, f"a{text}b", json.dumps({"note": text}), quote(text), text.replace("-", "")):
            assert [found.text for found in values.found_in(readable(written.encode()))] == [text], written
    assert list(values.found_in("nobody 2026-11-22T10:15:30.123+08:00 1795312800000")) == []


@pytest.mark.parametrize("sort", RECOGNISED)
def test_what_the_gateway_looks_for_is_what_it_would_find(sort: str) -> None:
    values = PersonalValues()

    assert {find_pii(values.new(sort, "", "")) for _ in range(OF_EACH)} == {sort}


def test_a_value_that_is_found_is_a_leak_and_one_that_may_be_is_told_apart() -> None:
    values = PersonalValues()
    findings = Findings(values)
    leaked = values.new("mobile", "batch attribute", "attributes.note")
    allowed = values.new("name", "batch free text", "attributes.note")

    findings.look([("table pilot_rejects", f"{leaked} and {allowed}")])

    assert findings.leaks == {
        ("mobile", "batch attribute, attributes.note"): {"table": f"table pilot_rejects: {leaked}"}
    }
    assert list(findings.allowed.values()) == [{allowed}]


def test_a_place_in_which_no_marker_stands_has_not_been_read() -> None:
    findings = Findings(PersonalValues())
    assert "topic" in findings.unread

    findings.look([("topic events.v1", "empty")])
    assert "topic" in findings.unread
    findings.look([("topic events.v1", "harmless-marker-of-this-run")])
    assert "topic" not in findings.unread


def test_every_flow_is_pushed_with_persons_in_it(tmp_path: Path) -> None:
    key = write_demo_registry(tmp_path / "demo.toml", today=datetime.now(UTC).date())
    values = PersonalValues()
    pushes = NativePushes(load_registry(tmp_path / "demo.toml"), key.read_bytes(), values)
    sent = [pushes.next() for _ in range(250)]

    assert pushes.flows == {(adapter.platform, adapter.flow) for adapter in ADAPTERS}
    assert {one.made for one in sent} == {"sound", "refused", "malformed", "unknown place"}
    assert len(values) > 10 * len(sent)
