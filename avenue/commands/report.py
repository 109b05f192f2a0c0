"""`avenue report`: the trial report as a file."""

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args

import typer

EXAMPLE = """
Example:

    avenue report neuro-band-2026q4 --lang en --format pdf -o report.pdf

Prints the file's path. Without -o it is reports/TRIAL-LANG.FORMAT in the home folder; -o - writes to standard output.
"""

# The reading API's own; written out, so that `--help` need not load the libraries behind it.
Language: TypeAlias = Literal["zh", "en"]
Form: TypeAlias = Literal["html", "pdf", "json", "xlsx"]
STANDARD_OUTPUT = Path("-")


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog=EXAMPLE)(report)


def report(
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="The trial's id.")],
    *,
    lang: Annotated[Language, typer.Option(help="The report's language.")] = "zh",
    form: Annotated[
        Form | None, typer.Option("--format", help="Default: as the name of -o ends, else pdf.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file, or - for standard output.", show_default=False)
    ] = None,
) -> None:
    """Make a trial's report: what came, what it shows, what is not final, and what each figure means."""
    from avenue.client.report import report_of, write_report
    from avenue.client.store_access import store_of
    from avenue.exit_codes import exit_codes
    from reports.api.routes import ReportRequest
    from runtime.settings import load_settings

    chosen = form or form_of(output)
    with exit_codes():
        settings = load_settings()
        with store_of(settings) as store:
            content = report_of(store, settings, ReportRequest(trial, lang, chosen))
        if output == STANDARD_OUTPUT:
            sys.stdout.buffer.write(content)
            return
        path = output or settings.home / "reports" / f"{trial}-{lang}.{chosen}"
        write_report(path, content)
        print(path)


def form_of(output: Path | None) -> Form:
    """Return the form that the name of *output* ends in, else PDF."""
    ending = output.suffix.removeprefix(".") if output else ""
    return next((form for form in get_args(Form) if form == ending), "pdf")
