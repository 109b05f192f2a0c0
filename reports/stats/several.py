"""Several primary metrics or arms at once, and guardrails: what may be told of them together.

Of several questions that each may find, the risk of telling any of them wrongly is shared by S. Holm's "A Simple
Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979. What is told is better or
worse, not only different, so that each question is two, of which a difference leaves one true: of 2 m one-sided
questions one is told in a direction while k are, where its one-sided p-value is at most alpha / (2 m - k). It may be
asked at every look, since the p-values of `LiftInterval` may: as long as none of the n true ones ever falls to
alpha / n, none of them is ever told, and that one does has a probability of at most alpha, whatever the questions have
to do with each other. For m two-sided questions, k told leaving m - k, directions are proven to be
right only where they have nothing to do with each other (J. P. Shaffer, Annals of Statistics 8, 1980).

Guardrails are apart: they are read for harm alone, each at its own one-sided risk, and share nothing with primary
metrics, since a warning that comes late costs more than one too many.
"""

from collections.abc import Mapping
from typing import Literal, TypeVar

from reports.stats.verdict import ALPHA, LiftInterval

MetricT = TypeVar("MetricT", bound=str)

Guarded = Literal["harmed", "kept", "unclear"]


def holm_p_values(p_values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return each question's p-value, for its direction too, with all of them counted.

    None stays None and counts, as a question asked.
    """
    known = sorted((value, name) for name, value in p_values.items() if value is not None)
    adjusted: dict[str, float | None] = dict.fromkeys(p_values)
    highest = 0.0
    for rank, (value, name) in enumerate(known):
        # What is told in one direction leaves the other as a question that is true.
        highest = max(highest, min(value * (len(p_values) - rank / 2), 1.0))
        adjusted[name] = highest
    return adjusted


def told_together(lifts: Mapping[str, LiftInterval], alpha: float = ALPHA) -> frozenset[str]:
    """Return of which of *lifts*, one for each primary metric or arm, a difference may be told.

    Each must have been judged for itself: one arm against the baseline, at any risk, since only its p-value counts.
    """
    adjusted = holm_p_values({name: lift.p_value for name, lift in lifts.items()})
    return frozenset(name for name, value in adjusted.items() if value is not None and value <= alpha)


def told_by_metric(lifts: Mapping[MetricT, Mapping[str, LiftInterval]]) -> dict[MetricT, frozenset[str]]:
    """Return of each primary metric the arms of which a difference may be told, all metrics and arms counted.

    *lifts* has each primary metric's by arm.
    """
    asked = [(metric, arm, lift) for metric, arms in lifts.items() for arm, lift in arms.items()]
    told = told_together({str(number): lift for number, (_, _, lift) in enumerate(asked)})
    return {
        metric: frozenset(arm for number, (one, arm, _) in enumerate(asked) if one == metric and str(number) in told)
        for metric in lifts
    }


def guardrail(lift: LiftInterval, *, lower_is_better: bool = False, tolerated: float = 0.0) -> Guarded:
    """Return whether a guardrail was harmed: *lift* lies beyond 0 on the bad side, to its far bound.

    It is kept where the near bound is no worse than *tolerated*, in the metric's unit. The one-sided risk is half of
    that at which *lift* was judged: 0.1 for 0.05.
    """
    if lift.low is None or lift.high is None:
        return "unclear"
    worst, best = (-lift.high, -lift.low) if lower_is_better else (lift.low, lift.high)
    if best < 0:
        return "harmed"
    return "kept" if worst >= -abs(tolerated) else "unclear"
