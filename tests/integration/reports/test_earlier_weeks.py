"""A time beside the same weekdays and hours of earlier weeks, against the same worked out in plain Python."""

from typing import Any

import pytest

from reports.dashboard.earlier_page import EarlierPage
from reports.dashboard.timeline import timeline
from reports.dashboard.trend import TrendPage, TrendPick, trend
from reports.presentation.language import translator
from reports.queries.earlier_weeks import MOST_WEEKS, EarlierQuestion, EarlierWeeks, earlier_weeks
from reports.queries.freshness import freshness
from reports.queries.model import Interval
from reports.queries.spans import STEP_MS, step_start
from reports.queries.weeks import WEEK_MS
from runtime.clickhouse import ClickHouse
from schemas.lines import StoredEvent
from tests.support.reports_harness import DAY, HOUR, START, World, cells_of, expected, made_up

pytestmark = pytest.mark.clickhouse

THEN = START + 25 * DAY + 7 * HOUR


@pytest.fixture
def world(clickhouse: ClickHouse) -> World:
    return World(clickhouse, now_ms=THEN)


def lived(world: World, count: int = 4000) -> list[StoredEvent]:
    events = made_up(count, days=25.2)
    world.store(events)
    world.live(cells_of(events))
    return events


def plain(events: list[StoredEvent], metric: str, start_ms: int, step_ms: int, weeks: range) -> list[Any]:
    """Return the values of the same bucket in *weeks* before, those of silent ones left out."""
    found = []
    for week in weeks:
        at = start_ms - week * WEEK_MS
        came = [one for one in events if at <= one.occurred_ms < at + step_ms]
        if at >= START and came:
            found.append((week, expected(metric, came)[0]))
    return [(week, value) for week, value in found if value is not None]


@pytest.mark.parametrize(
    ("metric", "step", "length", "weeks"),
    [
        ("events", "day", 7 * DAY, 1),
        ("orders", "hour", DAY, 1),
        ("success_rate", "day", 7 * DAY, 1),
        ("orders", "day", 11 * DAY, 2),
    ],
)
def test_lines_and_ranges_are_those_of_a_plain_recomputation(
    world: World, metric: Any, step: Any, length: int, weeks: int
) -> None:
    events = lived(world)
    interval = Interval(step_start(THEN - length, step), THEN)

    found = earlier_weeks(world.context(), EarlierQuestion("neuro", metric, interval, step, weeks, START))

    assert (found.by_ms, found.told, len(found.points) > 7) == (weeks * WEEK_MS, True, True)
    for point in found.points:
        values = plain(events, metric, point.start_ms, STEP_MS[step], range(weeks, weeks + MOST_WEEKS))
        before = dict(values).get(weeks)
        assert point.value == (pytest.approx(before) if before is not None else None)
        assert point.weeks == len(values)
        numbers = [value for _, value in values]
        reached = [min(numbers), max(numbers)] if len(numbers) > 1 else [None, None]
        assert [point.low, point.high] == (pytest.approx(reached) if len(numbers) > 1 else reached)
    assert any(point.low is not None and point.low < (point.high or 0) for point in found.points)


def test_a_silent_hour_of_an_earlier_week_is_no_nought(world: World) -> None:
    events = [one for one in made_up(3000, days=25) if not _at_night(one)]
    world.store(events)
    world.live(cells_of(events))
    interval = Interval(step_start(THEN, "day"), THEN)

    found = earlier_weeks(world.context(), EarlierQuestion("neuro", "events", interval, "hour", 1, START))

    night, day = found.points[3], found.points[6]
    assert (night.value, night.low, night.weeks) == (None, None, 0)
    assert (day.value or 0) > 0


def _at_night(one: StoredEvent) -> bool:
    return one.occurred_ms % DAY // HOUR in {18, 19, 20}


def picked(world: World, **pick: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"metric": "events", "by": "arm", "range": "7d", "step": "day", "compare": True}
    context = world.context()
    fresh = freshness(context, "neuro", Interval(START, THEN))
    data = trend(context, "neuro", TrendPick(**(given | pick)))
    told = timeline(context.directory, "neuro", translator("en"), now_ms=THEN)
    return TrendPage(data, fresh, context.directory, translator("en"), told).values()


def test_the_page_names_the_band_and_says_whose_it_is(world: World) -> None:
    lived(world)

    found = picked(world)

    before = found["chart"]["before"]
    assert (before["name"], before["bandName"]) == ("1 week before (all together)", "range of 3 earlier weeks")
    assert len(before["points"]) == len(before["band"]) == 8
    assert found["table"]["columns"] == ["Baseline", "Pilot", "1 week before (all together)"]
    assert " – " in found["table"]["rows"][0][1][2]["range"]
    assert "lowest to the highest" in found["before_word"]
    assert picked(world, by=None)["chart"]["before"]["name"] == "1 week before"


def test_where_nothing_lies_before_a_word_stands_and_the_legend_names_nothing(world: World) -> None:
    lived(world)

    found = picked(world, range="trial")

    assert found["chart"]["before"] is None
    assert found["before_word"] == "Nothing came 4 weeks before."
    assert found["table"]["columns"] == ["Baseline", "Pilot"]
    assert picked(world, compare=False)["before_word"] == ""


def test_one_earlier_week_is_a_line_without_a_band(world: World) -> None:
    world.now_ms = START + 13 * DAY
    events = [one for one in made_up(900, days=13) if one.occurred_ms < world.now_ms]
    world.store(events)
    world.live(cells_of(events))

    found = picked(world)

    assert (found["chart"]["before"]["band"], found["chart"]["before"]["bandName"]) == ([], "")
    assert found["before_word"].startswith("No band")


def test_nothing_before_draws_nothing() -> None:
    page = EarlierPage(EarlierWeeks(WEEK_MS, ()), "events", "", str, translator("zh"))

    assert page.drawn() is None
    assert page.word() == "1 周之前没有数据。"
