"""A quantile's lift is read back from the difference of shares, and refused beyond the durations seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.stats.quantiles import ArmDurations, lift_in_ms, share_of_effect
from reports.stats.verdict import LiftInterval

HUNDRED = ArmDurations(np.arange(100, 10_100, 100), 50)
"""100, 200, … 10,000 ms."""


def shares(absolute: float, half: float) -> LiftInterval:
    return LiftInterval(absolute=absolute, low=absolute - half, high=absolute + half)


def test_a_difference_of_shares_is_read_back_as_durations() -> None:
    # At their own medians both arms have half of their uses: the difference of shares is 0, that of medians is not.
    slower = ArmDurations(HUNDRED.sorted + 700, 50)

    found = lift_in_ms(shares(0.0, 0.1), slower, HUNDRED)

    assert found is not None
    assert (found.absolute, found.low, found.high) == (700.0, -400.0, 1800.0)
    assert found.relative == pytest.approx(700 / 5000)


def test_what_places_and_days_take_out_of_the_difference_moves_it() -> None:
    """More uses of the arm up to its median than by chance, places and days taken out: it is slower than it looks."""
    found = lift_in_ms(shares(-0.1, 0.045), HUNDRED, HUNDRED)

    assert found is not None
    assert (found.absolute, found.low, found.high) == (1000.0, 500.0, 1500.0)


@pytest.mark.parametrize("half", [0.5, 0.9])
def test_beyond_the_durations_seen_nothing_is_told(half: float) -> None:
    assert lift_in_ms(shares(0.0, half), HUNDRED, HUNDRED) is None


def test_a_share_near_all_leans_away_from_there() -> None:
    # Plus and minus six points would reach beyond all uses: by logits there is a bound, and the other is farther out.
    slow, quick = ArmDurations(np.arange(1, 10_001), 95), ArmDurations(np.arange(1, 10_001), 5)
    wide, mirrored = slow.around(0.95, 0.06), quick.around(0.05, 0.06)

    assert wide is not None
    assert mirrored is not None
    # 2.944 and 1.263 logits (0.06 / 0.0475), 1.316 times as far out: 0.990 and 0.783.
    assert wide == pytest.approx((7_826, 9_902), abs=3)
    assert mirrored == pytest.approx((10_001 - wide[1], 10_001 - wide[0]), abs=2)
    assert slow.around(0.95, 0.001) == pytest.approx((9_489, 9_510), abs=2)


@pytest.mark.parametrize(("by", "share"), [(0.0, 0.95), (0.2, 0.2207), (-0.2, 0.9992)])
def test_a_difference_moves_a_share_and_never_beyond_none_or_all(by: float, share: float) -> None:
    assert ArmDurations(HUNDRED.sorted, 95).moved(by) == pytest.approx(share, abs=0.001)


def test_why_there_are_no_bounds_is_handed_on() -> None:
    refused = LiftInterval(why="one_place")

    assert lift_in_ms(refused, HUNDRED, HUNDRED) == refused


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=200), st.integers(1, 99))
def test_the_quantile_is_the_smallest_duration_that_so_many_do_not_exceed(found: list[int], percent: int) -> None:
    durations = ArmDurations(np.sort(np.array(found)), percent)

    assert sum(one <= durations.value for one in found) * 100 >= percent * len(found)
    assert sum(one < durations.value for one in found) * 100 < percent * len(found)
    assert durations.share_up_to(durations.value) == sum(one <= durations.value for one in found) / len(found)


def test_an_effect_in_milliseconds_is_a_share_of_uses() -> None:
    assert share_of_effect(HUNDRED, 500) == pytest.approx(0.05)
    assert share_of_effect(ArmDurations(np.array([100, 9000]), 50), 10) == pytest.approx(0.25)
