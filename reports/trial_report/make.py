"""From a trial to a report as a file: what the reading API, and a command without a server, are given."""

from collections.abc import Mapping
from dataclasses import replace

from reports.api.routes import ReportFile, ReportFormat, ReportMaker, ReportRequest
from reports.frozen.since import since_frozen
from reports.queries.context import QueryContext
from reports.trial_report.content import TrialReport, gather
from reports.trial_report.data import json
from reports.trial_report.html import html
from reports.trial_report.page import document
from reports.trial_report.pdf import pdf
from reports.trial_report.workbook import workbook
from runtime.settings import Settings

MEDIA_TYPE: Mapping[ReportFormat, str] = {
    "html": "text/html",
    "pdf": "application/pdf",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def report_maker(settings: Settings) -> ReportMaker:
    """Return what makes trial reports; it may be called in any thread that the context's client belongs to."""

    def make(context: QueryContext, request: ReportRequest) -> ReportFile:
        days = settings.gateway.max_event_age_days
        report = gather(context, request.trial_id, max_event_age_days=days, asked_ms=request.as_of_ms)
        since = since_frozen(context, report, max_event_age_days=days)
        return report_file(replace(report, since=since), request)

    return make


def report_file(report: TrialReport, request: ReportRequest) -> ReportFile:
    """Return *report* in the language and form that *request* names."""
    name = f"{report.trial.id}-{request.lang}.{request.form}"
    return ReportFile(_content(report, request), MEDIA_TYPE[request.form], name)


def _content(report: TrialReport, request: ReportRequest) -> bytes:
    match request.form:
        case "json":
            return json(report)
        case "xlsx":
            return workbook(report, document(report, request.lang))
        case "pdf":
            return pdf(document(report, request.lang))
        case "html":
            return html(document(report, request.lang))
