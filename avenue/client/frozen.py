"""Frozen reports for the command line: frozen through the running server or on the store, and verified from files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from avenue.client.known_trials import UnknownTrialError, refuse_unknown
from avenue.client.report import write_report
from avenue.client.store_access import RunningServer, error_detail
from avenue.client.stored_registry import stored_directory
from reports.api.routes import ReportRequest
from reports.frozen.store import EXTRACT, form_name
from reports.queries.context import QueryContext
from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.clock import SystemClock
from runtime.errors import ConfigurationError, PipelineError, first_line
from runtime.settings import Settings

if TYPE_CHECKING:
    from reports.verification.check import Verification


@dataclass(frozen=True, slots=True)
class FrozenFiles:
    """A frozen report in the form asked for, and the extract that it stands on."""

    report_id: str
    content: bytes
    extract: bytes


def freeze_report(store: RunningServer | ClickHouse, settings: Settings, request: ReportRequest) -> FrozenFiles:
    """Freeze the report that *request* names, and return it.

    Raises `UnknownTrialError`, and `PipelineError` where it is refused or the server or store does not answer.
    """
    if isinstance(store, RunningServer):
        return _by_server(store, request)
    return _on_store(store, settings, request)


def extract_beside(report: Path) -> Path:
    """Return where the extract of the report in the file *report* is put."""
    return report.with_name(f"{report.name.removesuffix(report.suffix)}.{EXTRACT}")


def write_frozen(path: Path, found: FrozenFiles) -> tuple[Path, Path]:
    """Write the report to *path* and its extract beside it; return both.

    Raises `ConfigurationError`, and writes nothing, where one of them is there with other content: an earlier frozen
    report would be lost, or could no longer be verified.
    """
    extract = extract_beside(path)
    for file, content in ((path, found.content), (extract, found.extract)):
        if file.exists() and _read(file) != content:
            raise ConfigurationError(
                f"{file} is of another report and is left as it is; report {found.report_id} is frozen and stored: "
                "name another file with -o, and the same --as-of"
            )
    write_report(path, found.content)
    write_report(extract, found.extract)
    return path, extract


def verify_files(report: Path, extract: Path, public_key: Path | None, settings: Settings) -> "Verification":
    """Return what differs between the files. Raises `ConfigurationError` where one cannot be read, or no key is."""
    from reports.frozen.signing_key import public_keys
    from reports.verification.check import verify
    from reports.verification.seal import NoKeyError, read_public_keys

    content, data = _read(report), _read(extract)
    pem = _read(public_key) if public_key is not None else public_keys(settings)
    if not pem:
        raise ConfigurationError(
            "no public key: name its file with --public-key; whoever signed prints it with `avenue report key`"
        )
    try:
        keys = read_public_keys(pem)
    except NoKeyError as error:
        raise ConfigurationError(f"{public_key or 'the public key of this home'}: {error}") from error
    return verify(content, data, keys)


def _read(path: Path) -> bytes:
    from reports.verification.seal import MAX_FILE_BYTES

    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(f"{path} is larger than {MAX_FILE_BYTES // 1_048_576} MB: it is none of ours")
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error


def _by_server(server: RunningServer, request: ReportRequest) -> FrozenFiles:
    import msgspec

    asked = {"trial": request.trial_id, "as_of_ms": request.as_of_ms}
    answer = server.post("/internal/freeze", msgspec.json.encode(asked))
    if answer.status_code == 404:
        refuse_unknown(server, request.trial_id)
    if answer.status_code != 200:
        raise PipelineError(error_detail(answer))
    report_id = str(answer.json()["report_id"])
    path = f"/v1/trials/{quote(request.trial_id, safe='')}/reports/{report_id}"
    content = server.get(path, lang=request.lang, format=request.form)
    extract = server.get(f"{path}/extract")
    for found in (content, extract):
        if found.status_code != 200:
            raise PipelineError(f"the server answered {found.status_code}: {error_detail(found)}")
    return FrozenFiles(report_id, content.content, extract.content)


def _on_store(store: ClickHouse, settings: Settings, request: ReportRequest) -> FrozenFiles:
    from reports.frozen.keep import FreezeRequest, freeze_and_keep

    directory = stored_directory(store)
    if request.trial_id not in directory.trials:
        raise UnknownTrialError(request.trial_id, directory.trials)
    context = QueryContext(client=store.reader(), directory=directory, now_ms=SystemClock().now_ms())
    asked = FreezeRequest(request.trial_id, request.as_of_ms)
    try:
        report = freeze_and_keep(context, store.writer(), settings, asked)
    except ClickHouseError as error:
        raise PipelineError(f"the store cannot be read or written: {first_line(error)}") from error
    return FrozenFiles(report.report_id, report.files[form_name(request.lang, request.form)], report.extract)
