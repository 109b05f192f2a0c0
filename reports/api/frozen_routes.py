"""The frozen reports of a trial: what there is, and each file of it as it was signed."""

from typing import Annotated, get_args

from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Response

from reports.api.documented import TRIAL_QUESTION, TRIAL_STORE, ExtractOperation, ReportOperation
from reports.api.params import choice
from reports.api.problems import NotSeenError
from reports.api.routes import AuthenticatedReader, FormText, Language, LanguageText, ReportFormat, TrialId
from reports.api.shapes import FrozenFileJson, FrozenReportJson, FrozenReportsAnswer
from reports.api.streaming import whole_export
from reports.frozen import store
from reports.queries.spans import iso
from reports.trial_report.make import MEDIA_TYPE

ReportId = Annotated[str, PathParameter(description="a frozen report's id: how the digest of what was signed begins")]
PARQUET = "application/vnd.apache.parquet"


@get(
    "/v1/trials/{trial_id:str}/reports",
    summary="Frozen reports",
    operation_id="frozenReports",
    responses=TRIAL_STORE,
)
async def get_frozen_reports(reader: NamedDependency[AuthenticatedReader], trial_id: TrialId) -> FrozenReportsAnswer:
    """The trial's frozen reports, the latest first. They outlast the trial's events."""
    reader.trial(trial_id)
    found = await reader.service.run_query(lambda context: store.entries(context, trial_id))
    base = f"/v1/trials/{trial_id}/reports"
    return FrozenReportsAnswer(
        [
            FrozenReportJson(
                id=entry.report_id,
                as_of=iso(entry.as_of_ms),
                frozen_at=iso(entry.frozen_ms),
                key_id=entry.key_id,
                extract_sha256=entry.extract_sha256,
                events=entry.events,
                files=[
                    FrozenFileJson(language, form, f"{base}/{entry.report_id}?lang={language}&format={form}")
                    for language, forms in store.forms_of(entry).items()
                    for form in forms
                ],
                extract=f"{base}/{entry.report_id}/extract",
                verify=store.verify_command(trial_id, entry.report_id, "zh"),
            )
            for entry in found
        ]
    )


@get(
    "/v1/trials/{trial_id:str}/reports/{report_id:str}",
    summary="A frozen report",
    operation_id="frozenReport",
    operation_class=ReportOperation,
    responses=TRIAL_QUESTION,
)
async def get_frozen_report(
    reader: NamedDependency[AuthenticatedReader],
    trial_id: TrialId,
    report_id: ReportId,
    lang: LanguageText = "zh",
    form: FormText = "html",
) -> Response[bytes]:
    """A frozen report as it was signed, byte for byte. JSON is the signed document itself, in both languages."""
    reader.trial(trial_id)
    language, kind = choice("lang", lang, get_args(Language)), choice("format", form, get_args(ReportFormat))
    content = await _file(reader, (trial_id, report_id), store.form_name(language, kind))
    return _answer(content, MEDIA_TYPE[kind], store.file_name(trial_id, report_id, language, kind))


@get(
    "/v1/trials/{trial_id:str}/reports/{report_id:str}/extract",
    summary="What a frozen report stands on",
    operation_id="frozenExtract",
    operation_class=ExtractOperation,
    responses=TRIAL_STORE,
)
async def get_frozen_extract(
    reader: NamedDependency[AuthenticatedReader], trial_id: TrialId, report_id: ReportId
) -> Response[bytes]:
    """The extract of events that a frozen report stands on, for `avenue report verify`; kept as long as the events."""
    reader.readable_trial(trial_id)
    content = await _file(reader, (trial_id, report_id), store.EXTRACT)
    return _answer(content, PARQUET, f"{trial_id}-{report_id}.{store.EXTRACT}")


async def _file(reader: AuthenticatedReader, report: tuple[str, str], name: str) -> bytes:
    """Return one file of a frozen report. Raises `NotSeenError` where there is none."""
    content = await whole_export(reader.service, lambda context: store.file(context, *report, name))
    if content is None:
        raise NotSeenError
    return content


def _answer(content: bytes, media_type: str, name: str) -> Response[bytes]:
    disposition = "inline" if media_type in {MEDIA_TYPE["html"], MEDIA_TYPE["pdf"]} else "attachment"
    headers = {"content-disposition": f'{disposition}; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)
