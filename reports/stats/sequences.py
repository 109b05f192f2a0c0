"""How wide an interval must be that holds whenever it is looked at.

Units are days that are over, so there is one look a day and no more. Looks at a comparison that gains by each day are
those of a group-sequential trial without an end: each has its own risk, by Student's law (the significance-level
approach of C. Jennison and B. W. Turnbull, "Group Sequential Methods", 2000, chapters 3 and 11; risks spent as time
goes on: K. K. G. Lan and D. L. DeMets, "Discrete Sequential Boundaries for Clinical Trials", Biometrika 70, 1983).
Looks at places, which no day makes more, are on fixed days and add up their risks (`look_alpha`).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from reports.stats.trial_rows import Floats

FIRST_RISK = 0.16
"""Of the whole risk, for the first look at `USUAL_ALPHA`, where a comparison goes on gaining by days.

Found by drawing sums of independent normal days, looked at on each of the days 14 to 600 by Student's law, and to 900
by the normal one for risks down to 0.0025: 82 to 97 of a hundred that would be allowed to ever left their bounds; what
is left is for the days after that, of which each further tripling has a third of the risk of the one before.
"""
BOUNDED_RISK = 0.54
"""The same where a comparison cannot gain much more: of those drawn, 86 to 97 of a hundred by day 400."""
_ALIKE = 2.0
"""By how much more of the risk all looks take together than one, for each e-fold that the comparison may yet gain."""
USUAL_ALPHA = 0.05
_FEWER = 0.35
"""By what power looks count for more where the risk is smaller: they have less in common far out, and days that are
not quite normal have more of theirs there."""
_SLOW = 2.5
"""Times its first information over which a comparison's looks come to have half the risk each: seven weeks."""
LOOK_DAYS = 14
"""The first look at places side by side; the next ones each after twice the time."""
_SHARES = (0.3, 0.3, 0.2)
"""Of the risk, for the first looks; each later one gets half of what is left."""


@dataclass(frozen=True, slots=True)
class InformationTime:
    """How much a comparison rests on, as times of its first look's information."""

    now: Floats
    limit: float = math.inf
    """What it can come to, however long the trial goes on, as its design has it."""

    def share(self) -> Floats:
        """Return this look's share of the whole risk, at `USUAL_ALPHA`.

        What has a limit is looked at again and again with hardly more to see: looks have much in common, and all of
        them the same risk. What goes on has ever less.
        """
        if math.isinf(self.limit):
            return FIRST_RISK / (1 + np.maximum(self.now - 1, 0.0) / _SLOW)
        return BOUNDED_RISK / (1 + _ALIKE * np.log(np.maximum(self.now, self.limit)))

    def later(self, times: float) -> "InformationTime":
        """Return the clock when the comparison rests on so many *times* of what it does now."""
        return InformationTime(self.now * times, self.limit)

    def of_trial(self, number: int) -> "InformationTime":
        """Return that of one trial."""
        return InformationTime(self.now[number : number + 1], self.limit)


def day_alpha(clock: InformationTime, alpha: float) -> Floats:
    """Return the risk of the look at *clock*; *alpha* is that of all together."""
    risk: Floats = clock.share() * alpha * min(alpha / USUAL_ALPHA, 1.0) ** _FEWER
    return risk


def day_multiplier(clock: InformationTime, degrees: Floats, alpha: float) -> Floats:
    """Return half the interval's width in standard errors of so many *degrees*, at that look."""
    multiplier: Floats = -stdtrit(degrees, day_alpha(clock, alpha) / 2)
    return multiplier


def day_p_value(multiplier: Floats, clock: InformationTime, degrees: Floats) -> Floats:
    """Return the whole risk at which the look's interval is just so many standard errors wide to either side.

    Below any risk it ever falls with at most that probability where there is no difference: a p-value that may be
    read at any time.
    """
    at_once = 2 * stdtr(degrees, -multiplier) / clock.share()
    smaller = (at_once * USUAL_ALPHA**_FEWER) ** (1 / (1 + _FEWER))
    risk: Floats = np.minimum(np.where(at_once < USUAL_ALPHA, smaller, at_once), 1.0)
    return risk


def look_p_value(multiplier: Floats, look: int, degrees: Floats) -> Floats:
    """Return the same of the look of that number at places."""
    risk: Floats = 2 * stdtr(degrees, -multiplier) / look_alpha(look, 1.0)
    return np.minimum(risk, 1.0)


def look_alpha(look: int, alpha: float) -> float:
    """Return the risk of the look of that number, from 0; those of all looks add up to *alpha* at most."""
    if look < len(_SHARES):
        return alpha * _SHARES[look]
    return alpha * (1 - sum(_SHARES)) * 0.5 ** (look - len(_SHARES) + 1)


def last_look(days: int) -> tuple[int, int] | None:
    """Return the number, from 0, and the day of the last look within *days*; None before the first."""
    if days < LOOK_DAYS:
        return None
    number = (days // LOOK_DAYS).bit_length() - 1
    return number, LOOK_DAYS << number
