"""How far one goes to follow a question of the read side: few files, and few ways back into one that was left."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from reports.queries.context import QueryContext
from reports.queries.model import Interval, SeriesQuestion, TotalsQuestion
from reports.queries.series import series
from reports.queries.totals import totals
from schemas.registry import MetricId
from tests.integration.reports.test_daily_rollups import Days, days
from tests.support.paths import ROOT
from tests.support.reports_harness import NOW, START, made_up

pytestmark = pytest.mark.clickhouse

__all__ = ["days"]

WHOLE = Interval(START, NOW)
COUNTS: tuple[MetricId, ...] = ("events", "success_rate", "subjects")
SHARED = {"reports/queries/sources.py", "reports/queries/context.py", "reports/queries/metric_columns.py"}
VALUES = "reports/queries/model.py"
"""What is taken and given; its properties are no place that one goes to."""


class Trip:
    """The files of the read side that a question enters, and each call from one into another, once."""

    def __init__(self) -> None:
        self.files: dict[str, None] = {}
        self.calls: set[tuple[str, str]] = set()

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        here = _file(frame)
        if event != "call" or here is None:
            return
        self.files[here] = None
        before = frame.f_back
        while before is not None and _file(before) is None:
            before = before.f_back
        if before is not None and _file(before) != here:
            self.calls.add((before.f_code.co_qualname, frame.f_code.co_qualname))

    @property
    def returns(self) -> int:
        """How many of the calls lead into a file that was entered before."""
        return len(self.calls) - (len(self.files) - 1)


def _file(frame: FrameType) -> str | None:
    path = Path(frame.f_code.co_filename)
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
    return name if name.startswith("reports/") and name != VALUES else None


@contextmanager
def followed() -> Iterator[Trip]:
    trip, before = Trip(), sys.getprofile()
    sys.setprofile(trip)
    try:
        yield trip
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize(
    ("question", "own", "returns"),
    [
        (lambda c: totals(c, TotalsQuestion("neuro", COUNTS, WHOLE)), "totals", 6),
        (lambda c: totals(c, TotalsQuestion("neuro", COUNTS, WHOLE, by=("arm",))), "totals", 5),
        (lambda c: totals(c, TotalsQuestion("neuro", COUNTS, WHOLE, by=("arm", "platform"))), "totals", 4),
        (lambda c: series(c, SeriesQuestion("neuro", COUNTS, WHOLE, step="day", by="arm")), "series", 6),
    ],
    ids=["whole", "by arm", "by two splits", "by day"],
)
def test_a_question_is_answered_in_four_files(
    days: Days, question: Callable[[QueryContext], tuple[Any, ...]], own: str, returns: int
) -> None:
    days.come(made_up(200))
    assert days.sum()
    context = days.context()

    with followed() as trip:
        answer = question(context)

    assert answer
    assert trip.files.keys() == {f"reports/queries/{own}.py", *SHARED}
    assert trip.returns <= returns, sorted(trip.calls)
