"""An arm's own interval is about as wide as its days need, whatever chance makes of them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from reports.stats.level import level_of
from reports.stats.mean_of_days import stretch_of_mean
from reports.stats.trial_grid import TrialGrid, grid_of
from reports.stats.trial_rows import UnitRow
from tests.support.drawn_trials import switching

RATE, USES, TRIALS = 0.675, 6, 1000


def few_uses(days: int) -> TrialGrid:
    """Places that keep their arms, and six uses a day at each: nothing but chance in any of the trials."""
    places = (("baseline", "cafe"), ("pilot", "books"))
    rows = [UnitRow("trial", arm, place, day, 1.0, float(USES)) for arm, place in places for day in range(days)]
    done = np.random.default_rng(days).binomial(USES, RATE, (TRIALS, len(places), days))
    return replace(grid_of(rows), top=done.astype(np.float64))


@pytest.mark.parametrize("days", [14, 21, 42])
def test_an_arm_s_interval_is_as_wide_as_its_uses_need_in_every_trial(days: int) -> None:
    once = 1.96 * math.sqrt(RATE * (1 - RATE) / (USES * days))
    pilot = level_of(few_uses(days), "pilot", 0.05)
    assert pilot.low is not None
    assert pilot.high is not None
    wide = (pilot.high - pilot.low) / 2 / once

    assert wide.size == TRIALS
    # Who may look at any time needs 1.5 to 1.9 times one look's width; days may be alike for all that few days tell.
    assert 1.6 < np.median(wide) < 3.2
    assert wide.max() < 7
    assert np.sum((pilot.low <= RATE) & (pilot.high >= RATE)) >= 0.99 * TRIALS


def test_days_that_go_on_as_they_were_make_a_mean_as_unsure_as_they_are() -> None:
    drawn, days = np.random.default_rng(3), 200
    noise = drawn.normal(size=(400, days))
    alike = noise.copy()
    for day in range(1, days):
        alike[:, day] = 0.7 * alike[:, day - 1] + math.sqrt(1 - 0.7**2) * noise[:, day]

    unlike, found = (
        stretch_of_mean(
            days_of - days_of.mean(axis=1, keepdims=True),
            np.ones(days, np.bool_),
            degrees=days - 1.0,
            multiplier=np.full(400, 2.0),
        )
        for days_of in (noise, alike)
    )

    assert np.median(unlike) == pytest.approx(1.1, abs=0.15)
    # (1 + 0.7) / (1 - 0.7) is what a mean of such days scatters by more, and the risk is the average of what may be.
    assert np.median(found) == pytest.approx(1.7 / 0.3, rel=0.2)


def test_days_that_are_missing_change_little_and_days_all_alike_nothing() -> None:
    drawn = np.random.default_rng(5)
    there = np.ones(60, np.bool_)
    there[[3, 20, 21, 22, 40, 57]] = False
    off = np.where(there, drawn.normal(size=(300, 60)), 0.0)
    off -= np.where(there, off.sum(axis=1, keepdims=True) / there.sum(), 0.0)
    multiplier = np.full(300, 3.0)

    gaps = stretch_of_mean(off, there, degrees=53.0, multiplier=multiplier)
    none = stretch_of_mean(off[:, there], np.ones(54, np.bool_), degrees=53.0, multiplier=multiplier)

    assert np.median(gaps) == pytest.approx(np.median(none), rel=0.05)
    assert np.isfinite(stretch_of_mean(0 * off, there, degrees=53.0, multiplier=multiplier)).all()


def test_before_an_arm_had_a_fortnight_it_has_no_bounds() -> None:
    level = level_of(grid_of(switching(13)), "pilot", 0.05)

    assert level.value.size == 1
    assert (level.low, level.high) == (None, None)
