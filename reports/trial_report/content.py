"""Everything a trial report says, gathered once from the queries; every form of the report is made from it alone.

A report stands on one present: the moment up to which the store is complete. So a report made twice of the same
data is the same, and what it counts is what had happened, and been stored, by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from registry.directory import Directory, TrialSpan
from reports.metrics import METRICS, SPLIT_METRICS
from reports.queries import presence
from reports.queries.arrivals import ArrivalSummary, arrival_summary
from reports.queries.context import QueryContext
from reports.queries.days import by_day
from reports.queries.freshness import accounts_of, complete_until, freshness, rejects_by_reason
from reports.queries.funnel import funnel
from reports.queries.health import health
from reports.queries.health_lines import HealthLine
from reports.queries.model import (
    CoverageHour,
    Dimension,
    Freshness,
    Funnel,
    Interval,
    MetricLines,
    MetricTotal,
    NotCompleteError,
    Presence,
    TotalsQuestion,
)
from reports.queries.readout import TrialReadout, readout
from reports.queries.signs import stored_signs
from reports.queries.totals import totals
from reports.queries.trial_units import so_far
from reports.queries.verdict_course import ArmCourse, courses
from reports.trial_report.statement import FrozenJson, SinceFrozenJson
from schemas.registry import Avenue, MetricId, Placement, Product, Startup, Trial
from schemas.timing import DAY_MS

TrialState = Literal["planned", "running", "ended"]

ATTEMPTS = 3
"""Gatherings before it is said that data came meanwhile: each takes a second or two, a live trial's next event less."""


@dataclass(frozen=True, slots=True)
class DailyLines:
    """What is drawn over time, by Shanghai day, exactly."""

    primary_by_arm: MetricLines
    events_by_platform: MetricLines


@dataclass(frozen=True, slots=True)
class TrialReport:
    """One trial as of one moment."""

    directory: Directory
    avenue: Avenue
    startup: Startup
    product: Product
    trial: Trial
    span: TrialSpan
    placements: tuple[Placement, ...]
    """By metre."""
    state: TrialState
    present_ms: int
    """The moment the report stands on: as of, or the time of asking where that is not known."""
    as_of_ms: int | None
    late_until_ms: int
    """Until then events of the trial may still be accepted."""
    interval: Interval
    freshness: Freshness
    arrivals: ArrivalSummary
    rejects: Mapping[str, int]
    presences: tuple[Presence, ...]
    ledger: tuple[CoverageHour, ...]
    health: tuple[HealthLine, ...]
    readout: TrialReadout
    courses: tuple[ArmCourse, ...]
    """How the primary metric's verdict came to be, by arm."""
    whole: Mapping[MetricId, MetricTotal]
    by_platform: tuple[MetricTotal, ...]
    by_placement: tuple[MetricTotal, ...]
    funnels: tuple[Funnel, ...]
    daily: DailyLines
    moved: bool
    """Data came while the report was gathered, so its parts may not stand on quite the same events."""
    since: SinceFrozenJson | None = None
    """What has changed since a report was frozen earlier."""
    frozen: FrozenJson | None = None
    """Of a frozen report: the data it stands on."""


def gather(
    context: QueryContext, trial_id: str, *, max_event_age_days: int, asked_ms: int | None = None
) -> TrialReport:
    """Return the report of *trial_id*; the caller has checked that the reader may see it.

    As of *asked_ms* (Unix ms), else of the latest moment that data are complete until. *max_event_age_days* is how
    late the gateway takes an event of an account that has no limit of its own.
    Raises `KeyError` where the registry has no such trial, and `NotCompleteError`.
    """
    known_ms = complete_until(context, context.span(trial_id).product_id)
    if asked_ms is not None:
        if known_ms is None or asked_ms > min(known_ms, context.now_ms):
            raise NotCompleteError(asked_ms, known_ms)
        # Whoever names the moment gets the same bytes for it, whenever it is asked: how far the store has come since
        # is no part of it.
        context = replace(context, now_ms=asked_ms)
    as_of_ms = None if known_ms is None else min(known_ms, context.now_ms)
    pinned = context if as_of_ms is None else replace(context, now_ms=as_of_ms)
    report = _gather(context, pinned, trial_id, as_of_ms)
    for _ in range(ATTEMPTS):
        if _mark(report.arrivals) == _mark(arrival_summary(pinned, trial_id, report.interval)):
            return _dated(report, max_event_age_days)
        report = _gather(context, pinned, trial_id, as_of_ms)
    return _dated(replace(report, moved=True), max_event_age_days)


def _gather(context: QueryContext, pinned: QueryContext, trial_id: str, as_of_ms: int | None) -> TrialReport:
    directory, span, interval = pinned.directory, pinned.span(trial_id), so_far(pinned, trial_id)
    registry, trial = directory.registry, directory.trials[trial_id]
    if registry is None:
        raise KeyError(trial_id)
    product = directory.products[trial.product]
    placements = (p for p in directory.placements.values() if p.trial == trial_id)
    # First what may grow, then what is computed from it: the mark is taken again afterwards.
    arrivals = arrival_summary(pinned, trial_id, interval)
    judged = readout(pinned, trial_id)
    return TrialReport(
        directory=directory,
        avenue=registry.avenue,
        startup=next(s for s in registry.startups if s.id == product.startup),
        product=product,
        trial=trial,
        span=span,
        placements=tuple(sorted(placements, key=lambda p: (p.metre, p.id))),
        state=_state(span, pinned.now_ms),
        present_ms=pinned.now_ms,
        as_of_ms=as_of_ms,
        late_until_ms=span.ends_ms,
        interval=interval,
        arrivals=arrivals,
        # With the real present, so that the lag is how far the store is behind it.
        freshness=replace(freshness(context, trial_id, interval), as_of_ms=as_of_ms),
        rejects=rejects_by_reason(pinned, trial_id, interval),
        presences=presence.presences(pinned, trial_id, interval),
        ledger=presence.ledger(pinned, trial_id, interval),
        health=health(pinned, trial_id, judged=judged, signs=stored_signs(pinned, trial_id)),
        readout=judged,
        courses=courses(pinned.verdict_cache, judged, trial, trial.primary_metric),
        whole={total.metric: total for total in _totals(pinned, trial_id, interval, tuple(METRICS), ())},
        by_platform=_totals(pinned, trial_id, interval, SPLIT_METRICS, ("platform",)),
        by_placement=_totals(pinned, trial_id, interval, SPLIT_METRICS, ("placement",)),
        funnels=funnel(pinned, trial_id, interval, "arm"),
        daily=DailyLines(
            primary_by_arm=by_day(pinned, trial_id, interval, trial.primary_metric, "arm"),
            events_by_platform=by_day(pinned, trial_id, interval, "events", "platform"),
        ),
        moved=False,
    )


def _totals(
    context: QueryContext,
    trial_id: str,
    interval: Interval,
    metrics: tuple[MetricId, ...],
    by: tuple[Dimension, ...],
) -> tuple[MetricTotal, ...]:
    return totals(context, TotalsQuestion(trial_id, metrics, interval, by=by, exact=True))


def _state(span: TrialSpan, present_ms: int) -> TrialState:
    if present_ms < span.starts_ms:
        return "planned"
    return "running" if present_ms < span.ends_ms else "ended"


def _mark(found: ArrivalSummary) -> tuple[int | None, ...]:
    """What differs as soon as one more event of the interval is stored."""
    return found.stored, found.late, found.last_received_ms, found.repeats


def _dated(report: TrialReport, max_event_age_days: int) -> TrialReport:
    accounts = (report.directory.accounts[a] for a in accounts_of(report.directory, report.trial.id))
    days = max((a.max_event_age_days or max_event_age_days for a in accounts), default=max_event_age_days)
    return replace(report, late_until_ms=report.span.ends_ms + days * DAY_MS)
