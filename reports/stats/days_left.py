"""How many more days a comparison needs until it would find what the trial looks for."""

import math
from dataclasses import dataclass

from scipy.special import chdtri

from reports.stats.panel import Difference
from reports.stats.sequences import day_multiplier

SURE = 0.8
"""How often the days that are needed lie within the range that is told, if days go on as they did."""
MAX_DAYS = 1000
"""Beyond, no number is told: the trial as it is will not find it."""


def days_compared(before: float, days: float) -> float:
    """Return what a comparison of *days* rests on, in days: with a time *before*, no more than that has."""
    return before * days / (before + days) if before else days


@dataclass(frozen=True, slots=True)
class Course:
    """A difference so far, and how its interval narrows."""

    found: Difference
    alpha: float
    before: int
    """Days of a time before that trial days are compared with; 0 where arms change within the trial."""
    days: int

    def days_until(self, half: float) -> tuple[int | None, int | None]:
        """Return in how many more days half the width is *half*, at least and at most; None: not within `MAX_DAYS`.

        Today's standard error is known as far as its degrees of freedom allow, and falls with the days compared.
        """
        tail = (1 - SURE) / 2
        degrees = float(self.found.degrees[0])
        least, most = (math.sqrt(degrees / float(chdtri(degrees, share))) for share in (tail, 1 - tail))
        return self._days(half / least), self._days(half / most)

    def half_after(self, more: int) -> float:
        """Return half the width after so many *more* days, at today's scatter."""
        growth = days_compared(self.before, self.days + more) / days_compared(self.before, self.days)
        multiplier = day_multiplier(self.found.clock.later(growth), self.found.degrees + more, self.alpha)
        return float(multiplier[0] * self.found.error[0]) / math.sqrt(growth)

    def _days(self, half: float) -> int | None:
        """Return the first day by halving: the width falls with every day."""
        if self.half_after(MAX_DAYS) > half:
            return None
        low, high = 0, MAX_DAYS
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.half_after(middle) <= half else (middle + 1, high)
        return low
