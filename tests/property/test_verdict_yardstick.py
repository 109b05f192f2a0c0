"""Drawn trials without an effect are not told to have one, and the street's places are what makes that hard."""

import pytest

from bench.science import WORLDS, follow
from reports.stats import panel

RUNS = 60
STEP = 5
ALARMS_AT_MOST = 6
"""Of 60 trials; at 5 in a hundred more of them come up in 3 of 100 tries, and the seed is fixed."""


@pytest.mark.parametrize(
    "world",
    ["switching by day", "switching everywhere at once", "before and after, luck carried over", "side by side"],
)
def test_looking_again_and_again_excludes_the_truth_in_few_trials(world: str) -> None:
    seen = follow(WORLDS[world], runs=RUNS, days=60, step=STEP, seed=7)

    assert seen.runs == RUNS
    assert len(seen.halves) >= 0.95 * RUNS, "it must speak, too"
    assert seen.excluded <= ALARMS_AT_MOST


def test_an_effect_of_eight_points_is_found_where_places_switch_by_day() -> None:
    seen = follow(WORLDS["switching by day, +8 points"], runs=20, days=60, step=STEP, seed=7)

    assert (seen.found, seen.excluded) == (20, 0)


def test_without_the_resemblance_of_days_it_would_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    world = WORLDS["before and after, luck carried over"]
    monkeypatch.setattr(panel, "_resemblance", lambda *_: -0.3)

    assert follow(world, runs=RUNS, days=60, step=STEP, seed=7).excluded > ALARMS_AT_MOST
