"""The readout: per metric and arm an estimate, an interval that may be read at any time, the lift over the baseline.

Everything runs over stored events, exactly, and every verdict is `reports.stats.judge`'s: here stands what its rows
are made of. Counts are means per placement-day, since arms differ in places; their totals stand beside. Where the
data do not allow an interval there is none, with the reason.

The intervals shown are those of today's data. What was shown earlier is not cut out of them, though each day's
interval holds together with all others: what an arm does may change over the trial (novelty fades), the value that
is asked for then moves with the days that it is taken over, and only today's interval is about today's value.
"""

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from reports.metrics import METRICS, MONEY, DistinctRule, DueShareRule, Metric, SumRule
from reports.queries import refunds
from reports.queries.context import QueryContext
from reports.queries.exact import PeopleColumn
from reports.queries.metric_verdicts import (
    ArmTotal,
    JudgedRows,
    MetricVerdict,
    ReadoutInputs,
    ReadoutWhy,
    metric_verdicts,
)
from reports.queries.model import Interval, Number
from reports.queries.silence import SilenceBounds
from reports.queries.trial_units import (
    TrialUnits,
    before_interval,
    planned_rows,
    row_frame,
    so_far,
    trial_units,
)
from reports.queries.units import WHOLE, parts_by_metric, people_by_arm, totals_by_arm
from reports.stats.balance import ArmBalance, balance
from reports.stats.several import Guarded, guardrail, told_by_metric
from reports.stats.trial_rows import Design, UnitRow, design_of
from reports.stats.verdict import ALPHA, MIN_DAYS, ArmValue, LiftInterval
from schemas.registry import MetricId, Trial
from schemas.timing import HOUR_MS, MINUTE_MS

Role = Literal["primary", "guardrail", "other"]
BASELINE = "baseline"
BOTH = 2

HarmReading = Guarded | Literal["unknown"]
"""A guardrail read for harm alone: `kept` where its interval holds none, `unclear` where it holds some, `unknown`
without an interval."""

_NOTHING: ArmTotal = (None, 0)
_EMPTY = ArmValue(estimate=None, low=None, high=None, units=0, places=0, why="no_data")


@dataclass(frozen=True, slots=True)
class ArmLift:
    """An arm against the baseline arm; what cannot be told is None, and `why` says why there are no bounds."""

    absolute: float | None = None
    relative: float | None = None
    """None where the baseline is 0."""
    absolute_low: float | None = None
    absolute_high: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None
    why: ReadoutWhy | None = None
    days_low: int | None = None
    """How many more days until the smallest effect that is looked for would be told, at least …"""
    days_high: int | None = None
    """… and at most; None: not within the days that a trial may have, or no smallest effect is registered."""
    days_worked_out: bool = False
    """Whether no days are for want of so many; else, as between places side by side, they are not known."""
    harm: HarmReading | None = None
    """Of a guardrail only."""
    silence: SilenceBounds | None = None
    """Of a primary metric, where units of the arm or the baseline were silent."""
    told: bool = False
    """Of a primary metric: whether a difference is told with all of them and all arms counted (Holm). The interval
    shares the risk evenly, so it may still hold 0 where another difference is told."""


@dataclass(frozen=True, slots=True)
class ArmReadout:
    """One metric in one arm. `estimate` is per placement-day for counts, which have a `total` too."""

    metric: MetricId
    role: Role
    arm: str
    estimate: float | None
    low: float | None
    high: float | None
    why: ReadoutWhy | None
    """Why there is no interval."""
    needed_units: int | None
    """How many units the arm must have at least before there is one, where that is what is missing."""
    n: int
    """What the estimate stands on; `total` may have more, of today and of events at no place."""
    units: int
    places: int
    total: Number | None
    lift: ArmLift | None
    """None of the baseline arm, and where there is none."""


@dataclass(frozen=True, slots=True)
class TrialReadout:
    """A trial's numbers so far, the primary metrics first."""

    interval: Interval
    baseline_arm: str | None
    alpha: float
    design: Design
    """What may be compared so far; where an arm has nothing yet, what is planned."""
    planned_design: Design
    """What may be compared when all that the registry plans has come."""
    rows: tuple[ArmReadout, ...]
    designs: Mapping[MetricId, Design]
    """The same by metric: not every one has a time before, and not every place each metric."""
    units: TrialUnits
    balance: ArmBalance
    silent_units: Mapping[str, int]
    """Units that were due and sent nothing, by arm: they are in no mean, since silent is not unused."""
    crossover: "CrossoverCount | None" = None
    """Of two arms, where people were asked for."""
    judged: Mapping[MetricId, JudgedRows] = field(default_factory=dict, repr=False, compare=False)
    """By metric; those of which nobody tells anything are not in it."""
    told: Mapping[MetricId, tuple[str, ...]] | None = None
    """Of several primary metrics or arms: of each metric the arms of which a difference is told, with all of them
    counted (Holm). None where one arm is compared by one metric."""
    questions: int = 0
    """How many differences decide, each primary metric's of each arm, come or to come: they share the risk *alpha*."""


@dataclass(frozen=True, slots=True)
class CrossoverCount:
    """How many people came to both arms, of all who came to either."""

    both: int
    people: int


def readout(context: QueryContext, trial_id: str, metrics: Iterable[MetricId] | None = None) -> TrialReadout:
    """Return the readout from the trial's start until now (or its end), of *metrics* (default: every one)."""
    trial = context.directory.trials[trial_id]
    wanted = tuple(sorted(metrics or get_args(MetricId), key=lambda metric: _order(trial, metric)))
    frame = _inputs(context, trial, wanted)
    units = frame.units
    verdicts = metric_verdicts(frame, wanted)
    read = {metric: _untold(frame, METRICS[metric], verdicts[metric]) for metric in wanted}
    deciding = _deciding(trial, read)
    told = _told(trial, deciding)
    planned = _design(planned_rows(context, trial_id), frame)
    # Any metric will do for what came: a unit is one for all of them.
    came = frame.rows.rows(dict.fromkeys(units.counted, (0, 1)), frame.before.get("events", {}))
    silent = units.by_arm(units.silent)
    return TrialReadout(
        interval=frame.interval,
        baseline_arm=frame.baseline_arm,
        alpha=ALPHA,
        design=_design(came, frame) if all(units.by_arm(units.counted).values()) else planned,
        planned_design=planned,
        rows=tuple(
            row for metric, found in read.items() for row in _metric_rows(frame, METRICS[metric], found, told or {})
        ),
        designs={metric: found.design for metric, found in read.items()},
        units=units,
        balance=balance(units.by_arm(units.due), units.by_arm(units.counted)),
        silent_units=silent,
        crossover=_crossover(frame, wanted),
        judged={metric: found.judged for metric, found in read.items() if found.judged is not None},
        told=told,
        questions=sum(map(len, deciding.values())),
    )


def _deciding(trial: Trial, read: Mapping[MetricId, MetricVerdict]) -> dict[MetricId, dict[str, LiftInterval]]:
    """Return the lifts that decide, by metric; nothing where not all of them were asked for.

    An arm that has not come yet is a question, too: what it takes of the risk later must not have been used up.
    """
    if not all(metric in read for metric in trial.primary_metrics):
        return {}
    baseline = baseline_arm(trial)
    arms = [arm for arm in trial.arms if arm != baseline] if baseline else []
    nothing: tuple[LiftInterval, None] = LiftInterval(why="no_data"), None
    return {metric: {arm: read[metric].lifts.get(arm, nothing)[0] for arm in arms} for metric in trial.primary_metrics}


def _told(
    trial: Trial, deciding: Mapping[MetricId, Mapping[str, LiftInterval]]
) -> dict[MetricId, tuple[str, ...]] | None:
    if not deciding or len(trial.primary_metrics) * (len(trial.arms) - 1) <= 1:
        return None
    told = told_by_metric(deciding)
    return {metric: tuple(arm for arm in trial.arms if arm in arms) for metric, arms in told.items()}


def _crossover(frame: ReadoutInputs, wanted: Collection[MetricId]) -> CrossoverCount | None:
    if "subjects" not in wanted or len(frame.trial.arms) != BOTH:
        return None
    columns: tuple[PeopleColumn, ...] = get_args(PeopleColumn)
    found = people_by_arm(frame.context, frame.trial.id, frame.interval, columns)["subjects"]
    people = found.get(WHOLE, 0)
    return CrossoverCount(both=sum(found.get(arm, 0) for arm in frame.trial.arms) - people, people=people)


def baseline_arm(trial: Trial) -> str | None:
    """Return the arm that the others are compared with: the one called baseline, else the first; None with one arm."""
    if len(trial.arms) < 2:
        return None
    return BASELINE if BASELINE in trial.arms else trial.arms[0]


def role_of(trial: Trial, metric: MetricId) -> Role:
    """Return what *metric* is to the trial."""
    if metric in trial.primary_metrics:
        return "primary"
    return "guardrail" if metric in trial.guardrails else "other"


def _order(trial: Trial, metric: MetricId) -> tuple[int, int]:
    listed = trial.primary_metrics if metric in trial.primary_metrics else get_args(MetricId)
    return get_args(Role).index(role_of(trial, metric)), listed.index(metric)


def _design(rows: list[UnitRow], frame: ReadoutInputs) -> Design:
    baseline = frame.baseline_arm
    if baseline is None:
        return "one_arm"
    designs = (design_of(rows, arm, baseline) for arm in frame.trial.arms if arm != baseline)
    return min(designs, key=get_args(Design).index)


def _inputs(context: QueryContext, trial: Trial, wanted: tuple[MetricId, ...]) -> ReadoutInputs:
    interval, asked = so_far(context, trial.id), ("events", *wanted)
    parts = parts_by_metric(context, trial.id, interval, asked)
    units = trial_units(context, trial.id)
    earlier = before_interval(context, trial.id)
    counted = tuple(m for m in asked if not isinstance(METRICS[m].rule, DistinctRule | DueShareRule))
    # Nothing was due before the start, so nobody knows what was missing then.
    told = tuple(m for m in asked if not isinstance(METRICS[m].rule, DueShareRule))
    before = parts_by_metric(context, trial.id, earlier, told) if earlier else {}
    return ReadoutInputs(
        context=context,
        trial=trial,
        interval=interval,
        units=units,
        rows=row_frame(units, before.get("events", {})),
        baseline_arm=baseline_arm(trial),
        parts=parts,
        before=before,
        sums=_sums(context, trial, interval, wanted),
        counted=totals_by_arm(context, trial.id, interval, counted, units.counted),
    )


def _sums(
    context: QueryContext, trial: Trial, interval: Interval, metrics: tuple[MetricId, ...]
) -> dict[tuple[MetricId, str], ArmTotal]:
    """Return what counts and people come to over each arm's whole time, with what stands in no unit."""
    counts = tuple(m for m in metrics if isinstance(METRICS[m].rule, SumRule))
    found = dict(totals_by_arm(context, trial.id, interval, counts)) if counts else {}
    # People who came to two places or on two days are one; all else is the sum of the units.
    columns = {m: rule.column for m in metrics if isinstance(rule := METRICS[m].rule, DistinctRule)}
    asked: tuple[PeopleColumn, ...] = get_args(PeopleColumn) if columns else ()
    people = people_by_arm(context, trial.id, interval, asked)
    return found | {
        (metric, arm): (people[column].get(arm, 0), 0) for metric, column in columns.items() for arm in trial.arms
    }


def _metric_rows(
    frame: ReadoutInputs, metric: Metric, found: MetricVerdict, told: Mapping[MetricId, Container[str]]
) -> list[ArmReadout]:
    rows = []
    for arm in frame.trial.arms:
        value, why = found.arms.get(arm, (_EMPTY, "no_data"))
        lift = _lift(frame, metric, arm, found)
        low, high = bounded(metric, value)
        rows.append(
            ArmReadout(
                metric=metric.id,
                role=role_of(frame.trial, metric.id),
                arm=arm,
                estimate=value.estimate,
                low=low,
                high=high,
                why=why,
                needed_units=needed_units(value),
                n=_n(frame, metric, arm),
                units=value.units,
                places=value.places,
                total=_total(frame, metric, arm),
                lift=lift and replace(lift, told=arm in told.get(metric.id, ())),
            )
        )
    return rows


def _untold(frame: ReadoutInputs, metric: Metric, found: MetricVerdict) -> MetricVerdict:
    """Return *found* without what only means that nobody tells: no estimate of 0, and no lift over it."""
    untold = {
        arm for arm, (value, _) in found.arms.items() if value.estimate == 0 and _nobody_tells(frame, metric, arm)
    }
    if not untold:
        return found
    why: ReadoutWhy = "not_reported" if metric.id == refunds.METRIC else "no_data"
    arms = {arm: (_nothing_of(value), why) for arm, (value, _) in found.arms.items() if arm in untold}
    lifts = found.lifts if frame.baseline_arm in untold else untold & found.lifts.keys()
    return replace(
        found,
        arms={**found.arms, **arms},
        lifts={**found.lifts, **dict.fromkeys(lifts, (LiftInterval(), why))},
        judged=None,
    )


def _nobody_tells(frame: ReadoutInputs, metric: Metric, arm: str) -> bool:
    """Tell whether a platform tells no refunds, no order of any arm came, or no event of *arm* names a person."""
    if metric.id == refunds.METRIC:
        return bool(refunds.unreported(frame.context, frame.trial.id))
    if metric.id == MONEY:
        return not any(frame.sums.get((metric.id, each), _NOTHING)[1] for each in frame.trial.arms)
    return isinstance(metric.rule, DistinctRule) and _n(frame, metric, arm) > 0


def _nothing_of(value: ArmValue) -> ArmValue:
    return replace(_EMPTY, units=value.units, places=value.places)


def _total(frame: ReadoutInputs, metric: Metric, arm: str) -> Number | None:
    """Return what a count comes to over the arm's whole time, None of other metrics, and where nobody tells."""
    if not metric.counts:
        return None
    value = frame.sums.get((metric.id, arm), _NOTHING)[0] or 0
    return value if value or not _nobody_tells(frame, metric, arm) else None


def _n(frame: ReadoutInputs, metric: Metric, arm: str) -> int:
    match metric.rule:
        case DueShareRule(share):
            due = sum(
                int(bottom)
                for unit, (_, bottom) in frame.parts[metric.id].items()
                if unit.arm == arm and unit in frame.units.due
            )
            return due // (MINUTE_MS if share == "uptime" else HOUR_MS)
        case DistinctRule():
            return frame.counted.get(("events", arm), _NOTHING)[1]
        case _:
            return frame.counted.get((metric.id, arm), _NOTHING)[1]


def needed_units(value: ArmValue) -> int | None:
    """Return how many units that many days come to at the arm's places, without which nothing is said."""
    needed = MIN_DAYS * value.places
    return needed if value.why == "too_few_days" and value.units < needed else None


def bounded(metric: Metric, value: ArmValue) -> tuple[float | None, float | None]:
    """Cut an interval at what the metric cannot exceed."""
    low, high = value.low, value.high
    if low is None or high is None:
        return None, None
    if metric.id != "revenue_fen":
        low = max(0.0, low)
    if metric.unit == "share" and metric.id != "refund_rate":
        high = min(1.0, high)
    if metric.unit == "stars":
        low, high = max(1.0, low), min(5.0, high)
    return low, high


def _lift(frame: ReadoutInputs, metric: Metric, arm: str, found: MetricVerdict) -> ArmLift | None:
    if frame.baseline_arm is None or arm == frame.baseline_arm:
        return None
    lift, why = found.lifts.get(arm, (LiftInterval(), "no_data"))
    return ArmLift(
        absolute=lift.absolute,
        relative=lift.relative,
        absolute_low=lift.low,
        absolute_high=lift.high,
        relative_low=lift.relative_low,
        relative_high=lift.relative_high,
        why=why,
        days_low=lift.days_low,
        days_high=lift.days_high,
        days_worked_out=lift.days_worked_out,
        harm=_harm(metric, lift) if role_of(frame.trial, metric.id) == "guardrail" else None,
        silence=found.silence.get(arm),
    )


def _harm(metric: Metric, lift: LiftInterval) -> HarmReading | None:
    """Return what the interval says of harm: told, none possible, or not told apart; no margin is registered.

    A guardrail has no share in the risk of the primary metric: it is to warn, and to be read alone. Of its interval
    only one end can be wrong by calling harm what is none, so that this happens in half the risk of the interval.
    """
    if metric.harm is None:
        return None
    return guardrail(lift, lower_is_better=metric.harm == "rises") if lift.low is not None else "unknown"
