"""Two trials, or two times of one, side by side: values with their intervals, and no difference between them.

Nothing was drawn by lot between two trials or two times, so there is no lift here. A whole trial's values are its
readout's; those of a part of it are `judge`'s of the whole days in that part, by the same rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from reports.metrics import METRICS, DistinctRule, DueShareRule, QuantileRule
from reports.queries import presence, refunds
from reports.queries.context import QueryContext
from reports.queries.metric_verdicts import ReadoutWhy
from reports.queries.model import Interval, Number
from reports.queries.quantile_readout import durations_by_arm, shares_up_to
from reports.queries.readout import ArmReadout, bounded, needed_units, readout, role_of
from reports.queries.spans import step_start, total_ms
from reports.queries.trial_units import RowFrame, before_interval, day_number, so_far, trial_units
from reports.queries.units import Parts, UnitKey, parts_by_metric, totals_by_arm
from reports.queries.units import units as placement_days
from reports.stats.quantiles import arm_in_ms
from reports.stats.trial_grid import grid_of
from reports.stats.trial_rows import Design
from reports.stats.verdict import ArmValue, JudgeSettings, verdict_of
from schemas.registry import MetricId, Trial
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS

SideKind = Literal["trial", "before", "part"]
"""A whole trial so far, days before its start, or some days of it."""
COMMON: tuple[MetricId, ...] = ("completions", "success_rate", "orders", "revenue_fen", "rating_mean")
"""Compared beside what either side is judged by."""
BEFORE_ARM = ""

_Values: TypeAlias = Mapping[str, tuple[ArmValue, ReadoutWhy | None]]


@dataclass(frozen=True, slots=True)
class ComparedSide:
    """One of the two: its rows by metric and arm ('' before the start), as a readout has them, without any lift."""

    trial: Trial
    kind: SideKind
    interval: Interval
    rows: tuple[ArmReadout, ...]
    units: int
    silent: int
    """Units that were due and sent nothing."""
    covered: float | None
    """Which share of the due placement-hours reported; None where nothing was due."""
    planned_design: Design

    def row(self, metric: MetricId, arm: str) -> ArmReadout | None:
        """Return what is said of *metric* in *arm*."""
        return next((row for row in self.rows if (row.metric, row.arm) == (metric, arm)), None)

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that have a row."""
        return tuple(dict.fromkeys(row.arm for row in self.rows))


def compared_metrics(trials: Iterable[Trial]) -> tuple[MetricId, ...]:
    """Return what *trials* are judged by, primary metrics first, and what most trials have."""
    found = list(trials)
    primary = [metric for trial in found for metric in trial.primary_metrics]
    guards = [metric for trial in found for metric in trial.guardrails]
    return tuple(dict.fromkeys([*primary, *guards, *COMMON]))


def whole_side(context: QueryContext, trial_id: str, metrics: Sequence[MetricId]) -> ComparedSide:
    """Return the trial so far: its readout's values."""
    found = readout(context, trial_id, metrics)
    by_metric = {metric: [row for row in found.rows if row.metric == metric] for metric in metrics}
    return ComparedSide(
        trial=context.directory.trials[trial_id],
        kind="trial",
        interval=found.interval,
        rows=tuple(row for metric in metrics for row in by_metric[metric]),
        units=len(found.units.counted),
        silent=len(found.units.silent),
        covered=_covered(context, trial_id, found.interval),
        planned_design=found.planned_design,
    )


def part_side(
    context: QueryContext, trial_id: str, interval: Interval, metrics: Sequence[MetricId], planned_design: Design
) -> ComparedSide:
    """Return the whole days in *interval* that are over, which lies before the trial's start or within it."""
    trial = context.directory.trials[trial_id]
    before = interval.to_ms <= step_start(context.span(trial_id).starts_ms, "day")
    days = _PartDays.of(context, trial_id, interval, before=before)
    values = {metric: _values(days, metric) for metric in metrics}
    arms = (BEFORE_ARM,) if before else trial.arms
    return ComparedSide(
        trial=trial,
        kind="before" if before else "part",
        interval=interval,
        rows=tuple(_row(days, metric, arm, values[metric].get(arm)) for metric in metrics for arm in arms),
        units=len(days.counted),
        silent=len(days.silent),
        covered=None if before else _covered(context, trial_id, interval),
        planned_design=planned_design,
    )


def two_parts(context: QueryContext, trial_id: str) -> tuple[Interval, Interval] | None:
    """Return the time before the start and the trial so far, or where there is none before, its two halves.

    None where fewer than two days are over.
    """
    whole, earlier = so_far(context, trial_id), before_interval(context, trial_id)
    first, last = step_start(whole.from_ms, "day"), step_start(whole.to_ms, "day")
    if earlier is not None and last > first:
        return earlier, Interval(first, last)
    middle = first + (last - first) // DAY_MS // 2 * DAY_MS
    return None if middle <= first else (Interval(first, middle), Interval(middle, last))


@dataclass(frozen=True, slots=True)
class _PartDays:
    context: QueryContext
    trial: Trial
    interval: Interval
    before: bool
    counted: frozenset[UnitKey]
    silent: frozenset[UnitKey]

    @classmethod
    def of(cls, context: QueryContext, trial_id: str, interval: Interval, *, before: bool) -> "_PartDays":
        """Return the units of *interval*: those that the readout has, or of the time before, every place's days."""
        if before:
            came = parts_by_metric(context, trial_id, interval, ("events",))["events"]
            counted, silent = frozenset(key for key in came if key.place), frozenset[UnitKey]()
        else:
            found = trial_units(context, trial_id)
            within = range(interval.from_ms, interval.to_ms)
            counted, silent = (
                frozenset(key for key in keys if key.day_ms in within) for keys in (found.counted, found.silent)
            )
        return cls(context, context.directory.trials[trial_id], interval, before, counted, silent)

    def arm(self, key: UnitKey) -> str:
        return BEFORE_ARM if self.before else key.arm

    def values(self, parts: Mapping[UnitKey, Parts], *, silent: bool = False) -> Mapping[str, ArmValue]:
        """Return what `judge` says of each arm, of what its units add to a metric."""
        keys = sorted(self.counted | self.silent if silent else self.counted)
        framed = tuple((key, ("trial", self.arm(key), key.place, day_number(key.day_ms))) for key in keys)
        rows = RowFrame(counted=framed, due=(), before=()).rows(parts, {})
        return verdict_of(grid_of(rows), JudgeSettings(baseline=self.trial.arms[0])).arms if rows else {}


def _values(days: _PartDays, metric: MetricId) -> _Values:
    rule, of = METRICS[metric].rule, (days.context, days.trial.id, days.interval)
    measured = isinstance(rule, DueShareRule)
    if measured and days.before:
        return {}
    if isinstance(rule, QuantileRule):
        return _quantiles(days, rule.percent)
    found = days.values(parts_by_metric(*of, (metric,))[metric], silent=measured)
    return {arm: _known(days, metric, value) for arm, value in found.items()}


def _known(days: _PartDays, metric: MetricId, value: ArmValue) -> tuple[ArmValue, ReadoutWhy | None]:
    """Return *value*; nothing where its 0 only means that nobody tells refunds, or names people."""
    if value.estimate == 0 and metric == refunds.METRIC and refunds.unreported(days.context, days.trial.id):
        return _NOTHING_TOLD, "not_reported"
    if value.estimate == 0 and isinstance(METRICS[metric].rule, DistinctRule):
        return _NOTHING_TOLD, "no_data"
    return value, value.why


_NOTHING_TOLD = ArmValue(estimate=None, low=None, high=None, units=0, places=0, why="no_data")


def _quantiles(days: _PartDays, percent: int) -> _Values:
    found = placement_days(days.context, days.trial.id, days.interval, sets=True)
    timed = [unit for unit in found if unit.durations.size and unit.key in days.counted]
    arms = durations_by_arm(timed, percent)
    shares = days.values(shares_up_to(timed, {arm: of.value for arm, of in arms.items()}))
    return {arm: arm_in_ms(value, arms[arm]) for arm, value in shares.items()}


def _row(days: _PartDays, metric: MetricId, arm: str, found: tuple[ArmValue, ReadoutWhy | None] | None) -> ArmReadout:
    value, why = found or (_NOTHING_TOLD, "no_data")
    low, high = bounded(METRICS[metric], value)
    total, n = _total(days, metric, arm)
    return ArmReadout(
        metric=metric,
        role=role_of(days.trial, metric),
        arm=arm,
        estimate=value.estimate,
        low=low,
        high=high,
        why=why,
        needed_units=needed_units(value),
        n=n,
        units=value.units,
        places=value.places,
        total=total if METRICS[metric].counts else None,
        lift=None,
    )


def _total(days: _PartDays, metric: MetricId, arm: str) -> tuple[Number | None, int]:
    """Return what the units in *arm* come to together, and its n."""
    if isinstance(METRICS[metric].rule, DueShareRule):
        parts = parts_by_metric(days.context, days.trial.id, days.interval, (metric,))[metric]
        due = days.counted | days.silent
        due_ms = sum(bottom for key, (_, bottom) in parts.items() if key.arm == arm and key in due)
        return None, int(due_ms) // (MINUTE_MS if metric == "uptime" else HOUR_MS)
    # Whoever came to two units is one: only the mean of units is told of people.
    people = isinstance(METRICS[metric].rule, DistinctRule)
    asked: MetricId = "events" if people else metric
    sums = totals_by_arm(days.context, days.trial.id, days.interval, (asked,), days.counted)
    value, n = sums.get((asked, arm), (None, 0))
    return None if people else value, n


def _covered(context: QueryContext, trial_id: str, interval: Interval) -> float | None:
    found = presence.shares(context, trial_id, interval, "coverage")
    due_ms = sum(total_ms(one.due) for one in found)
    return sum(total_ms(one.met) for one in found) / due_ms if due_ms else None
