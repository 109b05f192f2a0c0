"""Summed days against what was summed: every answer of the read side is the same with them and without."""

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from reports.dashboard.trend import TrendPick
from reports.dashboard.trial_data import trial_data
from reports.queries import freshness, funnel, presence, series, sources, totals
from reports.queries.context import QueryContext, RollupCache
from reports.queries.model import DIMENSIONS, Interval, SeriesQuestion, TotalsQuestion
from reports.queries.orders_ratings import orders_and_ratings
from reports.queries.overview import TrialOverview, overviews
from reports.queries.readout import readout
from reports.queries.retention import retention
from reports.queries.spans import step_start
from reports.queries.units import units
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import SinkSettings
from schemas.lines import StoredEvent
from schemas.registry import MetricId
from schemas.timing import block_of
from sinks.settlement.blocks import Block
from sinks.settlement.daily_rollup import DayRoller, ProductDay
from tests.support.reports_harness import DAY, HOUR, NOW, START, World, cells_of, directory, event, made_up, registry

pytestmark = pytest.mark.clickhouse

PICK = TrendPick(metric="subjects", by="platform", range="trial", step="day", compare=False)
SWITCHES = [
    event(9000, kind="device.online", occurred_ms=START + 5 * HOUR),
    event(9001, kind="device.offline", occurred_ms=START + DAY + 3 * HOUR),
    event(9002, kind="device.online", occurred_ms=START + DAY + 9 * HOUR),
    event(9003, kind="device.online", occurred_ms=START + 9 * HOUR, placement_id="p-3", account_id="douyin-main"),
]


class Days:
    """A world whose blocks are settled and whose days are summed by the real code."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = ManualClock(NOW)
        self.roller = DayRoller(SinkSettings(roll_days=3, reroll_s=1), self.clock)
        self.events: dict[str, StoredEvent] = {}
        self.stored = 0
        self.run = 0
        self.rollup_cache = RollupCache()

    def context(self) -> QueryContext:
        """Return a context that knows of summed days what those before it learnt, as in a server."""
        return replace(self.world.context(), rollup_cache=self.rollup_cache, rows_by_query={}, memo={})

    def come(self, events: Iterable[StoredEvent], *, settled: bool = True) -> None:
        """Let *events* be stored, and their blocks settled again from all that is stored."""
        came = list(events)
        self.world.store(came)
        for one in came:
            self.events.setdefault(one.event_id, one)
        if settled:
            self.settle({block_of(one.occurred_ms) for one in came})

    def settle(self, blocks: set[int]) -> None:
        self.run += 1
        found = [one for one in self.events.values() if block_of(one.occurred_ms) in blocks]
        self.world.settle(cells_of(found), run=self.run, rows=0)
        # What settlement notes: as many rows as have come by now.
        self.world.clickhouse.writer().command(
            "INSERT INTO settled_blocks (product_id, block, run, settled_at, rows) "
            "SELECT product_id, block, {run:UInt64}, now64(3), sum(t.rows) FROM touched_blocks AS t "
            "WHERE toUnixTimestamp(block) IN {blocks:Array(UInt32)} GROUP BY product_id, block",
            parameters={"run": self.run + 1, "blocks": [block // 1000 for block in blocks]},
        )
        self.run += 1
        self.roller.note(Block("neuro-band", block // 1000) for block in blocks)

    def sum(self, until_ms: int = NOW) -> list[ProductDay]:
        """Sum what is due, in as many calls as it takes."""
        found: list[ProductDay] = []
        self.clock.advance(5_000)
        client = self.world.clickhouse.writer()
        while days := self.roller.roll(client, (), until_ms):
            found += days
        return found


@pytest.fixture
def days(clickhouse: ClickHouse) -> Days:
    return Days(World(clickhouse))


def answers(context: QueryContext, interval: Interval) -> dict[str, Any]:
    """Return everything that may be read from summed days."""
    from typing import get_args

    metrics: tuple[MetricId, ...] = get_args(MetricId)
    found: dict[str, Any] = {
        f"totals {exact} {by}": totals.totals(context, TotalsQuestion("neuro", metrics, interval, by=by, exact=exact))
        for exact in (False, True)
        for by in ((), ("arm",), ("platform",), ("placement",), ("arm", "placement"))
    }
    for by in (None, *DIMENSIONS):
        asked = tuple(m for m in metrics if by != "kind" or m not in {"uptime", "coverage"})
        found[f"series {by}"] = series.series(
            context, SeriesQuestion(trial_id="neuro", metrics=asked, interval=interval, step="day", by=by)
        )
    found["funnel"] = funnel.funnel(context, "neuro", interval, "arm")
    found["presences"] = presence.presences(context, "neuro", interval)
    found["ledger"] = presence.ledger(context, "neuro", interval)
    found["freshness"] = freshness.freshness(context, "neuro", interval)
    found["readout"] = readout(context, "neuro")
    found["retention"] = retention(context, "neuro", interval)
    found["orders"] = orders_and_ratings(context, "neuro", interval)
    found["glance"] = overviews(context, {"neuro": interval}, 14)
    return found


def agree(days: Days, interval: Interval, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare every answer with what it is where no day counts as summed."""
    summed = answers(days.context(), interval)
    assert answers(days.context(), interval) == summed, "kept"
    with monkeypatch.context() as patch:
        patch.setattr(sources, "_days", lambda *_: {})
        plain = answers(days.world.context(), interval)
    for name, answer in plain.items():
        assert summed[name] == answer, name


@pytest.mark.parametrize("seed", [1, 2])
def test_every_answer_is_the_same_with_summed_days_and_without(
    days: Days, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    days.come([*made_up(600, seed=seed), *SWITCHES])

    assert len(days.sum()) == 2

    agree(days, Interval(START, NOW), monkeypatch)
    agree(days, Interval(START + rng.randrange(DAY), START + 2 * DAY + rng.randrange(HOUR)), monkeypatch)


def test_a_days_sums_are_left_aside_from_the_moment_an_event_comes_late_until_they_are_made_anew(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    days.come([*made_up(200), *SWITCHES])
    days.sum()
    whole = Interval(START, NOW)
    product = "neuro-band"
    assert len(sources.split_interval(days.world.context(), product, whole).days) == 2

    late = made_up(40, seed=5, days=2)
    days.come([replace_id(one, f"late-{n}") for n, one in enumerate(late)], settled=False)

    assert sources.split_interval(days.world.context(), product, whole).days == ()
    agree(days, whole, monkeypatch)
    days.settle({block_of(one.occurred_ms) for one in late})
    agree(days, whole, monkeypatch)
    assert len(days.sum()) == 2
    assert len(sources.split_interval(days.world.context(), product, whole).days) == 2
    agree(days, whole, monkeypatch)


def test_what_a_correction_takes_out_of_a_day_is_out_of_its_sums(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    # The same event at an earlier place of the log says another arm: it is the one that stands.
    wrong = event(7, subject="ab" * 16, arm="baseline", placement_id="p-2", occurred_ms=START + HOUR)
    days.world.offset = 100
    days.come([*made_up(120), wrong])
    days.sum()
    days.world.offset = 1

    right = replace_arm(wrong)
    days.events["e-7"] = right
    days.come([right])
    days.sum()

    assert len(sources.split_interval(days.world.context(), "neuro-band", Interval(START, NOW)).days) == 2
    agree(days, Interval(START, NOW), monkeypatch)


def test_repeats_change_nothing_but_that_the_day_is_summed_again(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    events = made_up(150)
    days.come(events)
    days.sum()

    days.come(events[:30])

    assert days.sum()
    agree(days, Interval(START, NOW), monkeypatch)


def test_a_day_that_is_not_over_or_not_settled_is_not_summed(days: Days) -> None:
    days.come(made_up(60, days=2))

    assert days.sum(until_ms=START + DAY - 1) == []
    assert [day.start_s * 1000 for day in days.sum(until_ms=START + DAY)] == [START]
    days.come([event(500, occurred_ms=START + 30 * HOUR)], settled=False)
    assert days.sum() == []


def test_old_days_of_a_store_are_found_and_summed_a_few_at_a_time(days: Days) -> None:
    days.come(made_up(60, days=2))
    days.roller = DayRoller(SinkSettings(roll_days=1), days.clock)

    days.roller.look(days.world.clickhouse.writer())

    client = days.world.clickhouse.writer()
    assert [len(days.roller.roll(client, (), NOW)) for _ in range(3)] == [1, 1, 0]


def test_a_trials_page_is_the_same_with_summed_days(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    days.come([*made_up(300), *SWITCHES])
    days.sum()

    summed = trial_data(days.context(), "neuro", PICK)
    assert trial_data(days.context(), "neuro", PICK) == summed

    monkeypatch.setattr(sources, "_days", lambda *_: {})
    assert replace(summed, directory=days.world.directory) == trial_data(days.world.context(), "neuro", PICK)


@pytest.mark.parametrize("primary", ["success_rate", "subjects", "duration_p50", "revenue_fen", "uptime", "events"])
def test_many_trials_at_a_glance_are_told_what_each_would_be_told_alone(days: Days, primary: MetricId) -> None:
    days.come([*made_up(300), *SWITCHES])
    days.sum()
    known = directory(trials=[t.model_copy(update={"primary_metric": primary}) for t in registry().trials])
    whole = Interval(START, NOW)

    found = overviews(replace(days.context(), directory=known), {"neuro": whole, "emg": whole}, 1)

    last = Interval(START + DAY, NOW)
    told, events = totals.totals(days.context(), TotalsQuestion("neuro", (primary, "events"), whole))
    (lines,) = series.series(
        days.context(), SeriesQuestion(trial_id="neuro", metrics=("events",), interval=last, step="day", dense=True)
    )
    assert found["neuro"] == TrialOverview(told, events, lines.lines[0].points)
    assert (found["emg"].events.value, found["emg"].days) == (0, ())


def test_who_came_to_two_placements_at_one_place_came_to_one_unit(days: Days) -> None:
    events = [one for one in made_up(300) if one.placement_id in {"p-1", "p-3"}]
    days.come(events)
    days.sum()
    known = directory(placements=[p.model_copy(update={"place": "the-corner"}) for p in registry().placements])

    found = units(replace(days.context(), directory=known), "neuro", Interval(START, NOW), sets=True)

    came: dict[int, set[str]] = {}
    for one in events:
        came.setdefault(step_start(one.occurred_ms, "day"), set()).update({one.subject} - {""})
    assert {unit.key.day_ms: unit.values["d_subjects"] for unit in found} == {d: len(who) for d, who in came.items()}
    assert sum(unit.values["m_events"] for unit in found) == len(events)


def replace_id(one: StoredEvent, event_id: str) -> StoredEvent:
    import msgspec

    return msgspec.structs.replace(one, event_id=event_id)


def replace_arm(one: StoredEvent) -> StoredEvent:
    import msgspec

    return msgspec.structs.replace(one, arm="pilot", placement_id="p-1")


@pytest.mark.parametrize("summed", [False, True])
def test_a_funnel_s_steps_and_its_day_are_told_apart_by_the_millisecond(days: Days, summed: bool) -> None:
    # Who, and what came how many milliseconds after the start of a second.
    came = {
        "aa": [("exposure", 100), ("use.started", 900)],
        # Within one second, the other way round: nobody went on.
        "bb": [("use.started", 100), ("exposure", 900)],
        # At the last millisecond of its day, and one later.
        "cc": [("exposure", 0), ("use.started", DAY)],
        "dd": [("exposure", 0), ("use.started", DAY + 1)],
        "ee": [("exposure", 200), ("use.started", 201), ("use.completed", 202), ("order.paid", 203)],
        "ff": [("exposure", 200), ("use.started", 202), ("use.completed", 201), ("order.paid", 203)],
    }
    steps = [
        event(
            8000 + n * 10 + step,
            kind=kind,
            outcome="ok" if kind == "use.completed" else "",
            subject=who * 16,
            occurred_ms=START + HOUR + n * 60_000 + after_ms,
        )
        for n, (who, ways) in enumerate(came.items())
        for step, (kind, after_ms) in enumerate(ways)
    ]
    days.come(steps)
    if summed:
        assert len(days.sum()) == 2
    context = days.context()
    assert bool(sources.split_interval(context, "neuro-band", Interval(START, NOW), "funnels").days) is summed

    (found,) = funnel.funnel(context, "neuro", Interval(START, NOW), "arm")

    assert [(step.events, step.subjects) for step in found.steps] == [(6, 6), (6, 4), (2, 1), (2, 1)]
