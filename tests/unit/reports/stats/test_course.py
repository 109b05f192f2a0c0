"""What could be said on each day is what `judge` says of the rows up to that day."""

import pytest

from reports.stats import judge
from reports.stats.course import course_of
from reports.stats.trial_rows import UnitRow
from tests.support.drawn_trials import at_two_places_each, switching


@pytest.mark.parametrize("rows", [switching(30), at_two_places_each(30, before=14), at_two_places_each(30)])
def test_each_day_says_what_was_known_then(rows: list[UnitRow]) -> None:
    course = course_of(rows)

    assert len(course) == 30
    for seen in (course[12], course[13], course[20], course[-1]):
        assert seen.verdict == judge([row for row in rows if row.day <= seen.day])


def test_what_has_spoken_goes_on() -> None:
    lows = [seen.verdict.lifts["pilot"].low for seen in course_of(switching(40)) if seen.verdict.lifts]

    assert lows[12:14] == [None, pytest.approx(lows[13])]
    assert None not in lows[13:]


def test_places_that_begin_side_by_side_and_change_later_do_not_fall_silent() -> None:
    rows = at_two_places_each(40)
    other = {"baseline": "pilot", "pilot": "baseline"}
    rows = [row._replace(arm=other[row.arm]) if row.day >= 15 else row for row in rows]
    course = course_of(rows)
    told = [seen.day for seen in course if seen.verdict.lifts["pilot"].low is not None]

    assert course[-1].verdict.design == "switching"
    assert told == list(range(13, 40))


def test_steps_count_back_from_the_last_day() -> None:
    assert [seen.day for seen in course_of(switching(30), step=7)] == [1, 8, 15, 22, 29]


def test_no_rows_have_no_course() -> None:
    assert course_of([]) == ()


@pytest.mark.parametrize("effect", [0.0, 200.0])
def test_a_stray_day_in_the_other_arm_takes_nothing_back_that_was_told(effect: float) -> None:
    rows = [
        row._replace(numerator=row.numerator + effect) if row.arm == "pilot" else row for row in at_two_places_each(60)
    ]
    strayed = [row._replace(arm="pilot") if (row.place, row.day) == ("cafe", 20) else row for row in rows]
    told = {seen.day: seen.verdict.lifts["pilot"] for seen in course_of(strayed)}

    assert told[13].low is not None
    assert (told[13].low > 0) is (effect > 0)
    # The one look at which places were side by side stands, at the risk that it had.
    assert {(told[day].low, told[day].high, told[day].p_value) for day in range(13, 60)} == {
        (told[13].low, told[13].high, told[13].p_value)
    }
