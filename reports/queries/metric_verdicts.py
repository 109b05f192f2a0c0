"""What `judge` says of each metric of a readout: the rows it is asked with, its answer in the metric's unit."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from reports.metrics import METRICS, DueShareRule, Metric, QuantileRule
from reports.queries.context import QueryContext
from reports.queries.model import Interval, Number
from reports.queries.quantile_readout import durations_by_arm, shares_up_to
from reports.queries.silence import SilenceBounds, silence_bounds
from reports.queries.trial_units import RowFrame, TrialUnits, before_interval
from reports.queries.units import Parts, PlacementDay, UnitKey
from reports.queries.units import units as placement_days
from reports.stats.lifts import Why
from reports.stats.quantiles import ArmDurations, arm_in_ms, arm_lift_in_ms, share_of_effect
from reports.stats.trial_grid import grid_of
from reports.stats.trial_rows import Design, UnitRow
from reports.stats.verdict import ArmValue, JudgeSettings, LiftInterval, TrialVerdict, verdicts_of
from schemas.registry import MetricId, Trial

ReadoutWhy: TypeAlias = Why | Literal["not_reported", "beyond_seen"]
"""Why there are no bounds: what `judge` says, refunds that nobody tells, or an interval beyond the durations seen."""

ArmTotal: TypeAlias = tuple[Number | None, int]
"""A metric over an arm's whole time, exactly: value and n."""


@dataclass(frozen=True, slots=True)
class ReadoutInputs:
    """What all of a readout's figures share."""

    context: QueryContext
    trial: Trial
    interval: Interval
    units: TrialUnits
    rows: RowFrame
    baseline_arm: str | None
    parts: Mapping[MetricId, Mapping[UnitKey, Parts]]
    before: Mapping[MetricId, Mapping[UnitKey, Parts]]
    sums: Mapping[tuple[MetricId, str], ArmTotal]
    counted: Mapping[tuple[MetricId, str], ArmTotal]
    """The same as `sums`, of units only."""


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """What a metric's verdict was reached from, for whoever asks how it came to be."""

    rows: Sequence[UnitRow]
    asked: JudgeSettings
    as_metric: Callable[[str, LiftInterval], tuple[LiftInterval, ReadoutWhy | None]] | None = None
    """Of an arm's lift the same in the metric's own unit, and why it has no bounds; where shares were judged for it."""


@dataclass(frozen=True, slots=True)
class MetricVerdict:
    """What `judge` says of one metric, with why there are no bounds where that is not for `judge` to know."""

    design: Design
    arms: Mapping[str, tuple[ArmValue, ReadoutWhy | None]]
    lifts: Mapping[str, tuple[LiftInterval, ReadoutWhy | None]]
    silence: Mapping[str, SilenceBounds] = field(default_factory=dict)
    judged: JudgedRows | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    """What `judge` is asked of one metric."""

    metric: Metric
    rows: list[UnitRow]
    asked: JudgeSettings
    durations: Mapping[str, ArmDurations] | None = None
    """Of a quantile, of which `judge` is asked as a share: those of each arm."""


def metric_verdicts(frame: ReadoutInputs, wanted: Iterable[MetricId]) -> dict[MetricId, MetricVerdict]:
    """Return what is said of each metric in *wanted*; those that stand in the same units are worked out together."""
    questions = [_quantile(frame, METRICS[metric]) or _question(frame, METRICS[metric]) for metric in wanted]
    # Rows were just made, one for each unit: `judge` would only read them anew.
    verdicts = verdicts_of([(grid_of(question.rows), question.asked) for question in questions])
    return {
        question.metric.id: _read(frame, question, verdict)
        for question, verdict in zip(questions, verdicts, strict=True)
    }


def _question(frame: ReadoutInputs, metric: Metric) -> _Question:
    # Silence is what uptime and coverage measure; nothing else is known of a silent day.
    measured = isinstance(metric.rule, DueShareRule)
    rows = frame.rows.rows(frame.parts[metric.id], frame.before.get(metric.id, {}), silent=measured)
    return _Question(metric, rows, _asked(frame, metric))


def _read(frame: ReadoutInputs, question: _Question, verdict: TrialVerdict) -> MetricVerdict:
    metric, durations = question.metric, question.durations
    if durations is not None:
        baseline = durations.get(frame.baseline_arm or "")
        return MetricVerdict(
            verdict.design,
            {arm: arm_in_ms(value, durations[arm]) for arm, value in verdict.arms.items()},
            {arm: arm_lift_in_ms(lift, durations[arm], baseline) for arm, lift in verdict.lifts.items()},
            judged=JudgedRows(
                question.rows, question.asked, lambda arm, lift: arm_lift_in_ms(lift, durations[arm], baseline)
            ),
        )
    filled = metric.id in frame.trial.primary_metrics and not isinstance(metric.rule, DueShareRule)
    return MetricVerdict(
        verdict.design,
        {arm: (value, value.why) for arm, value in verdict.arms.items()},
        {arm: (lift, lift.why) for arm, lift in verdict.lifts.items()},
        silence_bounds(question.rows, frame.units.silent, metric, question.asked, verdict.lifts) if filled else {},
        JudgedRows(question.rows, question.asked),
    )


def _asked(frame: ReadoutInputs, metric: Metric, smallest_effect: float | None = None) -> JudgeSettings:
    trial = frame.trial
    return JudgeSettings(
        baseline=frame.baseline_arm or trial.arms[0],
        planned_units=trial.planned_units,
        smallest_effect=(smallest_effect or trial.smallest_effect) if metric.id == trial.primary_metric else None,
        # A guardrail warns, and shares no risk; what is neither decides nothing.
        primary_metrics=len(trial.primary_metrics) if metric.id in trial.primary_metrics else 1,
        compared_arms=max(len(trial.arms) - 1, 1),
    )


def _quantile(frame: ReadoutInputs, metric: Metric) -> _Question | None:
    """Return what is asked of a quantile, None of any other metric; `reports.stats.quantiles` says how."""
    if not isinstance(metric.rule, QuantileRule):
        return None
    during = _timed(frame, frame.interval, frame.units.counted)
    arms = durations_by_arm(during, metric.rule.percent)
    limits = {arm: found.value for arm, found in arms.items()}
    baseline = arms.get(frame.baseline_arm or "")
    # Before the trial everyone was as the baseline is.
    earlier = before_interval(frame.context, frame.trial.id)
    before = shares_up_to(_timed(frame, earlier), {"": baseline.value}) if earlier and baseline else {}
    rows = frame.rows.rows(shares_up_to(during, limits), before)
    effect = frame.trial.smallest_effect
    share = share_of_effect(baseline, effect) if baseline and effect else None
    return _Question(metric, rows, _asked(frame, metric, share), arms)


def _timed(frame: ReadoutInputs, interval: Interval, among: Container[UnitKey] | None = None) -> list[PlacementDay]:
    found = placement_days(frame.context, frame.trial.id, interval, sets=True)
    return [unit for unit in found if unit.durations.size and (among is None or unit.key in among)]
