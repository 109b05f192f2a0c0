"""Who comes back, on a trial's page: a row for each week's new people, a column for each week after it."""

import math
from dataclasses import dataclass
from typing import Any

from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.language import Translator
from reports.queries.retention import CohortWeek, RetentionTable
from reports.queries.weeks import WEEK_MS

COHORTS_SHOWN = 12
"""A quarter of a year, as wide as a screen; what is older is left out and said."""
SHADES = 5
THIN = 0.8
"""A week of which less was covered is marked: who came then may simply not have been seen."""


@dataclass(frozen=True, slots=True)
class RetentionPage:
    """One retention table in one language."""

    found: RetentionTable
    words: Translator

    @property
    def _formats(self) -> LocaleFormatter:
        return LocaleFormatter(self.words)

    def values(self) -> dict[str, Any]:
        """Return what the template needs."""
        found, shown = self.found, self._shown()
        later = max((len(cohort.came) for cohort in shown), default=1)
        numbers = [self._later(cohort) for cohort in shown]
        most = max(
            (came / cohort.came[0] for cohort, some in zip(shown, numbers, strict=True) for came in some), default=0
        )
        return {
            "basis": found.basis or "",
            "people": self._formats.whole(found.people),
            "people_n": found.people,
            "columns": list(range(1, later)),
            "rows": [self._row(cohort, most) for cohort in shown],
            "older": len(found.cohorts) - len(shown),
            "open": later > 1 and any(cohort.week_ms == found.unfinished_ms for cohort in shown),
            "thin": any(self._is_thin(cohort.week_ms) for cohort in shown),
            "thin_share": self._formats.whole(100 * THIN),
            "hidden": self._formats.whole(found.smallest_group)
            if any(not found.told(cohort) for cohort in shown)
            else "",
        }

    def _shown(self) -> tuple[CohortWeek, ...]:
        return self.found.cohorts[-COHORTS_SHOWN:]

    def _later(self, cohort: CohortWeek) -> tuple[int, ...]:
        return cohort.came[1:] if cohort.came[0] and self.found.told(cohort) else ()

    def _row(self, cohort: CohortWeek, most: float) -> dict[str, Any]:
        found, formats = self.found, self._formats
        told, week = found.told(cohort), cohort.week_ms
        until = min(week + WEEK_MS, found.interval.to_ms)
        covered, again = found.covered.get(week), found.returned(week)
        came = again + cohort.came[0]
        # Before the first week there was none that anybody could come back from.
        first = week == found.cohorts[0].week_ms
        few = 0 < came < found.smallest_group
        return {
            "week": formats.days(max(week, found.interval.from_ms), until),
            "open": week == found.unfinished_ms,
            "new": formats.whole(cohort.came[0]) if told else self._few(),
            "again": NOTHING if first else self._few() if few else formats.whole(again),
            "again_share": formats.percent(again / came) if came and not few and not first else "",
            "covered": "" if covered is None else formats.percent(covered),
            "thin": self._is_thin(week),
            "cells": [
                self._cell(cohort, after, most) if self._later(cohort) else self._nothing(told=told)
                for after in range(1, len(cohort.came))
            ],
        }

    def _few(self) -> str:
        return self.words.say("fewer than %(n)s", n=self._formats.whole(self.found.smallest_group))

    def _nothing(self, *, told: bool) -> dict[str, Any]:
        return {"share": NOTHING, "n": "" if told else self._few(), "shade": 0, "open": False, "thin": False}

    def _cell(self, cohort: CohortWeek, after: int, most: float) -> dict[str, Any]:
        share, week = cohort.came[after] / cohort.came[0], cohort.week_ms + after * WEEK_MS
        return {
            "share": self._formats.percent(share),
            "n": self._formats.whole(cohort.came[after]),
            "shade": math.ceil(share / most * SHADES) if most else 0,
            "open": week == self.found.unfinished_ms,
            "thin": self._is_thin(week),
        }

    def _is_thin(self, week_ms: int) -> bool:
        return self.found.covered.get(week_ms, 1) < THIN
