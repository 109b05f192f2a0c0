"""The readout, computed anew from the extract: every estimate, interval, lift and unit, as the report's JSON has it.

It shares with the road what a metric is (`reports.metrics`) and how a verdict is reached (`reports.stats`); which rows
a verdict is given on, what is left out and what is unknown is worked out here from single events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, cast, get_args

from reports.metrics import METRICS, MONEY, DistinctRule, DueShareRule, Metric, QuantileRule, RatioRule, SumRule
from reports.stats.balance import balance
from reports.stats.lifts import Why
from reports.stats.quantiles import ArmDurations, arm_in_ms, arm_lift_in_ms, share_of_effect
from reports.stats.several import guardrail, told_by_metric
from reports.stats.trial_grid import grid_of
from reports.stats.trial_rows import Design, UnitRow, design_of
from reports.stats.verdict import ALPHA, MIN_DAYS, ArmValue, JudgeSettings, LiftInterval, verdict_of
from reports.stats.worst_case import SilentCase, SilentUnit, silent_case
from reports.verification.due_time import DueShare
from reports.verification.event_table import EventTable
from reports.verification.figures import different, figure
from reports.verification.metric_rows import MetricRows
from reports.verification.trial_days import TrialDays, planned
from schemas.registry import MetricId
from schemas.timing import HOUR_MS, MINUTE_MS

Found = dict[str, Any]
Told = Why | Literal["beyond_seen", "not_reported"] | None
"""Why there are no bounds."""
BASELINE = "baseline"
_NONE = ArmValue(estimate=None, low=None, high=None, units=0, places=0, why="no_data")


@dataclass(frozen=True)
class RecomputedVerdict:
    """What one metric says."""

    design: Design
    rows: list[UnitRow]
    asked: JudgeSettings
    arms: Mapping[str, tuple[ArmValue, Told]]
    lifts: Mapping[str, tuple[LiftInterval, Told]]
    durations: Mapping[str, ArmDurations] = field(default_factory=dict)
    """Of a quantile: those of each arm, in which shares are read back."""
    untold: bool = False
    """Whether an arm's 0 only means that nobody tells."""


@dataclass(frozen=True)
class Readout:
    """The readout of the trial of *days*, whose events before *to_ms* are *events*."""

    days: TrialDays
    events: EventTable
    """Those of the trial's own time."""
    shares: Mapping[MetricId, list[DueShare]]
    verdicts: dict[MetricId, RecomputedVerdict] = field(default_factory=dict)
    silent_cases: dict[MetricId, dict[str, SilentCase]] = field(default_factory=dict)
    """By arm, of each primary metric."""

    @cached_property
    def baseline(self) -> str | None:
        """The arm that others are compared with; None of one arm."""
        arms = self.days.trial.arms
        return None if len(arms) < 2 else BASELINE if BASELINE in arms else arms[0]

    @cached_property
    def rows(self) -> MetricRows:
        """What verdicts are given on."""
        return MetricRows(self.days, self.shares)

    @cached_property
    def planned_design(self) -> Design:
        """What may be compared when all that is registered has come."""
        return self._design(planned(self.days.trial))

    def role(self, metric: MetricId) -> str:
        """Return what *metric* is to the trial."""
        trial = self.days.trial
        return "primary" if metric in trial.primary_metrics else "guardrail" if metric in trial.guardrails else "other"

    def told(self, from_: str, to: str) -> Found:
        """Return the readout as the report's JSON has it, without its words and what no event proves."""
        days, by_arm = self.days, self.days.by_arm
        counted, due, silent = (by_arm(found) for found in (days.counted, days.due, days.silent))
        metrics: list[MetricId] = sorted(get_args(MetricId), key=self._order)
        return {
            "trial": days.trial.trial,
            "from": from_,
            "to": to,
            "baseline_arm": self.baseline,
            "confidence": 1 - ALPHA,
            "metrics": [self._metric(METRICS[metric]) for metric in metrics],
            "balance": {"due": due, "seen": counted, "silent": silent, "p_value": balance(due, counted).p_value},
            "design": self._seen_design(counted),
            "planned_design": self.planned_design,
            "units": {
                "counted": counted,
                "due": due,
                "silent": silent,
                "unfinished": by_arm(days.unfinished),
                "changed": len(days.changed),
                "left_out": by_arm(days.left_out),
                "outside_events": days.outside_events,
            },
            "crossover": self._crossover(),
            **self._told_together(),
        }

    def _order(self, metric: MetricId) -> tuple[int, int]:
        role, deciding = self.role(metric), self.days.trial.primary_metrics
        return ("primary", "guardrail", "other").index(role), deciding.index(metric) if role == "primary" else 0

    def verdict(self, metric: Metric) -> RecomputedVerdict:
        """Return what is said of *metric*."""
        if metric.id not in self.verdicts:
            found = self._quantile(metric) if isinstance(metric.rule, QuantileRule) else self._judged(metric)
            self.verdicts[metric.id] = self._without_untold(metric, found)
        return self.verdicts[metric.id]

    def asked(self, metric: MetricId, effect: float | None = None) -> JudgeSettings:
        """Return what a verdict is asked for."""
        trial = self.days.trial
        looked_for = (effect or trial.smallest_effect) if metric == trial.primary_metric else None
        deciding = len(trial.primary_metrics) if metric in trial.primary_metrics else 1
        arms = max(len(trial.arms) - 1, 1)
        return JudgeSettings(self.baseline or trial.arms[0], ALPHA, trial.planned_units, looked_for, deciding, arms)

    def _judged(self, metric: Metric) -> RecomputedVerdict:
        rows, asked = self.rows.of(metric), self.asked(metric.id)
        found = verdict_of(grid_of(rows), asked)
        return RecomputedVerdict(
            found.design,
            rows,
            asked,
            {arm: (value, value.why) for arm, value in found.arms.items()},
            {arm: (lift, lift.why) for arm, lift in found.lifts.items()},
        )

    def _quantile(self, metric: Metric) -> RecomputedVerdict:
        if not isinstance(metric.rule, QuantileRule):
            raise KeyError(metric.id)
        arms = self.rows.durations_by_arm(metric.rule.percent)
        baseline, effect = arms.get(self.baseline or ""), self.days.trial.smallest_effect
        limits = {arm: found.value for arm, found in arms.items()}
        rows = self.rows.of_share_up_to(limits, baseline.value if baseline else None)
        share = share_of_effect(baseline, effect) if baseline and effect else None
        asked = self.asked(metric.id, share)
        found = verdict_of(grid_of(rows), asked)
        return RecomputedVerdict(
            found.design,
            rows,
            asked,
            {arm: arm_in_ms(value, arms[arm]) for arm, value in found.arms.items()},
            {arm: arm_lift_in_ms(lift, arms[arm], baseline) for arm, lift in found.lifts.items()},
            arms,
        )

    def _without_untold(self, metric: Metric, found: RecomputedVerdict) -> RecomputedVerdict:
        """Return *found* without a 0 that only means that nobody tells."""
        untold = {arm for arm, (value, _) in found.arms.items() if value.estimate == 0 and self._untold(metric, arm)}
        why: Told = "not_reported" if metric.id == "refund_rate" else "no_data"
        nothing = {
            arm: (replace(_NONE, units=value.units, places=value.places), why)
            for arm, (value, _) in found.arms.items()
            if arm in untold
        }
        lifts = found.lifts if self.baseline in untold else untold & found.lifts.keys()
        unknown = {arm: (LiftInterval(), why) for arm in lifts} if untold else {}
        return replace(found, arms={**found.arms, **nothing}, lifts={**found.lifts, **unknown}, untold=bool(untold))

    def _untold(self, metric: Metric, arm: str) -> bool:
        if metric.id == "refund_rate":
            return bool(self.days.trial.platforms_without_refunds)
        if metric.id == MONEY:
            return not any(figure(metric.id, self._of_arm(each))[1] for each in self.days.trial.arms)
        return isinstance(metric.rule, DistinctRule) and self._n(metric, arm) > 0

    def _design(self, rows: list[UnitRow]) -> Design:
        baseline = self.baseline
        if baseline is None:
            return "one_arm"
        designs = [design_of(rows, arm, baseline) for arm in self.days.trial.arms if arm != baseline]
        return min(designs, key=get_args(Design).index)

    def _seen_design(self, counted: Mapping[str, int]) -> Design:
        return self._design(self.rows.of(METRICS["events"])) if all(counted.values()) else self.planned_design

    def _crossover(self) -> Found | None:
        arms = self.days.trial.arms
        if len(arms) != 2:
            return None
        people = different(self.events.where(self.events.of("arm", *arms)), "subjects")
        both = sum(different(self._of_arm(arm), "subjects") for arm in arms) - people
        return {"both": both, "people": people}

    def _told_together(self) -> Found:
        """Return of several primary metrics or arms those of which a difference is told with all of them counted."""
        arms, deciding = self.days.trial.arms, self.days.trial.primary_metrics
        compared = [arm for arm in arms if arm != self.baseline] if self.baseline else []
        came = {metric: self.verdict(METRICS[cast("MetricId", metric)]).lifts for metric in deciding}
        # One that has not come yet is a question, too.
        lifts = {
            metric: {arm: found[arm][0] if arm in found else LiftInterval(why="no_data") for arm in compared}
            for metric, found in came.items()
        }
        questions = sum(map(len, lifts.values()))
        if len(deciding) * (len(arms) - 1) <= 1:
            return {"told_together": None, "told_by_metric": None, "questions": questions}
        told = {metric: [arm for arm in arms if arm in found] for metric, found in told_by_metric(lifts).items()}
        return {"told_together": told[deciding[0]], "told_by_metric": told, "questions": questions}

    def _of_arm(self, arm: str) -> EventTable:
        return self.events.where(self.events.of("arm", arm))

    def _metric(self, metric: Metric) -> Found:
        return {
            "metric": metric.id,
            "role": self.role(metric.id),
            "unit": metric.unit,
            "per": "placement-day" if isinstance(metric.rule, SumRule | DistinctRule) else None,
            "better": metric.better,
            "arms": [self._arm(metric, arm) for arm in self.days.trial.arms],
            "design": self.verdict(metric).design,
        }

    def _arm(self, metric: Metric, arm: str) -> Found:
        value, why = self.verdict(metric).arms.get(arm, (_NONE, "no_data"))
        needed = MIN_DAYS * value.places if value.why == "too_few_days" else 0
        return {
            "arm": arm,
            "estimate": value.estimate,
            "interval": _bounds(metric, value.low, value.high),
            "reason": why,
            **({} if why else {"reason_text": None, "next_step": None}),
            "needed_units": needed if value.units < needed else None,
            "n": self._n(metric, arm),
            "units": value.units,
            "total": self._total(metric, arm),
            "lift": None if self.baseline in {None, arm} else self._lift(metric, arm),
            "places": value.places,
        }

    def _n(self, metric: Metric, arm: str) -> int:
        days = [day for day in self.days.counted if day.arm == arm]
        match metric.rule:
            case DueShareRule(share):
                parts = self.rows.due_parts(share)
                due_ms = sum(int(ms) for day, (_, ms) in parts.items() if day.arm == arm and day in self.days.due)
                return due_ms // (MINUTE_MS if share == "uptime" else HOUR_MS)
            case DistinctRule():
                return sum(len(self.days.during[day]) for day in days)
            case _:
                return sum(figure(metric.id, self.days.during[day])[1] for day in days)

    def _total(self, metric: Metric, arm: str) -> float | int | None:
        """Return what a count comes to over the arm's whole time, events outside every unit among them."""
        match metric.rule:
            case SumRule():
                found = figure(metric.id, self._of_arm(arm))[0]
                return found or (None if self._untold(metric, arm) else found)
            case DistinctRule(column):
                return different(self._of_arm(arm), column) or (None if self._n(metric, arm) else 0)
            case _:
                return None

    def _lift(self, metric: Metric, arm: str) -> Found:
        lift, why = self.verdict(metric).lifts.get(arm, (LiftInterval(), "no_data"))
        harm = self._harm(metric, lift)
        return {
            "absolute": lift.absolute,
            "absolute_interval": _pair(lift.low, lift.high),
            "relative": lift.relative,
            "relative_interval": _pair(lift.relative_low, lift.relative_high),
            "reason": why,
            **({} if why else {"reason_text": None, "next_step": None}),
            "days_low": lift.days_low,
            "days_high": lift.days_high,
            "harm": "none_seen" if harm in {"kept", "unclear"} else harm,
            "guardrail": harm,
            **({} if harm else {"harm_text": None}),
            "silence": self._silence(metric, arm),
        }

    def _harm(self, metric: Metric, lift: LiftInterval) -> str | None:
        if self.role(metric.id) != "guardrail" or metric.better == "neither":
            return None
        if lift.low is None:
            return "unknown"
        return guardrail(lift, lower_is_better=metric.better == "lower")

    def _silence(self, metric: Metric, arm: str) -> Found | None:
        """Return what the silent units could make of a primary metric's lift."""
        case = self._silent_case(metric, arm)
        if case is None:
            return None
        return {
            "units": case.silent_units,
            "share": case.share,
            "interval": _pair(case.low, case.high),
            "changes": case.changes_verdict,
        }

    def silence_ends(self, metric: Metric, arm: str) -> Found | None:
        """Return the bounds with the silent units at either end."""
        case = self._silent_case(metric, arm)
        if case is None:
            return None
        return {
            "lowest": _pair(case.lowest.low, case.lowest.high),
            "highest": _pair(case.highest.low, case.highest.high),
        }

    def _silent_case(self, metric: Metric, arm: str) -> SilentCase | None:
        rows = self.verdict(metric).rows
        if self.role(metric.id) != "primary" or isinstance(metric.rule, DueShareRule | QuantileRule):
            return None
        if not self.days.silent or not rows:
            return None
        if metric.id not in self.silent_cases:
            missing = [SilentUnit(day.arm, day.place, day.number) for day in self.days.silent]
            found = silent_case(rows, missing, _plausible(rows, metric), self.asked(metric.id))
            self.silent_cases[metric.id] = found
        case = self.silent_cases[metric.id].get(arm)
        return case if case is not None and case.silent_units else None


def _plausible(rows: list[UnitRow], metric: Metric) -> tuple[float, float]:
    """Return between which values a silent unit may have lain."""
    if metric.unit == "stars":
        return 1.0, 5.0
    if isinstance(metric.rule, RatioRule) and metric.unit == "share" and metric.id != "refund_rate":
        return 0.0, 1.0
    seen = [row.numerator / row.denominator for row in rows]
    return min(seen), max(seen)


def _bounds(metric: Metric, low: float | None, high: float | None) -> tuple[float, float] | None:
    """Return an arm's interval, cut at what the metric cannot exceed."""
    if low is None or high is None:
        return None
    if metric.id == "revenue_fen":
        return low, high
    if metric.unit == "stars":
        return max(1.0, low), min(5.0, high)
    most = 1.0 if metric.unit == "share" and metric.id != "refund_rate" else high
    return max(0.0, low), min(most, high)


def _pair(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)
