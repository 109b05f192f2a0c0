"""The sample-ratio check: did the arms report in the proportion in which they were to, judged at any time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

PRIOR_UNITS = 50.0
"""Weight of the prior around the planned shares: the larger, the smaller the deviations it is most alert to."""
ALARM = 0.001
"""A p-value below this is an alarm: the check is looked at each day, by many, and a false one costs trust."""


@dataclass(frozen=True, slots=True)
class ArmBalance:
    """What was planned and what came, by arm, and how likely that is."""

    planned: Mapping[str, int]
    seen: Mapping[str, int]
    p_value: float | None
    """None: fewer than two arms, or nothing planned or seen."""

    @property
    def alarming(self) -> bool:
        """Whether the arms are out of balance beyond chance."""
        return self.p_value is not None and self.p_value < ALARM


def balance(planned: Mapping[str, int], seen: Mapping[str, int]) -> ArmBalance:
    """Return the check of the units *seen* against those *planned*, both by arm.

    The anytime-valid multinomial test of M. Lindon and A. Malek, "Anytime-Valid Inference for Multinomial Count
    Data", NeurIPS 2022: the Bayes factor of a Dirichlet prior around the planned shares against these shares; its
    inverse is a p-value at every moment. A unit seen in an arm where none was planned is impossible by the plan.
    """
    arms = [arm for arm, units in planned.items() if units > 0]
    total_planned, total_seen = sum(planned.values()), sum(seen.values())
    if len(arms) < 2 or not total_seen:
        return ArmBalance(planned, seen, None)
    if any(units for arm, units in seen.items() if arm not in arms):
        return ArmBalance(planned, seen, 0.0)
    log_factor = math.lgamma(PRIOR_UNITS) - math.lgamma(PRIOR_UNITS + total_seen)
    for arm in arms:
        share, count = planned[arm] / total_planned, seen.get(arm, 0)
        weight = PRIOR_UNITS * share
        log_factor += math.lgamma(weight + count) - math.lgamma(weight) - count * math.log(share)
    return ArmBalance(planned, seen, min(1.0, math.exp(-log_factor)))
