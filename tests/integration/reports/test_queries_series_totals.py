"""Every metric over time and over an interval equals a plain recomputation of the same events."""

from collections import defaultdict
from dataclasses import replace
from typing import Any, get_args

import msgspec
import pytest

from reports.metrics import METRICS
from reports.queries.model import Interval, SeriesQuestion, Step, TooManyPointsError, TotalsQuestion
from reports.queries.series import series
from reports.queries.totals import totals
from runtime.clickhouse import ClickHouse
from schemas.cells import bin_bounds_ms, duration_bin
from schemas.lines import StoredEvent
from schemas.registry import MetricId
from tests.support.reports_harness import (
    CELL_KEY,
    DAY,
    HOUR,
    NOW,
    START,
    World,
    at,
    cell_of,
    cells_of,
    event,
    expected,
    made_up,
    sketched,
)

pytestmark = pytest.mark.clickhouse

COUNTED: tuple[MetricId, ...] = tuple(m for m in get_args(MetricId) if m not in {"uptime", "coverage"})
WHOLE = Interval(START, START + 3 * DAY)
STEP_MS = {"minute": 60_000, "hour": HOUR, "day": DAY}
FIELD = {"platform": "platform", "placement": "placement_id", "arm": "arm", "kind": "kind"}


def mixed(clickhouse: ClickHouse, events: list[StoredEvent]) -> World:
    """Return a world whose first day is settled and rolled up by the hour, its second settled, its third live."""
    world = World(clickhouse)
    world.store(events)
    world.live(cells_of(events))
    world.settle(cells_of(e for e in events if e.occurred_ms < START + 2 * DAY))
    roll_up(world, [e for e in events if e.occurred_ms < START + DAY])
    return world


def roll_up(world: World, events: list[StoredEvent], *, rolled_at: int = NOW // 1000 + 1) -> None:
    """Write the hours of *events* as the settlement does."""
    groups: dict[tuple[Any, ...], list[StoredEvent]] = defaultdict(list)
    for e in events:
        groups[(*(getattr(e, name) for name in CELL_KEY), e.occurred_ms // HOUR * HOUR)].append(e)
    rows = []
    for key, group in groups.items():
        tree = msgspec.to_builtins(cell_of(key, group, 1))
        for name in ("minute_ms", "epoch", "partition", "version"):
            tree.pop(name, None)
        rows.append({**tree, "hour": key[-1] // 1000, "run": 1})
    world.insert("cells_hourly", rows)
    hours = {(row["product_id"], row["hour"]) for row in rows}
    world.insert("rolled_hours", [{"product_id": p, "hour": h, "run": 1, "rolled_at": rolled_at} for p, h in hours])


def close(metric: MetricId, got: float | None, want: float | None, events: list[StoredEvent]) -> bool:
    """Compare a value of cells with the exact one: quantiles to their bin, people to the sketch of the same hashes."""
    if got is None or want is None:
        return got is want
    if metric.startswith("duration_p"):
        low, high = bin_bounds_ms(duration_bin(int(want)))
        return low <= got <= high
    if metric in {"subjects", "sessions"}:
        name = {"subjects": "subject", "sessions": "session_id"}[metric]
        return got == sketched({getattr(e, name) for e in events} - {""})
    return got == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("by", [None, "platform", "placement", "arm", "kind"])
@pytest.mark.parametrize("step", ["minute", "hour", "day"])
def test_each_metric_over_time_equals_a_recomputation(clickhouse: ClickHouse, step: Step, by: Any) -> None:
    events = made_up(1500)
    world = mixed(clickhouse, events)

    found = series(world.context(), SeriesQuestion("neuro", COUNTED, WHOLE, step=step, by=by))

    groups: dict[tuple[str, int], list[StoredEvent]] = defaultdict(list)
    for e in events:
        bucket = e.occurred_ms - (e.occurred_ms + 8 * HOUR) % STEP_MS[step]
        groups[getattr(e, FIELD[by]) if by else "", bucket].append(e)
    assert tuple(lines.metric for lines in found) == COUNTED
    assert sum(p.n for lines in found if lines.metric == "events" for line in lines.lines for p in line.points) == 1500
    for lines in found:
        got = {(line.by.get(by, ""), p.start_ms): (p.value, p.n) for line in lines.lines for p in line.points}
        want = {key: expected(lines.metric, group) for key, group in groups.items()}
        want = {key: value for key, value in want.items() if value[1]}
        assert got.keys() == want.keys(), lines.metric
        for key, (value, n) in want.items():
            assert got[key][1] == n
            assert close(lines.metric, got[key][0], value, groups[key]), (lines.metric, key, got[key], value)


@pytest.mark.parametrize("layer", ["events", "cells"])
@pytest.mark.parametrize("by", [(), ("arm",), ("platform", "kind")])
def test_each_total_equals_a_recomputation(clickhouse: ClickHouse, by: tuple[Any, ...], layer: str) -> None:
    exact = layer == "events"
    events = made_up(1500, seed=2)
    world = mixed(clickhouse, events)
    interval = Interval(START + 90 * 60_000, START + 2 * DAY + 17 * 60_000)

    found = totals(world.context(), TotalsQuestion("neuro", COUNTED, interval, by=by, exact=exact))

    groups: dict[tuple[str, ...], list[StoredEvent]] = defaultdict(list)
    for e in events:
        if interval.from_ms <= e.occurred_ms < interval.to_ms:
            groups[tuple(getattr(e, FIELD[d]) for d in by)].append(e)
    assert sum(t.n for t in found if t.metric == "events") == sum(map(len, groups.values())) > 500
    assert {t.metric for t in found} == set(COUNTED)
    for metric in COUNTED:
        got = {tuple(t.by.values()): (t.value, t.n) for t in found if t.metric == metric}
        want = {key: expected(metric, group) for key, group in groups.items()}
        assert got.keys() == {key for key, (_, n) in want.items() if n}
        for key, (value, n) in got.items():
            assert n == want[key][1]
            assert value == pytest.approx(want[key][0]) if exact else close(metric, value, want[key][0], groups[key]), (
                metric,
                key,
            )


def test_a_settled_block_hides_its_live_cells_and_its_tombstones_count_nothing(clickhouse: ClickHouse) -> None:
    world = World(clickhouse)
    live, other = event(0, occurred_ms=START + 1000), event(1, occurred_ms=START + 1000, kind="interaction")
    world.live(cells_of([live, other]))
    settled = cells_of([live, event(2, occurred_ms=START + 2000)])
    gone = cells_of([other])
    gone[0].events = 0

    world.settle([*settled, *gone])

    (found,) = series(world.context(), SeriesQuestion("neuro", ("events",), WHOLE, by="kind"))
    assert {line.by["kind"]: line.points[0].value for line in found.lines} == {"exposure": 2}


def test_an_hour_rolled_up_before_its_last_settlement_is_read_from_its_minutes(clickhouse: ClickHouse) -> None:
    events = [event(0, occurred_ms=START + 1000)]
    world = World(clickhouse)
    roll_up(world, events, rolled_at=NOW // 1000 - 60)

    world.settle(cells_of([*events, event(1, occurred_ms=START + 2000)]))

    (found,) = totals(world.context(), TotalsQuestion("neuro", ("events",), WHOLE))
    assert found.value == 2


def test_days_and_hours_begin_in_shanghai(clickhouse: ClickHouse) -> None:
    world = World(clickhouse)
    world.live(cells_of([event(0, occurred_ms=at("2026-11-20T23:59")), event(1, occurred_ms=at("2026-11-21T00:00"))]))

    (found,) = series(world.context(), SeriesQuestion("neuro", ("events",), WHOLE, step="day"))

    assert [p.start_ms for p in found.lines[0].points] == [at("2026-11-20T00:00"), at("2026-11-21T00:00")]


def test_sources_add_up_and_versions_replace(clickhouse: ClickHouse) -> None:
    world = World(clickhouse)
    old, new = cells_of([event(0)], version=1), cells_of([event(0), event(1, occurred_ms=START)], version=2)
    elsewhere = cells_of([event(2, occurred_ms=START)])
    elsewhere[0].epoch = 2

    world.live([*new, *old, *elsewhere])

    (found,) = totals(world.context(), TotalsQuestion("neuro", ("events",), WHOLE))
    assert found.value == 3


def test_another_trial_of_nobody_is_in_the_numbers(clickhouse: ClickHouse) -> None:
    world = World(clickhouse)
    mine, theirs = event(0), event(1, trial_id="emg", product_id="emg-arm", placement_id="p-9")
    world.store([mine, theirs])
    world.live(cells_of([mine, theirs]))

    for exact in (True, False):
        (found,) = totals(world.context(), TotalsQuestion("emg", ("events",), WHOLE, exact=exact))
        assert found.value == 1


def test_too_many_points_are_refused_and_not_cut_off(clickhouse: ClickHouse) -> None:
    world = World(clickhouse)
    world.live(cells_of(event(n) for n in range(20)))

    with pytest.raises(TooManyPointsError):
        series(world.context(max_points=10), SeriesQuestion("neuro", ("events",), WHOLE, step="minute"))


def test_dense_lines_are_a_gap_where_it_was_silent_and_zero_where_only_others_came(clickhouse: ClickHouse) -> None:
    world = World(clickhouse)
    later = START + 2 * HOUR
    world.live(cells_of([event(0, kind="use.completed", outcome="ok"), event(1, occurred_ms=later)]))
    question = SeriesQuestion("neuro", ("events", "completions", "success_rate"), Interval(START, START + 3 * HOUR))

    found = series(world.context(), replace(question, dense=True))
    by_kind = series(world.context(), replace(question, dense=True, by="kind", metrics=("events",)))
    minutes = series(world.context(), replace(question, dense=True, step="minute", metrics=("completions",)))

    assert [[p.value for p in m.lines[0].points] for m in found] == [[1, None, 1], [1, None, 0], [1.0, None, None]]
    assert {line.by["kind"]: [p.value for p in line.points] for line in by_kind[0].lines} == {
        "exposure": [0, None, 1],
        "use.completed": [1, None, 0],
    }
    assert [p.value for p in minutes[0].lines[0].points] == [1] + [0] * 59 + [None] * 60 + [0] * 60


def test_every_metric_of_the_registry_is_defined() -> None:
    assert tuple(METRICS) == get_args(MetricId)
