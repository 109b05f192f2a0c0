"""Days of the street, summed once they are settled: the trial page reads a past of months in hundreds of rows."""

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from runtime.clickhouse import Client
from runtime.clock import Clock
from runtime.settings import SinkSettings
from schemas.timing import DAY_MS, SHANGHAI_MS
from sinks.clickhouse.sql import query
from sinks.settlement.blocks import Block, moment

DAY_S = DAY_MS // 1000
SHANGHAI_S = SHANGHAI_MS // 1000
FUNNEL_WINDOW_MS = DAY_MS
"""As long as the reading side lets a person go on after an exposure; with another length its days would be others."""

RUN_BITS = 10
CELLS = ("roll_day_cells", "roll_day_units", "roll_day_places")
ROLLED_COLUMNS = ("product_id", "rollup", "day", "run", "rolled_at", "rows", "settled_run", "unexplained")


class ProductDay(NamedTuple):
    """A day of a product, from *start_s* (Unix seconds), its midnight in Shanghai."""

    product_id: str
    start_s: int

    @property
    def end_ms(self) -> int:
        """When it is over."""
        return (self.start_s + DAY_S) * 1000

    def shifted(self, days: int) -> "ProductDay":
        """Return the day so many days later."""
        return ProductDay(self.product_id, self.start_s + days * DAY_S)


def day_of(block: Block) -> ProductDay:
    """Return the day that holds *block*."""
    return ProductDay(block.product_id, block.start_s - (block.start_s + SHANGHAI_S) % DAY_S)


class RollupBasis(NamedTuple):
    """What the sums of a day were made of."""

    run: int = 0
    rows: int = 0
    settled_run: int = 0


class RollupState(NamedTuple):
    """What the store says of a day: rows that came, and that settlements saw; unexplained blocks; what was summed."""

    rows: int = 0
    seen: int = 0
    settled_run: int = 0
    unexplained: int = 0
    cells: RollupBasis = RollupBasis()
    funnels: RollupBasis = RollupBasis()

    def with_next(self, following: "RollupState") -> RollupBasis:
        """Return what this day's funnels would be made of: they go on into the *following* day."""
        return RollupBasis(0, self.rows + following.rows, max(self.settled_run, following.settled_run))


RollupStates = Mapping[ProductDay, RollupState]


class DayRoller:
    """Sums whole days, a few at a time. It belongs to the settler and its thread."""

    def __init__(self, settings: SinkSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._cells: set[ProductDay] = set()
        self._funnels: set[ProductDay] = set()
        self._rolled_ms: dict[ProductDay, int] = {}

    def note(self, blocks: Iterable[Block]) -> None:
        """Remember that *blocks* were settled: the sums of their days are out of date."""
        self._add({day_of(block) for block in blocks})

    def look(self, client: Client) -> None:
        """Find every day whose sums are missing or out of date: at the start, and should one have slipped by."""
        states = _rollup_states(client, query("day_marks", which="everything"), {})
        self._add({day for day, state in states.items() if _differ(state.cells, state)})
        self._funnels |= {
            day for day, state in states.items() if _differ(state.funnels, state.with_next(_next(states, day)))
        }

    def roll(self, client: Client, waiting: Iterable[Block], until_ms: int) -> list[ProductDay]:
        """Sum days that are over (before *until_ms*) and hold none of the *waiting* blocks; the newest first.

        Raises `ClickHouseError`; what was not finished is done at the next call.
        """
        busy = {day_of(block) for block in waiting}
        self._rolled_ms = {
            day: at_ms
            for day, at_ms in self._rolled_ms.items()
            if at_ms > self._clock.now_ms() - self._settings.reroll_s * 1000
        }
        ready = self._ready(self._cells, busy, until_ms)
        cells = self._roll_cells(client, ready) if ready else []
        # A funnel waits for the cells of both its days, and so for their settlement.
        funnels = self._ready(self._funnels, busy | self._cells, until_ms, following=1)
        if funnels:
            self._roll_funnels(client, funnels)
        return cells

    def _add(self, days: AbstractSet[ProductDay]) -> None:
        self._cells |= days
        self._funnels |= days | {day.shifted(-1) for day in days}

    def _ready(
        self, due: Collection[ProductDay], busy: AbstractSet[ProductDay], until_ms: int, following: int = 0
    ) -> list[ProductDay]:
        ready = [
            day
            for day in due
            if day.shifted(following).end_ms <= until_ms
            and not {day, day.shifted(following)} & busy
            # The days of a funnel were held back before it.
            and (following or day not in self._rolled_ms)
        ]
        return sorted(ready, key=lambda day: day.start_s, reverse=True)[: self._settings.roll_days]

    def _roll_cells(self, client: Client, days: list[ProductDay]) -> list[ProductDay]:
        states = _rollup_states_of(client, days)
        self._cells -= set(days)
        # Rows may have come since the settler's last look: their block waits, and notes the day again once settled.
        days = [day for day in days if day in states and states[day].seen == states[day].rows]
        if not days:
            return []
        run = self._run(states)
        try:
            for name in CELLS:
                client.command(query(name), parameters=_parameters(days, run))
            made_of = {day: RollupBasis(run, states[day].rows, states[day].settled_run) for day in days}
            self._write(client, "cells", made_of, states)
        except BaseException:  # whatever broke it: the days are noted for another look before it goes on up
            self._cells |= set(days)
            raise
        self._rolled_ms |= dict.fromkeys(days, self._clock.now_ms())
        return days

    def _roll_funnels(self, client: Client, days: list[ProductDay]) -> None:
        states = _rollup_states_of(client, days)
        run = self._run(states)
        parameters = _parameters(days, run, following=1) | {"window": FUNNEL_WINDOW_MS}
        client.command(query("roll_day_funnels"), parameters=parameters)
        made_of = {
            day: states[day].with_next(_next(states, day))._replace(run=run)
            for day in days
            if day in states and states[day].rows
        }
        self._write(client, "funnels", made_of, states)
        self._funnels -= set(days)

    def _run(self, states: RollupStates) -> int:
        last = max((max(state.cells.run, state.funnels.run) for state in states.values()), default=0)
        return max(self._clock.now_ms() << RUN_BITS, last + 1)

    def _write(
        self, client: Client, rollup: str, made_of: Mapping[ProductDay, RollupBasis], states: RollupStates
    ) -> None:
        now = moment(self._clock.now_ms())
        rows = [
            [
                *(day.product_id, rollup, moment(day.start_s * 1000), basis.run, now),
                *(basis.rows, basis.settled_run, states[day].unexplained),
            ]
            for day, basis in made_of.items()
        ]
        if rows:
            client.insert("daily_rollups", rows, column_names=ROLLED_COLUMNS, settings={"async_insert": 0})


def _differ(basis: RollupBasis, now: RollupState | RollupBasis) -> bool:
    return (basis.rows, basis.settled_run) != (now.rows, now.settled_run)


def _next(states: RollupStates, day: ProductDay) -> RollupState:
    return states.get(day.shifted(1), RollupState())


def _rollup_states_of(client: Client, days: Iterable[ProductDay]) -> RollupStates:
    # Read before the sums are made: what comes meanwhile makes them out of date, whether it is in them or not.
    products = sorted({day.product_id for day in days})
    return _rollup_states(client, query("day_marks", which="these_products"), {"products": products})


def _rollup_states(client: Client, sql: str, parameters: dict[str, Any]) -> RollupStates:
    found: dict[ProductDay, RollupState] = {}
    for product_id, start_s, *numbers in client.query(sql, parameters=parameters).result_rows:
        came, seen, settled_run, wrong, *sums = (int(number) for number in numbers)
        day = ProductDay(str(product_id), int(start_s))
        found[day] = RollupState(came, seen, settled_run, wrong, RollupBasis(*sums[:3]), RollupBasis(*sums[3:]))
    return found


def _parameters(days: Collection[ProductDay], run: int, following: int = 0) -> dict[str, Any]:
    starts = [day.start_s for day in days]
    return {
        "products": [day.product_id for day in days],
        "days": starts,
        "from_s": min(starts),
        "until_s": max(starts) + DAY_S * (1 + following),
        "run": run,
    }
