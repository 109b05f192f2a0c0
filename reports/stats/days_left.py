"""How many more days a comparison needs until it would find what the trial looks for."""

import math
from dataclasses import dataclass

from scipy.special import chdtri

from reports.stats.panel import Difference
from reports.stats.sequences import mixture_multiplier

SURE = 0.8
"""How often the days that are needed lie within the range that is told, if days go on as they did."""
MAX_DAYS = 1000
"""Beyond, no number is told: the trial as it is will not find it."""


def days_compared(before: float, days: float) -> float:
    """Return how many days alike a comparison of *days* with *before* days rests on; all of them with none before."""
    if not before:
        return days
    total = before + days
    return 1 / ((days / total) ** 2 / before + (before / total) ** 2 / days)


@dataclass(frozen=True, slots=True)
class Course:
    """A difference so far, and how its interval narrows."""

    found: Difference
    precision: float
    alpha: float
    before: int
    days: int

    def days_until(self, half: float) -> tuple[int | None, int | None]:
        """Return in how many more days half the width is *half*, at least and at most; None: not within `MAX_DAYS`.

        Today's standard error is known as far as its degrees of freedom allow, and falls with the days compared.
        """
        tail = (1 - SURE) / 2
        degrees = self.found.degrees
        least, most = (math.sqrt(degrees / float(chdtri(degrees, share))) for share in (tail, 1 - tail))
        return self._days(half, least), self._days(half, most)

    def _days(self, half: float, factor: float) -> int | None:
        now = days_compared(self.before, self.days)
        for more in range(MAX_DAYS + 1):
            growth = days_compared(self.before, self.days + more) / now
            multiplier = mixture_multiplier(
                self.found.days * growth, self.found.degrees + more, precision=self.precision, alpha=self.alpha
            )
            if multiplier * self.found.error * factor <= half * math.sqrt(growth):
                return more
        return None
