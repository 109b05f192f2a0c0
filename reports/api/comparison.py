"""Two trials of one startup, or two times of one trial, side by side over the API, as on the page `/compare`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from reports.api.access_log import TRIALS
from reports.api.documented import TRIAL_QUESTION
from reports.api.problems import NotSeenError, ParameterError
from reports.api.responses import bilingual, freshness_json, together
from reports.api.routes import AuthenticatedReader, TrialId
from reports.api.shapes import BilingualJson, FreshnessJson
from reports.metrics import METRICS
from reports.presentation.comparison import comparison_limits
from reports.presentation.language import LANGUAGES, translator
from reports.presentation.verdicts import reason_words
from reports.queries.compared_parts import ComparedSides, ComparePick, PickProblem, compared
from reports.queries.comparison import ComparedSide, SideKind
from reports.queries.context import QueryContext
from reports.queries.freshness import freshness
from reports.queries.metric_verdicts import ReadoutWhy
from reports.queries.readout import ArmReadout
from reports.queries.spans import iso
from reports.stats.trial_rows import Design
from schemas.registry import MetricId, Trial

_PROBLEMS: dict[PickProblem, tuple[str, str]] = {
    "no_date": ("from1", "from1, to1, from2 and to2 are four dates of Shanghai, or none; to1 and to2 are last days"),
    "outside": ("from1", "the days reach outside the trial and the time registered before it"),
    "overlap": ("from2", "the two periods share days"),
    "across_start": ("from1", "a period may not hold days before and after the trial's start"),
}


class ComparedSideJson(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """One of the two: a whole trial so far, days before its start, or some of its days; `to` is excluded."""

    side: int
    trial: str
    kind: SideKind
    from_: str
    to: str
    primary_metric: MetricId
    planned_design: Design
    units: int
    silent: int
    coverage: float | None
    more_primary_metrics: list[MetricId]


class ComparedRowJson(msgspec.Struct, frozen=True):
    """A metric in one arm of one side ('' before the start), as a readout has it, and without any lift."""

    side: int
    arm: str
    estimate: float | None
    interval: tuple[float, float] | None
    reason: ReadoutWhy | None
    reason_text: BilingualJson | None
    n: int
    units: int
    places: int
    total: float | int | None


class ComparedMetricJson(msgspec.Struct, frozen=True):
    """One metric on both sides; `per` says that the estimate is a mean per placement-day."""

    metric: MetricId
    unit: str
    per: Literal["placement-day"] | None
    better: str
    rows: list[ComparedRowJson]


class LimitJson(msgspec.Struct, frozen=True):
    """One thing to know before concluding; the code is stable, the text is for people."""

    code: str
    text: BilingualJson


class ComparisonAnswer(msgspec.Struct, frozen=True):
    """Two sides with their values and intervals, and no difference: nothing was drawn by lot between them."""

    of: Literal["trials", "periods"]
    sides: list[ComparedSideJson]
    """Two; none where fewer than two days of the trial are over."""
    metrics: list[ComparedMetricJson]
    limits: list[LimitJson]
    """What may and may not be concluded."""
    freshness: FreshnessJson


def _days(name: str, what: str) -> QueryParameter:
    return QueryParameter(name=name, description=f"a date of Shanghai: the {what}; all four or none of them")


With = Annotated[str, QueryParameter(name="with", description="another trial of the same startup; else two periods")]


def provide_pick(
    trial_id: TrialId,
    other: With = "",
    from1: Annotated[str, _days("from1", "first period's first day")] = "",
    to1: Annotated[str, _days("to1", "first period's last day")] = "",
    *,
    second: NamedDependency[tuple[str, str]],
) -> ComparePick:
    """Take what is to be compared from the address."""
    return ComparePick(trial_id, "" if other == trial_id else other, ((from1, to1), second))


def provide_second(
    from2: Annotated[str, _days("from2", "second period's first day")] = "",
    to2: Annotated[str, _days("to2", "second period's last day")] = "",
) -> tuple[str, str]:
    """Take the second period from the address."""
    return from2, to2


@get(
    "/v1/trials/{trial_id:str}/comparison",
    summary="Beside another trial, or another time",
    operation_id="comparison",
    responses=TRIAL_QUESTION,
    dependencies={
        "second": Provide(provide_second, sync_to_thread=False),
        "pick": Provide(provide_pick, sync_to_thread=False),
    },
)
async def get_comparison(
    request: Request[Any, Any, Any],
    reader: NamedDependency[AuthenticatedReader],
    trial_id: TrialId,
    pick: NamedDependency[ComparePick],
) -> ComparisonAnswer:
    """Show a trial beside another of its startup, or two of its times: without them, before and since its start."""
    trials = [reader.readable_trial(trial_id), *([reader.readable_trial(pick.other)] if pick.other else [])]
    products = reader.service.directory().products
    if len({products[trial.product].startup for trial in trials}) > 1:
        raise NotSeenError
    request.scope["state"][TRIALS] = [trial.id for trial in trials]
    return await reader.service.run_query(lambda context: _answer(context, trials, pick))


def _answer(context: QueryContext, trials: Sequence[Trial], pick: ComparePick) -> ComparisonAnswer:
    found = compared(context, trials, pick)
    problem = found.parts.problem if found.parts else None
    if problem is not None and problem != "too_early":
        raise ParameterError(*_PROBLEMS[problem])
    fresh = together(freshness(context, side.trial.id, side.interval) for side in found.sides)
    return ComparisonAnswer(
        of="trials" if pick.other else "periods",
        sides=[_side(number, side) for number, side in enumerate(found.sides, start=1)],
        metrics=[_metric(found, metric) for metric in found.metrics] if found.sides else [],
        limits=_limits(found),
        freshness=freshness_json(fresh),
    )


def _side(number: int, side: ComparedSide) -> ComparedSideJson:
    return ComparedSideJson(
        side=number,
        trial=side.trial.id,
        kind=side.kind,
        from_=iso(side.interval.from_ms),
        to=iso(side.interval.to_ms),
        primary_metric=side.trial.primary_metric,
        planned_design=side.planned_design,
        units=side.units,
        silent=side.silent,
        coverage=side.covered,
        more_primary_metrics=list(side.trial.more_primary_metrics),
    )


def _metric(found: ComparedSides, metric_id: MetricId) -> ComparedMetricJson:
    metric = METRICS[metric_id]
    return ComparedMetricJson(
        metric=metric_id,
        unit=metric.unit,
        per="placement-day" if metric.counts else None,
        better=metric.better,
        rows=[
            _row(number, row, side.planned_design)
            for number, side in enumerate(found.sides, start=1)
            for row in side.rows
            if row.metric == metric_id
        ],
    )


def _row(number: int, row: ArmReadout, planned: Design) -> ComparedRowJson:
    return ComparedRowJson(
        side=number,
        arm=row.arm,
        estimate=row.estimate,
        interval=None if row.low is None or row.high is None else (row.low, row.high),
        reason=row.why,
        reason_text=bilingual(reason_words(row.why, planned).reason) if row.why else None,
        n=row.n,
        units=row.units,
        places=row.places,
        total=row.total,
    )


def _limits(found: ComparedSides) -> list[LimitJson]:
    if not found.sides:
        return []
    zh, en = (comparison_limits(found.sides, translator(language)) for language in LANGUAGES)
    return [LimitJson(one.code, BilingualJson(one.text, other.text)) for one, other in zip(zh, en, strict=True)]
