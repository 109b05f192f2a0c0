"""What would change a verdict: units that were silent, taken at the worst and at the best for each arm.

The bounds that need no reason for the silence, of C. F. Manski, "Nonparametric Bounds on Treatment Effects", American
Economic Review 80, 1990: what is not known may be anything between what is plausible at least and at most. Each
extreme is judged as if it had been seen, so the outer bounds hold for any truth in between (J. L. Horowitz and C. F.
Manski, "Nonparametric Analysis of Randomized Experiments with Missing Covariate and Outcome Data", Journal of the
American Statistical Association 95, 2000).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from reports.stats.trial_grid import grid_of
from reports.stats.trial_rows import UnitRow, read_units
from reports.stats.verdict import JudgeSettings, LiftInterval, verdict_of, verdicts_of


class SilentUnit(NamedTuple):
    """A placement-day of the trial that should have had data and has none."""

    arm: str
    place: str
    day: int


@dataclass(frozen=True, slots=True)
class SilentCase:
    """What an arm's lift comes to as it was seen, and with every silent unit at the extremes."""

    seen: LiftInterval
    lowest: LiftInterval
    """The arm's silent units at the low value, the baseline's at the high one."""
    highest: LiftInterval
    silent_units: int
    """Of the arm and the baseline together."""
    share: float
    """Of all their placement-days in the trial."""

    @property
    def low(self) -> float | None:
        """Return the outer lower bound; None where an extreme has none."""
        return _outer([self.seen.low, self.lowest.low, self.highest.low], lowest=True)

    @property
    def high(self) -> float | None:
        """Return the outer upper bound; None where an extreme has none."""
        return _outer([self.seen.high, self.lowest.high, self.highest.high], lowest=False)

    @property
    def changes_verdict(self) -> bool:
        """Whether silence could have hidden the opposite of what is told: a bound that was clear of 0 is not."""
        if self.seen.low is None or self.seen.high is None or self.seen.low <= 0 <= self.seen.high:
            return False
        return self.low is None or self.high is None or self.low <= 0 <= self.high


def silent_case(
    rows: Iterable[tuple[str, str, str, int, float, float]],
    silent: Collection[SilentUnit],
    plausible: tuple[float, float],
    asked: JudgeSettings | None = None,
) -> dict[str, SilentCase]:
    """Return by arm what the *silent* units could make of its lift, their values lying within *plausible*, low to high.

    A silent unit counts as many uses as its place has on a usual day (the median; of all places where it never had
    any). One that has a row of its own, or names no arm of the rows, is ignored. Raises `ValueError` as `judge`
    does, or where *plausible* is empty.
    """
    asked, units = asked or JudgeSettings(), read_units(rows)
    return cases_of(units, silent, plausible, asked, verdict_of(grid_of(units), asked).lifts)


def cases_of(
    units: list[UnitRow],
    silent: Collection[SilentUnit],
    plausible: tuple[float, float],
    asked: JudgeSettings,
    seen: Mapping[str, LiftInterval],
) -> dict[str, SilentCase]:
    """Return what `silent_case` does, of rows that were read and have been judged: their lifts are *seen*."""
    if plausible[0] > plausible[1]:
        raise ValueError("plausible: the low value is above the high one")
    told = {(unit.place, unit.day) for unit in units}
    arms = Counter(unit.arm for unit in units if unit.period == "trial")
    missing = sorted({unit for unit in silent if (unit.place, unit.day) not in told and unit.arm in arms})
    cases = {}
    for arm, lift in seen.items():
        both = [unit for unit in missing if unit.arm in {arm, asked.baseline}]
        due = arms[arm] + arms[asked.baseline] + len(both)
        low_end, high_end = _at_the_ends(units, both, arm, plausible, asked) if both else (lift, lift)
        cases[arm] = SilentCase(lift, low_end, high_end, len(both), len(both) / due)
    return cases


def _at_the_ends(
    units: list[UnitRow], missing: Sequence[SilentUnit], arm: str, plausible: tuple[float, float], asked: JudgeSettings
) -> tuple[LiftInterval, LiftInterval]:
    """Return *arm*'s lift with its *missing* units at the low value and the baseline's at the high one, and turned."""
    usual, (low, high) = _usual_uses(units), plausible
    ends = (units + _filled(missing, arm, ends, usual) for ends in ((low, high), (high, low)))
    lowest, highest = verdicts_of([(grid_of(rows), asked) for rows in ends])
    return lowest.lifts[arm], highest.lifts[arm]


def _filled(
    missing: Iterable[SilentUnit], arm: str, ends: tuple[float, float], usual: dict[str, float]
) -> list[UnitRow]:
    """Return rows of *missing*: *arm*'s at the first of *ends*, the baseline's at the second."""
    filled = []
    for unit in missing:
        uses = usual.get(unit.place, usual[""])
        value = ends[0] if unit.arm == arm else ends[1]
        filled.append(UnitRow("trial", unit.arm, unit.place, unit.day, value * uses, uses))
    return filled


def _usual_uses(units: Sequence[UnitRow]) -> dict[str, float]:
    """Return the usual denominator by place, and of all under the empty name."""
    by_place: dict[str, list[float]] = {"": [unit.denominator for unit in units] or [1.0]}
    for unit in units:
        by_place.setdefault(unit.place, []).append(unit.denominator)
    return {place: median(uses) for place, uses in by_place.items()}


def _outer(bounds: Sequence[float | None], *, lowest: bool) -> float | None:
    known = [bound for bound in bounds if bound is not None]
    if len(known) < len(bounds):
        return None
    return min(known) if lowest else max(known)
