"""Drawn trials whose truth is known: the short form of `bench/science.py`, world by world."""

from dataclasses import replace

import numpy as np
import pytest

from bench.science import Look, directions_told, follow, wrong_at
from bench.worlds import WORLDS, draw, rows_of
from reports.stats import judge, panel, side_by_side
from reports.stats.lifts import find_lift
from reports.stats.likeness import Likeness
from reports.stats.trial_grid import TrialGrid
from reports.stats.trial_rows import Floats

RUNS = 200
STEP = 5
EXCLUDED_AT_MOST = 16
"""Of 200 trials; at 5 in a hundred more of them come up in 2 of 100 tries, and the seed is fixed."""
REFUSED = {
    "one place an arm",
    "switching by day, 6 units",
    "before and after, 6 units",
    "side by side, 6 units",
}
TIMED = {name for name, world in WORLDS.items() if world.measure == "durations"}
"""Of a percentile near all uses the bounds may lie beyond all that was seen, again and again."""


@pytest.mark.parametrize("world", [name for name in WORLDS if name not in REFUSED])
def test_looking_again_and_again_excludes_the_truth_in_few_trials(world: str) -> None:
    # Where each trial has its own silence, trials are judged one by one, so there are fewer.
    runs = 40 if WORLDS[world].silent else RUNS
    seen = follow(WORLDS[world], runs=runs, step=STEP, seed=7)

    assert seen.runs == runs
    assert seen.excluded <= EXCLUDED_AT_MOST * runs / RUNS
    assert seen.spoke >= (0.9 if world in TIMED else 0.95) * runs, "it must speak, too"
    assert seen.silenced <= (0.1 * runs if world in TIMED else 0), "what has spoken goes on"


@pytest.mark.parametrize("world", sorted(REFUSED))
def test_what_nothing_can_be_said_of_is_refused_to_the_end(world: str) -> None:
    seen = follow(WORLDS[world], runs=20, step=STEP, seed=7)

    assert (seen.runs, seen.spoke, seen.halves) == (20, 0, [])


def test_an_effect_of_eight_points_is_found_where_places_switch_by_day() -> None:
    seen = follow(WORLDS["switching by day, +8 points"], runs=50, step=STEP, seed=7)

    assert seen.found == 50
    assert seen.excluded <= EXCLUDED_AT_MOST / 4


def test_of_several_what_is_told_wrongly_counts_though_every_interval_holds() -> None:
    # Three trials: nothing is wrong, the second is told and is none, the first is told the wrong way round.
    surely = Look(np.full(3, 0.2), np.full(3, 0.1), np.full(3, 0.3), np.full(3, 0.001))
    hardly = Look(np.full(3, 0.1), np.full(3, -0.05), np.full(3, 0.25), np.array([0.034, 0.033, 0.9]))
    directions = directions_told([surely, hardly])

    assert [told.tolist() for told in directions] == [[1, 1, 1], [0, 1, 0]]
    assert wrong_at([surely, hardly], directions, np.array([0.2, 0.2, -0.2])).tolist() == [False, True, True]
    # One alone is told where its interval leaves out 0.
    assert [told.tolist() for told in directions_told([hardly])] == [[0, 0, 0]]


def test_an_arm_s_own_level_is_left_out_in_few_trials() -> None:
    seen = follow(WORLDS["switching by day, places far apart"], runs=RUNS, step=1, seed=7)

    assert seen.level_off <= EXCLUDED_AT_MOST / 2


@pytest.mark.parametrize(("uses", "days"), [(4.0, 21), (40.0, 63)])
def test_an_arm_s_own_interval_is_never_absurdly_wide(uses: float, days: int) -> None:
    seen = follow(replace(WORLDS["before and after"], uses=uses, days=days), runs=RUNS, step=7, seed=7)
    widths = seen.level_widths()

    assert len(widths) == RUNS
    assert np.median(widths) < 2.8
    assert widths.max() < 7
    assert seen.level_off <= EXCLUDED_AT_MOST / 4


def test_without_the_places_in_its_variance_it_would_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    def placement_days(grid: TrialGrid, number: int) -> Floats:
        chosen = grid.arm == number
        values: Floats = grid.top[:, chosen] / grid.bottom[:, chosen]
        return values

    monkeypatch.setattr(side_by_side, "_ratios", placement_days)

    assert follow(WORLDS["side by side"], runs=RUNS, step=STEP, seed=7).excluded > RUNS / 4


def test_without_the_resemblance_of_days_it_would_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    none = Likeness(np.ones(1), np.zeros(1))
    monkeypatch.setattr(panel, "_likeness", lambda *_: none)
    world = replace(WORLDS["before and after, luck carried over"], uses=400.0, carried=0.8)

    assert follow(world, runs=RUNS, step=STEP, seed=7).excluded > EXCLUDED_AT_MOST


@pytest.mark.parametrize("world", ["switching by day, unequal traffic", "before and after", "side by side, revenue"])
def test_trials_judged_together_are_judged_as_each_alone(world: str) -> None:
    trials = draw(WORLDS[world], 3, np.random.default_rng(7))
    lifts = find_lift(trials.grid, "pilot", "baseline", 0.05)
    alone = [judge(rows_of(trials.grid, number)).lifts["pilot"] for number in range(3)]

    assert lifts.low is not None
    assert lifts.high is not None
    assert [lift.low for lift in alone] == pytest.approx(lifts.low.tolist())
    assert [lift.high for lift in alone] == pytest.approx(lifts.high.tolist())
