"""The recomputation in SQL and the worker's steps in Python come to the same cells, sketches and all."""

from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from runtime.clickhouse import ClickHouse
from schemas.codec import decode_cell
from schemas.lines import StoredEvent
from sinks.clickhouse.sql import query
from streams.state import SourceState, take_dirty_rows
from streams.steps import take_record
from tests.support.properties import examples
from tests.support.settlement_harness import NOON_MS, TIMING, World, event

pytestmark = pytest.mark.clickhouse

HASHES = st.one_of(
    st.just(""),
    st.binary(min_size=16, max_size=16).map(bytes.hex),
    # Few bits set: long runs of zeros, up to none set at all.
    st.integers(0, 63).map(lambda bit: f"{1 << bit:016x}" + "0" * 16),
    st.just("0" * 32),
)
DURATIONS = st.one_of(
    st.none(),
    st.integers(0, 300),
    st.integers(0, 86_400_000),
    st.integers(0, 26).map(lambda bit: min(86_400_000, 1 << bit)),
)


@st.composite
def events(draw: st.DrawFn) -> list[StoredEvent]:
    drawn = draw(st.lists(st.tuples(HASHES, HASHES, DURATIONS, st.integers(0, 119_999)), min_size=1, max_size=60))
    return [
        event(f"e-{index}", NOON_MS + at, subject=subject, session_id=session, duration_ms=duration)
        for index, (subject, session, duration, at) in enumerate(drawn)
    ]


@examples(25, suppress=[HealthCheck.function_scoped_fixture])
@given(events())
def test_sql_and_python_come_to_the_same_cells(clickhouse: ClickHouse, drawn: list[StoredEvent]) -> None:
    clickhouse.writer().command("TRUNCATE TABLE pilot_events")
    world = World(clickhouse)
    record = world.send(*drawn, counted=False)
    state = SourceState(1, 0, TIMING)
    take_record(state, record)
    flush = take_dirty_rows(state)
    assert flush is not None

    columns, rows = recomputed(clickhouse)

    assert len(rows) == len(flush.cells)
    for row, cell in zip(rows, sorted(flush.cells, key=lambda item: item.minute_ms), strict=True):
        found: dict[str, Any] = dict(zip(columns, row, strict=True))
        minute_ms = int(found.pop("minute").replace(tzinfo=UTC).timestamp()) * 1000
        # Through JSON, as the sink stores it.
        wanted = msgspec.structs.asdict(decode_cell(msgspec.json.encode(cell)))
        assert minute_ms == cell.minute_ms
        assert found == {name: wanted[name] for name in found}


def recomputed(clickhouse: ClickHouse) -> tuple[tuple[str, ...], list[Any]]:
    """Return names and rows of the recomputation over everything."""
    cells = query("recompute", events="everything")
    result = clickhouse.reader().query(f"SELECT * EXCEPT (forgotten) FROM ({cells}) ORDER BY minute")  # noqa: S608 - ours
    return result.column_names, list(result.result_rows)
