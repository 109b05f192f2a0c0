"""Quantiles of durations through `judge`, which compares shares: the share of uses at most as long as the quantile.

An arm's interval is that of its own share at its own quantile, read back as durations (R. S. Woodruff, "Confidence
Intervals for Medians and Other Position Measures", JASA 47, 1952). The lift is how much further the arm's durations
reach where the baseline's reach their quantile x: Q_arm(F_baseline(x)) - x, the shift function of K. A. Doksum,
"Empirical Probability Plots and Statistical Inference for Nonlinear Models in the Two-Sample Case", Annals of
Statistics 2, 1974. Its interval holds every y of which the difference of "uses of the arm up to y" and "uses of the
baseline up to x" may be 0; that difference is judged as any other share, places and days taken out, and its half
width is taken to be the same for every y near the arm's own quantile, as Woodruff does. So it is an interval for the
one difference, in which what both arms share on a day cancels, and not one arm's interval less the other's.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from reports.metrics import percent_rank
from reports.stats.lifts import Why
from reports.stats.verdict import ArmValue, LiftInterval

QuantileWhy = Why | Literal["beyond_seen"]
"""Why there are no bounds: what `judge` says, or that they lie beyond the durations seen."""

MOST_LOGITS = 2.5
"""Half an interval of a share, in logits, beyond which it tells nothing of a quantile."""
EVEN = 0.5
LEAN = 0.25
"""By how much further out a share's bound by logits is, for each logit of its width: few days hide how they lean."""


@dataclass(frozen=True, slots=True)
class ArmDurations:
    """The durations of an arm's uses in order, and the quantile asked for."""

    sorted: NDArray[Any]
    percent: int

    @property
    def value(self) -> int:
        """The smallest duration that at least so many percent do not exceed."""
        return int(self.sorted[percent_rank(self.sorted.size, self.percent) - 1])

    def share_up_to(self, duration_ms: float) -> float:
        """Return which share of the uses took at most so long."""
        return float(np.searchsorted(self.sorted, duration_ms, side="right")) / self.sorted.size

    def at_share(self, share: float) -> int | None:
        """Return the smallest duration that at least *share* of the uses do not exceed, None beyond those seen."""
        rank = int(np.ceil(share * self.sorted.size))
        return int(self.sorted[rank - 1]) if 1 <= rank <= self.sorted.size else None

    def moved(self, by: float) -> float:
        """Return the quantile's share less a difference of shares, by logits: it stays between none and all."""
        p = self.percent / 100
        return float(expit(logit(p) - by / (p * (1 - p))))

    def around(self, share: float, half: float) -> tuple[int, int] | None:
        """Return the durations between the bounds of *share*, None where those do not tell or lie beyond all seen.

        *half* is that of the share at the quantile. Shares near all or none lean away from there: on that side the
        bound is by logits, of which it is *half* over p (1 - p) by the delta method (N. Dean, M. Pagano, "Evaluating
        Confidence Interval Methods for Binomial Proportions in Clustered Surveys", Journal of Survey Statistics and
        Methodology 3, 2015), and further out by `LEAN`, as drawn trials need; on the other it is the farther one.
        """
        p = self.percent / 100
        wide = half / (p * (1 - p))
        if wide > MOST_LOGITS:
            return None
        low, high = (float(expit(logit(share) + lean * (1 + LEAN * wide))) for lean in (-wide, wide))
        low = min(low, share - half) if p >= EVEN else low
        high = max(high, share + half) if p <= EVEN else high
        first, last = int(self.sorted.size * low), int(self.sorted.size * high) + 1
        if first < 1 or last > self.sorted.size:
            return None
        return int(self.sorted[first - 1]), int(self.sorted[last - 1])


def share_of_effect(durations: ArmDurations, effect_ms: float) -> float | None:
    """Return by how much the share up to the quantile changes where durations shift by *effect_ms*; None by nothing."""
    at = durations.value
    found = (durations.share_up_to(at + effect_ms) - durations.share_up_to(at - effect_ms)) / 2
    return found or None


def lift_in_ms(shares: LiftInterval, arm: ArmDurations, baseline: ArmDurations) -> LiftInterval | None:
    """Return the lift in milliseconds from that of the *shares*; None where it reaches beyond the durations seen."""
    if shares.absolute is None:
        return shares
    x, reached = baseline.value, arm.moved(shares.absolute)
    at = arm.at_share(reached) or arm.value
    absolute, relative = _against(at, x)
    if shares.low is None or shares.high is None:
        return LiftInterval(absolute=absolute, relative=relative, why=shares.why)
    half = (shares.high - shares.low) / 2
    bounds = arm.around(reached, half)
    if bounds is None:
        return None
    (low, relative_low), (high, relative_high) = (_against(y, x) for y in bounds)
    return LiftInterval(
        absolute=absolute,
        low=low,
        high=high,
        relative=relative,
        relative_low=relative_low,
        relative_high=relative_high,
        days_low=shares.days_low,
        days_high=shares.days_high,
        days_worked_out=shares.days_worked_out,
        p_value=shares.p_value,
    )


def _against(y: int, x: int) -> tuple[float, float | None]:
    return float(y - x), y / x - 1 if x > 0 else None


def arm_in_ms(share: ArmValue, durations: ArmDurations) -> tuple[ArmValue, QuantileWhy | None]:
    """Return an arm's quantile from its *share* up to it, and why there are no bounds."""
    value = replace(share, estimate=float(durations.value), low=None, high=None)
    if share.low is None or share.high is None:
        return value, share.why
    bounds = durations.around(durations.percent / 100, (share.high - share.low) / 2)
    if bounds is None:
        return value, "beyond_seen"
    return replace(value, low=float(bounds[0]), high=float(bounds[1])), None


def arm_lift_in_ms(
    share: LiftInterval, arm: ArmDurations, baseline: ArmDurations | None
) -> tuple[LiftInterval, QuantileWhy | None]:
    """Return an arm's lift in milliseconds from that of its *share*, and why there are no bounds."""
    if baseline is None:
        return LiftInterval(why=share.why), share.why
    found = lift_in_ms(share, arm, baseline)
    return (found, found.why) if found else (LiftInterval(), "beyond_seen")
