"""What happened stands in the trend on its day or hour, and in the list below it; nothing of other trials."""

from datetime import timedelta
from typing import Any

import pytest

from registry.directory import Directory
from reports.dashboard.timeline import timeline
from reports.dashboard.trend import TrendData, TrendPage, TrendPick
from reports.presentation.language import translator
from reports.queries.model import Freshness, Interval, MetricLines, Point, SeriesLine, Step
from reports.queries.spans import STEP_MS
from schemas.registry import TimelineNote, Trial
from tests.support.readout_harness import TRIAL, Standing, street
from tests.support.reports_harness import DAY, HOUR, START

EN = translator("en")
PLACES = [
    Standing("cafe", "baseline", 0, 24 * 60),
    Standing("books", "pilot", 24 * 3, 24 * 9),
    Standing("books", "pilot", 24 * 9, 24 * 60),
    Standing("tea", "pilot", 0, 24 * 5),
]


def directory() -> Directory:
    found = street(PLACES)
    assert found.registry is not None
    starts = found.trials[TRIAL].starts

    def note(name: str, day: int, **fields: Any) -> TimelineNote:
        at = starts + timedelta(days=day, hours=9)
        return TimelineNote.model_validate({"id": name, "at": at, "text": {"zh": name, "en": name}, **fields})

    other = Trial.model_validate(found.trials[TRIAL].model_dump(by_alias=True) | {"id": "other"})
    notes = [note("rain", 2), note("ours", 2, trial=TRIAL), note("theirs", 2, trial="other"), note("tomorrow", 6)]
    registry = found.registry.model_copy(update={"notes": notes, "trials": [*found.registry.trials, other]})
    return Directory(1, registry)


def values(step: Step, from_ms: int, to_ms: int) -> dict[str, Any]:
    known, span = directory(), STEP_MS[step]
    points = tuple(Point(at, 1, 1) for at in range(from_ms, to_ms, span))
    lines = MetricLines("events", "events", step, (SeriesLine({}, points),))
    pick = TrendPick.read({"range": "trial", "step": step}, primary="events")
    data = TrendData(pick, Interval(from_ms, to_ms), lines, None)
    told = timeline(known, TRIAL, EN, now_ms=START + 6 * DAY)
    return TrendPage(data, Freshness(None, None, 0, 0), known, EN, told).values()


@pytest.mark.parametrize(("step", "at"), [("day", START + 2 * DAY), ("hour", START + 2 * DAY + 9 * HOUR)])
def test_a_note_stands_at_its_step_own_and_shared_alike(step: Step, at: int) -> None:
    found = values(step, START, START + 8 * DAY)

    first, *places = found["chart"]["marks"]
    assert first == [at, "1", ["Note: ours", "Note for the whole street: rain"]]
    assert places == [
        [START + 3 * DAY, "2", ["Places changed: books joins"]],
        [START + 5 * DAY, "3", ["Places changed: tea leaves"]],
    ]
    assert [(day["number"], day["when"], [mark["text"] for mark in day["marks"]]) for day in found["marks"]] == [
        (1, "Sun 22 Nov", ["ours", "rain"]),
        (2, "Mon 23 Nov", ["books joins"]),
        (3, "Wed 25 Nov", ["tea leaves"]),
    ]


def test_what_lies_outside_the_picture_is_not_drawn() -> None:
    found = values("day", START + 4 * DAY, START + 8 * DAY)

    assert [mark[1] for mark in found["chart"]["marks"]] == ["3"]
    assert [day["number"] for day in found["marks"]] == [3]
