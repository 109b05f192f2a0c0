"""A trial's report for the command line: from the running server, or made here of the store that nobody has open."""

from pathlib import Path
from urllib.parse import quote

from avenue.client.known_trials import UnknownTrialError, refuse_unknown
from avenue.client.store_access import RunningServer, error_detail
from avenue.client.stored_registry import stored_directory
from reports.api.params import time_of
from reports.api.problems import ParameterError
from reports.api.routes import Language, ReportFormat, ReportRequest
from reports.queries.context import QueryContext
from reports.queries.spans import iso
from reports.trial_report.make import report_maker
from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.clock import SystemClock
from runtime.errors import ConfigurationError, PipelineError, first_line
from runtime.files import write_private
from runtime.settings import Settings


def report_of(store: RunningServer | ClickHouse, settings: Settings, request: ReportRequest) -> bytes:
    """Return the report that *request* asks for.

    Raises `UnknownTrialError`, and `PipelineError` where the server or the store does not answer as it should.
    """
    if isinstance(store, RunningServer):
        return _from_server(store, request)
    return _from_store(store, settings, request)


def report_request(trial_id: str, lang: Language, form: ReportFormat, as_of: str | None) -> ReportRequest:
    """Return what is asked for. Raises `ConfigurationError` where *as_of* is no time."""
    try:
        return ReportRequest(trial_id, lang, form, None if as_of is None else time_of("--as-of", as_of))
    except ParameterError as error:
        raise ConfigurationError(f"--as-of: {error.detail}, such as {error.allowed[0]}") from error


def write_report(path: Path, content: bytes) -> None:
    """Write *content* to *path* as a whole, its folder made where it is absent; only its owner may read it.

    Raises `ConfigurationError` where that cannot be done.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, content)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def _from_server(server: RunningServer, request: ReportRequest) -> bytes:
    path = f"/v1/trials/{quote(request.trial_id, safe='')}/report"
    moment = {} if request.as_of_ms is None else {"as_of": iso(request.as_of_ms)}
    answer = server.get(path, lang=request.lang, format=request.form, **moment)
    if answer.status_code == 404:
        refuse_unknown(server, request.trial_id)
    if answer.status_code != 200:
        raise PipelineError(f"the server answered {answer.status_code}: {error_detail(answer)}")
    return answer.content


def _from_store(store: ClickHouse, settings: Settings, request: ReportRequest) -> bytes:
    directory = stored_directory(store)
    if request.trial_id not in directory.trials:
        raise UnknownTrialError(request.trial_id, directory.trials)
    context = QueryContext(
        client=store.reader(),
        directory=directory,
        now_ms=SystemClock().now_ms(),
        max_points=settings.report.max_points,
    )
    try:
        return report_maker(settings)(context, request).content
    except ClickHouseError as error:
        raise PipelineError(f"the store cannot be read: {first_line(error)}") from error
