"""The interval over time is drawn where `judge` puts it on each day, and worked out once for each day."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from registry.directory import Directory
from reports.dashboard.course_page import BOTTOM, TOP, CoursePage, day_ms, design_marks
from reports.dashboard.timeline import Timeline, timeline
from reports.presentation.language import translator
from reports.queries.metric_verdicts import JudgedRows
from reports.queries.model import FlaggedBlock
from reports.queries.readout import TrialReadout
from reports.queries.verdict_cache import VerdictCache
from reports.queries.verdict_course import ArmCourse, courses
from reports.stats import judge
from reports.stats.trial_rows import UnitRow
from reports.stats.verdict import JudgeSettings
from schemas.registry import PlanChange, TimelineNote, Trial, TrialPlan
from tests.support.drawn_trials import at_two_places_each, switching
from tests.support.readout_harness import TRIAL, side_by_side, street
from tests.support.reports_harness import DAY, START

DAYS = 30
FIRST = (START + 8 * 3_600_000) // DAY
"""The number of the trial's first day."""
EN = translator("en")
Found = TypeVar("Found")


class CountingCache(VerdictCache):
    """Counts what had to be worked out."""

    made = 0

    def take(self, key: Hashable, make: Callable[[], Found]) -> Found:
        def counted() -> Found:
            self.made += 1
            return make()

        return super().take(key, counted)


def of_the_trial(rows: list[UnitRow]) -> list[UnitRow]:
    """Return *rows* on the days of the trial of `street`."""
    return [row._replace(day=row.day + FIRST) for row in rows]


def directory(**changes: Any) -> Directory:
    found = street(side_by_side(2, 60), smallest_effect=2.0, guardrails=["orders"], primary_metric="completions")
    assert found.registry is not None
    return replace(found, registry=found.registry.model_copy(update=changes))


def trial_of(known: Directory) -> Trial:
    return known.trials[TRIAL]


def found_course(rows: list[UnitRow], cache: VerdictCache | None = None) -> tuple[ArmCourse, ...]:
    nothing: dict[str, Any] = dict.fromkeys(TrialReadout.__dataclass_fields__)
    known = TrialReadout(
        **{**nothing, "baseline_arm": "baseline", "judged": {"completions": JudgedRows(rows, JudgeSettings())}}
    )
    return courses(cache or VerdictCache(), known, trial_of(directory()), "completions")


def drawn(
    rows: list[UnitRow], known: Directory | None = None, flagged: tuple[FlaggedBlock, ...] = ()
) -> dict[str, Any]:
    found = found_course(rows)
    known = known or directory()
    told = timeline(known, TRIAL, EN, design_marks(found, EN), now_ms=START + 60 * DAY)
    return CoursePage(trial_of(known), "completions", found, told, flagged, None, EN).values()


def test_each_day_stands_where_judge_puts_it() -> None:
    rows = of_the_trial(switching(DAYS))
    (arm,) = drawn(rows)["arms"]

    assert len(arm["days"]) == DAYS
    zero, effect = arm["zero"], arm["effects"][0]["y"]
    a_unit = (effect - zero) / 2.0
    for place in (13, 20, DAYS - 1):
        lift = judge([row for row in rows if row.day <= FIRST + place]).lifts["pilot"]
        day = arm["days"][place]
        assert (lift.low, lift.high, lift.absolute) != (None, None, None)
        assert day["low"] == pytest.approx(zero + (lift.low or 0) * a_unit, abs=0.05)
        assert day["high"] == pytest.approx(zero + (lift.high or 0) * a_unit, abs=0.05)
        assert day["at"] == pytest.approx(zero + (lift.absolute or 0) * a_unit, abs=0.05)
        assert day["x"] == pytest.approx(100 * (place + 0.5) / DAYS, abs=0.01)
    assert all(TOP <= y <= BOTTOM for day in arm["days"] if day["at"] for y in (day["low"], day["at"], day["high"]))


def test_days_without_an_interval_are_a_gap_with_a_word_why() -> None:
    (arm,) = drawn(of_the_trial(switching(DAYS)))["arms"]

    (gap,) = arm["gaps"]
    assert (gap["x"], gap["width"]) == (0, pytest.approx(100 * 13 / DAYS, abs=0.01))
    assert gap["word"] == "too few days"
    assert gap["text"] == "Fri 20 Nov to Wed 2 Dec: no interval, too few days"
    assert [day["low"] is None for day in arm["days"]] == [True] * 13 + [False] * (DAYS - 13)


def test_a_trial_that_refuses_every_day_says_so_instead_of_an_empty_picture() -> None:
    rows = [row for row in of_the_trial(at_two_places_each(20)) if row.place in {"cafe", "books"}]

    page = replace(_page(rows), why="one_place").values()

    assert page["arms"] == []
    assert page["none"] == "No interval on any of 20 days: place and arm not told apart."


def _page(rows: list[UnitRow]) -> CoursePage:
    known = directory()
    return CoursePage(trial_of(known), "completions", found_course(rows), Timeline(()), (), None, EN)


def test_a_day_on_which_plan_places_or_comparison_changed_is_dotted_and_a_note_is_not() -> None:
    known = directory(
        notes=[
            TimelineNote.model_validate({"id": "rain", "at": _at(17), "text": {"zh": "雨", "en": "Rain"}}),
            TimelineNote.model_validate({"id": "fw", "at": _at(17), "text": {"zh": "固", "en": "2.1"}, "trial": TRIAL}),
        ]
    )
    change = PlanChange(at=_at(20), field="smallest_effect", old=1.0, new=2.0)
    plan = TrialPlan(trial=TRIAL, plan={}, began=trial_of(known).starts, since=trial_of(known).starts, changes=[change])
    waits = FlaggedBlock(day_ms(FIRST + 25) + 3_600_000, "waiting")

    page = drawn(of_the_trial(switching(DAYS)), replace(known, plans={TRIAL: plan}), (waits,))

    (arm,) = page["arms"]
    assert [place for place, day in enumerate(arm["days"]) if day["dotted"]] == [20, 25]
    assert [(mark["number"], mark["changes"]) for mark in arm["marks"]] == [(1, False), (2, True)]
    rain, plan_change = page["marks"]
    assert [(mark["name"], mark["text"]) for mark in rain["marks"]] == [
        ("Note", "2.1"),
        ("Note for the whole street", "Rain"),
    ]
    assert [(mark["name"], mark["text"]) for mark in plan_change["marks"]] == [
        ("Plan changed", "Smallest difference worth finding")
    ]


def _at(day: int) -> Any:
    return trial_of(directory()).starts + timedelta(days=day, hours=9)


def test_another_comparison_is_marked_on_the_day_it_began() -> None:
    other = {"baseline": "pilot", "pilot": "baseline"}
    rows = of_the_trial(at_two_places_each(DAYS))
    rows = [row._replace(arm=other[row.arm]) if row.day >= FIRST + 18 else row for row in rows]

    marks = drawn(rows)["marks"]

    assert [(mark["name"], mark["text"]) for day in marks for mark in day["marks"]] == [
        ("Comparison changed", "switching")
    ]
    assert marks[0]["when"] == "Tue 8 Dec"


def test_a_finished_day_is_worked_out_once_and_again_only_where_late_rows_open_it() -> None:
    cache = CountingCache()
    rows = of_the_trial(switching(DAYS))
    found_course(rows[:], cache)
    assert cache.made == DAYS + 1

    found_course([row for row in rows if row.day < FIRST + DAYS - 1], cache)
    found_course(rows[::-1], cache)
    # The shorter trial has a placebo street of its own.
    assert cache.made == DAYS + 2

    late = [row._replace(numerator=row.numerator + 1) if row.day == FIRST + 25 else row for row in rows]
    (course,) = found_course(late, cache)
    assert cache.made == DAYS + 2 + 5 + 1
    assert course.points[-1].low == judge(late).lifts["pilot"].low


def test_the_course_ends_with_the_readout_s_verdict_where_shares_are_judged_for_a_quantile() -> None:
    rows = of_the_trial(switching(DAYS))
    nothing: dict[str, Any] = dict.fromkeys(TrialReadout.__dataclass_fields__)

    def halved(arm: str, lift: Any) -> Any:
        assert arm == "pilot"
        return (lift, lift.why) if lift.low is None else (replace(lift, low=lift.low / 2), None)

    judged = {"completions": JudgedRows(rows, JudgeSettings(), halved)}
    known = TrialReadout(**{**nothing, "baseline_arm": "baseline", "judged": judged})
    (course,) = courses(VerdictCache(), known, trial_of(directory()), "completions")

    assert course.points[-1].low == pytest.approx((judge(rows).lifts["pilot"].low or 0) / 2)
