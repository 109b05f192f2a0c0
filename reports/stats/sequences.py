"""How wide an interval must be that holds whenever it is looked at.

Units are days that are over, so there is one look a day and no more. Looks at a comparison that gains by each day are
those of a group-sequential trial without an end: each has its own risk, by Student's law (the significance-level
approach of C. Jennison and B. W. Turnbull, "Group Sequential Methods", 2000, chapters 3 and 11; risks spent as time
goes on: K. K. G. Lan and D. L. DeMets, "Discrete Sequential Boundaries for Clinical Trials", Biometrika 70, 1983).
Looks at places, which no day makes more, are on fixed days and add up their risks (`look_alpha`).
"""

import numpy as np
from scipy.special import stdtr, stdtrit

from reports.stats.trial_rows import Floats

FIRST_RISK = 0.13
"""Of the whole risk, for the first look at `USUAL_ALPHA`.

Found by drawing 80,000 sums of independent normal days, looked at on each of the days 14 to 900, for risks from 0.05
to 0.0025: those that ever left their bounds were 83 to 86 of a hundred that would be allowed to; what is left is for
the days after that, of which each further tripling has a third of the risk of the one before.
"""
USUAL_ALPHA = 0.05
_FEWER = 0.12
"""By what power looks count for more where the risk is smaller: they have less in common far out."""
_SLOW = 3.0
"""Times its first information from which on a comparison's looks have less risk each: at four, two months, half."""
LOOK_DAYS = 14
"""The first look at places side by side; the next ones each after twice the time."""
_SHARES = (0.3, 0.3, 0.2)
"""Of the risk, for the first looks; each later one gets half of what is left."""


def day_alpha(growth: Floats, alpha: float) -> Floats:
    """Return the risk of the look at *growth* times the first look's information; *alpha* is that of all together."""
    first = FIRST_RISK * alpha * (alpha / USUAL_ALPHA) ** _FEWER
    risk: Floats = first / (1 + np.maximum(growth - 1, 0.0) / _SLOW)
    return risk


def day_multiplier(growth: Floats, degrees: Floats, alpha: float) -> Floats:
    """Return half the interval's width in standard errors of so many *degrees*, at that look."""
    multiplier: Floats = -stdtrit(degrees, day_alpha(growth, alpha) / 2)
    return multiplier


def day_p_value(multiplier: Floats, growth: Floats, degrees: Floats) -> Floats:
    """Return the whole risk at which the look's interval is just so many standard errors wide to either side.

    Below any risk it ever falls with at most that probability where there is no difference: a p-value that may be
    read at any time.
    """
    at_first = 2 * stdtr(degrees, -multiplier) * (1 + np.maximum(growth - 1, 0.0) / _SLOW)
    risk: Floats = (at_first * USUAL_ALPHA**_FEWER / FIRST_RISK) ** (1 / (1 + _FEWER))
    return np.minimum(risk, 1.0)


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
