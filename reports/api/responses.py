"""How the reading API's answers are filled: from what queries give to the structs of `shapes`."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from registry.directory import Directory
from registry.plan_history import changes_of, plan_standing
from reports.api.shapes import (
    ArmJson,
    AvenueAnswer,
    BalanceJson,
    BilingualJson,
    CrossoverJson,
    DefinitionJson,
    DefinitionsAnswer,
    DesignJson,
    FlaggedJson,
    FreshnessJson,
    HealthJson,
    LiftJson,
    LiveJson,
    MeJson,
    MetricAnswer,
    MetricJson,
    MetricsAnswer,
    PlaceJson,
    PlacementJson,
    PlanChangeJson,
    ProductJson,
    ReadoutAnswer,
    ReadoutMetricJson,
    ReasonRejectsJson,
    RejectSampleJson,
    RejectsAnswer,
    SeriesJson,
    SilenceJson,
    TimelineNoteJson,
    TrialJson,
    UnitsJson,
)
from reports.metrics import METRICS, Metric, TranslatedText
from reports.presentation.health import health_words
from reports.presentation.labels import REASONS as REASON_TEXTS
from reports.presentation.language import LANGUAGES, Message, translator
from reports.presentation.verdicts import DESIGNS, harm_words, reason_words
from reports.queries.health_lines import HealthLine
from reports.queries.model import (
    AvenueMap,
    Freshness,
    Interval,
    LiveCounts,
    MetricLines,
    Number,
)
from reports.queries.readout import ArmLift, ArmReadout, HarmReading, TrialReadout
from reports.queries.rejects import ReasonRejects, RejectSample
from reports.queries.silence import SilenceBounds
from reports.queries.spans import iso
from reports.scope import Reader, products_seen, trial_seen, trials_seen
from reports.stats.trial_rows import Design
from schemas.outcomes import RejectReason
from schemas.registry import BilingualText, MetricId, Placement, Product, Trial, epoch_ms


def names(text: TranslatedText | BilingualText) -> BilingualJson:
    """Return *text* for an answer."""
    return BilingualJson(text.zh, text.en)


def bilingual(message: Message) -> BilingualJson:
    """Return what the catalogue makes of *message* in both languages."""
    return BilingualJson(*(translator(language).say(message) for language in LANGUAGES))


def freshness_json(found: Freshness) -> FreshnessJson:
    """Return *found* for an answer."""
    return FreshnessJson(
        as_of=_iso(found.as_of_ms),
        lag_s=found.lag_s,
        rejected=found.rejected,
        flagged_windows=found.flagged_windows,
        flagged=[FlaggedJson(iso(block.start_ms), block.reason) for block in found.flagged],
    )


def together(found: Iterable[Freshness]) -> Freshness:
    """Return how fresh an answer over several trials is: as of the stalest, with all their rejects and windows."""
    parts = tuple(found)
    known = [part.as_of_ms for part in parts]
    lags = [part.lag_s for part in parts if part.lag_s is not None]
    return Freshness(
        as_of_ms=min((ms for ms in known if ms is not None), default=None) if None not in known else None,
        lag_s=max(lags) if lags and None not in known else None,
        rejected=sum(part.rejected for part in parts),
        flagged_windows=sum(part.flagged_windows for part in parts),
        flagged=tuple(block for part in parts for block in part.flagged),
    )


def metric_answer(lines: tuple[MetricLines, ...], fresh: Freshness) -> MetricAnswer | MetricsAnswer:
    """Return one metric's answer, or that of several."""
    shown = [MetricJson(m.metric, m.unit, m.step, [_series(line.by, line.points) for line in m.lines]) for m in lines]
    if len(shown) == 1:
        return MetricAnswer(shown[0].metric, shown[0].unit, shown[0].step, shown[0].series, freshness_json(fresh))
    return MetricsAnswer(shown, freshness_json(fresh))


def _series(by: Mapping[str, str], points: Iterable[tuple[int, Number | None, int]]) -> SeriesJson:
    return SeriesJson(dict(by), [(iso(start_ms), value, n) for start_ms, value, n in points])


def me_json(reader: Reader, directory: Directory) -> MeJson:
    """Return what *reader* is and sees."""
    return MeJson(
        key_id=reader.key_id,
        scope=reader.scope,
        startup=reader.startup_id,
        products=[product.id for product in products_seen(reader, directory)],
        trials=[trial.id for trial in trials_seen(reader, directory)],
    )


def product_json(product: Product, directory: Directory, *, seen_by: Reader | None = None) -> ProductJson:
    """Return *product* for an answer to *seen_by*, with those of its trials that this reader sees; None sees all."""
    trials = [
        span.trial_id
        for span in directory.trials_of_product.get(product.id, ())
        if seen_by is None or trial_seen(seen_by, directory, span.trial_id) is not None
    ]
    return ProductJson(product.id, product.startup, names(product.name), trials)


def trial_json(trial: Trial, directory: Directory) -> TrialJson:
    """Return *trial* for an answer, with its placements."""
    span = directory.trial_spans[trial.id]
    placements = sorted(
        (p for p in directory.placements.values() if p.trial == trial.id), key=lambda p: (p.metre, p.id)
    )
    return TrialJson(
        id=trial.id,
        product=trial.product,
        startup=directory.products[trial.product].startup,
        starts=iso(span.starts_ms),
        ends=iso(span.ends_ms),
        baseline_from=_iso(span.baseline_from_ms),
        arms=list(trial.arms),
        unit=trial.unit,
        hypothesis=names(trial.hypothesis),
        primary_metric=trial.primary_metric,
        guardrails=list(trial.guardrails),
        planned_units=trial.planned_units,
        smallest_effect=trial.smallest_effect,
        placements=[_placement(placement, directory) for placement in placements],
        carry_over_days=trial.carry_over_days,
        notes=[
            TimelineNoteJson(note.id, iso(epoch_ms(note.at)), names(note.text), note.trial is None)
            for note in directory.notes_of(trial.id)
        ],
        more_primary_metrics=list(trial.more_primary_metrics),
        plan=plan_standing(directory, trial.id),
        plan_changes=[
            PlanChangeJson(iso(epoch_ms(change.at)), change.field, change.old, change.new)
            for change in changes_of(directory, trial.id)
        ],
    )


def _placement(placement: Placement, directory: Directory) -> PlacementJson:
    placed = directory.placed[placement.id]
    account = directory.accounts.get(placed.account_id)
    return PlacementJson(
        id=placement.id,
        place=placement.place_id,
        arm=placement.arm,
        arm_days={arm: [day.isoformat() for day in days] for arm, days in placement.arm_days.items()},
        account=placement.account,
        platform=account.platform if account else "",
        metre=placement.metre,
        side=placement.side,
        zone=placement.zone,
        zone_zh=placement.zone_zh,
        from_=iso(placed.from_ms),
        until=iso(placed.until_ms),
        heartbeat_s=placement.heartbeat_s,
    )


def readout_answer(trial_id: str, found: TrialReadout, health: Iterable[HealthLine], fresh: Freshness) -> ReadoutAnswer:
    """Return *found* for an answer."""
    metrics = list(dict.fromkeys(row.metric for row in found.rows))
    return ReadoutAnswer(
        trial=trial_id,
        from_=iso(found.interval.from_ms),
        to=iso(found.interval.to_ms),
        baseline_arm=found.baseline_arm,
        confidence=1 - found.alpha,
        metrics=[_readout_metric(found, metric) for metric in metrics],
        balance=BalanceJson(
            due=dict(found.balance.planned),
            seen=dict(found.balance.seen),
            silent=dict(found.silent_units),
            p_value=found.balance.p_value,
        ),
        health=[_health(line) for line in health],
        freshness=freshness_json(fresh),
        design=found.design,
        planned_design=found.planned_design,
        comparison=_design(found.design),
        compared=bilingual(DESIGNS[found.design].compared),
        units=_units(found),
        crossover=CrossoverJson(found.crossover.both, found.crossover.people) if found.crossover else None,
        told_together=None if found.told is None else list(next(iter(found.told.values()))),
        told_by_metric=None if found.told is None else {metric: list(arms) for metric, arms in found.told.items()},
        questions=found.questions,
    )


def _health(line: HealthLine) -> HealthJson:
    zh, en = (health_words(line, translator(language)) for language in LANGUAGES)
    return HealthJson(
        check=line.check,
        state=line.state,
        text=BilingualJson(zh, en),
        numbers=dict(line.numbers),
        finding=line.finding,
        names=list(line.names),
    )


def _design(design: Design) -> DesignJson:
    said = DESIGNS[design]
    return DesignJson(
        name=bilingual(said.name),
        compared=bilingual(said.compared),
        cancels=bilingual(said.cancels),
        remains=bilingual(said.remains),
        next_step=bilingual(said.next_step) if said.next_step else None,
    )


def _units(found: TrialReadout) -> UnitsJson:
    units = found.units
    return UnitsJson(
        counted=units.by_arm(units.counted),
        due=units.by_arm(units.due),
        silent=units.by_arm(units.silent),
        unfinished=units.by_arm(units.unfinished),
        changed=len(units.changed),
        left_out=units.by_arm(units.left_out),
        outside_events=units.outside_events,
    )


def _readout_metric(found: TrialReadout, metric_id: MetricId) -> ReadoutMetricJson:
    metric, rows = METRICS[metric_id], [row for row in found.rows if row.metric == metric_id]
    return ReadoutMetricJson(
        metric=metric.id,
        role=rows[0].role,
        unit=metric.unit,
        per="placement-day" if metric.counts else None,
        better=metric.better,
        arms=[_arm(row, found.planned_design) for row in rows],
        design=found.designs[metric_id],
    )


def _arm(row: ArmReadout, planned: Design) -> ArmJson:
    said = reason_words(row.why, planned) if row.why else None
    return ArmJson(
        arm=row.arm,
        estimate=row.estimate,
        interval=_pair(row.low, row.high),
        reason=row.why,
        reason_text=bilingual(said.reason) if said else None,
        needed_units=row.needed_units,
        n=row.n,
        units=row.units,
        total=row.total,
        lift=_lift(row.metric, row.lift, planned) if row.lift else None,
        places=row.places,
        next_step=bilingual(said.next_step) if said else None,
    )


_HARM_TOLD: Mapping[HarmReading, Literal["harmed", "none_seen", "unknown"]] = {
    "harmed": "harmed",
    "kept": "none_seen",
    "unclear": "none_seen",
    "unknown": "unknown",
}
"""What was published first keeps its three words."""


def _harm_text(metric: MetricId, lift: ArmLift) -> BilingualJson:
    return BilingualJson(*(harm_words(metric, lift, translator(language)) for language in LANGUAGES))


def _lift(metric: MetricId, lift: ArmLift, planned: Design) -> LiftJson:
    said = reason_words(lift.why, planned) if lift.why else None
    return LiftJson(
        absolute=lift.absolute,
        absolute_interval=_pair(lift.absolute_low, lift.absolute_high),
        relative=lift.relative,
        relative_interval=_pair(lift.relative_low, lift.relative_high),
        reason=lift.why,
        reason_text=bilingual(said.reason) if said else None,
        next_step=bilingual(said.next_step) if said else None,
        days_low=lift.days_low,
        days_high=lift.days_high,
        harm=_HARM_TOLD[lift.harm] if lift.harm else None,
        harm_text=_harm_text(metric, lift) if lift.harm else None,
        silence=_silence(lift.silence) if lift.silence else None,
        guardrail=lift.harm,
    )


def rejects_answer(
    trial_id: str, interval: Interval, found: Iterable[ReasonRejects], fresh: Freshness
) -> RejectsAnswer:
    """Return *found* for an answer."""
    return RejectsAnswer(
        trial=trial_id,
        from_=iso(interval.from_ms),
        to=iso(interval.to_ms),
        rejects=[_reason(rejects) for rejects in found],
        freshness=freshness_json(fresh),
    )


def _reason(rejects: ReasonRejects) -> ReasonRejectsJson:
    text = REASON_TEXTS[RejectReason(rejects.reason)]
    return ReasonRejectsJson(
        reason=rejects.reason,
        count=rejects.count,
        title=_both(text.title),
        way_out=_both(text.way_out),
        help=f"/docs/rejects#{rejects.reason}",
        samples=[_sample(sample) for sample in rejects.samples],
    )


def _both(message: str) -> BilingualJson:
    return BilingualJson(zh=translator("zh").say(message), en=translator("en").say(message))


def _sample(sample: RejectSample) -> RejectSampleJson:
    return RejectSampleJson(
        reject_id=sample.reject_id,
        account=sample.account_id,
        platform=sample.platform,
        flow=sample.flow,
        field=sample.field,
        message=sample.message,
        event_id=sample.event_id,
        received_at=iso(sample.received_ms),
        payload=sample.payload,
    )


def _silence(found: SilenceBounds) -> SilenceJson:
    return SilenceJson(found.units, found.share, _pair(found.low, found.high), found.changes)


def _pair(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)


def avenue_answer(found: AvenueMap, directory: Directory, fresh: Freshness) -> AvenueAnswer:
    """Return the street for an answer; several of another startup's placements at one spot are one."""
    registry = directory.registry
    places = [
        PlaceJson(
            metre=place.metre,
            side=place.side,
            zone=place.zone,
            zone_zh=place.zone_zh,
            state=place.state,
            place=place.place_id,
            placement=place.placement_id,
            trial=place.trial_id,
            product=place.product_id,
            platform=place.platform,
            arm=place.arm,
            events=None if place.state == "occupied" else place.events,
            last=_iso(place.last_ms),
        )
        for place in found.places
    ]
    return AvenueAnswer(
        id=registry.avenue.id if registry else "",
        name=names(registry.avenue.name) if registry else BilingualJson("", ""),
        length_m=found.length_m,
        from_=iso(found.interval.from_ms),
        to=iso(found.interval.to_ms),
        places=list({msgspec.json.encode(place): place for place in places}.values()),
        freshness=freshness_json(fresh),
    )


def definitions() -> DefinitionsAnswer:
    """Return every metric's definition."""
    return DefinitionsAnswer([_definition(metric) for metric in METRICS.values()])


def _definition(metric: Metric) -> DefinitionJson:
    return DefinitionJson(
        id=metric.id,
        name=names(metric.name),
        formula=names(metric.formula),
        exclusions=names(metric.exclusions),
        unit=metric.unit,
        better=metric.better,
    )


def live_json(trial_id: str, found: LiveCounts, fresh: Freshness) -> LiveJson:
    """Return what came in the last minutes."""
    return LiveJson(
        trial=trial_id,
        events=found.events,
        subjects=found.subjects,
        kinds={count.kind: count.events for count in found.kinds},
        minutes=[(iso(point.start_ms), point.n) for point in found.minutes],
        last=_iso(found.last_ms),
        freshness=freshness_json(fresh),
    )


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso(at_ms)
