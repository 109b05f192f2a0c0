"""Everything that a trial's page shows, asked in one go in one query thread."""

from collections.abc import Mapping
from dataclasses import dataclass

from registry.directory import Directory
from reports.dashboard.trend import TrendData, TrendPick, trend
from reports.frozen.store import FrozenEntry, entries
from reports.metrics import METRICS
from reports.queries import freshness, funnel, health, live, presence, series, totals
from reports.queries.context import QueryContext
from reports.queries.health_lines import HealthLine
from reports.queries.home_verdicts import keep_verdict
from reports.queries.model import (
    CoverageHour,
    Freshness,
    Funnel,
    Interval,
    LiveCounts,
    MetricLines,
    MetricTotal,
    Point,
    Presence,
    SeriesQuestion,
    TotalsQuestion,
)
from reports.queries.orders_ratings import OrdersAndRatings, orders_and_ratings
from reports.queries.readout import TrialReadout, readout
from reports.queries.retention import RetentionTable, retention
from reports.queries.spans import step_start
from reports.queries.verdict_course import ArmCourse, courses
from schemas.registry import MetricId, Trial, epoch_ms
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS

NOW_MINUTES = 15
SPARK_DAYS = 14
LEDGER_HOURS = 48
BY_PLATFORM: tuple[MetricId, ...] = (
    "events",
    "subjects",
    "completions",
    "success_rate",
    "orders",
    "revenue_fen",
    "rating_mean",
)


@dataclass(frozen=True, slots=True)
class VerdictPick:
    """What the reader picked of the verdict; anything unknown in the address is what the page starts with."""

    course: MetricId
    """Whose course is drawn: of those that the trial is judged by."""
    every: bool = False
    """Whether every metric is judged, and not only those that the trial is judged by."""

    @classmethod
    def read(cls, query: Mapping[str, str], trial: Trial) -> "VerdictPick":
        """Return the pick that the address's *query* asks for."""
        course = next((metric for metric in judged_by(trial) if metric == query.get("course")), trial.primary_metric)
        return cls(course, every=query.get("results") == "all")


@dataclass(frozen=True, slots=True)
class TrialData:
    """The answers, with the registry and the present that they stand on."""

    directory: Directory
    trial: Trial
    now_ms: int
    interval: Interval
    """The trial so far, its baseline before the start left out."""
    freshness: Freshness
    health: tuple[HealthLine, ...]
    now: LiveCounts
    readout: TrialReadout
    """Of the primary metric and the guardrails, or of every metric."""
    whole: Mapping[MetricId, MetricTotal]
    by_arm: tuple[MetricTotal, ...]
    by_platform: tuple[MetricTotal, ...]
    sparks: Mapping[MetricId, MetricLines]
    funnels: tuple[Funnel, ...]
    presences: tuple[Presence, ...]
    ledger: tuple[CoverageHour, ...]
    ledger_interval: Interval
    covered_days: Mapping[str, tuple[Point, ...]]
    """Of each placement its days, with the share of their due hours that reported."""
    frozen: tuple[FrozenEntry, ...]
    """Frozen reports, the latest first."""
    retention: RetentionTable
    orders: OrdersAndRatings
    trend: TrendData
    verdict: VerdictPick
    courses: Mapping[MetricId, tuple[ArmCourse, ...]]
    """Of the primary metric and of the picked one."""


def so_far(trial: Trial, now_ms: int) -> Interval:
    """Return the trial's interval up to now, this minute whole."""
    starts = epoch_ms(trial.starts)
    return Interval(starts, max(starts, min(now_ms + MINUTE_MS, epoch_ms(trial.ends))))


def trial_data(context: QueryContext, trial_id: str, pick: TrendPick, verdict: VerdictPick | None = None) -> TrialData:
    """Return what the trial's page shows; the caller has checked that the reader may see it."""
    trial = context.directory.trials[trial_id]
    interval = so_far(trial, context.now_ms)
    metrics = tuple(METRICS)
    ledger_interval = _last_hours(interval)
    # First: the health list takes from it which units came, instead of asking.
    verdict = verdict or VerdictPick(trial.primary_metric)
    judged = readout(context, trial_id, None if verdict.every else judged_by(trial))
    keep_verdict(context, trial, judged)
    fresh = freshness.freshness(context, trial_id, interval)
    return TrialData(
        directory=context.directory,
        trial=trial,
        now_ms=context.now_ms,
        interval=interval,
        freshness=fresh,
        health=health.health(context, trial_id, fresh, judged),
        now=live.live_counts(context, trial_id, NOW_MINUTES),
        readout=judged,
        whole={total.metric: total for total in totals.totals(context, TotalsQuestion(trial_id, metrics, interval))},
        by_arm=totals.totals(context, TotalsQuestion(trial_id, metrics, interval, by=("arm",))),
        by_platform=totals.totals(context, TotalsQuestion(trial_id, BY_PLATFORM, interval, by=("platform",))),
        sparks=_sparks(context, trial_id, interval, metrics),
        funnels=funnel.funnel(context, trial_id, interval, "arm"),
        presences=presence.presences(context, trial_id, interval),
        ledger=presence.ledger(context, trial_id, ledger_interval),
        ledger_interval=ledger_interval,
        covered_days=_covered_days(context, trial_id, interval),
        frozen=entries(context, trial_id),
        retention=retention(context, trial_id, interval),
        orders=orders_and_ratings(context, trial_id, interval),
        trend=trend(context, trial_id, pick),
        verdict=verdict,
        courses={
            metric: courses(context.verdict_cache, judged, trial, metric)
            for metric in {trial.primary_metric, verdict.course}
        },
    )


def judged_by(trial: Trial) -> tuple[MetricId, ...]:
    """Return the metrics that *trial* is judged by, which were fixed before its start."""
    return tuple(dict.fromkeys([*trial.primary_metrics, *trial.guardrails]))


def _sparks(
    context: QueryContext, trial_id: str, interval: Interval, metrics: tuple[MetricId, ...]
) -> dict[MetricId, MetricLines]:
    start = max(interval.from_ms, step_start(interval.to_ms - SPARK_DAYS * DAY_MS, "day"))
    question = SeriesQuestion(
        trial_id=trial_id, metrics=metrics, interval=Interval(start, interval.to_ms), step="day", dense=True
    )
    return {lines.metric: lines for lines in series.series(context, question)}


def _covered_days(context: QueryContext, trial_id: str, interval: Interval) -> dict[str, tuple[Point, ...]]:
    found = presence.shares(context, trial_id, interval, "coverage")
    return presence.lines(context.directory, found, "placement", "day")


def _last_hours(interval: Interval) -> Interval:
    """Return the last hours of the trial that are over, in whole hours."""
    end = step_start(interval.to_ms, "hour")
    start = max(step_start(interval.from_ms, "hour"), end - LEDGER_HOURS * HOUR_MS)
    return Interval(min(start, end), end)
