"""Silent units at their worst and best: bounds widen by what they could have been, and a doubtful verdict says so."""

import pytest

from reports.stats.trial_rows import UnitRow
from reports.stats.worst_case import SilentUnit, silent_case
from tests.support.drawn_trials import switching


def shares(days: int) -> list[UnitRow]:
    """Success rates of 60 against 70 of 100, at four places that change daily."""
    rows = switching(days)
    return [
        row._replace(
            numerator=(60.0 if row.arm == "baseline" else 70.0) + 10 * (row.numerator % 0.7), denominator=100.0
        )
        for row in rows
    ]


def silenced(rows: list[UnitRow], arm: str, every: int) -> tuple[list[UnitRow], list[SilentUnit]]:
    """Leave out each so-manieth unit of *arm*."""
    out = [row for row in rows if row.arm == arm][::every]
    return [row for row in rows if row not in out], [SilentUnit(row.arm, row.place, row.day) for row in out]


def test_without_silence_all_cases_are_the_verdict() -> None:
    case = silent_case(shares(28), [], (0.0, 1.0))["pilot"]

    assert case.seen.low is not None
    assert (case.lowest, case.highest, case.silent_units, case.share) == (case.seen, case.seen, 0, 0.0)
    assert not case.changes_verdict


def test_silent_units_pull_the_difference_to_either_side() -> None:
    rows, silent = silenced(shares(28), "pilot", 14)
    case = silent_case(rows, silent, (0.0, 1.0))["pilot"]

    assert (case.silent_units, case.share) == (4, 4 / 112)
    assert case.lowest.absolute is not None
    assert case.highest.absolute is not None
    assert case.seen.absolute is not None
    # 4 of the pilot's 56 units, each up to 73 points lower or 27 higher than the others.
    assert case.lowest.absolute - case.seen.absolute == pytest.approx(-0.73 * 4 / 56, abs=0.02)
    assert case.highest.absolute - case.seen.absolute == pytest.approx(0.27 * 4 / 56, abs=0.02)
    assert case.low is not None
    assert case.seen.low is not None
    assert case.low < case.seen.low


def test_much_silence_leaves_no_verdict_that_it_could_not_change() -> None:
    rows, silent = silenced(shares(28), "pilot", 3)
    case = silent_case(rows, silent, (0.0, 1.0))["pilot"]

    assert case.seen.low is not None
    assert case.seen.low > 0
    assert case.changes_verdict
    assert not silent_case(rows, silent, (0.69, 0.75))["pilot"].changes_verdict


def test_a_silent_unit_of_the_baseline_counts_the_other_way_round() -> None:
    rows, silent = silenced(shares(28), "baseline", 14)
    case = silent_case(rows, silent, (0.0, 1.0))["pilot"]

    assert case.lowest.absolute is not None
    assert case.seen.absolute is not None
    assert case.lowest.absolute - case.seen.absolute == pytest.approx(-0.37 * 4 / 56, abs=0.02)


def test_a_unit_that_has_a_row_or_an_unknown_arm_is_not_silent() -> None:
    rows = shares(28)
    told = SilentUnit(rows[0].arm, rows[0].place, rows[0].day)

    assert silent_case(rows, [told, SilentUnit("other", "cafe", 99)], (0.0, 1.0))["pilot"].silent_units == 0


def test_plausible_values_must_be_in_order() -> None:
    with pytest.raises(ValueError, match="plausible"):
        silent_case(shares(28), [], (1.0, 0.0))
