"""The course of a verdict on the page, from stored rows: on each day what the readout said then."""

import random

import pytest

from reports.dashboard.course_page import CoursePage, day_ms
from reports.dashboard.timeline import Timeline
from reports.presentation.differences import DifferenceFormatter
from reports.presentation.language import translator
from reports.queries.readout import ArmLift, TrialReadout, readout
from reports.queries.verdict_course import CoursePoint, courses
from runtime.clickhouse import ClickHouse
from schemas.registry import MetricId
from tests.support.readout_harness import TRIAL, Standing, events_of, side_by_side, street, switching
from tests.support.reports_harness import DAY, HOUR, START, World

pytestmark = pytest.mark.clickhouse


def lift_of(found: TrialReadout, metric: MetricId) -> ArmLift:
    (lift,) = [row.lift for row in found.rows if row.metric == metric and row.lift is not None]
    return lift


@pytest.mark.parametrize(
    ("standings", "before_days", "metric", "days"),
    [
        (switching(4, 34), 0, "success_rate", (16, 23, 30)),
        (side_by_side(3, 34, before=10), 10, "completions", (16, 23, 30)),
        # Of a quantile earlier days are told by the durations of today.
        (switching(4, 34), 0, "duration_p50", (30,)),
    ],
    ids=["switching", "before and after", "a quantile"],
)
def test_the_page_s_course_ends_in_the_readout_and_was_on_each_day_what_the_readout_said_then(
    clickhouse: ClickHouse, standings: list[Standing], before_days: int, metric: MetricId, days: tuple[int, ...]
) -> None:
    """Of the store's rows, to the page: the last day's interval is today's, an earlier one the readout's as of then."""
    events = events_of(standings, random.Random(21), uses=12, silent=0.05)
    directory = street(standings, before_days=before_days, primary_metric=metric)
    trial = directory.trials[TRIAL]
    world = World(clickhouse, directory=directory, now_ms=START + 30 * DAY + HOUR)
    world.store(events)

    context = world.context()
    found = readout(context, TRIAL, (metric,))
    (course,) = courses(context.verdict_cache, found, trial, metric)
    page = CoursePage(trial, metric, [course], Timeline(()), (), None, translator("en")).values()
    looks = [START + day * DAY + HOUR for day in days]
    then = [lift_of(readout(world.context(now_ms=now), TRIAL, (metric,)), metric) for now in looks]

    by_day = {day_ms(point.day): point for point in course.points}
    assert [_bounds(by_day[now - HOUR - DAY]) for now in looks] == [
        pytest.approx((lift.absolute, lift.absolute_low, lift.absolute_high)) for lift in then
    ]
    assert day_ms(course.points[-1].day) == looks[-1] - HOUR - DAY
    assert then[-1].absolute_low is not None
    formats = DifferenceFormatter.of(metric, translator("en"))
    (arm,) = page["arms"]
    assert arm["table"][0]["interval"] == formats.between(then[-1].absolute_low, then[-1].absolute_high or 0)
    assert arm["table"][0]["difference"] == formats.one(then[-1].absolute)


def _bounds(point: CoursePoint) -> tuple[float | None, float | None, float | None]:
    return point.absolute, point.low, point.high
