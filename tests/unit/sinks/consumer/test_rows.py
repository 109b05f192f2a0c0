"""What a Kafka record puts into the store."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.kafka import LogRecord
from schemas.codec import encode
from schemas.lines import encode_record
from schemas.topics import Topic
from sinks.consumer.rows import TableRows, rows_of
from sinks.consumer.tables import COLUMNS, StoreTable
from tests.support.settlement_harness import NOON_MS, event


def record(value: bytes, *, key: bytes | None = None, headers: dict[str, bytes] | None = None) -> LogRecord:
    return LogRecord("", 3, 9, NOON_MS, key, value, headers or {})


def by_table(rows: list[TableRows]) -> dict[StoreTable, list[dict[str, object]]]:
    return {item.table: [json.loads(line) for line in item.body.split(b"\n")] for item in rows}


def test_a_foreign_event_is_stored_in_our_own_form_with_its_position() -> None:
    line = json.dumps(
        {**json.loads(encode(event("e-1"))), "epoch": 77, "extra": [1], "attributes": "no object"}
    ).encode()

    found = by_table(rows_of(Topic.EVENTS, record(b"\n" + line), 2))

    (row,) = found[StoreTable.EVENTS]
    assert (row["epoch"], row["partition"], row["offset"], row["line"], row["attributes"]) == (2, 3, 9, 1, {})
    assert set(row) == set(COLUMNS[StoreTable.EVENTS]) - {"is_repeat"}
    assert found[StoreTable.LOG][0]["account_id"] == "sunmi-main"


LINE = encode_record([encode(event("e-1"))])
REJECT = (
    b'{"reject_id":"r-1","account_id":"sunmi-main","platform":"sunmi","flow":"events","reason":"x","received_ms":1}'
)


@pytest.mark.parametrize(
    ("topic", "value", "accounts"),
    [
        (Topic.EVENTS, LINE, {"sunmi-main": 2}),
        (Topic.EVENTS, LINE + b'\n{"a":1}', {"sunmi-main": 2}),
        (Topic.EVENTS, b'{"a":1}', {"sunmi-main": 1}),
        (Topic.EVENTS, LINE, {"sunmi-main": 2, "push-demo": -1}),
        (Topic.REJECTS, REJECT, {"sunmi-main": 2}),
        (Topic.REJECTS, REJECT, {"push-demo": 1}),
        (Topic.REJECTS, b'{"a":1}', {"sunmi-main": 1}),
        (Topic.DELIVERIES, b'{"a":1}', {"sunmi-main": 1}),
    ],
)
def test_a_record_that_does_not_hold_what_its_header_tells_of_is_read_line_by_line(
    topic: Topic, value: bytes, accounts: dict[str, int]
) -> None:
    rows = rows_of(topic, record(value, headers={"schema-version": b"1", "accounts": encode(accounts)}), 1)

    found = by_table(rows)
    counted = {str(row["account_id"]): row["lines"] for row in found[StoreTable.LOG]}
    kept = sum(len(found.get(table, ())) for table in (StoreTable.EVENTS, StoreTable.REJECTS, StoreTable.DELIVERIES))
    assert counted != accounts
    assert sum(counted.values()) == kept  # type: ignore[arg-type]  # numbers, as a line has them


@given(value=st.binary(max_size=300), topic=st.sampled_from([*Topic][:5]), ours=st.booleans())
def test_any_bytes_come_to_rows_and_never_to_an_exception(value: bytes, topic: Topic, *, ours: bool) -> None:
    headers = {"schema-version": b"1", "accounts": value} if ours else {}

    found = rows_of(topic, record(value, key=value[:10], headers=headers), 1)

    assert found or not value.strip() or topic is Topic.METRICS
    for rows in found:
        assert rows.count == rows.body.count(b"\n") + 1 or topic is Topic.EVENTS


@pytest.mark.parametrize("topic", [Topic.REJECTS, Topic.DELIVERIES, Topic.METRICS])
def test_what_cannot_be_read_on_other_topics_is_a_reject_that_names_its_topic(topic: Topic) -> None:
    (reject,) = by_table(rows_of(topic, record(b"garbage"), 1))[StoreTable.REJECTS]

    assert reject["reject_id"] == f"pos-{topic}-1-3-9-0"


def test_rows_of_the_metrics_topic_go_by_their_key() -> None:
    tables = [
        rows_of(Topic.METRICS, record(b"{}\n{}", key=key), 1)[0]
        for key in (b"cells:1:0", b"progress:1:0", b"source:1:0")
    ]

    assert [(rows.table, rows.count) for rows in tables] == [
        (StoreTable.CELLS, 2),
        (StoreTable.PROGRESS, 2),
        (StoreTable.SOURCES, 2),
    ]


def test_secrets_of_the_registry_stay_out_of_the_store() -> None:
    body = {"accounts": [{"id": "a", "secrets": {"push": ["plain:topsecret"]}}], "demo": True}
    (row,) = by_table(rows_of(Topic.REGISTRY, record(json.dumps(body).encode(), key=b"registry:file"), 1))[
        StoreTable.REGISTRY
    ]
    (key,) = by_table(rows_of(Topic.REGISTRY, record(b'{"id":"k-1","sha256":"abc"}', key=b"key:k-1"), 1))[
        StoreTable.REGISTRY
    ]

    assert (row["entry_type"], row["id"], row["version"], row["deleted"]) == ("registry", "file", 9, False)
    assert "topsecret" not in str(row)
    assert (key["entry_type"], key["id"], key["body"]) == ("key", "k-1", '{"id":"k-1"}')


def test_a_tombstone_of_the_registry_marks_the_entry_as_deleted() -> None:
    (row,) = by_table(rows_of(Topic.REGISTRY, record(b"", key=b"key:k-1"), 1))[StoreTable.REGISTRY]

    assert row["deleted"] is True


@pytest.mark.parametrize("topic", list(Topic))
@pytest.mark.parametrize("ours", [True, False])
def test_what_is_nested_too_deep_to_be_read_comes_to_rows_all_the_same(topic: Topic, *, ours: bool) -> None:
    deep = b"[" * 20_000
    headers = {"schema-version": b"1", "accounts": deep} if ours else {}

    found = by_table(rows_of(topic, record(deep, key=b"epoch:99", headers=headers), 1))

    kept = found[StoreTable.REGISTRY] if topic is Topic.REGISTRY else found[StoreTable.REJECTS]
    assert [row.get("reason") for row in kept] == [None if topic is Topic.REGISTRY else "malformed"]
