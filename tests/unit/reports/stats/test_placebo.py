"""Random splits of the same days and places: a real effect stands out, none does not, and a seed is a seed."""

import random

import pytest

from reports.stats.placebo import MAX_SPLITS, placebo_street
from reports.stats.trial_rows import UnitRow
from tests.support.drawn_trials import ARMS, EFFECT, PLACES, at_two_places_each, switching, unit, without_effect


@pytest.mark.parametrize("rows", [switching(28), at_two_places_each(28, before=14)])
def test_a_real_effect_is_seldom_matched_by_chance(rows: list[UnitRow]) -> None:
    found = placebo_street(rows, "pilot", splits=400)

    assert found is not None
    assert found.seen == pytest.approx(EFFECT, abs=0.3)
    assert (found.splits, len(found.differences)) == (400, 400)
    # Four places dealt anew are the trial's own split in one of six cases.
    assert found.as_good <= 400 / (6 if found.possible == 6 else 50) * 1.3


def test_without_an_effect_it_stands_in_the_crowd() -> None:
    found = placebo_street(without_effect(switching(28)), "pilot", splits=400)

    assert found is not None
    assert 20 < found.as_good < 380
    assert found.as_far >= min(found.as_good, 400 - found.as_good)


def test_lower_is_better_counts_the_other_end() -> None:
    rows = switching(28)
    up, down = (placebo_street(rows, "pilot", splits=100, lower_is_better=lower) for lower in (False, True))

    assert up is not None
    assert down is not None
    assert (up.as_good, down.as_good) == (0, 100)
    assert up.differences == down.differences


def test_a_seed_is_a_seed_whatever_the_order_of_rows() -> None:
    rows = switching(28)
    mixed = random.Random(3).sample(rows, len(rows))
    first, again, other = (
        placebo_street(given, "pilot", splits=50, seed=seed) for given, seed in ((rows, 1), (mixed, 1), (rows, 2))
    )

    assert first is not None
    assert again is not None
    assert other is not None
    assert first.differences == again.differences
    assert first.differences != other.differences


def test_places_that_change_all_together_do_so_in_the_splits() -> None:
    rows = [unit("trial", ARMS[day % 2], place, day) for place in PLACES for day in range(28)]
    found = placebo_street(rows, "pilot", splits=100)

    assert found is not None
    assert found.possible == 2**14


def test_side_by_side_arms_are_dealt_anew_to_the_places() -> None:
    found = placebo_street(at_two_places_each(28), "pilot", splits=200)

    assert found is not None
    assert found.possible == 6
    assert found.seen == pytest.approx(15 + EFFECT, abs=0.3)
    assert len({round(value, 6) for value in found.differences}) == 6


def test_where_nothing_can_be_split_there_is_no_placebo() -> None:
    rows = at_two_places_each(28)

    assert placebo_street([row for row in rows if row.place in {"cafe", "books"}], "pilot") is None
    assert placebo_street([row for row in rows if row.arm == "pilot"], "pilot") is None
    assert placebo_street([], "pilot") is None


@pytest.mark.parametrize("splits", [0, MAX_SPLITS + 1])
def test_the_number_of_splits_is_bounded(splits: int) -> None:
    with pytest.raises(ValueError, match="splits"):
        placebo_street(switching(28), "pilot", splits=splits)


def test_a_lottery_by_pairs_of_days_is_split_by_its_pairs() -> None:
    draw = random.Random(5)
    rows = []
    for place in PLACES:
        for first in range(0, 28, 2):
            order = draw.sample(ARMS, 2)
            rows += [unit("trial", order[day], place, first + day) for day in range(2)]
    found = placebo_street(rows, "pilot", splits=200)

    assert found is not None
    # Four places, fourteen pairs each.
    assert found.possible == 2**56
    assert found.as_good <= 1
