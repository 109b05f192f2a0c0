"""The questions of the read side, one module each with its SQL beside it: a `QueryContext` in, dataclasses out.

    series.series(context, SeriesQuestion) -> tuple[MetricLines, ...]      one per metric, in the order asked
    totals.totals(context, TotalsQuestion) -> tuple[MetricTotal, ...]
    days.by_day(context, trial_id, interval, metric, by) -> MetricLines    exact, from stored events
    arrivals.arrival_summary(context, trial_id, interval) -> ArrivalSummary
    funnel.funnel(context, trial_id, interval, by=None) -> tuple[Funnel, ...]
    live.live_counts(context, trial_id, minutes=15) -> LiveCounts
    freshness.freshness(context, trial_id, interval) -> Freshness
    presence.presences(context, trial_id, interval) -> tuple[Presence, ...]
    presence.ledger(context, trial_id, interval) -> tuple[CoverageHour, ...]
    avenue_map.avenue_map(context, reader) -> AvenueMap
    health.health(context, trial_id, fresh=None) -> tuple[HealthLine, ...]
    overview.overviews(context, intervals, days) -> dict[str, TrialOverview]   many trials at once, for their list
    events_export.export(context, ExportQuestion) -> Iterator[bytes]

Whoever asks has checked with `reports.scope` that the reader may see the trial: queries do not ask again.
"""
