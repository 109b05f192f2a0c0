"""The fold of `registry.v1`: what stands after which records."""

from datetime import UTC, datetime, timedelta

import pytest

from registry.file import load_registry
from registry.keys import issue_key
from registry.log import standing
from registry.state import RegistryState
from runtime.kafka import LogRecord
from schemas.registry import Epoch, RegistryEntry, epoch_ms
from tests.support.paths import EXAMPLE_REGISTRY

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def record(offset: int, key: str, value: RegistryEntry | bytes | None) -> LogRecord:
    """Return a record as it is read from the topic."""
    content = value.model_dump_json(by_alias=True).encode() if isinstance(value, RegistryEntry) else value or b""
    return LogRecord("registry.v1", 0, offset, 0, key.encode(), content, {})


def epoch(number: int, topic_id: str) -> Epoch:
    """Return an epoch."""
    return Epoch(number=number, topic_id=topic_id, partitions=4, grace_ms=1, lead_ms=1, slack_ms=1, began_at=NOW)


def test_the_last_registry_stands_with_its_offset_as_version() -> None:
    state = RegistryState()
    example = load_registry(EXAMPLE_REGISTRY)
    state.apply(record(3, "registry:file", example))
    state.apply(record(9, "registry:file", example.model_copy(update={"placements": []})))

    directory = state.directory()

    assert (directory.version, len(directory.placed), len(directory.accounts)) == (9, 0, 5)


def test_a_key_is_valid_until_it_ends_or_is_revoked_and_gone_after_a_tombstone() -> None:
    state = RegistryState()
    issued = issue_key("operator", now=NOW, expires_at=NOW + timedelta(days=1))
    state.apply(record(0, f"key:{issued.entry.id}", issued.entry))
    assert state.directory().key_of(issued.secret, now_ms=epoch_ms(NOW)) == issued.entry
    ends_ms = epoch_ms(NOW + timedelta(days=1))
    found = [state.directory().key_of(issued.secret, now_ms=at_ms) for at_ms in (ends_ms - 1, ends_ms)]
    assert found == [issued.entry, None]

    state.apply(record(1, f"key:{issued.entry.id}", issued.entry.model_copy(update={"revoked_at": NOW})))
    assert state.directory().key_of(issued.secret, now_ms=epoch_ms(NOW)) is None

    state.apply(record(2, f"key:{issued.entry.id}", None))
    assert state.directory().keys == {}


def test_of_an_epochs_number_the_first_claim_stands_until_a_tombstone() -> None:
    state = RegistryState()
    state.apply(record(0, "epoch:1", epoch(1, "first")))
    state.apply(record(1, "epoch:1", epoch(1, "second")))
    assert [e.topic_id for e in state.directory().epochs] == ["first"]

    state.apply(record(2, "epoch:1", None))
    state.apply(record(3, "epoch:1", epoch(1, "third")))
    assert [e.topic_id for e in state.directory().epochs] == ["third"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("registry:file", b"{"),
        ("registry:file", b'{"avenue": {}}'),
        ("key:k-1", b"\xff"),
        ("epoch:x", b"{}"),
        ("epoch:2", epoch(3, "t").model_dump_json().encode()),
        ("other:1", b"{}"),
        ("", b"{}"),
    ],
)
def test_an_unreadable_record_is_a_value_error_and_changes_nothing(key: str, value: bytes) -> None:
    state = RegistryState()
    state.apply(record(0, "registry:file", load_registry(EXAMPLE_REGISTRY)))
    before = state.directory()

    with pytest.raises(ValueError, match=r"."):
        state.apply(record(1, key, value))

    assert state.directory() == before


def test_a_registry_that_names_what_it_does_not_hold_is_refused_as_a_whole() -> None:
    state = RegistryState()
    broken = load_registry(EXAMPLE_REGISTRY).model_copy(update={"trials": []})

    with pytest.raises(ValueError, match="does not hold"):
        state.apply(record(0, "registry:file", broken))

    assert state.directory().registry is None


def test_an_unreadable_record_is_described_without_its_content() -> None:
    with pytest.raises(ValueError, match="scope") as caught:
        RegistryState().apply(record(0, "key:k-1", b'{"id": "k-1", "scope": "hunter2"}'))

    assert "hunter2" not in str(caught.value)


def test_the_first_claim_of_a_key_stands_for_every_reader() -> None:
    log = [record(0, "a", b"1"), record(1, "a", b"2"), record(2, "b", b"3"), record(3, "b", None), record(4, "b", b"4")]

    assert standing(log) == {"a": b"1", "b": b"4"}
