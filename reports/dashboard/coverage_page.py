"""The strip of a trial's page that shows silence: each placement by the day, how much of its due time reported."""

import math
from dataclasses import dataclass
from typing import Any

from reports.dashboard.trial_data import TrialData
from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import Translator
from reports.presentation.names import placement_name
from reports.queries.model import Point
from reports.queries.spans import starts, step_start

DAYS_SHOWN = 92
"""A quarter of a year; what is older is left out and said."""
SHADES = 4
STRIP_WIDTH = 644
CELLS = 7, 22
"""How narrow and how wide a day is drawn."""


@dataclass(frozen=True, slots=True)
class CoverageDaysPage:
    """A trial's coverage by placement and day in one language."""

    data: TrialData
    words: Translator

    def values(self) -> dict[str, Any]:
        """Return what the template needs: rows along the street, no row where nothing was due yet."""
        interval, formats = self.data.interval, LocaleFormatter(self.words)
        days = [] if interval.empty else list(starts(interval, "day"))
        shown = days[-DAYS_SHOWN:]
        narrow, wide = CELLS
        cell = min(wide, max(narrow, STRIP_WIDTH // max(1, len(shown))))
        at = {day: index * cell for index, day in enumerate(shown)}
        placements = self.data.directory.placements
        ranked = sorted(self.data.covered_days, key=lambda p: (placements[p].metre, p))
        return {
            "rows": [self._row(placement, at) for placement in ranked],
            "width": len(shown) * cell,
            "cell": cell,
            "older": len(days) - len(shown),
            "first": formats.day(shown[0]) if shown else "",
            "last": formats.day(shown[-1]) if shown else "",
        }

    def _row(self, placement_id: str, at: dict[int, int]) -> dict[str, Any]:
        points = [point for point in self.data.covered_days[placement_id] if point.start_ms in at]
        silent = sum(point.value == 0 and not self._unfinished(point) for point in points)
        return {
            "name": placement_name(placement_id, self.data.directory, self.words),
            "silent": silent,
            "label": self.words.count(
                "%(silent)s of %(n)s due day without a sign",
                "%(silent)s of %(n)s due days without a sign",
                len(points),
                silent=silent,
                n=len(points),
            ),
            "days": [
                {
                    "x": at[point.start_ms],
                    "shade": math.ceil(float(point.value or 0) * SHADES),
                    "open": self._unfinished(point),
                    "title": self._title(point),
                }
                for point in points
            ],
        }

    def _unfinished(self, point: Point) -> bool:
        return point.start_ms == step_start(self.data.now_ms, "day")

    def _title(self, point: Point) -> str:
        formats = LocaleFormatter(self.words)
        said = self.words.say(
            "%(day)s: %(heard)s of %(due)s due hours reported",
            day=formats.day(point.start_ms),
            heard=formats.whole(float(point.value or 0) * point.n),
            due=formats.whole(point.n),
        )
        return f"{said} {self.words.say('(so far)')}" if self._unfinished(point) else said
