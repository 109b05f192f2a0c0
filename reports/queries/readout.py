"""The readout: per metric and arm an estimate, an interval that may be read at any time, the lift over the baseline.

Everything runs over stored events, exactly. Counts are means per placement-day, since arms differ in places; their
totals stand beside. Where the data do not allow an interval there is none, with the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from reports.metrics import METRICS, DistinctRule, DueShareRule, Metric, QuantileRule, SumRule
from reports.queries import refunds
from reports.queries.context import QueryContext
from reports.queries.model import Interval, Number, TotalsQuestion
from reports.queries.totals import totals
from reports.queries.units import (
    Parts,
    UnitKey,
    due_units,
    parts_by_metric,
    people_by_arm,
    ranked_durations,
    shares_at_most,
    totals_by_arm,
)
from reports.stats.balance import ArmBalance, balance
from reports.stats.intervals import ALPHA, DEFAULT_PLAN, IntervalEstimate, Why, ratio_estimates
from schemas.registry import MetricId, Trial

Role = Literal["primary", "guardrail", "other"]
BASELINE = "baseline"

ArmTotal: TypeAlias = tuple[Number | None, int]
"""A metric over an arm's whole time, exactly: value and n."""
_NOTHING: ArmTotal = (None, 0)


@dataclass(frozen=True, slots=True)
class ArmLift:
    """An arm against the baseline arm; bounds are None where one of the two has no interval."""

    absolute: float
    relative: float | None
    """None where the baseline is 0."""
    absolute_low: float | None = None
    absolute_high: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None


@dataclass(frozen=True, slots=True)
class ArmReadout:
    """One metric in one arm. `estimate` is per placement-day for counts, which have a `total` too."""

    metric: MetricId
    role: Role
    arm: str
    estimate: float | None
    low: float | None
    high: float | None
    why: Why | None
    """Why there is no interval."""
    needed_units: int | None
    n: int
    units: int
    total: Number | None
    lift: ArmLift | None


@dataclass(frozen=True, slots=True)
class TrialReadout:
    """A trial's numbers so far, the primary metric first."""

    interval: Interval
    baseline_arm: str | None
    alpha: float
    rows: tuple[ArmReadout, ...]
    balance: ArmBalance
    silent_units: Mapping[str, int]
    """Units that were due and sent nothing, by arm: they are in no mean, since silent is not unused."""


@dataclass(frozen=True, slots=True)
class _ReadoutInputs:
    """What all of a readout's figures share."""

    context: QueryContext
    trial: Trial
    interval: Interval
    baseline_arm: str | None
    planned_units: int


def readout(context: QueryContext, trial_id: str, metrics: Iterable[MetricId] | None = None) -> TrialReadout:
    """Return the readout from the trial's start until now (or its end), of *metrics* (default: every one)."""
    trial, span = context.directory.trials[trial_id], context.span(trial_id)
    interval = Interval(span.starts_ms, max(span.starts_ms, min(span.ends_ms, context.now_ms)))
    frame = _ReadoutInputs(
        context=context,
        trial=trial,
        interval=interval,
        baseline_arm=baseline_arm(trial),
        planned_units=max(1, trial.planned_units // len(trial.arms)) if trial.planned_units else DEFAULT_PLAN,
    )
    wanted = tuple(sorted(metrics or get_args(MetricId), key=lambda metric: _order(trial, metric)))
    parts = parts_by_metric(context, trial_id, interval, ("events", *wanted))
    due = due_units(context, trial_id, interval)
    seen = due & parts["events"].keys()
    sums = _sums(frame, wanted)
    rows = tuple(row for metric in wanted for row in _metric_rows(frame, METRICS[metric], parts[metric], sums))
    return TrialReadout(
        interval=interval,
        baseline_arm=frame.baseline_arm,
        alpha=ALPHA,
        rows=rows,
        balance=balance(by_arm(trial, due), by_arm(trial, seen)),
        silent_units=by_arm(trial, due - seen),
    )


def baseline_arm(trial: Trial) -> str | None:
    """Return the arm that the others are compared with: the one called baseline, else the first; None with one arm."""
    if len(trial.arms) < 2:
        return None
    return BASELINE if BASELINE in trial.arms else trial.arms[0]


def by_arm(trial: Trial, units: Iterable[UnitKey]) -> dict[str, int]:
    """Return how many of *units* each arm has."""
    counts = dict.fromkeys(trial.arms, 0)
    for unit in units:
        counts[unit.arm] = counts.get(unit.arm, 0) + 1
    return counts


def role_of(trial: Trial, metric: MetricId) -> Role:
    """Return what *metric* is to the trial."""
    if metric == trial.primary_metric:
        return "primary"
    return "guardrail" if metric in trial.guardrails else "other"


def _order(trial: Trial, metric: MetricId) -> tuple[int, int]:
    return get_args(Role).index(role_of(trial, metric)), get_args(MetricId).index(metric)


def _sums(frame: _ReadoutInputs, metrics: tuple[MetricId, ...]) -> dict[tuple[MetricId, str], ArmTotal]:
    args = frame.context, frame.trial.id, frame.interval
    rules = {metric: METRICS[metric].rule for metric in metrics}
    # Events are what a number of people stands on.
    added = tuple(m for m, rule in rules.items() if not isinstance(rule, DistinctRule | DueShareRule))
    found = dict(totals_by_arm(*args, ("events", *added)))
    # People who came to two places or on two days are one; all else is the sum of the units.
    columns = {metric: rule.column for metric, rule in rules.items() if isinstance(rule, DistinctRule)}
    people = people_by_arm(*args, tuple(columns.values()))
    for (_, arm), (_, events) in [item for item in found.items() if item[0][0] == "events"]:
        found |= {(metric, arm): (people[column].get(arm, 0), events) for metric, column in columns.items()}
    reported = tuple(m for m, rule in rules.items() if isinstance(rule, DueShareRule))
    question = TotalsQuestion(frame.trial.id, reported, frame.interval, by=("arm",))
    return found | {
        (total.metric, total.by["arm"]): (total.value, total.n) for total in totals(frame.context, question)
    }


def _metric_rows(
    frame: _ReadoutInputs,
    metric: Metric,
    parts: Mapping[UnitKey, Parts],
    sums: Mapping[tuple[MetricId, str], ArmTotal],
) -> list[ArmReadout]:
    totals_of = {arm: sums.get((metric.id, arm), _NOTHING) for arm in frame.trial.arms}
    estimates = _estimates(frame, metric, parts, totals_of)
    rows = []
    for arm in frame.trial.arms:
        value, n = totals_of[arm]
        estimate, halved = estimates[arm]
        baseline = estimates.get(frame.baseline_arm or "") if arm != frame.baseline_arm else None
        low, high = _bounded(metric, estimate)
        rows.append(
            ArmReadout(
                metric=metric.id,
                role=role_of(frame.trial, metric.id),
                arm=arm,
                estimate=estimate.value,
                low=low,
                high=high,
                why=estimate.why,
                needed_units=estimate.needed,
                n=n,
                units=estimate.units,
                total=(value or 0) if _counts(metric) else None,
                lift=_lift(metric, halved, baseline[1]) if baseline else None,
            )
        )
    return rows


def _counts(metric: Metric) -> bool:
    return isinstance(metric.rule, SumRule | DistinctRule)


def _estimates(
    frame: _ReadoutInputs, metric: Metric, parts: Mapping[UnitKey, Parts], totals_of: Mapping[str, ArmTotal]
) -> dict[str, tuple[IntervalEstimate, IntervalEstimate]]:
    """Return of each arm what is shown, and the same with half the risk, of which lifts are made.

    A lift's interval holds where both arms' do: each may go wrong half as often.
    """
    if isinstance(metric.rule, QuantileRule):
        return _quantiles(frame, metric.rule.percent, totals_of)
    found = {arm: _at_both([part for unit, part in parts.items() if unit.arm == arm], frame) for arm in totals_of}
    if metric.id == refunds.METRIC and refunds.unreported(frame.context, frame.trial.id):
        # A 0 that only means that nobody tells: no estimate, and no lift over it.
        untold = (arm for arm, (shown, _) in found.items() if shown.value == 0)
        found |= {arm: (IntervalEstimate(None, None, None, found[arm][0].units, "not_reported"),) * 2 for arm in untold}
    return found


def _at_both(parts: Sequence[Parts], frame: _ReadoutInputs) -> tuple[IntervalEstimate, IntervalEstimate]:
    shown, halved = ratio_estimates(parts, (ALPHA, ALPHA / 2), planned_units=frame.planned_units)
    return shown, halved


def _quantiles(
    frame: _ReadoutInputs, percent: int, totals_of: Mapping[str, ArmTotal]
) -> dict[str, tuple[IntervalEstimate, IntervalEstimate]]:
    """A quantile's interval is that of the share of uses at or below it, read back as durations.

    R. S. Woodruff, "Confidence Intervals for Medians and Other Position Measures", JASA 47, 1952.
    """
    args = (frame.context, frame.trial.id, frame.interval)
    values = {arm: int(value) for arm, (value, _) in totals_of.items() if value is not None}
    units = shares_at_most(*args, values) if values else {}
    shares = {arm: _at_both([part for unit, part in units.items() if unit.arm == arm], frame) for arm in totals_of}
    ranks = {
        arm: [_ranks(share, percent, totals_of[arm][1]) if arm in values else None for share in shares[arm]]
        for arm in totals_of
    }
    flat = {arm: [rank for pair in pairs if pair for rank in pair] for arm, pairs in ranks.items()}
    durations = ranked_durations(*args, flat)
    found = {}
    for arm, pairs in ranks.items():
        shown, halved = (
            _read_back(values.get(arm), share, pair, durations.get(arm, {}))
            for share, pair in zip(shares[arm], pairs, strict=True)
        )
        found[arm] = shown, halved
    return found


def _read_back(
    value: int | None, share: IntervalEstimate, pair: tuple[int, int] | None, durations: Mapping[int, int]
) -> IntervalEstimate:
    if value is None:
        return share
    if pair is None:
        # Without an interval of the share, or with one beyond the shortest or the longest use seen.
        return IntervalEstimate(float(value), None, None, share.units, share.why or "too_few_blocks", share.needed)
    return IntervalEstimate(float(value), float(durations[pair[0]]), float(durations[pair[1]]), share.units)


def _ranks(share: IntervalEstimate, percent: int, n: int) -> tuple[int, int] | None:
    """Return between which ranks of *n* durations the quantile lies, or None where they do not reach so far."""
    if share.low is None or share.high is None:
        return None
    half = (share.high - share.low) / 2
    low, high = int(n * (percent / 100 - half)), int(n * (percent / 100 + half)) + 1
    return (low, high) if low >= 1 and high <= n else None


def _bounded(metric: Metric, estimate: IntervalEstimate) -> tuple[float | None, float | None]:
    """Cut an interval at what the metric cannot exceed."""
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return None, None
    if metric.id != "revenue_fen":
        low = max(0.0, low)
    if metric.unit == "share" and metric.id != "refund_rate":
        high = min(1.0, high)
    if metric.unit == "stars":
        low, high = max(1.0, low), min(5.0, high)
    return low, high


def _lift(metric: Metric, arm: IntervalEstimate, baseline: IntervalEstimate) -> ArmLift | None:
    if arm.value is None or baseline.value is None:
        return None
    low, high = _bounded(metric, arm)
    base_low, base_high = _bounded(metric, baseline)
    positive = baseline.value > 0
    lift = ArmLift(
        absolute=arm.value - baseline.value,
        relative=arm.value / baseline.value - 1 if positive else None,
    )
    if low is None or high is None or base_low is None or base_high is None:
        return lift
    lift = replace(lift, absolute_low=low - base_high, absolute_high=high - base_low)
    if base_low <= 0 or low < 0:
        return lift
    return replace(lift, relative_low=low / base_high - 1, relative_high=high / base_low - 1)
