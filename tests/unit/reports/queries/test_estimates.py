"""The estimates of people and of quantiles are as near as the definitions say."""

import random

import pytest

from reports.queries.metric_columns import bin_middle_ms, estimate
from schemas.cells import duration_bin, register_of


@pytest.mark.parametrize("people", [0, 1, 30, 1000, 4000, 100_000])
def test_people_are_estimated_within_four_standard_errors(people: int) -> None:
    rng = random.Random(people)
    ranks: dict[int, int] = {}
    for _ in range(people):
        packed = register_of(f"{rng.getrandbits(64):016x}")
        ranks[packed >> 6] = max(packed & 63, ranks.get(packed >> 6, 0))

    found = estimate(len(ranks), sum(2.0**-rank for rank in ranks.values()))

    assert abs(found - people) <= max(1, 4 * 0.0325 * people)


@pytest.mark.parametrize("duration_ms", [0, 255, 256, 1000, 5231, 86_400_000])
def test_the_middle_of_a_bin_is_within_half_a_percent(duration_ms: int) -> None:
    assert bin_middle_ms(duration_bin(duration_ms)) == pytest.approx(duration_ms, rel=0.005)
