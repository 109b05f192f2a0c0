"""The truth that peers are held to agrees with the worker's own steps, and the peers' cells with it."""

import json
import re
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import pytest

from bench.peers import readers
from bench.peers.cells import SetCell, add_to_cell, add_to_sets, key_of, new_cell, result_of
from bench.peers.load import PARTITIONS, records, shared_events, singles
from bench.peers.truth import CellId, Figures, checked, truth_of
from runtime.kafka import LogRecord
from runtime.settings import KafkaSettings
from schemas.codec import encode
from schemas.lines import StoredEvent
from schemas.timing import MINUTE_MS, Timing, minute_of
from streams.state import SourceState, take_dirty_rows
from streams.steps import take_record
from tests.support.paths import ROOT

START_MS = 1_790_000_000_000
COUNT = 4000
SMALL = 20  # of so few events, 500 span minutes, which is more disorder than a gateway makes
REQUIREMENTS = ROOT / "requirements"


@pytest.fixture(scope="module")
def events() -> list[StoredEvent]:
    return shared_events(COUNT, START_MS)


@pytest.fixture(scope="module")
def truth(events: list[StoredEvent]) -> dict[CellId, Figures]:
    return truth_of(events)


def test_repeats_and_failures_are_among_the_events(events: list[StoredEvent]) -> None:
    repeats = COUNT - len({(event.account_id, event.event_id) for event in events})

    assert 0.01 < repeats / COUNT < 0.03
    assert any(event.outcome == "failed" for event in events)


@pytest.mark.parametrize("shape", [partial(records, size=SMALL), singles], ids=["records", "singles"])
def test_the_worker_s_steps_come_to_the_truth(
    shape: Any, events: list[StoredEvent], truth: dict[CellId, Figures], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(b"cells:1:0", value) for value in _rows_of(shape(events))]
    monkeypatch.setattr(readers, "_messages", lambda *_: iter(rows))

    check = checked(truth, readers.read_ours(KafkaSettings(), "any"))

    assert check.right
    assert check.events == check.events_told < COUNT
    assert check.distinct_error_percent < 5


def _rows_of(messages: Any) -> list[bytes]:
    """Return what the worker would send, flush after every record, as a crowd of versions."""
    states = {partition: SourceState(1, partition, Timing()) for partition in range(PARTITIONS)}
    values = []
    for message in messages:
        state = states[message["partition"]]
        headers = dict(message["headers"])
        take_record(
            state,
            LogRecord(
                "t", state.partition, state.next_offset, message["timestamp_ms"], None, message["value"], headers
            ),
        )
        flush = take_dirty_rows(state)
        assert flush is not None
        values.append(b"\n".join(map(encode, flush.cells)))
    return values


@pytest.mark.parametrize("dedupe", [True, False])
def test_the_peers_cells_come_to_the_truth_only_with_dedupe(
    dedupe: bool, events: list[StoredEvent], truth: dict[CellId, Figures]
) -> None:
    sketched: dict[CellId, dict[str, Any]] = {}
    exact: dict[CellId, SetCell] = {}
    for event in events:
        fields = json.loads(encode(event))
        name = (key_of(fields), minute_of(event.occurred_ms))
        add_to_cell(sketched.setdefault(name, new_cell()), fields, dedupe=dedupe)
        add_to_sets(exact.setdefault(name, SetCell()), event, dedupe=dedupe)

    by_sketch = checked(truth, _told({name: result_of(cell) for name, cell in sketched.items()}))
    by_sets = checked(truth, _told({name: cell.result() for name, cell in exact.items()}))

    assert by_sketch.right == by_sets.right == dedupe
    assert by_sets.distinct_error_percent == 0
    assert by_sketch.distinct_error_percent < 5


def _told(cells: dict[CellId, dict[str, Any]]) -> dict[CellId, Figures]:
    """Return *cells* as they are after a trip through JSON."""
    lines = [
        msgspec.json.encode({"key": key, "minute_ms": minute_ms, **cell}) for (key, minute_ms), cell in cells.items()
    ]
    return readers.read_dump(b"\n".join(lines).decode())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda cells, name: cells.pop(name),
        lambda cells, name: cells.update({name: replace(cells[name], events=cells[name].events + 1)}),
        lambda cells, name: cells.update({name: replace(cells[name], bins={0: 1})}),
        lambda cells, name: cells.update({(name[0], name[1] - 60 * MINUTE_MS): cells[name]}),
    ],
    ids=["missing", "one too many", "other bins", "other minute"],
)
def test_one_wrong_cell_is_noticed(wrong: Any, truth: dict[CellId, Figures]) -> None:
    told = dict(truth)
    wrong(told, next(iter(told)))

    check = checked(truth, told)

    assert (check.right, check.wrong) == (False, 1)


def test_the_peers_run_on_the_versions_that_avenue_runs_on() -> None:
    pins = {
        name: dict(re.findall(r"^([\w.-]+)==([^\s\\;]+)", (REQUIREMENTS / name).read_text(), re.MULTILINE))
        for name in ("runtime.txt", "bench.txt", "bench.in")
    }

    shared = pins["bench.in"]

    assert {"faust-streaming", "chdb-core", "kafka-python"} <= shared.keys()
    assert {name: pins["runtime.txt"].get(name) for name in shared} == shared
    assert {name: pins["bench.txt"].get(name) for name in shared} == shared
    assert not {"bytewax", "quixstreams"} & pins["runtime.txt"].keys()
