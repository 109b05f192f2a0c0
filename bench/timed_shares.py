"""Drawn durations as the readout judges them: by shares of uses up to a quantile, read back in milliseconds."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bench.worlds import PERCENT
from reports.stats.quantiles import ArmDurations, arm_lift_in_ms
from reports.stats.trial_grid import BEFORE, TrialGrid
from reports.stats.trial_rows import Floats
from reports.stats.verdict import LiftInterval


@dataclass(frozen=True)
class TimedShares:
    """Trials so far, and how long each use took; what is not is endless."""

    until: TrialGrid
    durations: Floats

    @cached_property
    def arms(self) -> dict[str, list[ArmDurations]]:
        """Each arm's durations, of every trial."""
        found = {}
        for number, arm in enumerate(self.until.arms):
            of_arm = np.sort(self.durations[:, self.until.arm == number].reshape(len(self.durations), -1), axis=-1)
            found[arm] = [ArmDurations(row[: int(np.isfinite(row).sum())], PERCENT) for row in of_arm]
        return found

    @cached_property
    def grid(self) -> TrialGrid:
        """The share of uses up to the arm's own quantile; before the trial up to the baseline's."""
        limits = np.full((len(self.durations), *self.until.arm.shape), -math.inf)
        for number, arm in enumerate(self.until.arms):
            values = np.array([durations.value for durations in self.arms[arm]], dtype=np.float64)[:, None]
            limits[:, self.until.arm == number] = values
            if arm == "baseline":
                limits[:, self.until.arm == BEFORE] = values
        return replace(self.until, top=np.sum(self.durations <= limits[..., None], axis=-1).astype(np.float64))

    def in_ms(self, arm: str, value: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
        """Return an arm's lift in milliseconds; no number where it reaches beyond the durations seen."""
        told = []
        for number, (share, least, most) in enumerate(zip(value, low, high, strict=True)):
            lift = LiftInterval(absolute=float(share), low=float(least), high=float(most))
            found, _ = arm_lift_in_ms(lift, self.arms[arm][number], self.arms["baseline"][number])
            bounds = (found.absolute, found.low, found.high)
            told.append([math.nan if bound is None else bound for bound in bounds])
        absolute, lowest, highest = np.array(told).T
        return absolute, lowest, highest
