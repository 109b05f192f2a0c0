"""The paths of the reading API. Each asks the scope first: what a reader may not see is not there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import PathParameter, QueryParameter
from litestar.response import Response, Stream

from registry.retention import kept_until_ms
from reports.api.auth import reader_of
from reports.api.documented import (
    EXPORT,
    READER,
    STORE,
    TRIAL,
    TRIAL_QUESTION,
    TRIAL_STORE,
    EventsOperation,
    LiveOperation,
    ReportOperation,
)
from reports.api.live import LiveCountsFeed
from reports.api.params import MEDIA_TYPE, by_of, choice, format_of, interval_of, metrics_of, step_of, time_of
from reports.api.problems import NoLongerKeptError, NotSeenError
from reports.api.responses import (
    avenue_answer,
    definitions,
    freshness_json,
    me_json,
    metric_answer,
    product_json,
    readout_answer,
    rejects_answer,
    together,
    trial_json,
)
from reports.api.shapes import (
    AvenueAnswer,
    DefinitionsAnswer,
    MeJson,
    MetricAnswer,
    MetricsAnswer,
    ProductsAnswer,
    ReadoutAnswer,
    RejectsAnswer,
    TrialAnswer,
    TrialsAnswer,
)
from reports.api.streaming import ExportStream, whole_export
from reports.queries.avenue_map import avenue_map
from reports.queries.context import QueryContext
from reports.queries.events_export import ExportFormat, ExportQuestion, check, export
from reports.queries.freshness import freshness
from reports.queries.health import health
from reports.queries.model import DIMENSIONS, STEPS, Interval, SeriesQuestion
from reports.queries.readout import readout
from reports.queries.rejects import trial_rejects
from reports.queries.series import series
from reports.queries.spans import iso
from reports.queries.trial_units import so_far
from reports.scope import Reader, products_seen, trial_seen, trials_seen
from reports.service import ReadService
from schemas.registry import MetricId, Trial

AnyRequest: TypeAlias = Request[Any, Any, Any]
Language = Literal["zh", "en"]
ReportFormat = Literal["html", "pdf", "json", "xlsx"]


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """Which report, in which language and form."""

    trial_id: str
    lang: Language
    form: ReportFormat
    as_of_ms: int | None = None
    """The moment that it is to stand on, Unix ms; the latest that data are complete until where none is named."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report as a file."""

    content: bytes
    media_type: str
    """Without a charset: text goes out as UTF-8, and says so."""
    filename: str


ReportMaker: TypeAlias = Callable[[QueryContext, ReportRequest], ReportFile]
"""Makes a trial report; called in an export thread, with that thread's client."""

_TIME = Schema(any_of=[Schema(format=OpenAPIFormat.DATE_TIME), Schema(format=OpenAPIFormat.DATE)])

TrialId = Annotated[str, PathParameter(description="a trial's id")]
Metrics = Annotated[
    list[str] | None,
    QueryParameter(
        name="metric",
        description="may be repeated; default: the trial's primary metric",
        schema_extra={"items": Schema(type=OpenAPIType.STRING, enum=list(get_args(MetricId)))},
    ),
]
From = Annotated[
    str | None,
    QueryParameter(
        name="from",
        description="RFC 3339 with an offset, or a date of Shanghai, of 2000 to 2099; default: the trial's start",
        schema_extra={"all_of": [_TIME]},
    ),
]
To = Annotated[
    str | None, QueryParameter(name="to", description="excluded; default: now", schema_extra={"all_of": [_TIME]})
]
AsOf = Annotated[
    str | None,
    QueryParameter(
        name="as_of",
        description="RFC 3339 with an offset, or a date of Shanghai, of 2000 to 2099; default: the latest moment that "
        "data are complete until. The same moment gives the same bytes as long as nothing of it changes",
        schema_extra={"all_of": [_TIME]},
    ),
]
StepText = Annotated[
    str, QueryParameter(name="step", description="days are those of Shanghai", schema_extra={"enum": list(STEPS)})
]
ByText = Annotated[
    str | None, QueryParameter(name="by", description="one line for each", schema_extra={"enum": list(DIMENSIONS)})
]
Dense = Annotated[bool, QueryParameter(name="dense", description="a point for every step, where nothing came too")]
ExportText = Annotated[
    str | None,
    QueryParameter(
        name="format", description="default: by Accept, else csv", schema_extra={"enum": list(get_args(ExportFormat))}
    ),
]
LanguageText = Annotated[str, QueryParameter(name="lang", schema_extra={"enum": list(get_args(Language))})]
FormText = Annotated[str, QueryParameter(name="format", schema_extra={"enum": list(get_args(ReportFormat))})]


@dataclass(frozen=True, slots=True)
class AuthenticatedReader:
    """Who asks, and what there is to read."""

    identity: Reader
    service: ReadService

    def trial(self, trial_id: str) -> Trial:
        """Return the trial. Raises `NotSeenError` where there is none for this reader."""
        trial = trial_seen(self.identity, self.service.directory(), trial_id)
        if trial is None:
            raise NotSeenError
        return trial

    def readable_trial(self, trial_id: str) -> Trial:
        """Return the trial whose numbers are asked for. Raises `NoLongerKeptError` once they are destroyed."""
        trial = self.trial(trial_id)
        until_ms = self.kept_until_ms(trial)
        if until_ms <= self.service.clock.now_ms():
            raise NoLongerKeptError(iso(until_ms))
        return trial

    def kept_until_ms(self, trial: Trial) -> int:
        """Return until when *trial*'s events and numbers are kept, Unix ms."""
        registry = self.service.directory().registry
        return kept_until_ms(trial, registry, self.service.settings) if registry is not None else 0

    def trial_answer(self, trial: Trial) -> TrialAnswer:
        """Return *trial* for an answer."""
        said = msgspec.structs.asdict(trial_json(trial, self.service.directory()))
        return TrialAnswer(**said, kept_until=iso(self.kept_until_ms(trial)))


@dataclass(frozen=True, slots=True)
class IntervalParameters:
    """The interval as asked for, unread."""

    from_: str | None
    to: str | None

    def interval(self, context: QueryContext, trial_id: str) -> Interval:
        """Return it. Raises `ParameterError`."""
        return interval_of(self.from_, self.to, context.span(trial_id), context.now_ms)


@dataclass(frozen=True, slots=True)
class SeriesParameters:
    """Step and split as asked for, unread."""

    step: str
    by: str | None
    dense: bool


def provide_interval_parameters(from_: From = None, to: To = None) -> IntervalParameters:
    """Take the interval from the address."""
    return IntervalParameters(from_, to)


def provide_series_parameters(step: StepText = "hour", by: ByText = None, *, dense: Dense = False) -> SeriesParameters:
    """Take step and split from the address."""
    return SeriesParameters(step, by, dense)


@dataclass(frozen=True, slots=True)
class ReportParameters:
    """Language, form and moment of a report as asked for, unread."""

    lang: str
    form: str
    as_of: str | None

    def request(self, trial_id: str) -> ReportRequest:
        """Return what is asked for. Raises `ParameterError`."""
        return ReportRequest(
            trial_id,
            choice("lang", self.lang, get_args(Language)),
            choice("format", self.form, get_args(ReportFormat)),
            None if self.as_of is None else time_of("as_of", self.as_of),
        )


def provide_report_parameters(
    lang: LanguageText = "zh", form: FormText = "html", as_of: AsOf = None
) -> ReportParameters:
    """Take language, form and moment from the address."""
    return ReportParameters(lang, form, as_of)


REPORT_PARAMETERS = {"report_parameters": Provide(provide_report_parameters, sync_to_thread=False)}
INTERVAL_PARAMETERS = {"interval_parameters": Provide(provide_interval_parameters, sync_to_thread=False)}
SERIES_PARAMETERS = {"series_parameters": Provide(provide_series_parameters, sync_to_thread=False)}


@get("/v1/metrics", summary="Metric definitions", operation_id="metrics")
async def get_definitions() -> DefinitionsAnswer:
    """Every metric with its formula, unit and exclusions, in Chinese and English. No key is needed."""
    return definitions()


@get("/v1/me", summary="This key", operation_id="me", responses=READER)
async def get_me(reader: NamedDependency[AuthenticatedReader]) -> MeJson:
    """What this key is and may see."""
    return me_json(reader.identity, reader.service.directory())


@get("/v1/products", summary="Products", operation_id="products", responses=READER)
async def get_products(reader: NamedDependency[AuthenticatedReader]) -> ProductsAnswer:
    """The products that this key may see."""
    directory, seen_by = reader.service.directory(), reader.identity
    products = products_seen(seen_by, directory)
    return ProductsAnswer([product_json(product, directory, seen_by=seen_by) for product in products])


@get("/v1/trials", summary="Trials", operation_id="trials", responses=READER)
async def get_trials(reader: NamedDependency[AuthenticatedReader]) -> TrialsAnswer:
    """The trials that this key may see, newest first."""
    directory = reader.service.directory()
    return TrialsAnswer([reader.trial_answer(trial) for trial in trials_seen(reader.identity, directory)])


@get("/v1/trials/{trial_id:str}", summary="A trial", operation_id="trial", responses=TRIAL)
async def get_trial(reader: NamedDependency[AuthenticatedReader], trial_id: TrialId) -> TrialAnswer:
    """One trial with its arms, times and placements."""
    return reader.trial_answer(reader.trial(trial_id))


@get(
    "/v1/trials/{trial_id:str}/metrics",
    summary="Metrics over time",
    operation_id="trialMetrics",
    responses=TRIAL_QUESTION,
    dependencies=INTERVAL_PARAMETERS | SERIES_PARAMETERS,
)
async def get_metrics(
    reader: NamedDependency[AuthenticatedReader],
    trial_id: TrialId,
    interval_parameters: NamedDependency[IntervalParameters],
    series_parameters: NamedDependency[SeriesParameters],
    metric: Metrics = None,
) -> MetricAnswer | MetricsAnswer:
    """A metric over time; a point is start, value, n. With several metrics the answer is a list of the same."""
    primary = reader.readable_trial(trial_id).primary_metric

    def answer(context: QueryContext) -> MetricAnswer | MetricsAnswer:
        metrics = metrics_of(metric or [], primary)
        interval = interval_parameters.interval(context, trial_id)
        question = SeriesQuestion(
            trial_id=trial_id,
            metrics=metrics,
            interval=interval,
            step=step_of(series_parameters.step),
            by=by_of(series_parameters.by, metrics),
            dense=series_parameters.dense,
        )
        return metric_answer(series(context, question), freshness(context, trial_id, interval))

    return await reader.service.run_query(answer)


@get("/v1/trials/{trial_id:str}/readout", summary="The trial so far", operation_id="readout", responses=TRIAL_STORE)
async def get_readout(reader: NamedDependency[AuthenticatedReader], trial_id: TrialId) -> ReadoutAnswer:
    """Per metric and arm: estimate, an interval that may be read at any time, n, lift over the baseline, health."""
    reader.readable_trial(trial_id)

    def answer(context: QueryContext) -> ReadoutAnswer:
        interval = so_far(context, trial_id)
        fresh = freshness(context, trial_id, interval)
        found = readout(context, trial_id)
        return readout_answer(trial_id, found, health(context, trial_id, fresh, found), fresh)

    return await reader.service.run_query(answer)


@get(
    "/v1/trials/{trial_id:str}/rejects",
    summary="Rejects by reason",
    operation_id="trialRejects",
    responses=TRIAL_QUESTION,
    dependencies=INTERVAL_PARAMETERS,
)
async def get_rejects(
    reader: NamedDependency[AuthenticatedReader],
    trial_id: TrialId,
    interval_parameters: NamedDependency[IntervalParameters],
) -> RejectsAnswer:
    """Kept rejects that name this trial's products, places or device keys, by reason, with the newest of each."""
    reader.readable_trial(trial_id)

    def answer(context: QueryContext) -> RejectsAnswer:
        interval = interval_parameters.interval(context, trial_id)
        fresh = freshness(context, trial_id, interval)
        return rejects_answer(trial_id, interval, trial_rejects(context, trial_id, interval), fresh)

    return await reader.service.run_query(answer)


@get(
    "/v1/trials/{trial_id:str}/events",
    summary="Raw events",
    operation_id="events",
    operation_class=EventsOperation,
    responses=EXPORT,
    dependencies=INTERVAL_PARAMETERS,
)
async def get_events(
    request: AnyRequest,
    reader: NamedDependency[AuthenticatedReader],
    trial_id: TrialId,
    interval_parameters: NamedDependency[IntervalParameters],
    form: ExportText = None,
) -> Stream:
    """The trial's events, each once, streamed as CSV (UTF-8 with BOM), NDJSON or Parquet."""
    reader.readable_trial(trial_id)
    service = reader.service

    def prepare(context: QueryContext) -> tuple[ExportQuestion, str]:
        question = ExportQuestion(
            trial_id=trial_id,
            interval=interval_parameters.interval(context, trial_id),
            form=format_of(form, request.headers.get("accept", "")),
            max_rows=service.settings.report.export_rows,
            embedded=service.clickhouse.embedded,
        )
        check(context, question)
        fresh = freshness_json(freshness(context, trial_id, question.interval))
        # Without the list of windows: proxies refuse headers of more than a few KB.
        return question, msgspec.json.encode(msgspec.structs.replace(fresh, flagged=[])).decode()

    question, fresh = await service.run_query(prepare)
    chunks = await ExportStream(service, lambda: export(service.context(), question)).start()
    return Stream(
        chunks,
        media_type=MEDIA_TYPE[question.form],
        headers={
            "content-disposition": f'attachment; filename="{trial_id}.{question.form}"',
            "x-avenue-freshness": fresh,
        },
    )


@get(
    "/v1/trials/{trial_id:str}/report",
    summary="The trial report",
    operation_id="report",
    operation_class=ReportOperation,
    responses=TRIAL_QUESTION,
    dependencies=REPORT_PARAMETERS,
)
async def get_report(
    reader: NamedDependency[AuthenticatedReader],
    report: NamedDependency[ReportMaker],
    trial_id: TrialId,
    report_parameters: NamedDependency[ReportParameters],
) -> Response[bytes]:
    """The trial report of now, or as of a moment up to which data are complete, in Chinese or English."""
    reader.readable_trial(trial_id)
    request = report_parameters.request(trial_id)
    file = await whole_export(reader.service, lambda context: report(context, request))
    disposition = "inline" if file.media_type.startswith(("text/html", "application/pdf")) else "attachment"
    headers = {"content-disposition": f'{disposition}; filename="{file.filename}"'}
    return Response(file.content, media_type=file.media_type, headers=headers)


@get(
    "/v1/trials/{trial_id:str}/live",
    summary="New counts as they land",
    operation_id="live",
    operation_class=LiveOperation,
    responses=TRIAL_STORE,
)
async def get_live(
    request: AnyRequest,
    reader: NamedDependency[AuthenticatedReader],
    live_counts_feed: NamedDependency[LiveCountsFeed],
    trial_id: TrialId,
) -> Stream:
    """Server-sent events named `counts`: what came in the last 15 minutes, whenever it changes."""
    reader.readable_trial(trial_id)

    def still_reader() -> bool:
        try:
            identity = reader_of(request, reader.service)
        except PermissionError:
            return False
        return trial_seen(identity, reader.service.directory(), trial_id) is not None

    live_counts_feed.admit()
    headers = {"x-accel-buffering": "no"}
    return Stream(live_counts_feed.events(trial_id, still_reader), media_type="text/event-stream", headers=headers)


@get("/v1/avenue", summary="The street now", operation_id="avenue", responses=STORE)
async def get_avenue(reader: NamedDependency[AuthenticatedReader]) -> AvenueAnswer:
    """The placements along the street and what each reports; another startup's place is `occupied`."""

    def answer(context: QueryContext) -> AvenueAnswer:
        found = avenue_map(context, reader.identity)
        trials = sorted({place.trial_id for place in found.places if place.trial_id})
        fresh = together(freshness(context, trial, found.interval) for trial in trials)
        return avenue_answer(found, context.directory, fresh)

    return await reader.service.run_query(answer)
