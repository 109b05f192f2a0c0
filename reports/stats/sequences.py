"""How wide an interval must be that holds whenever it is looked at.

Two kinds. `mixture_multiplier` is for what gains days: the scale mixture of a linear model's t statistic with a
normal prior on the effect and the right Haar prior on the rest, of M. Lindon, D. W. Ham, M. Tingley and I. Bojinov,
"Anytime-Valid Linear Models and Regression Adjusted Causal Inference in Randomized Experiments", 2022: exact at every
moment together for normal errors and any design. `look_alpha` is for what gains none, places: looks on fixed days
that share the risk.
"""

import math

from scipy.special import stdtrit

LOOK_DAYS = 14
"""The first look at places side by side; the next ones each after twice the time."""
_SHARES = (0.3, 0.3, 0.2)
"""Of the risk, for the first looks; each later one gets half of what is left."""


def mixture_precision(days: float, alpha: float) -> float:
    """Return the prior's precision, in days, that makes the interval about tightest after *days*.

    It must not depend on what was seen. The normal mixture's best one has -2 ln(alpha) + ln(-2 ln(alpha)) + 1 days of
    the plan to one of the prior (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 52(6), 2024,
    section 2.3).
    """
    tail = -2 * math.log(alpha)
    return days / (tail + math.log(tail) + 1)


def mixture_multiplier(days: float, degrees: float, *, precision: float, alpha: float) -> float:
    """Return half the interval's width in standard errors after *days*; infinite where they are too few.

    *degrees* are those of the standard error.
    """
    share = precision / (precision + days)
    root = (share * alpha**2) ** (1 / (degrees + 1))
    if root <= share:
        return math.inf
    return math.sqrt(degrees * (1 - root) / (root - share))


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


def student_multiplier(degrees: float, alpha: float) -> float:
    """Return Student's two-sided quantile."""
    return float(stdtrit(degrees, 1 - alpha / 2))
