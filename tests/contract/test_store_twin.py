"""The store in memory that the road's model runs on gives the same answers as the real engine, after the same rows."""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
import structlog

from runtime.clickhouse import ClickHouse
from runtime.clock import Clock
from schemas.cells import CellRow
from schemas.registry import Epoch
from sinks.clickhouse.sql import query
from sinks.consumer.rows import TableRows, joined
from sinks.consumer.tables import StoreTable
from sinks.consumer.writer import ClickHouseRowWriter
from tests.road_model.cells import NO_PLACE
from tests.road_model.guards import GUARDS
from tests.road_model.road import WEIGHTS, MakeStore, RoadModel, model_time
from tests.road_model.store import NAMES, MemoryStore, QueryAnswer
from tests.road_model.truth import ViewWatcher, WrongError
from tests.support.counting_harness import CellName, cell_name

pytestmark = pytest.mark.clickhouse

STEPS = 150
CELLS = "SELECT * REPLACE (toInt64(toUnixTimestamp(minute)) * 1000 AS minute) FROM cells"
TOUCHED = query("touched_blocks", which="touched_since")
EVERYTHING = query("touched_blocks", which="everything")
ANSWERED = {query(name) for name in NAMES}
TOUCHED_AT = 3
"""The column of `touched_blocks` that comes from the engine's own clock."""


class TwinStore(MemoryStore):
    """A store in memory that does everything in the real one too, and compares each answer."""

    def __init__(self, clickhouse: ClickHouse, clock: Clock, epochs: Callable[[], Sequence[Epoch]]) -> None:
        super().__init__(clock, epochs)
        self._client = clickhouse.writer()
        self._writer = ClickHouseRowWriter(clickhouse, timeout_s=60)
        self._chosen: Mapping[str, Any] = {}
        self.compared: set[str] = set()
        for item in epochs():
            row = {"entry_type": "epoch", "id": str(item.number), "body": item.model_dump_json(), "version": 1}
            self._writer.write(joined(StoreTable.REGISTRY, [row]), token="")

    def query(self, text: str, parameters: Mapping[str, Any] | None = None) -> QueryAnswer:
        mine = super().query(text, parameters)
        # The engine stamps touches by its own clock: what it has since a time of ours is everything.
        asked = (EVERYTHING, {}) if text == TOUCHED else (text, parameters)
        theirs = self._client.query(asked[0], parameters=dict(asked[1] or {})).result_rows
        if text == TOUCHED:
            mine_all = super().query(EVERYTHING, {}).result_rows
            assert plain(mine_all, without=TOUCHED_AT) == plain(theirs, without=TOUCHED_AT)
        elif text == EVERYTHING:
            assert plain(mine.result_rows, without=TOUCHED_AT) == plain(theirs, without=TOUCHED_AT)
        elif text in ANSWERED:
            assert plain(mine.result_rows) == plain(theirs)
        if theirs:
            self.compared.add(text)
        return mine

    def command(self, text: str, parameters: Mapping[str, Any]) -> None:
        super().command(text, parameters)
        self._client.command(text, parameters=dict(parameters))

    def insert(self, table: str, rows: Sequence[Sequence[Any]], *, column_names: Sequence[str], settings: Any) -> None:
        super().insert(table, rows, column_names=column_names, settings=settings)
        self._client.insert(table, rows, column_names=column_names, settings=settings)

    def write(self, rows: TableRows, *, token: str) -> None:
        super().write(rows, token=token)
        self._writer.write(rows, token=token)

    def settle_cells(self, chosen: Mapping[str, Any]) -> dict[CellName, tuple[int, CellRow]]:
        self._chosen = chosen
        return super().settle_cells(chosen)

    def put_settled(self, cells: Mapping[CellName, tuple[int, CellRow]]) -> None:
        super().put_settled(cells)
        self._client.command(query("settle_cells"), parameters=dict(self._chosen))

    def compare_view(self) -> None:
        """Hold the view `cells` against its twin, cell by cell, in everything that they hold."""
        found = self._client.query(CELLS)
        theirs = {}
        for values in found.result_rows:
            item = dict(zip(found.column_names, values, strict=True))
            settled = bool(item.pop("settled"))
            row = msgspec.convert({**item, "minute_ms": item.pop("minute"), **NO_PLACE}, CellRow)
            theirs[cell_name(row)] = (settled, row)
        assert {name: (item.settled, item.cell) for name, item in self.shown().items()} == theirs
        assert self.shown_events() == {name: row.events for name, (_, row) in theirs.items()}


def plain(rows: Sequence[Sequence[Any]], *, without: int | None = None) -> list[tuple[Any, ...]]:
    """Return *rows* in one order, less the column *without*."""
    return sorted(tuple(value for place, value in enumerate(row) if place != without) for row in rows)


async def drive_quietly(seed: int, make_store: MakeStore) -> MemoryStore:
    """Run the road of *seed* to its end, whatever a reader sees; settlers do not die.

    (A settlement that is on its way cannot be held back in both stores.)
    """
    chance = random.Random(seed)
    acts = [act for act in WEIGHTS if act not in {RoadModel.settle, RoadModel.flow, RoadModel.write_late}]
    with (
        model_time() as time,
        patch.object(ViewWatcher, "look", lambda _: None),
        patch.object(RoadModel, "settle", _settle),
    ):
        road = RoadModel(time, make_store=make_store)
        try:
            for act in chance.choices(acts, [WEIGHTS[act] for act in acts], k=STEPS):
                await act(road, chance)
            await road.flow(chance)
            await road.come_to_rest(chance)
        except WrongError:
            pass  # without a guard; what the stores say of it is what matters here
        finally:
            await road.close()
    return road.store


async def _settle(road: RoadModel, _: random.Random) -> None:
    road.settlers[-1].settle(None)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def twin_after(seed: int, clickhouse: ClickHouse) -> TwinStore:
    """Return both stores as one after the run of *seed*, all answers compared."""
    store = asyncio.run(drive_quietly(seed, lambda clock, epochs: TwinStore(clickhouse, clock, epochs)))
    assert isinstance(store, TwinStore)
    store.compare_view()
    return store


def test_both_stores_answer_alike_on_the_road(clickhouse: ClickHouse) -> None:
    store = twin_after(3, clickhouse)

    names = ("source_marks", "block_totals", "cell_sources", "sum_stored", "sum_log")
    assert {query(name) for name in names} <= store.compared


@pytest.mark.parametrize("name", ["rebuild", "the worker's dedupe", "settlement waits for every source"])
def test_both_stores_tell_the_same_differences(clickhouse: ClickHouse, name: str) -> None:
    (guard,) = (guard for guard in GUARDS if guard.name == name)
    with guard.taken_out():
        seed = next(s for s in range(100) if asyncio.run(drive_quietly(s, MemoryStore)).differences)
        store = twin_after(seed, clickhouse)

    assert {query("differing_cells"), query("explain_cells")} <= store.compared
