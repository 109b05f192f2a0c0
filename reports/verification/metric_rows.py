"""What each placement-day adds to a metric, from the extract's events, and the rows that a verdict is given on."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reports.metrics import DistinctRule, DueShareRule, Metric, QuantileRule, RatioRule, SumRule
from reports.stats.quantiles import ArmDurations
from reports.stats.trial_rows import UnitRow
from reports.verification import due_time
from reports.verification.due_time import DueShare
from reports.verification.event_table import EventTable, Ints
from reports.verification.figures import MEASURE, different, durations
from reports.verification.trial_days import PlaceDay, TrialDays
from schemas.registry import MetricId

Parts = tuple[float, float]
"""What a placement-day adds to numerator and denominator."""


@dataclass(frozen=True)
class MetricRows:
    """The rows of every metric of a trial."""

    days: TrialDays
    shares: Mapping[MetricId, list[DueShare]]
    """Due and met time of uptime and coverage."""

    def of(self, metric: Metric) -> list[UnitRow]:
        """Return the rows of a metric that is no quantile."""
        if isinstance(metric.rule, DueShareRule):
            # Silence is what these measure, so silent days are among them; nothing was due before the start.
            return self._rows(self.days.due, self.due_parts(metric.id), {})
        return self._rows(self.days.counted, _parts(metric, self.days.during), _parts(metric, self.days.before))

    def of_share_up_to(self, limits_ms: Mapping[str, int], baseline_ms: int | None) -> list[UnitRow]:
        """Return the rows of the share of uses at most as long as their arm's limit; before: as the baseline's."""
        during = {day: self._timed[day] for day in self.days.counted if self._timed[day].size}
        before = {day: durations(own) for day, own in self.days.before.items() if not day.arm}
        return self._rows(
            self.days.counted,
            {day: _up_to(own, limits_ms[day.arm]) for day, own in during.items() if day.arm in limits_ms},
            {day: _up_to(own, baseline_ms) for day, own in before.items() if own.size and baseline_ms is not None},
        )

    def durations_by_arm(self, percent: int) -> dict[str, ArmDurations]:
        """Return the durations of the uses of each arm's counted days."""
        by_arm: dict[str, list[Ints]] = defaultdict(list)
        for day in self.days.counted:
            if self._timed[day].size:
                by_arm[day.arm].append(self._timed[day])
        return {arm: ArmDurations(np.sort(np.concatenate(found)), percent) for arm, found in by_arm.items()}

    @cached_property
    def _timed(self) -> Mapping[PlaceDay, Ints]:
        return {day: durations(self.days.during[day]) for day in self.days.counted}

    def due_parts(self, metric: MetricId) -> dict[PlaceDay, Parts]:
        """Return met and due time of each day that was due, ms."""
        met: dict[PlaceDay, int] = defaultdict(int)
        due: dict[PlaceDay, int] = defaultdict(int)
        for share in self.shares[metric]:
            for sums, spans in ((due, share.due), (met, share.met)):
                for day, ms in due_time.by_day(spans).items():
                    sums[PlaceDay(share.placement.arm_at(day), share.placement.place, day)] += ms
        return {day: (met[day], ms) for day, ms in due.items()}

    def _rows(
        self, days: Collection[PlaceDay], trial: Mapping[PlaceDay, Parts], before: Mapping[PlaceDay, Parts]
    ) -> list[UnitRow]:
        """Return the rows of *days* that say something, by arm, place and day, and those of the time before."""
        arm_of = {place: self.days.arm_of(place) for place in {day.place for day in before}}
        placed = {day: parts for day, parts in before.items() if day.place}
        earlier = [
            UnitRow("before", arm_of[day.place], day.place, day.number, *parts)
            for day, parts in sorted(_with_denominators(placed).items(), key=lambda item: item[0][1:])
            if parts[1]
        ]
        arms = self.days.trial.arms
        told = _with_denominators({day: trial[day] for day in days if day in trial})
        ordered = sorted(told.items(), key=lambda item: (arms.index(item[0].arm), *item[0][1:]))
        return earlier + [
            UnitRow("trial", day.arm, day.place, day.number, *parts) for day, parts in ordered if parts[1]
        ]


def _up_to(found: Ints, limit_ms: int) -> Parts:
    return int(np.count_nonzero(found <= limit_ms)), found.size


def _parts(metric: Metric, days: Mapping[PlaceDay, EventTable]) -> dict[PlaceDay, Parts]:
    match metric.rule:
        case SumRule(measure):
            return {day: (MEASURE[measure](own), 1) for day, own in days.items()}
        case RatioRule(top, bottom):
            return {day: (MEASURE[top](own), MEASURE[bottom](own)) for day, own in days.items()}
        case DistinctRule(column):
            return {day: (different(own, column), 1) for day, own in days.items()}
        case QuantileRule() | DueShareRule():
            raise KeyError(metric.id)


def _with_denominators(parts: Mapping[PlaceDay, Parts]) -> dict[PlaceDay, Parts]:
    """Return *parts* with each numerator that has no denominator, a refund without orders, at an earlier day.

    It goes to its place's last day of that arm that has one before, else to the first after.
    """
    found = dict(parts)
    for day in [day for day, (top, bottom) in parts.items() if top and not bottom]:
        own = sorted(_of_one_place(parts, day), key=lambda other: other.day_ms)
        taker = next((other for other in reversed(own) if other.day_ms < day.day_ms), own[0] if own else None)
        if taker is not None:
            found[taker] = found[taker][0] + parts[day][0], found[taker][1]
    return found


def _of_one_place(parts: Mapping[PlaceDay, Parts], day: PlaceDay) -> Iterable[PlaceDay]:
    return (other for other, (_, bottom) in parts.items() if bottom and other[:2] == day[:2])
