"""Settlement: blocks that are over, or were touched again, are computed anew from the stored events."""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.directory import Directory
from runtime.clickhouse import ClickHouse, Client
from runtime.clock import Clock
from runtime.logging import get_logger
from runtime.metrics import SETTLE_BLOCKS, SETTLE_DIFFERENCES, SETTLE_PENDING, SETTLE_SECONDS
from runtime.settings import Settings
from schemas.registry import Epoch
from schemas.timing import Timing
from sinks.clickhouse.sql import query
from sinks.settlement.block_totals import BlockTotals, read_block_totals
from sinks.settlement.blocks import (
    BLOCK_S,
    HOUR_S,
    Block,
    BlockActivity,
    ProductHour,
    block_parameters,
    ints,
    lateness_parameters,
    moment,
)
from sinks.settlement.compare import UNEXPLAINED, CellKey, LiveCellDifference, compare_cells
from sinks.settlement.daily_rollup import DayRoller, ProductDay
from sinks.settlement.recheck import CellDifference
from sinks.settlement.sources import complete_until, read_marks

log = get_logger(__name__)

# An insert may become visible this long after its rows were stamped.
LOOK_BACK_MS = 180_000
# Everything is looked at again so often, should a touch have slipped by.
FULL_LOOK_S = 3600.0
RUN_BITS = 10
"""A run is the settlement's Unix ms and these low bits: two settlers that overlap never share one."""

SETTLED_COLUMNS = (
    *("product_id", "block", "run", "settled_at", "rows", "touched_at", "cause"),
    *("cells", "events", "live_events", "late_events", "explained", "unexplained"),
    *("sources", "listed"),
)
DIFFERENCE_COLUMNS = (
    *("product_id", "block", "run", "trial_id", "platform", "placement_id", "arm", "kind", "minute"),
    *("live_events", "recomputed_events", "explanation", "detail"),
)


@dataclass(frozen=True, slots=True)
class SettlementResult:
    """What one call of `settle` did."""

    blocks: tuple[Block, ...] = ()
    differences: tuple[LiveCellDifference, ...] = ()
    hours: tuple[ProductHour, ...] = ()
    days: tuple[ProductDay, ...] = ()
    waiting: int = 0
    """Blocks that are over, or were touched, and were left for the next call."""


@dataclass(frozen=True, slots=True)
class _SettledBlocks:
    """What is written of the blocks of one run beside their cells."""

    cell_totals: Mapping[Block, Sequence[int]]
    block_totals: Mapping[Block, BlockTotals]
    differences: Sequence[LiveCellDifference]


@dataclass(slots=True)
class _SettlementState:
    """What is known between calls, so that no call looks at everything."""

    touched: dict[Block, BlockActivity] = field(default_factory=dict)
    hours: dict[ProductHour, int] = field(default_factory=dict)
    wrong: dict[Block, list[LiveCellDifference]] = field(default_factory=dict)
    """Settled cells that are not what their events come to."""
    last_runs: dict[Block, int] = field(default_factory=dict)
    """The highest run of any cell of those blocks, whoever wrote it."""
    seen_ms: int = 0
    looked_at: float | None = None


class Settler:
    """Settles blocks of the store. Only one should run at a time; two do each other's work twice, and no harm.

    Belongs to one thread. *settings* give the bounds, the registry's newest epoch the tolerances.
    """

    def __init__(self, settings: Settings, clickhouse: ClickHouse, clock: Clock) -> None:
        self._settings = settings
        self._clickhouse = clickhouse
        self._clock = clock
        self._state = _SettlementState()
        self._days = DayRoller(settings.sink, clock)

    def settle(self, directory: Directory) -> SettlementResult:
        """Settle the blocks that are due, oldest first, up to a bound; sum the hours and days that follow from them.

        Raises `ClickHouseError`; what was not finished is done at the next call.
        """
        epoch = directory.epoch
        if epoch is None:
            return SettlementResult()
        client = self._clickhouse.writer()
        timing = Timing(grace_ms=epoch.grace_ms, lead_ms=epoch.lead_ms, slack_ms=epoch.slack_ms)
        self._look(client)
        until_ms = self._until_ms(client, epoch, timing)
        due = self._due(until_ms)
        chosen = due[: self._settings.sink.settle_blocks]
        SETTLE_PENDING.set(len(due) - len(chosen))
        differences: list[LiveCellDifference] = []
        if chosen:
            differences = self._settle_blocks(client, chosen, directory.epochs, timing)
        hours = self._roll_hours(client)
        days = self._days.roll(client, self._state.touched, until_ms)
        return SettlementResult(tuple(chosen), tuple(differences), tuple(hours), tuple(days), len(due) - len(chosen))

    def settle_again(self, wrong: Collection[CellDifference]) -> None:
        """Have the blocks of settled cells that were found *wrong* settled at the next call, above any run they have.

        Somebody, or a fault, wrote them; the list of differences says so from then on. Raises `ClickHouseError`.
        """
        state = self._state
        for item in wrong:
            state.wrong.setdefault(Block(item.product_id, item.block_s), []).append(_wrongly_settled(item))
        if not state.wrong:
            return
        rows = self._clickhouse.writer().query(query("block_states"), parameters=block_parameters(state.wrong))
        for product_id, start_s, *counts in rows.result_rows:
            block, activity = Block(product_id, int(start_s)), BlockActivity(*(int(count) for count in counts))
            state.touched[block], state.last_runs[block] = activity, activity.last_run

    def waiting(self) -> Mapping[Block, BlockActivity]:
        """Look again, and return the blocks that have rows which no settlement has seen. Raises `ClickHouseError`."""
        self._look(self._clickhouse.writer())
        return dict(self._state.touched)

    # --- which

    def _look(self, client: Client) -> None:
        """Note blocks that were touched since the last look, or all of them at the first one."""
        now = time.monotonic()
        state = self._state
        full = state.looked_at is None or now - state.looked_at >= FULL_LOOK_S
        which = "everything" if full else "touched_since"
        parameters = {} if full else {"since_ms": state.seen_ms - LOOK_BACK_MS}
        for product_id, start_s, *counts in client.query(
            query("touched_blocks", which=which), parameters=parameters
        ).result_rows:
            activity = BlockActivity(*(int(count) for count in counts))
            state.touched[Block(product_id, int(start_s))] = activity
            state.seen_ms = max(state.seen_ms, activity.touched_ms)
        if full:
            state.looked_at = now
            for product_id, start_s, run in client.query(query("due_hours")).result_rows:
                state.hours[ProductHour(product_id, int(start_s))] = int(run)
            self._days.look(client)

    def _until_ms(self, client: Client, epoch: Epoch, timing: Timing) -> int:
        """Return up to when every source was stored and counted, less the grace of what is late."""
        timeout_ms = int(self._settings.kafka.delivery_timeout_s * 1000)
        return complete_until(read_marks(client, epoch), timing, timeout_ms) - timing.grace_ms

    def _due(self, until_ms: int) -> list[Block]:
        """Return the touched blocks that are over, oldest first; one settled just now waits for company."""
        again_before_ms = self._clock.now_ms() - int(self._settings.sink.resettle_s * 1000)
        return sorted(
            (
                block
                for block, activity in self._state.touched.items()
                if (block.start_s + BLOCK_S) * 1000 <= until_ms
                and (not activity.settled_before or activity.settled_ms <= again_before_ms)
            ),
            key=lambda block: (block.start_s, block.product_id),
        )

    # --- settling

    def _settle_blocks(
        self, client: Client, blocks: Sequence[Block], epochs: Collection[Epoch], timing: Timing
    ) -> list[LiveCellDifference]:
        began = time.perf_counter()
        activities = {block: self._state.touched[block] for block in blocks}
        lateness = lateness_parameters(epochs, timing)
        run = self._next_run(activities)
        chosen = block_parameters(blocks)
        # The one reading of the events: it compares with the live cells too, and the rest is read from what it wrote.
        client.command(query("settle_cells"), parameters={**chosen, **lateness, "run": run})
        cell_totals = {
            Block(row[0], int(row[1])): ints(row[2:])
            for row in client.query(query("block_totals"), parameters=chosen).result_rows
        }
        differing = [block for block, total in cell_totals.items() if total[-1]]
        found = compare_cells(client, differing, lateness, timing) if differing else []
        differences = self._with_wrong(found, blocks)
        block_totals = read_block_totals(client, blocks, differences)
        _write_differences(client, differences, run)
        # Last: a block without this row is settled again.
        self._write_settled(client, activities, _SettledBlocks(cell_totals, block_totals, differences), run)
        self._forget(activities, run)
        _count(activities, differences, time.perf_counter() - began)
        return differences

    def _with_wrong(self, found: Sequence[LiveCellDifference], blocks: Collection[Block]) -> list[LiveCellDifference]:
        """Return *found*, and the settled cells of *blocks* that were wrong; a cell is listed once."""
        wrong = [item for block in blocks for item in self._state.wrong.get(block, ())]
        return list({item.cell: item for item in [*found, *wrong]}.values())

    def _next_run(self, activities: Mapping[Block, BlockActivity]) -> int:
        now = self._clock.now_ms() << RUN_BITS | (time.perf_counter_ns() & ((1 << RUN_BITS) - 1))
        last_runs = self._state.last_runs
        return max(
            now, 1 + max(max(activity.last_run, last_runs.get(block, 0)) for block, activity in activities.items())
        )

    def _write_settled(
        self, client: Client, activities: Mapping[Block, BlockActivity], found: _SettledBlocks, run: int
    ) -> None:
        unexplained = Counter(item.block for item in found.differences if item.explanation == UNEXPLAINED)
        listed = Counter(item.block for item in found.differences)
        now = moment(self._clock.now_ms())
        rows = []
        for block, activity in activities.items():
            wrong, totals = unexplained[block], found.block_totals.get(block, BlockTotals())
            rows.append(
                [
                    *(
                        block.product_id,
                        moment(block.start_s * 1000),
                        run,
                        now,
                        activity.rows,
                        moment(activity.touched_ms),
                    ),
                    *(_cause(activity), *found.cell_totals.get(block, (0, 0, 0, 0))[:3], totals.late_events),
                    *(listed[block] - wrong, wrong, totals.sources, totals.listed),
                ]
            )
        _insert(client, "settled_blocks", SETTLED_COLUMNS, rows)

    def _forget(self, activities: Mapping[Block, BlockActivity], run: int) -> None:
        self._days.note(activities)
        for block, activity in activities.items():
            if self._state.touched.get(block) == activity:
                del self._state.touched[block]
            self._state.wrong.pop(block, None)
            self._state.last_runs.pop(block, None)
            self._state.hours[ProductHour(block.product_id, block.hour_s)] = run

    # --- hours

    def _roll_hours(self, client: Client) -> list[ProductHour]:
        """Sum the hours that were settled and hold no block that waits."""
        waiting = {ProductHour(block.product_id, block.hour_s) for block in self._state.touched}
        now_s = self._clock.now_ms() // 1000
        due = [hour for hour in self._state.hours if hour not in waiting and hour.start_s + HOUR_S <= now_s]
        due = sorted(due, key=lambda hour: hour.start_s)[: self._settings.sink.settle_blocks]
        if not due:
            return []
        run = max(self._state.hours[hour] for hour in due)
        parameters = {
            "products": [hour.product_id for hour in due],
            "hours": [hour.start_s for hour in due],
            "from_s": due[0].start_s,
            "until_s": due[-1].start_s + HOUR_S,
            "run": run,
        }
        client.command(query("roll_hours"), parameters=parameters)
        now = moment(self._clock.now_ms())
        rows = [[hour.product_id, moment(hour.start_s * 1000), run, now] for hour in due]
        _insert(client, "rolled_hours", ("product_id", "hour", "run", "rolled_at"), rows)
        for hour in due:
            del self._state.hours[hour]
        return due


def _wrongly_settled(item: CellDifference) -> LiveCellDifference:
    return LiveCellDifference(
        CellKey(
            *(item.product_id, item.trial_id, item.platform, item.placement_id, item.arm, item.kind), item.minute_s
        ),
        Block(item.product_id, item.block_s),
        item.shown_events,
        item.expected_events,
        UNEXPLAINED,
        "the settled cell was not what its events come to; its block was settled again",
    )


def _cause(activity: BlockActivity) -> str:
    return "touched" if activity.settled_before else "closed"


def _count(
    activities: Mapping[Block, BlockActivity], differences: Sequence[LiveCellDifference], seconds: float
) -> None:
    SETTLE_SECONDS.observe(seconds)
    for activity in activities.values():
        SETTLE_BLOCKS.labels(_cause(activity)).inc()
    for item in differences:
        SETTLE_DIFFERENCES.labels("unexplained" if item.explanation == UNEXPLAINED else "explained").inc()
        if item.explanation == UNEXPLAINED:
            log.error(
                "a cell differs from its events and nothing explains it",
                cell=item.cell._asdict(),
                live_events=item.live_events,
                recomputed_events=item.recomputed_events,
            )


def _write_differences(client: Client, differences: Sequence[LiveCellDifference], run: int) -> None:
    rows = [
        [
            *(item.block.product_id, moment(item.block.start_s * 1000), run, *item.cell[1:-1]),
            moment(item.cell.minute_s * 1000),
            *(item.live_events, item.recomputed_events, item.explanation, item.detail),
        ]
        for item in differences
    ]
    _insert(client, "settlement_differences", DIFFERENCE_COLUMNS, rows)


def _insert(client: Client, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        client.insert(table, rows, column_names=columns, settings={"async_insert": 0})
