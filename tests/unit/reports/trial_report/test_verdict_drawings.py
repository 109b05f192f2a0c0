"""The report's drawings of a verdict and of a trial's design, without a store."""

from typing import Any

import pytest

from reports.trial_report.charts import QUIET, outlined
from reports.trial_report.charts_of_street import (
    APART,
    ArmDaysDrawing,
    StripDrawing,
    StripPlace,
    _levels,
    arm_colours,
    arm_days_chart,
    strip_chart,
)
from reports.trial_report.charts_of_verdict import (
    CourseDrawing,
    IntervalCase,
    SplitsDrawing,
    _course_range,
    cases_chart,
    course_chart,
    splits_chart,
)


def course(points: Any, **changes: Any) -> CourseDrawing:
    values = {
        "points": points,
        "days": tuple(f"11/{day}" for day in range(20, 30)),
        "gap": "天数太少",
        "effects": (0.08,),
        "marks": (),
        "value": lambda value: f"{value:+.2f}",
    }
    return CourseDrawing(**{**values, **changes})


POINTS = ((5, 0.2, 0.1, 0.3), (6, 0.2, 0.12, 0.28), (7, 0.19, 0.13, 0.25))


def test_an_early_interval_that_is_very_wide_does_not_flatten_the_later_ones() -> None:
    wide = ((4, 0.2, -40.0, 60.0), *POINTS)

    low, high = _course_range(course(wide))

    assert (round(low, 1), round(high, 1)) == (-1.2, 1.2)


def test_no_difference_and_the_effect_looked_for_are_always_within_the_drawing() -> None:
    low, high = _course_range(course(((5, 0.5, 0.4, 0.6),), effects=(-0.3,)))

    assert low < -0.3
    assert high > 0.6


def test_marks_dots_and_the_word_for_days_without_an_interval_are_drawn() -> None:
    plain = course_chart("c", course(POINTS))

    assert plain == course_chart("c", course(POINTS))
    for changes in ({"marks": ((6, "1"),)}, {"dotted": frozenset({6})}, {"gap": ""}, {"effects": ()}):
        assert course_chart("c", course(POINTS, **changes)) != plain
    assert b"<text" not in plain


def test_silence_and_chance_are_drawn_with_where_the_trial_stands() -> None:
    cases = [IntervalCase("seen", 0.1, 0.3, 0.2, "+10 to +30"), IntervalCase("worst", -0.1, 0.2, None, "−10 to +20")]
    splits = SplitsDrawing((-1.0, 0.0, 1.0), (3, 4), 2.0, "this trial", str)

    assert cases_chart("s", cases) != cases_chart("s", cases[:1])
    assert splits_chart("p", splits) == splits_chart("p", splits)
    assert b'id="p-' in splits_chart("p", splits)


def test_the_minus_of_a_drawing_is_as_wide_as_a_digit() -> None:
    assert outlined("−2.8 to +18.5") == "–2.8 to +18.5"


def test_marks_of_near_places_stand_above_each_other() -> None:
    places = [StripPlace(str(n), metre, "north", ("#000000",)) for n, metre in enumerate((10, 10.5, 100))]

    assert _levels(places, 200) == [0, 1, 0]
    assert APART * 200 > 0.5


@pytest.mark.parametrize("colours", [("#111111",), ("#111111", "#222222")])
def test_a_place_that_changes_arm_has_both_colours(colours: tuple[str, ...]) -> None:
    strip = StripDrawing(
        200, (StripPlace("1", 50, "south", colours),), ("北侧", "南侧"), ((0, "0 m"),), (("试点组", "#111111"),)
    )

    svg = strip_chart("strip", strip)

    assert [colour.encode() in svg for colour in ("#111111", "#222222")] == [True, len(colours) == 2]


def test_what_others_are_compared_with_is_grey_and_days_to_come_are_pale() -> None:
    colours = arm_colours(["pilot", "baseline", "other"], "baseline")
    rows = (("1 café", (colours["pilot"], colours["baseline"], None)),)

    over, coming = (
        arm_days_chart("a", ArmDaysDrawing(rows, ("11/20", "11/21", "11/22"), over, (("x", "#000000"),)))
        for over in (3, 1)
    )

    assert colours["baseline"] == QUIET
    assert len(set(colours.values())) == 3
    assert over.count(b"opacity: 0.4") == 0
    assert coming.count(b"opacity: 0.4") == 1
