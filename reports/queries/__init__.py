"""The questions of the read side, one module each: a `QueryContext` in, frozen dataclasses out.

    series.series(context, SeriesQuestion) -> tuple[MetricLines, ...]      one per metric, in the order asked
    totals.totals(context, TotalsQuestion) -> tuple[Total, ...]
    days.by_day(context, trial_id, interval, metric, by) -> MetricLines    exact, from stored events
    arrivals.arrivals(context, trial_id, interval) -> Arrivals
    funnel.funnel(context, trial_id, interval, by=None) -> tuple[Funnel, ...]
    now.now(context, trial_id, minutes=15) -> NowAnswer
    freshness.freshness(context, trial_id, interval) -> Freshness
    presence.presences(context, trial_id, interval) -> tuple[Presence, ...]
    presence.ledger(context, trial_id, interval) -> tuple[CoverageHour, ...]
    avenue_map.avenue_map(context, reader) -> AvenueMap
    health.health(context, trial_id, fresh=None) -> tuple[HealthLine, ...]
    glance.glances(context, intervals, days) -> dict[str, Glance]          many trials at once, for their list
    events_export.export(context, ExportQuestion) -> Iterator[bytes]

Whoever asks has checked with `reports.scope` that the reader may see the trial: queries do not ask again.
"""
